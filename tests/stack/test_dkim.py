"""DKIM with everything real: a record is published, seen, and then what is sent verifies; what is not ours is never signed (A20)."""

import re
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

import dkim
import pytest

from mailsettings.servers.layout import Layout
from tests.dns import Resolver, serving
from tests.mail import PASSWORD, POLICY, Refused, World, note
from tests.stack.conftest import Command

HOSTNAME = "mx1.tegami.test"


@pytest.fixture(scope="module")
def resolver(world: World) -> Iterator[Resolver]:
    """What the stack asks about DNS (TEGAMI_RESOLVERS); it knows the mail host's address."""
    with serving(world.layout.ports["resolver"]) as found:
        found.put(HOSTNAME, "A", "127.0.0.1")
        yield found


@pytest.fixture(scope="module")
def place(world: World, resolver: Resolver) -> "Place":
    world.call("PATCH", f"/mail-hosts/{world.layout.host}/", {"hostname": HOSTNAME})
    found = Place(world, resolver, world.domain("platinum"))
    found.rotate()
    found.publish()
    found.check()
    found.until_signed_with(found.dkim_keys()[0]["selector"])
    return found


class Place:
    """A domain whose mail is signed."""

    def __init__(self, world: World, resolver: Resolver, domain: str) -> None:
        self.world, self.resolver, self.domain = world, resolver, domain
        self.box = world.mailbox(f"taro@{domain}")

    def dns(self) -> Any:
        return self.world.call("GET", f"/domains/{self.domain}/dns/").json

    def check(self) -> Any:
        return self.world.call("POST", f"/domains/{self.domain}/dns/check/").json

    def dkim_keys(self) -> Any:
        return self.world.call("GET", f"/domains/{self.domain}/dkim/").json["keys"]

    def rotate(self) -> None:
        self.world.live("POST", f"/domains/{self.domain}/dkim/rotate/")

    def switch(self, **body: bool) -> None:
        self.world.live("POST", f"/domains/{self.domain}/dkim/switch/", body)

    def publish(self) -> None:
        for record in self.dns()["records"]:
            self.resolver.put(record["name"], record["type"], record["value"])

    def sent(self, *, box: str = "", sender: str | None = None, message: EmailMessage | None = None, to: str = "") -> bytes:
        """A message submitted on 587, as it reaches the sink."""
        box, to = box or self.box, to or f"far{time.time_ns()}@elsewhere.test"
        message = message or note(box, to)
        with self.world.submission() as smtp:
            smtp.login(box, PASSWORD)
            smtp.sendmail(box if sender is None else sender, [to], message.as_bytes(policy=POLICY))
        return self.arrived(str(message["Message-ID"]), to)

    def arrived(self, message_id: str, to: str) -> bytes:
        """The bytes of a message in the sink, without the sink's own lines."""
        self.world.sunk(to, message_id)
        texts = (path.read_bytes() for path in self.world.layout.sink_dir.glob("*.eml"))
        (found,) = [text for text in texts if message_id.encode() in text and to.encode() in text.split(b"\n", 2)[1]]
        lines = found.replace(b"\r\n", b"\n").split(b"\n")
        return b"\r\n".join(lines[2:])

    def verifies(self, message: bytes) -> bool:
        """Against what the resolver serves."""

        def text(name: bytes, timeout: int = 5) -> bytes | None:
            found = self.resolver.table.get((name.decode().rstrip("."), "TXT"))
            return found[0].encode() if found else None

        return bool(dkim.verify(message, dnsfunc=text))

    @cached_property
    def alias_elsewhere(self) -> str:
        """An alias of the mailbox in another domain, which has a key of its own."""
        other = Place(self.world, self.resolver, self.world.domain("platinum"))
        other.rotate()
        other.switch(force=True)
        assert selector_of(other.sent())
        self.world.live("POST", "/aliases/", {"address": f"shared@{other.domain}", "destinations": [self.box]})
        return f"shared@{other.domain}"

    def until_signed_with(self, selector: str) -> None:
        """A change that the panel made by itself has no number to wait for."""
        end = time.monotonic() + 30
        while selector_of(self.sent()) != selector:
            assert time.monotonic() < end
            time.sleep(0.2)


def signature_of(message: bytes) -> dict[str, str]:
    """The tags of its only DKIM-Signature; {} for an unsigned one."""
    head = re.sub(rb"\r\n[ \t]+", b" ", message.partition(b"\r\n\r\n")[0])
    found = [line.partition(b":")[2].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"dkim-signature:")]
    assert len(found) <= 1
    return dict(part.strip().split("=", 1) for part in found[0].split(";") if "=" in part) if found else {}


def selector_of(message: bytes) -> str:
    return signature_of(message).get("s", "")


# --- the check against a resolver
def test_the_check_tells_good_bad_and_missing_apart(world: World, resolver: Resolver) -> None:
    world.call("PATCH", f"/mail-hosts/{world.layout.host}/", {"hostname": HOSTNAME})
    place = Place(world, resolver, world.domain("standard"))
    assert {row["state"] for row in place.check()["records"] if row["group"] == "mail"} == {"missing"}
    place.publish()
    assert {row["state"] for row in place.check()["records"] if row["group"] == "mail"} == {"good"}
    resolver.put(place.domain, "MX", "10 mail.elsewhere.test")
    resolver.put(f"_dmarc.{place.domain}", "TXT")
    states = {row["purpose"]: row["state"] for row in place.check()["records"] if row["group"] == "mail"}
    assert states == {"mx": "wrong", "spf": "good", "dmarc": "missing"}


# --- signing
def test_what_is_sent_verifies(place: Place) -> None:
    message = place.sent()
    assert place.verifies(message)
    signature = signature_of(message)
    assert (signature["d"], signature["s"]) == (place.domain, place.dkim_keys()[0]["selector"])
    assert not place.verifies(message.replace(b"plain lines", b"other lines"))
    assert not place.verifies(message.replace(b"Subject: hello", b"Subject: other"))


def test_what_postfix_adds_and_takes_away_does_not_break_it(place: Place) -> None:
    """Missing Date and Message-ID, a Bcc that goes, folded and encoded headers, HTML and an attachment, dots and long lines."""
    message = note(place.box, "x@elsewhere.test", "件名がとても長いメールのお知らせです。" * 6, size=3_000)
    message["Bcc"], message["Cc"] = f"hidden@{place.domain}", "Sales, Tokyo <sales@elsewhere.test>"
    message.get_payload()[0].set_content("今日は\n.\n..two dots\n" + "あ" * 200 + "\n\n\n")  # type: ignore[union-attr, index]
    sent = place.sent(message=message)
    assert place.verifies(sent)
    assert b"Bcc" not in sent
    bare = note(place.box, "x@elsewhere.test")
    del bare["Date"]
    raw = place.sent(message=bare)
    assert b"\nDate: " in raw
    assert place.verifies(raw)


def test_a_message_through_an_alias_to_outside_still_verifies(place: Place) -> None:
    """It leaves by the way out, with another envelope sender."""
    to = f"alias{time.time_ns()}@elsewhere.test"
    place.world.live("POST", "/aliases/", {"address": f"out@{place.domain}", "destinations": [to]})
    message = note(place.box, f"out@{place.domain}")
    with place.world.submission() as smtp:
        smtp.login(place.box, PASSWORD)
        smtp.sendmail(place.box, [f"out@{place.domain}"], message.as_bytes(policy=POLICY))
    assert place.verifies(place.arrived(str(message["Message-ID"]), to))


def test_port_465_signs_too(place: Place) -> None:
    to = f"tls{time.time_ns()}@elsewhere.test"
    assert place.verifies(place.arrived(place.world.submit(place.box, to, secure=True), to))


def test_an_alias_in_the_logins_own_domain_is_signed(place: Place) -> None:
    place.world.live("POST", "/aliases/", {"address": f"info@{place.domain}", "destinations": [place.box]})
    message = note(f"info@{place.domain}", "x@elsewhere.test")
    assert place.verifies(place.sent(sender=f"info@{place.domain}", message=message))


def test_another_domains_from_is_never_signed(place: Place) -> None:
    """P6 lets a login send as its alias of another domain; that domain's key stays out of it, and so does its own."""
    foreign = place.alias_elsewhere
    message = note(foreign, "x@elsewhere.test")
    assert signature_of(place.sent(sender=foreign, message=message)) == {}
    assert signature_of(place.sent(sender=place.box, message=message)) == {}
    mine = note(place.box, "x@elsewhere.test")
    assert signature_of(place.sent(sender=foreign, message=mine)) == {}


def test_two_from_addresses_are_not_signed(place: Place) -> None:
    place.world.live("POST", "/aliases/", {"address": f"second@{place.domain}", "destinations": [place.box]})
    message = note(f"{place.box}, second@{place.domain}", "x@elsewhere.test")
    assert signature_of(place.sent(message=message)) == {}


def test_a_domain_without_a_key_sends_unsigned(place: Place) -> None:
    other = Place(place.world, place.resolver, place.world.domain("platinum"))
    assert signature_of(other.sent()) == {}


def test_what_comes_in_and_what_is_sent_on_is_not_signed(place: Place) -> None:
    """Not even with a From of the domain itself."""
    world, far = place.world, f"fwd{time.time_ns()}@elsewhere.test"
    box = world.mailbox(f"forwards@{place.domain}")
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [far], "keep_copy": True})
    for header in ("someone@outside.test", place.box):
        message = note(header, box)
        world.inject(box, message=message)
        assert world.arrives(box, str(message["Message-ID"]))["DKIM-Signature"] is None
        assert signature_of(place.arrived(str(message["Message-ID"]), far)) == {}


# --- rotation
def test_a_rotation_from_publishing_to_switching(place: Place) -> None:
    """The old mail verifies afterwards, the new one under the new selector; nothing is signed with a key that nobody can look up."""
    before, (old,) = place.sent(), place.dkim_keys()
    place.rotate()
    new = place.dkim_keys()[1]
    assert new["state"] == "published"
    place.check()
    assert selector_of(place.sent()) == old["selector"]
    with pytest.raises(Refused) as caught:
        place.switch()
    assert caught.value.status == 409
    place.publish()
    assert [key["seen_at"] is not None for key in (place.check(), place.dkim_keys())[1]] == [True, True]
    assert selector_of(place.sent()) == old["selector"]  # name servers may not all have it yet
    place.switch()
    after = place.sent()
    assert selector_of(after) == new["selector"]
    assert place.verifies(after)
    assert place.verifies(before)
    assert [key["state"] for key in place.dkim_keys()] == ["retired", "active"]


def test_a_deleted_key_signs_nothing_and_leaves_no_file(world: World, resolver: Resolver, layout: Layout) -> None:
    place = Place(world, resolver, world.domain("platinum"))
    place.rotate()
    place.switch(force=True)
    selector = selector_of(place.sent())
    assert (layout.dkim_dir / "keys" / place.domain / f"{selector}.pem").exists()
    world.live("DELETE", f"/domains/{place.domain}/dkim/{selector}/")
    assert not (layout.dkim_dir / "keys" / place.domain).exists()
    end = time.monotonic() + 10
    while signature_of(place.sent()):
        assert time.monotonic() < end


def test_a_deleted_domain_takes_its_keys_along(world: World, resolver: Resolver, layout: Layout) -> None:
    place = Place(world, resolver, world.domain("platinum"))
    place.rotate()
    place.switch(force=True)
    world.live("DELETE", f"/domains/{place.domain}/")
    assert not (layout.dkim_dir / "keys" / place.domain).exists()
    assert place.domain not in layout.dkim_selectors.read_text()


# --- faults
def test_without_rspamd_mail_leaves_unsigned(place: Place, stack: Command) -> None:
    """S1: what is sent is never delayed."""
    stack("stop", "rspamd")
    try:
        assert signature_of(place.sent()) == {}
    finally:
        stack("start", "rspamd")
    assert place.verifies(place.sent())


def test_with_rspamd_away_a_switch_waits_and_says_so(world: World, resolver: Resolver, stack: Command) -> None:
    place = Place(world, resolver, world.domain("platinum"))
    place.rotate()
    stack("stop", "rspamd")
    try:
        change = str(world.call("POST", f"/domains/{place.domain}/dkim/switch/", {"force": True}).change)
        end = time.monotonic() + 20
        while not (found := world.call("GET", f"/changes/{change}/?wait=1").json)["hosts"][0]["error"]:
            assert time.monotonic() < end, found
        assert (found["state"], found["hosts"][0]["error"]) == ("pending", "servers not running")
    finally:
        stack("start", "rspamd")
    world.wait_live(change, 60)
    assert selector_of(place.sent()) == place.dkim_keys()[0]["selector"]


def test_killed_at_every_step_of_writing_a_key(world: World, resolver: Resolver, stack: Command, manage: Command) -> None:
    """Afterwards no drift, and the new key signs; between the steps what is signed verifies with the key that it names."""
    place = Place(world, resolver, world.domain("platinum"))
    place.rotate()
    place.switch(force=True)
    place.publish()
    assert place.verifies(place.sent())
    stack("stop", "worker", "beat")
    try:
        for number in range(1, 40):
            place.world.call("POST", f"/domains/{place.domain}/dkim/rotate/")
            place.publish()
            place.world.call("POST", f"/domains/{place.domain}/dkim/switch/", {"force": True})
            killed = manage("mailhost", "apply", env={"TEGAMI_KILL_AT": str(number)}, check=False).returncode == -9
            assert place.verifies(place.sent())
            manage("mailhost", "verify", "--apply")
            assert selector_of(place.sent()) == place.dkim_keys()[-1]["selector"]
            if not killed:
                break
        assert 6 < number < 39
    finally:
        stack("start", "worker", "beat")


def test_a_key_edited_by_hand_is_mended(place: Place, manage: Command, layout: Layout) -> None:
    path = layout.dkim_dir / "keys" / place.domain / f"{place.dkim_keys()[-1]['selector']}.pem"
    path.write_text("no key\n")
    found = manage("mailhost", "verify", check=False)
    assert f"dkim\t{place.domain}" in found.stdout
    assert "PRIVATE" not in found.stdout
    manage("mailhost", "verify", "--repair")
    assert place.verifies(place.sent())


# --- with a line taken out
def keeps_foreign_unsigned(p: Place) -> bool:
    """From: an alias of the login's in another domain that has a key."""
    return signature_of(p.sent(sender=p.alias_elsewhere, message=note(p.alias_elsewhere, "x@elsewhere.test"))) == {}


def signs(p: Place) -> bool:
    return p.verifies(p.sent())


ROWS: list[tuple[str, str, str, Callable[[Place], bool]]] = [
    ("dkim_signing.conf", "enabled = true;", "enabled = false;", signs),
    ("dkim_signing.conf", "selector_map =", "#selector_map =", signs),
    ("dkim_signing.conf", "path =", "#path =", signs),
    ("dkim_signing.conf", "allow_username_mismatch = false;", "allow_username_mismatch = true;", keeps_foreign_unsigned),
    ("dkim_signing.conf", "use_esld = false;", "use_esld = true;", signs),
    ("settings.conf", '"DKIM_SIGNED"', '"NOTHING"', signs),
]


@pytest.mark.parametrize(("file", "line", "instead", "promise"), ROWS, ids=[f"{row[1]}" for row in ROWS])
def test_taking_the_line_out_is_noticed(
    place: Place, layout: Layout, stack: Command, file: str, line: str, instead: str, promise: Callable[[Place], bool]
) -> None:
    path = layout.rspamd_config / "local.d" / file
    kept = path.read_text()
    assert line in kept
    assert promise(place)
    try:
        path.write_text(kept.replace(line, instead))
        reload_rspamd(layout)
        assert becomes(False, promise, place), "nothing changed: the line does nothing, or its test sees nothing"
    finally:
        path.write_text(kept)
        reload_rspamd(layout)
    assert becomes(True, promise, place)


def reload_rspamd(layout: Layout) -> None:
    """Not by the stack, which writes the configuration anew."""
    pid = Path(layout.pids / "rspamd.json").read_text().partition('"pid": ')[2].partition(",")[0]
    subprocess.run(["kill", "-HUP", pid], check=True)


def becomes(wanted: bool, promise: Callable[[Place], bool], place: Place, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if promise(place) is wanted:
                return True
        except smtplib.SMTPException:
            pass
        time.sleep(0.5)
    return False
