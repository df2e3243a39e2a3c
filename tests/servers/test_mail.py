"""Real mail through a private Postfix and Dovecot whose files were written by `apply_entries`."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import socket
import time
from dataclasses import replace
from email.message import EmailMessage

import pytest

from mailsettings.servers import doveadm, homes
from mailsettings.servers.desired import wanted_of_domain
from tests.mail import PASSWORD, note, refused
from tests.servers.host import Host, hash_of

MB = 1024 * 1024


def large(to: str, size: int) -> EmailMessage:
    """A message of about `size` bytes on the wire."""
    return note("x@outside.test", to, size=size * 3 // 4)


# --- port 25
def test_mail_by_25_is_read_by_imap_and_pop(host: Host) -> None:
    box = host.mailbox("info")
    host.arrives(box, host.inject(box))
    assert host.pop(box) == 1


def test_an_unknown_address_is_refused_with_550(host: Host) -> None:
    host.mailbox("info")
    assert "User unknown" in refused(lambda: host.inject(f"nobody@{host.domain}"), 550)


@pytest.mark.parametrize(
    "to", ["x@elsewhere.test", "x%elsewhere.test@{d}", "elsewhere.test!x@{d}", '"x@elsewhere.test"@{d}', "@{d}:x@elsewhere.test"]
)
def test_25_relays_nothing(host: Host, to: str) -> None:
    refused(lambda: host.inject(to.format(d=host.domain)), 454, 550, 554, 501, 553)


def test_25_does_not_relay_for_a_sender_of_ours(host: Host) -> None:
    box = host.mailbox("info")
    refused(lambda: host.inject("x@elsewhere.test", sender=box), 554)


def test_25_offers_no_auth_even_after_starttls(host: Host) -> None:
    with smtplib.SMTP(*host.layout.ports["smtp"], timeout=30) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        smtp.starttls(context=host.trust)
        smtp.ehlo()
        assert not smtp.has_extn("auth")


def test_a_plus_address_reaches_the_mailbox(host: Host) -> None:
    box = host.mailbox("info")
    host.arrives(box, host.inject(f"info+shop@{host.domain}"))


def test_capitals_do_not_matter(host: Host) -> None:
    box = host.mailbox("info")
    host.arrives(box, host.inject(f"INFO@{host.domain.upper()}"))
    assert host.pop(box.upper()) == 1


# --- aliases, groups, reserved names
def test_an_alias_delivers_inside_and_outside(host: Host) -> None:
    box = host.mailbox("me")
    message_id = host.inject(host.alias("info", box, "out@elsewhere.test"))
    host.arrives(box, message_id)
    host.sunk("out@elsewhere.test", message_id)


def test_a_plus_address_of_an_alias_delivers(host: Host) -> None:
    box = host.mailbox("me")
    host.alias("info", box)
    host.arrives(box, host.inject(f"info+x@{host.domain}"))


def test_a_group_reaches_each_member_once(host: Host) -> None:
    a, b = host.mailbox("a"), host.mailbox("b")
    group = host.group("all", a, b)
    message_id = host.inject(group, a)
    host.arrives(a, message_id)
    host.arrives(b, message_id)


def test_postmaster_goes_where_the_domain_says(host: Host) -> None:
    boss = host.mailbox("boss")
    host.arrives(boss, host.inject(f"postmaster@{host.domain}"))


def test_a_removed_alias_is_refused(host: Host) -> None:
    box = host.mailbox("me")
    alias = host.alias("info", box)
    host.remove(alias)
    refused(lambda: host.inject(alias), 550)


# --- submission
@pytest.mark.parametrize("secure", [False, True])
def test_submission_reaches_inside_and_outside(host: Host, secure: bool) -> None:
    a, b = host.mailbox("a"), host.mailbox("b")
    host.arrives(b, host.submit(a, b, secure=secure))
    message = host.sunk("out@elsewhere.test", host.submit(a, "out@elsewhere.test", secure=secure))
    assert message["X-Envelope-From"] == a


@pytest.mark.parametrize("secure", [False, True])
def test_a_wrong_password_is_refused_with_535(host: Host, secure: bool) -> None:
    a = host.mailbox("a")
    refused(lambda: host.submit(a, a, password=PASSWORD + "x", secure=secure), 535)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("sender", ["b@{d}", "nobody@{d}", "x@elsewhere.test", "group@{d}"])
def test_a_foreign_sender_is_refused(host: Host, sender: str, secure: bool) -> None:
    a, b = host.mailbox("a"), host.mailbox("b")
    host.group("group", a, b)
    assert "not owned by user" in refused(lambda: host.submit(a, b, sender=sender.format(d=host.domain), secure=secure), 553)


def test_an_owner_sends_as_the_alias_and_as_a_plus_address(host: Host) -> None:
    a = host.mailbox("a")
    alias = host.alias("info", a, owners=(a,))
    host.arrives(a, host.submit(a, a, sender=alias))
    host.arrives(a, host.submit(a, a, sender=f"a+x@{host.domain}"))


def test_587_offers_auth_only_after_starttls(host: Host) -> None:
    with smtplib.SMTP(*host.layout.ports["submission"], timeout=30) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.mail("x@outside.test")[0] == 530
        smtp.starttls(context=host.trust)
        smtp.ehlo()
        assert smtp.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]


@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_submission_without_a_login_is_refused(host: Host, port: str) -> None:
    box = host.mailbox("a")
    with host.submission(secure=port == "submissions") as smtp:
        smtp.ehlo()
        smtp.mail("x@outside.test")
        assert smtp.rcpt(box)[0] == 554
        assert smtp.rcpt("x@elsewhere.test")[0] == 554


def test_submission_to_an_unknown_address_of_ours_is_refused(host: Host) -> None:
    a = host.mailbox("a")
    refused(lambda: host.submit(a, f"nobody@{host.domain}"), 550)


def test_a_bounce_comes_back_to_the_sender(host: Host) -> None:
    a = host.mailbox("a")
    host.submit(a, "refuse-me@elsewhere.test")
    limit = time.monotonic() + 10
    while host.pop(a) == 0 and time.monotonic() < limit:
        time.sleep(0.05)
    assert host.pop(a) == 1


def test_deferred_mail_goes_soon_after_the_sink_lets_it(host: Host) -> None:
    a, name = host.mailbox("a"), f"defer-{host.domain.partition('.')[0]}"
    message_id = host.submit(a, f"{name}@elsewhere.test")
    time.sleep(0.5)
    (host.layout.sink_dir / f"{name}.go").touch()
    host.sunk(f"{name}@elsewhere.test", message_id, seconds=12)


# --- logins
def test_percent_and_bare_logins_lead_to_the_full_address(host: Host) -> None:
    percent = host.mailbox("a", other_login=f"a%{host.domain}")
    bare = host.mailbox("b", other_login=f"bare{host.domain.partition('.')[0]}")
    assert host.pop(f"a%{host.domain}") == host.pop(percent) == 0
    host.arrives(bare, host.submit(f"bare{host.domain.partition('.')[0]}", bare, sender=bare))
    host.arrives(percent, host.submit(f"a%{host.domain}", percent, sender=percent))


def test_a_percent_login_is_refused_where_the_plan_has_none(host: Host) -> None:
    host.mailbox("a")
    with pytest.raises(poplib.error_proto, match="AUTH"):
        host.pop(f"a%{host.domain}")


def test_two_password_changes_at_once_only_the_last_works(host: Host) -> None:
    state = host.state("a")
    for password in ("first#Pass1", "second#Pass2"):
        host.put(replace(state, password=hash_of(password)))
    assert host.pop(state.address, "second#Pass2") == 0
    for old in (PASSWORD, "first#Pass1"):
        with pytest.raises(poplib.error_proto, match="AUTH"):
            host.pop(state.address, old)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_no_login_without_tls(host: Host, protocol: str) -> None:
    box = host.mailbox("a")
    if protocol == "imap":
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            imaplib.IMAP4(*host.layout.ports["imap"]).login(box, PASSWORD)
        return
    pop = poplib.POP3(*host.layout.ports["pop3"])
    with pytest.raises(poplib.error_proto, match="disallowed"):
        pop.user(box)


def test_starttls_on_the_plain_ports_allows_the_login(host: Host) -> None:
    box = host.mailbox("a")
    client = imaplib.IMAP4(*host.layout.ports["imap"])
    host.trust.check_hostname = False
    client.starttls(ssl_context=host.trust)
    assert client.login(box, PASSWORD)[0] == "OK"
    client.logout()


def test_the_special_folders_are_there_and_subscribed(host: Host) -> None:
    box = host.mailbox("a")
    with host.imap(box) as client:
        lines = [line.decode() for line in client.lsub()[1] if isinstance(line, bytes)]
        special = b" ".join(line for line in client.list()[1] if isinstance(line, bytes)).decode()
    for folder in ("Sent", "Drafts", "Trash", "Junk", "Archive"):
        assert any(line.endswith(folder) for line in lines)
        assert f"\\{folder}" in special


# --- quota and size
def test_over_the_storage_quota_is_refused_at_rcpt_and_frees(host: Host) -> None:
    box = host.mailbox("a", quota_mb=1)
    host.arrives(box, host.inject(box, message=large(box, 700_000)))
    words = refused(lambda: host.inject(box, message=large(box, 700_000)), 552)
    assert words == f"5.2.2 <{box}>: Recipient address rejected: Mailbox is full"
    refused(lambda: host.inject(box, message=large(box, 700_000), declare_size=False), 552)
    doveadm.empty(host.layout, box)
    host.arrives(box, host.inject(box, message=large(box, 700_000)))


def test_over_the_message_quota_is_refused(host: Host) -> None:
    box = host.mailbox("a", quota_messages=1)
    host.arrives(box, host.inject(box))
    refused(lambda: host.inject(box), 552)


def test_a_full_mailbox_behind_an_alias_defers(host: Host) -> None:
    box = host.mailbox("a", quota_messages=1)
    host.arrives(box, host.inject(box))
    message_id = host.inject(host.alias("info", box))
    time.sleep(0.3)
    assert message_id not in [message["Message-ID"] for message in host.folder(box)]
    doveadm.empty(host.layout, box)
    host.arrives(box, message_id, seconds=12)


@pytest.mark.parametrize("declared", [True, False])
def test_a_message_larger_than_the_plan_allows_is_refused(host: Host, declared: bool) -> None:
    box = host.mailbox("a", max_message_mb=3)
    host.arrives(box, host.inject(box, message=large(box, 2 * MB)))
    assert "larger" in refused(lambda: host.inject(box, message=large(box, 4 * MB), declare_size=declared), 552)


def test_a_large_message_is_refused_for_one_recipient_and_delivered_to_the_other(host: Host) -> None:
    small, big = host.mailbox("a", max_message_mb=1), host.mailbox("b")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        host.inject(small, big, message=large(small, 2 * MB))
    assert [code for code, _ in caught.value.recipients.values()] == [552]
    limit = time.monotonic() + 10
    while host.pop(big) == 0 and time.monotonic() < limit:
        time.sleep(0.05)
    assert (host.pop(big), host.pop(small)) == (1, 0)


def test_submission_asks_the_quota_too(host: Host) -> None:
    a, full = host.mailbox("a"), host.mailbox("full", quota_messages=1)
    host.arrives(full, host.inject(full))
    refused(lambda: host.submit(a, full), 552)


def test_the_largest_plan_fits(host: Host) -> None:
    with smtplib.SMTP(*host.layout.ports["smtp"], timeout=30) as smtp:
        smtp.ehlo()
        assert int(smtp.esmtp_features["size"]) > 100 * MB


# --- going
def test_a_deleted_mailbox_is_refused_gone_from_disk_and_empty_when_made_anew(host: Host) -> None:
    state = host.state("a")
    host.put(state)
    host.arrives(state.address, host.inject(state.address))
    home = homes.home_path(host.layout, state.home)
    assert home.is_dir()
    host.remove(state.address)
    doveadm.kick(host.layout, state.address)
    assert homes.remove_home(host.layout, state.home)
    assert not home.exists()
    refused(lambda: host.inject(state.address), 550)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        host.pop(state.address)
    host.mailbox("a")
    assert host.pop(state.address) == 0


def test_a_removed_domain_is_no_longer_ours(host: Host) -> None:
    box = host.mailbox("a")
    host.remove(box)
    host.apply(wanted_of_domain(host.domain, None) | {("aliases", f"postmaster@{host.domain}"): None})
    refused(lambda: host.inject(box), 550, 554)


# --- the wire
def test_a_message_smuggled_behind_a_bare_newline_stays_text(host: Host) -> None:
    box, other = host.mailbox("a"), host.mailbox("b")
    with socket.create_connection(host.layout.ports["smtp"]) as raw:
        stream = raw.makefile("rwb")
        lines = ["EHLO x.test", "MAIL FROM:<x@outside.test>", f"RCPT TO:<{box}>", "DATA"]
        stream.readline()
        for line in lines:
            stream.write(line.encode() + b"\r\n")
            stream.flush()
            while stream.readline()[3:4] == b"-":
                pass
        text = note("x@outside.test", box).as_bytes().replace(b"\n", b"\r\n")
        smuggled = f"\n.\r\nMAIL FROM:<x@outside.test>\r\nRCPT TO:<{other}>\r\nDATA\r\nsmuggled\r\n.\r\n"
        stream.write(text + smuggled.encode())
        stream.flush()
        time.sleep(0.5)
    time.sleep(0.5)
    assert host.pop(other) == 0
