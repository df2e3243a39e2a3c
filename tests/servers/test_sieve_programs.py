"""Scripts at work in a real Dovecot: in their order, with their programs, by LMTP; own scripts by ManageSieve; teaching by IMAP."""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage

import pytest

from mailsettings.servers import scripts, stack
from mailsettings.servers.desired import tag, wanted_of_domain, way_out
from mailsettings.servers.scanners import EICAR as EICAR_TEST
from mailsettings.servers.states import MailboxState
from tests.mail import PASSWORD, POLICY, note, refused
from tests.servers.host import Host, domain_state

OUTSIDE = "away@elsewhere.test"
EICAR = {"X-Tegami-Virus": "Eicar-Test", "X-Tegami-Virus-Part": "2 Eicar-Test"}


@pytest.fixture
def box(host: Host) -> MailboxState:
    state = host.state("a")
    host.put(state)
    return state


def give(host: Host, box: MailboxState, text: str, *to: str, own: bool = False) -> None:
    """The mailbox' script; `<out>` in it stands for the inner address of these destinations."""
    script = text.replace("<out>", way_out(tag(box.address), 0))
    host.put(replace(box, script=script, forwards=(to,) if to else (), own_script=own))


def give_domain(host: Host, text: str) -> None:
    host.apply(wanted_of_domain(host.domain, replace(domain_state(host.domain), script=text)))


def deliver(host: Host, to: str, message: EmailMessage | None = None, sender: str = "someone@outside.test") -> str:
    """By LMTP, as the milter has left the message. Raises smtplib's exceptions; gives the Message-ID."""
    message = message or note(sender, to)
    with smtplib.LMTP(*host.port("lmtp")) as lmtp:
        assert not lmtp.sendmail(sender, [to], message.as_bytes(policy=POLICY))
    return str(message["Message-ID"])


def with_file(to: str, **headers: str) -> EmailMessage:
    made = note("someone@outside.test", to, subject="請求書", size=100)
    for name, value in headers.items():
        made[name] = value
    return made


def attachments(message: EmailMessage) -> list[str | None]:
    return [part.get_filename() for part in message.walk() if part.get_content_disposition() == "attachment"]


def soon(found: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.1)
    return found()


def logged(host: Host, words: str) -> bool:
    return re.search(words, host.layout.dovecot_log.read_text(errors="replace")) is not None


# --- the order
def test_the_domains_script_runs_first_then_the_mailbox_then_the_users_own(host: Host, box: MailboxState) -> None:
    give_domain(host, 'require "editheader"; addheader "X-One" "1";')
    give(host, box, 'require "editheader"; if header :is "X-One" "1" { addheader "X-Two" "2"; }', own=True)
    with manage_sieve(host, box.address) as client:
        client.activate('require ["fileinto", "mailbox"]; if header :is "X-Two" "2" { fileinto :create "Own"; }')
    deliver(host, box.address)
    assert [(m["X-One"], m["X-Two"]) for m in host.folder(box.address, "Own")] == [("1", "2")]


def test_a_mailbox_without_scripts_just_receives(host: Host, box: MailboxState) -> None:
    host.arrives(box.address, deliver(host, box.address))


def test_a_domains_script_that_ends_it_leaves_nothing_for_the_mailbox(host: Host, box: MailboxState) -> None:
    give_domain(host, 'if header :is "Subject" "hello" { discard; stop; }')
    give(host, box, 'require ["fileinto", "mailbox"]; fileinto :create "Mine";')
    deliver(host, box.address)
    assert host.folder(box.address) == host.folder(box.address, "Mine") == []


def test_a_domains_script_knows_who_receives_nothing(host: Host, box: MailboxState) -> None:
    text = 'require ["environment", "vnd.dovecot.environment", "fileinto", "mailbox"];'
    give_domain(host, text + 'if environment :is "vnd.dovecot.config.receive" "off" { fileinto :create "Off"; }')
    deliver(host, box.address)
    host.put(replace(box, receive=False))
    deliver(host, box.address)
    assert (len(host.folder(box.address)), len(host.folder(box.address, "Off"))) == (1, 1)


def test_a_changed_script_runs_at_the_next_delivery(host: Host, box: MailboxState) -> None:
    for name in ("One", "Two", "Three"):
        give(host, box, f'require ["fileinto", "mailbox"]; fileinto :create "{name}";')
        deliver(host, box.address)
        assert len(host.folder(box.address, name)) == 1
    give(host, box, "keep;")
    host.arrives(box.address, deliver(host, box.address))
    # Nobody had to compile at delivery: the binaries were taken.
    assert not logged(host, f"{host.domain}.*not have permission to save")


# --- what leaves
def test_attachments_are_gone_from_the_forwarded_copy_and_stay_in_the_stored_one(host: Host, box: MailboxState) -> None:
    stripped = 'if filter "strip-attachments" { redirect :copy "<out>"; }'
    text = f'require ["fileinto", "copy", "vnd.dovecot.filter"]; fileinto "INBOX"; {stripped} discard;'
    give(host, box, text, OUTSIDE)
    message_id = deliver(host, box.address, with_file(box.address))
    assert attachments(host.arrives(box.address, message_id)) == ["a.bin"]
    sent = host.sunk(OUTSIDE, message_id)
    assert attachments(sent) == [] and "a.bin" in sent.as_string(policy=POLICY) + "".join(
        part.get_content() for part in sent.walk() if part.get_content_type() == "text/plain"
    )


@pytest.mark.parametrize("program", ["strip-nothing-there", "strip-virus"])
def test_a_program_that_is_missing_or_fails_sends_nothing_and_keeps_the_mail(host: Host, box: MailboxState, program: str) -> None:
    text = f'require ["copy", "vnd.dovecot.filter"]; if filter "{program}" ["no-such-form"] {{ redirect :copy "<out>"; }}'
    give(host, box, text, OUTSIDE)
    message_id = deliver(host, box.address, with_file(box.address))
    assert attachments(host.arrives(box.address, message_id)) == ["a.bin"]
    with pytest.raises(AssertionError, match="nothing for"):
        host.sunk(OUTSIDE, message_id, seconds=1)


@pytest.mark.parametrize("filed", ["keep;", 'fileinto "INBOX";'])
@pytest.mark.parametrize("away", ["postsrsd", "milter"])
def test_what_is_sent_on_waits_for_the_way_out_and_nothing_comes_twice(host: Host, box: MailboxState, filed: str, away: str) -> None:
    give(host, box, f'require ["fileinto", "copy"]; {filed} redirect :copy "<out>";', OUTSIDE)
    stack.stop(host.layout, [away])
    message_id = deliver(host, box.address)
    host.arrives(box.address, message_id)
    stack.start(host.layout, [away])
    host.sunk(OUTSIDE, message_id)
    host.arrives(box.address, message_id)


def test_a_full_mailbox_sends_nothing_on_before_it_has_room(host: Host) -> None:
    state = replace(host.state("full"), quota_messages=1)
    give(host, state, 'require ["fileinto", "copy"]; fileinto "INBOX"; redirect :copy "<out>"; discard;', OUTSIDE)
    deliver(host, state.address)
    message = note("someone@outside.test", state.address)
    for _ in range(2):
        refused(lambda: deliver(host, state.address, message), 452)
    with pytest.raises(AssertionError, match="nothing for"):
        host.sunk(OUTSIDE, str(message["Message-ID"]), seconds=1)


def test_the_same_mail_twice_is_sent_on_once_and_never_falls_into_the_inbox(host: Host, box: MailboxState) -> None:
    give(host, box, 'require "copy"; redirect :copy "<out>"; discard;', OUTSIDE)
    message = note("someone@outside.test", box.address)
    message_id = deliver(host, box.address, message)
    deliver(host, box.address, message)
    host.sunk(OUTSIDE, message_id)
    assert host.folder(box.address) == []


def test_replies_and_notices_come_from_nobody(host: Host, box: MailboxState) -> None:
    notice = 'notify :message "new" "mailto:phone@elsewhere.test";'
    give(host, box, f'require ["vacation", "vacation-seconds", "enotify"]; vacation :seconds 0 "away"; {notice}')
    sender = f"asks-{host.domain.partition('.')[0]}@elsewhere.test"
    deliver(host, box.address, sender=sender)
    for to in (sender, "phone@elsewhere.test"):
        assert soon(lambda to=to: any(f"X-Envelope-To: {to}" in text for text in sunk_texts(host, box.address)))  # type: ignore[misc]
    assert all(text.startswith("X-Envelope-From: <>") for text in sunk_texts(host, box.address))


def sunk_texts(host: Host, author: str) -> list[str]:
    found = [path.read_text(errors="replace") for path in host.layout.sink_dir.glob("*.eml")]
    return [text for text in found if author in text]


# --- what the programs do to what is stored
@pytest.mark.parametrize("form", ["platinum", "hs"])
def test_a_virus_is_taken_out_by_the_domains_script_before_the_mailbox_sees_it(host: Host, box: MailboxState, form: str) -> None:
    give_domain(host, f'require "vnd.dovecot.filter"; if exists "X-Tegami-Virus" {{ filter "strip-virus" ["{form}"]; }}')
    give(host, box, 'require ["fileinto", "mailbox"]; fileinto :create "Mine";')
    deliver(host, box.address, with_file(box.address, **EICAR))
    (stored,) = host.folder(box.address, "Mine")
    texts = "".join(part.get_content() for part in stored.walk() if part.get_content_type() == "text/plain")
    assert "a.bin" not in attachments(stored) and "Eicar-Test" in texts and "ウイルス" in texts
    assert stored["Subject"] == "請求書"


@pytest.mark.parametrize("form", ["platinum", "hs"])
def test_what_the_scanner_found_by_25_is_what_goes(host: Host, box: MailboxState, form: str) -> None:
    give_domain(host, f'require "vnd.dovecot.filter"; if exists "X-Tegami-Virus" {{ filter "strip-virus" ["{form}"]; }}')
    message = with_file(box.address)
    message.add_attachment(EICAR_TEST.encode(), maintype="application", subtype="zip", filename="virus.zip")
    stored = host.arrives(box.address, host.inject(box.address, message=message))
    bodies = [part.get_payload(decode=True) for part in stored.walk() if not part.is_multipart()]
    assert "a.bin" in attachments(stored) and "virus.zip" not in attachments(stored)
    assert not any(EICAR_TEST.encode() in body for body in bodies if isinstance(body, bytes))


def test_refused_mail_leaves_its_header_only(host: Host, box: MailboxState) -> None:
    give(host, box, 'require ["fileinto", "mailbox", "vnd.dovecot.filter"]; if filter "headers-only" { fileinto :create "Refused"; stop; }')
    message_id = deliver(host, box.address, with_file(box.address))
    (stored,) = host.folder(box.address, "Refused")
    assert (stored["Message-ID"], stored.get_content_type()) == (message_id, "text/plain")


def test_any_text_in_the_header_is_found_decoded(host: Host, box: MailboxState) -> None:
    text = 'require ["fileinto", "mailbox", "vnd.dovecot.execute"]; if execute :pipe "header-has" ["請求"] { fileinto :create "Found"; }'
    give(host, box, text)
    deliver(host, box.address, with_file(box.address))
    deliver(host, box.address)
    assert (len(host.folder(box.address, "Found")), len(host.folder(box.address))) == (1, 1)


def test_a_large_message_passes_the_programs(host: Host, box: MailboxState) -> None:
    text = 'require ["fileinto", "vnd.dovecot.filter"]; if filter "strip-attachments" { fileinto "INBOX"; stop; } discard;'
    give(host, box, text)
    begun = time.monotonic()
    deliver(host, box.address, note("someone@outside.test", box.address, size=60 * 1024 * 1024))
    assert time.monotonic() - begun < 15
    assert attachments(host.folder(box.address)[0]) == []


# --- ManageSieve
class ManageSieve:
    """As much of RFC 5804 as a program for editing scripts needs."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.open(socket.create_connection(host.port("sieve"), timeout=20))
        self.greeting = self.answer()

    def open(self, connection: socket.socket) -> None:
        self.connection, self.stream = connection, connection.makefile("rwb")

    def say(self, line: str) -> str:
        self.stream.write(line.encode() + b"\r\n")
        self.stream.flush()
        return self.answer()

    def answer(self) -> str:
        lines = b""
        while not re.match(rb"(OK|NO|BYE)\b", line := self.stream.readline()):
            assert line
            lines += line
        if size := re.search(rb"\{(\d+)\}\r\n$", line):
            line += self.stream.read(int(size[1])) + self.stream.readline()
        return (lines + line).decode()

    def secure(self) -> str:
        assert self.say("STARTTLS").startswith("OK")
        self.host.trust.check_hostname = False
        self.open(self.host.trust.wrap_socket(self.connection))
        return self.answer()

    def login(self, login: str, password: str = PASSWORD) -> str:
        token = base64.b64encode(f"\x00{login}\x00{password}".encode()).decode()
        return self.say(f'AUTHENTICATE "PLAIN" "{token}"')

    def put(self, text: str) -> str:
        return self.say(f'PUTSCRIPT "mine" {{{len(text.encode())}+}}\r\n{text}')

    def activate(self, text: str) -> None:
        assert self.put(text).startswith("OK")
        assert self.say('SETACTIVE "mine"').startswith("OK")


@contextmanager
def manage_sieve(host: Host, login: str) -> Iterator[ManageSieve]:
    client = ManageSieve(host)
    client.secure()
    assert client.login(login).startswith("OK")
    yield client
    client.connection.close()


def test_nobody_signs_in_to_managesieve_before_tls(host: Host, box: MailboxState) -> None:
    host.put(replace(box, own_script=True))
    client = ManageSieve(host)
    assert '"SASL" ""' in client.greeting
    assert client.login(box.address).startswith(("NO", "BYE"))


def test_managesieve_is_for_whom_the_plan_gives_it(host: Host, box: MailboxState) -> None:
    client = ManageSieve(host)
    client.secure()
    assert client.login(box.address).startswith("NO")
    host.put(replace(box, own_script=True))
    with manage_sieve(host, box.address):
        pass
    assert host.pop(box.address) == 0


def test_an_own_script_rests_when_the_plan_takes_it_away(host: Host, box: MailboxState) -> None:
    host.put(replace(box, own_script=True))
    with manage_sieve(host, box.address) as client:
        client.activate("discard;")
    deliver(host, box.address)
    assert host.folder(box.address) == []
    host.put(box)
    host.arrives(box.address, deliver(host, box.address))


GLOBAL = [
    "editheader",
    "vnd.dovecot.filter",
    "vnd.dovecot.execute",
    "vnd.dovecot.pipe",
    "vacation",
    "vacation-seconds",
    "enotify",
    "reject",
]


@pytest.mark.parametrize("extension", GLOBAL)
def test_own_scripts_have_no_extension_that_is_the_panels(host: Host, box: MailboxState, extension: str) -> None:
    host.put(replace(box, own_script=True))
    client = ManageSieve(host)
    offered = re.search(r'"SIEVE" "([^"]*)"', client.secure())
    assert offered and extension not in offered[1].split()
    assert client.login(box.address).startswith("OK")
    assert client.put(f'require "{extension}"; keep;').startswith("NO")


# --- teaching
@contextmanager
def controller(host: Host) -> Iterator[list[str]]:
    """Stands in for rspamd: what it was taught, as `POST /learnspam` and whom."""
    path, taught = host.layout.rspamd_controller, list[str]()
    stack.stop(host.layout, ["rspamd"])
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(2):
                connection = listener.accept()[0]
                with connection:
                    head = connection.recv(65_536).decode(errors="replace")
                    taught.append(" ".join([head.split(" ")[1], *re.findall(r"Deliver-To: (\S+)", head)]))
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")

        threading.Thread(target=serve, daemon=True).start()
        yield taught
        path.unlink(missing_ok=True)
    stack.start(host.layout, ["rspamd"])


def move(host: Host, login: str, source: str, target: str) -> None:
    with host.imap(login) as client:
        assert client.select(source)[0] == "OK"
        assert client._simple_command("MOVE", "1", target)[0] == "OK"


def test_moving_mail_into_and_out_of_the_spam_folder_teaches(host: Host, box: MailboxState) -> None:
    deliver(host, box.address)
    with controller(host) as taught:
        move(host, box.address, "INBOX", "Junk")
        move(host, box.address, "Junk", "INBOX")
        assert taught == [f"/learnspam {box.address}", f"/learnham {box.address}"]


def test_throwing_spam_away_teaches_nothing(host: Host, box: MailboxState) -> None:
    deliver(host, box.address)
    stack.stop(host.layout, ["rspamd"])
    before = host.layout.dovecot_log.read_text(errors="replace").count("teach ham")
    move(host, box.address, "INBOX", "Junk")
    move(host, box.address, "Junk", "Trash")
    stack.start(host.layout, ["rspamd"])
    assert host.layout.dovecot_log.read_text(errors="replace").count("teach ham") == before
    assert len(host.folder(box.address, "Trash")) == 1


def test_without_rspamd_the_mail_is_moved_and_the_log_says_what_was_not_learnt(host: Host, box: MailboxState) -> None:
    deliver(host, box.address)
    stack.stop(host.layout, ["rspamd"])
    move(host, box.address, "INBOX", "Junk")
    stack.start(host.layout, ["rspamd"])
    assert len(host.folder(box.address, "Junk")) == 1
    assert logged(host, f"teach spam for {re.escape(box.address)}")


def test_a_real_rspamd_learns(host: Host, box: MailboxState) -> None:
    message = note("someone@outside.test", box.address, subject=f"cheap {uuid.uuid4().hex}")
    message.set_content(" ".join(uuid.uuid4().hex for _ in range(60)))
    deliver(host, box.address, message)
    move(host, box.address, "INBOX", "Junk")
    assert not logged(host, f"teach spam for {re.escape(box.address)}")


def test_nobody_reads_the_scripts_but_the_mail_user(host: Host, box: MailboxState) -> None:
    give(host, box, "keep;")
    path = scripts.script_path(host.layout, "scripts", box.address)
    assert path.stat().st_mode & 0o007 == 0 and host.layout.sieve_dir.stat().st_mode & 0o007 == 0
