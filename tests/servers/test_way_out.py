"""What aliases, groups and rules send on, through the real servers: who it comes from, and what a bounce tells (F8, V5)."""

from __future__ import annotations

import email
import email.policy
import smtplib
import time
import uuid
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from mailsettings.servers.desired import tag, way_out
from mailsettings.servers.layout import Layout
from mailsettings.servers.stack import start, stop
from mailsettings.servers.stack.components import log_of
from tests.mail import POLICY, bounce, codes, note, parsed, refused, texts
from tests.servers.host import Host

FAR = "hidden-host.test"
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
Sends = Callable[[Host, str], str]


@pytest.fixture
def far() -> str:
    """A destination that nobody has used yet."""
    return f"{uuid.uuid4().hex[:12]}@{FAR}"


@pytest.fixture
def first() -> str:
    """A first sender that nobody has used yet."""
    return f"first-{uuid.uuid4().hex[:12]}@outside.test"


def by_alias(host: Host, *to: str) -> str:
    return host.alias("info", *to)


def by_group(host: Host, *to: str) -> str:
    return host.group("all", *to)


def by_script(host: Host, *to: str) -> str:
    """A mailbox whose script redirects to the way out, as the panel's scripts do."""
    address = f"taro@{host.domain}"
    script = f'require "copy";\nredirect :copy "{way_out(tag(address), 0)}";\n'
    return host.mailbox("taro", forwards=(to,), script=script)


def by_own_script(host: Host, *to: str) -> str:
    """A mailbox whose user redirects to the outside directly."""
    lines = "".join(f'redirect :copy "{one}";\n' for one in to)
    return host.mailbox("hanako", own_script=True, script=f'require "copy";\n{lines}')


WAYS = pytest.mark.parametrize("way", [by_alias, by_group, by_script])
ALL_WAYS = pytest.mark.parametrize("way", [by_alias, by_group, by_script, by_own_script])


def leaves_by(host: Host, sender: str, to: str, message: EmailMessage | None = None) -> str:
    """As Dovecot hands over what a script sends."""
    message = message or note(sender, to)
    with smtplib.SMTP(*host.port("wayout"), timeout=30) as smtp:
        smtp.sendmail(sender, [to], message.as_bytes(policy=POLICY))
    return str(message["Message-ID"])


def answer(host: Host, to: str, sender: str = "", port: str = "smtp") -> tuple[int, str]:
    """What a port says to this recipient."""
    with smtplib.SMTP(*host.port(port), local_hostname="mx.outside.test", timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        code, text = smtp.rcpt(to)
        return code, text.decode()


def sunk_to(host: Host, to: str) -> list[bytes]:
    """Everything that has left for this address."""
    line = f"x-envelope-to: {to}\r\n".encode()
    found = (path.read_bytes() for path in host.layout.sink_dir.glob("*.eml"))
    return [raw for raw in found if line in raw[:2000].lower()]


def told(host: Host, first: str, seconds: float = 20) -> bytes:
    """The notification that the first sender gets."""
    end = time.monotonic() + seconds
    while not (found := sunk_to(host, first)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(found) == 1, f"{len(found)} notifications"
    return found[0]


def said(raw: bytes) -> str:
    """Everything that somebody can read in it: the bytes, and what they decode to."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = (part.get_payload(decode=True) for part in message.walk() if not part.is_multipart())
    return b"\n".join((raw, *(text for text in parts if isinstance(text, bytes)))).decode(errors="replace")


def rewritten(host: Host, far: str, first: str) -> str:
    """The address that a mail from this sender to this destination left with."""
    message_id = host.inject(by_alias(host, far), sender=first)
    return str(host.sunk(far, message_id)["X-Envelope-From"])


@pytest.fixture
def without(layout: Layout) -> Iterator[Callable[[str], None]]:
    """Ends a component; the fixture `layout` starts it again for the next test."""
    yield lambda name: (stop(layout, [name]), None)[1]
    start(layout, ["postsrsd", "bounces", "milter"])


# --- who it comes from
@ALL_WAYS
def test_what_is_sent_on_leaves_with_a_rewritten_sender(host: Host, far: str, first: str, way: Sends) -> None:
    address = way(host, far)
    left = host.sunk(far, host.inject(address, sender=first))
    assert str(left["X-Envelope-From"]).startswith("SRS0=")
    assert str(left["X-Envelope-From"]).endswith(f"=outside.test={tag(address)}={first.partition('@')[0]}@{host.layout.hostname}")
    assert str(left["From"]) == first


def test_destinations_inside_see_the_sender_as_it_was(host: Host, far: str, first: str) -> None:
    box = host.mailbox("box")
    message_id = host.inject(by_alias(host, box, far), sender=first)
    assert host.arrives(box, message_id)["Return-Path"] == f"<{first}>"
    host.sunk(far, message_id)


def test_a_sender_of_ours_is_rewritten_too(host: Host, far: str) -> None:
    box = host.mailbox("box")
    left = host.sunk(far, host.submit(box, by_alias(host, far)))
    assert f"={host.domain}={tag(f'info@{host.domain}')}=box@" in str(left["X-Envelope-From"])


def test_what_a_user_sends_themselves_is_not_rewritten(host: Host, far: str) -> None:
    box = host.mailbox("box")
    assert host.sunk(far, host.submit(box, far))["X-Envelope-From"] == box


@WAYS
def test_an_empty_sender_stays_empty(host: Host, far: str, way: Sends) -> None:
    assert str(host.sunk(far, host.inject(way(host, far), sender=""))["X-Envelope-From"]).strip("<>") == ""


def test_a_chain_of_aliases_leads_outside(host: Host, far: str, first: str) -> None:
    inner = host.alias("inner", far)
    script = f'redirect "{way_out(tag(f"outer@{host.domain}"), 0)}";\n'
    outer = host.mailbox("outer", forwards=((inner,),), script=script)
    left = host.sunk(far, host.inject(host.alias("outermost", outer), sender=first))
    assert f"={tag(outer)}=" in str(left["X-Envelope-From"])


def test_three_hundred_destinations_behind_one_address_all_get_it(host: Host, first: str) -> None:
    many = [f"d{number}-{uuid.uuid4().hex[:6]}@{FAR}" for number in range(300)]
    message_id = host.inject(by_script(host, *many), sender=first)
    got: list[str] = []
    end = time.monotonic() + 30
    while len(got) < 300 and time.monotonic() < end:
        time.sleep(0.2)
        found = (parsed(path.read_bytes()) for path in host.layout.sink_dir.glob("*.eml"))
        got = [to for message in found if message["Message-ID"] == message_id for to in str(message["X-Envelope-To"]).split(", ")]
    assert sorted(got) == sorted(many)


# --- what a bounce tells
@ALL_WAYS
def test_a_bounce_tells_the_first_sender_about_the_forwarding_address_only(host: Host, first: str, way: Sends) -> None:
    hidden = f"refuse-{uuid.uuid4().hex[:8]}@{FAR}"
    address = way(host, hidden)
    message_id = host.inject(address, sender=first)
    raw = told(host, first)
    text = said(raw)
    assert f"Final-Recipient: rfc822; {address}" in text
    assert f"Message-ID: {message_id}" in text
    assert "Action: failed" in text
    for secret in (hidden, hidden.partition("@")[0], FAR, tag(address), "SRS0", "The sink refuses"):
        assert secret.lower() not in text.lower(), secret
    assert raw.startswith((b"X-Envelope-From: <>", b"X-Envelope-From: \r\n"))


def test_a_sender_of_ours_is_told_in_their_mailbox(host: Host) -> None:
    box, hidden = host.mailbox("box"), f"refuse-{uuid.uuid4().hex[:8]}@{FAR}"
    address = by_alias(host, hidden)
    host.submit(box, address)
    end = time.monotonic() + 20
    while not (found := host.folder(box)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(found) == 1
    text = said(found[0].as_bytes())
    assert address in text and hidden not in text and FAR not in text


def test_one_message_that_fails_for_many_is_told_once(host: Host, far: str, first: str) -> None:
    back = rewritten(host, far, first)
    for hidden in ("one", "two"):
        host.inject(back, sender="", message=bounce(first, f"{hidden}@{FAR}"))
    assert "hidden" not in said(told(host, first)).lower()
    time.sleep(1)
    told(host, first)


def test_a_bounce_from_outside_is_told_whatever_it_did_to_the_letter_case(host: Host, far: str, first: str) -> None:
    host.inject(rewritten(host, far, first).upper(), sender="", message=bounce(first, far))
    assert f"info@{host.domain}" in said(told(host, first))


def test_replies_to_a_rewritten_sender_are_dropped(host: Host, far: str, first: str) -> None:
    back = rewritten(host, far, first)
    reply = note(far, back, "I am away")
    reply["Auto-Submitted"] = "auto-replied"
    host.inject(back, sender="", message=reply)
    end = time.monotonic() + 20
    while f"dropped: to {back}" not in log_of(host.layout, "bounces").read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert f"dropped: to {back}" in log_of(host.layout, "bounces").read_text()
    assert sunk_to(host, first) == []


@pytest.mark.parametrize("wish", ["SUCCESS", "SUCCESS,FAILURE,DELAY", "NEVER"])
def test_receipts_that_a_sender_asks_for_name_no_destination(host: Host, far: str, first: str, wish: str) -> None:
    """RFC 3461: asked of the first server, carried on to the last."""
    address = host.alias("info", far, f"refuse-{uuid.uuid4().hex[:8]}@{FAR}")
    message = note(first, address)
    with smtplib.SMTP(*host.port("smtp"), local_hostname="mx.outside.test", timeout=30) as smtp:
        smtp.sendmail(first, [address], message.as_bytes(policy=POLICY), rcpt_options=[f"NOTIFY={wish}"])
    host.sunk(far, str(message["Message-ID"]))
    time.sleep(2)
    reports = [said(raw) for raw in sunk_to(host, first)]
    assert not any(FAR in text or tag(address) in text for text in reports)
    assert sum("Action: failed" in text for text in reports) == ("FAILURE" in wish)


# --- who may write to a rewritten sender, and to the way out's own addresses
def test_port_25_takes_a_rewritten_sender_with_a_good_hash_and_from_nobody_only(host: Host, far: str, first: str) -> None:
    back = rewritten(host, far, first)
    assert answer(host, back)[0] == 250
    assert answer(host, f"SRS0=0000{back[9:]}")[0] == 550
    assert answer(host, back.replace("first-", "other-"))[0] == 550
    assert answer(host, f"postmaster@{host.layout.hostname}")[0] == 550
    code, text = answer(host, back, "somebody@outside.test")
    assert code == 550
    assert "Only bounces" in text


def test_a_user_cannot_write_to_a_rewritten_sender(host: Host, far: str, first: str) -> None:
    back, box = rewritten(host, far, first), host.mailbox("box")
    refused(lambda: host.submit(box, back), 554)


def test_the_inner_addresses_are_nobodys_elsewhere(host: Host, far: str) -> None:
    inner, box = way_out(tag(by_alias(host, far)), 0), host.mailbox("box")
    assert answer(host, inner, "somebody@outside.test")[0] == 550
    refused(lambda: host.submit(box, inner), 550)
    assert answer(host, inner, port="wayout")[0] == 250
    assert answer(host, way_out(tag("nobody@nowhere.test"), 0), port="wayout")[0] == 550


# --- infected mail
@ALL_WAYS
def test_what_is_infected_never_leaves(host: Host, far: str, first: str, way: Sends) -> None:
    address = way(host, far)
    infected = note(first, address)
    infected.add_attachment(EICAR.encode(), maintype="application", subtype="octet-stream", filename="bad.com")
    host.inject(address, sender=first, message=infected)
    clean = host.inject(address, sender=first)
    host.sunk(far, clean)
    assert len(sunk_to(host, far)) == 1


# --- faults: nothing is lost, nothing comes twice
@WAYS
def test_a_deferred_destination_gets_it_once(host: Host, first: str, way: Sends) -> None:
    name = f"defer-{uuid.uuid4().hex[:8]}"
    message_id = host.inject(way(host, f"{name}@{FAR}"), sender=first)
    time.sleep(1)
    assert sunk_to(host, f"{name}@{FAR}") == []
    (host.layout.sink_dir / f"{name}.go").touch()
    host.sunk(f"{name}@{FAR}", message_id)
    time.sleep(3)
    assert len(sunk_to(host, f"{name}@{FAR}")) == 1


@pytest.mark.parametrize("component", ["postsrsd", "milter"])
@WAYS
def test_without_postsrsd_or_milter_it_waits(
    host: Host, far: str, first: str, way: Sends, component: str, without: Callable[[str], None]
) -> None:
    address = way(host, far)
    if component == "milter":
        without(component)
        with pytest.raises(smtplib.SMTPException) as caught:
            host.inject(address, sender=first)
        assert codes(caught.value) & {451}, texts(caught.value)
        return
    without(component)
    message_id = host.inject(address, sender=first)
    time.sleep(1.5)
    assert sunk_to(host, far) == []
    start(host.layout, [component])
    host.sunk(far, message_id, seconds=30)
    time.sleep(3)
    assert len(sunk_to(host, far)) == 1


def test_without_postsrsd_bounces_are_deferred(host: Host, far: str, first: str, without: Callable[[str], None]) -> None:
    back = rewritten(host, far, first)
    without("postsrsd")
    assert answer(host, back)[0] == 451
    box = host.mailbox("box")
    host.arrives(box, host.inject(box))


def test_without_the_handler_a_bounce_waits(host: Host, first: str, without: Callable[[str], None]) -> None:
    without("bounces")
    host.inject(by_alias(host, f"refuse-{uuid.uuid4().hex[:8]}@{FAR}"), sender=first)
    time.sleep(2)
    assert sunk_to(host, first) == []
    start(host.layout, ["bounces"])
    told(host, first, seconds=30)


# --- what rules write
def test_replies_to_one_address_are_limited(host: Host, first: str) -> None:
    for _ in range(12):
        reply = note(f"box@{host.domain}", first, "away")
        reply["Auto-Submitted"] = "auto-replied (vacation)"
        leaves_by(host, "", first, reply)
    last = host.inject(host.mailbox("box"))
    host.arrives(f"box@{host.domain}", last)
    time.sleep(1)
    assert len(sunk_to(host, first)) == 10
