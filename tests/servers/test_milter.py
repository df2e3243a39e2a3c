"""The milter between a real Postfix, rspamd and ClamAV: marks, refusals, and what happens when one of them is away."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import EmailMessage
from io import BytesIO

import pytest

from mailsettings.servers import stack
from mailsettings.servers.desired import wanted_of_domain
from mailsettings.servers.layout import Layout
from mailsettings.servers.scanners import EICAR
from mailsettings.servers.states import Policy
from tests.mail import PASSWORD, POLICY, note, refused
from tests.servers.host import Host, domain_state

# rspamd's own test pattern: "add header". In two halves, so that nobody's filter takes this file for spam.
SPAM = "YJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
VIRUS = "Eicar-Test-Signature.UNOFFICIAL"
MB = 1024 * 1024


def marks(message: EmailMessage) -> dict[str, list[str]]:
    """The milter's headers on a message that has arrived."""
    names = [name for name in message if name.lower().startswith(("x-tegami-", "x-spam-"))]
    return {name: [str(value) for value in message.get_all(name, [])] for name in names}


def infected(sender: str, to: str) -> EmailMessage:
    message = note(sender, to)
    message.add_attachment(b"harmless", maintype="application", subtype="octet-stream", filename="a.bin")
    message.add_attachment(EICAR.encode(), maintype="application", subtype="octet-stream", filename="b.com")
    return message


def archive(sender: str, to: str, size: int) -> EmailMessage:
    """With a ZIP of a few KB that unpacks to `size` bytes."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made, made.open("zeros.bin", "w") as member:
        for _ in range(size // MB):
            member.write(bytes(MB))
    message = note(sender, to)
    message.add_attachment(file.getvalue(), maintype="application", subtype="zip", filename="zeros.zip")
    return message


def spam(sender: str, to: str) -> EmailMessage:
    message = note(sender, to)
    message.set_content(f"{SPAM}\n")
    return message


def given(host: Host, *to: str, message: EmailMessage, sender: str = "someone@outside.test") -> EmailMessage:
    """In by port 25, and as it arrives."""
    return host.arrives(to[0], host.inject(*to, message=message, sender=sender))


def with_policy(host: Host, policy: Policy) -> None:
    host.apply(wanted_of_domain(host.domain, replace(domain_state(host.domain), policy=policy)))


@contextlib.contextmanager
def away(layout: Layout, *components: str) -> Iterator[None]:
    """These are stopped meanwhile."""
    stack.stop(layout, components)
    try:
        yield
    finally:
        stack.start(layout, components)


@contextlib.contextmanager
def filters(layout: Layout, **changed: str) -> Iterator[None]:
    """The operator decides otherwise meanwhile."""
    replace(layout, filters=replace(layout.filters, **changed)).save()
    stack.start(Layout.load(layout.layout_path), ["milter"])
    try:
        yield
    finally:
        layout.save()
        stack.start(layout, ["milter"])


# --- marks
def test_mail_is_marked_with_its_sender_and_its_score(host: Host) -> None:
    """S1, F9."""
    box = host.mailbox("a")
    message = note("x@outside.test", box)
    del message["From"]
    raw = message.as_bytes().replace(b"\nSubject:", b"\nFrom: Sales, (Tokyo) [jp] <x@outside.test>\nSubject:", 1)
    with smtplib.SMTP(*host.port("smtp"), timeout=30) as smtp:
        smtp.sendmail("y@outside.test", [box], raw)
    found = host.arrives(box, str(message["Message-ID"]))
    assert marks(found)["X-Tegami-From"] == ["x@outside.test"]
    assert marks(found)["X-Tegami-Auth"] == ["pass"]
    assert float(marks(found)["X-Spam-Score"][0]) < 6
    assert set(marks(found)) == {"X-Tegami-From", "X-Tegami-Auth", "X-Spam-Score", "X-Spam-Status"}
    assert found["Authentication-Results"].startswith(f"{host.layout.hostname};")


def test_who_cannot_be_proven_is_marked_so(host: Host) -> None:
    """F11: nothing is returned to such senders."""
    box = host.mailbox("a")
    assert marks(given(host, box, message=note("x@outside.example", box), sender="x@outside.example"))["X-Tegami-Auth"] == ["fail"]
    assert marks(given(host, box, message=note("x@outside.test", box), sender=""))["X-Tegami-Auth"] == ["fail"]


def test_marks_that_a_message_brings_along_are_taken_off(host: Host) -> None:
    box = host.mailbox("a")
    message = note("x@outside.test", box)
    forged = (
        "X-Tegami-Virus : a\nX-TEGAMI-AUTH: pass\n\tfolded\nx-tegami-from: friend@x.jp\nX-Tegami-Virus: b\nX-Tegami-Other: c\n"
        f"X-Spam-Flag\t: YES\nX-Spam-Status: Yes\nAuthentication-Results: {host.layout.hostname}; spf=pass\n"
        "Authentication-Results: other.test; spf=pass\n"
    )
    with smtplib.SMTP(*host.port("smtp"), timeout=30) as smtp:
        smtp.sendmail("x@outside.example", [box], forged.encode() + message.as_bytes())
    found = host.arrives(box, str(message["Message-ID"]))
    assert set(marks(found)) == {"X-Tegami-From", "X-Tegami-Auth", "X-Spam-Score", "X-Spam-Status"}
    assert (marks(found)["X-Tegami-From"], marks(found)["X-Tegami-Auth"]) == (["x@outside.test"], ["fail"])
    assert marks(found)["X-Spam-Status"][0].startswith("No,")
    results = found.get_all("Authentication-Results", [])
    assert [value.partition(";")[0] for value in results] == [host.layout.hostname, "other.test"]
    assert "spf=pass" not in results[0]


def test_the_test_pattern_is_spam(host: Host) -> None:
    """S1: it arrives, marked."""
    box = host.mailbox("a")
    found = marks(given(host, box, message=spam("x@outside.test", box)))
    assert found["X-Spam-Flag"] == ["YES"]
    assert float(found["X-Spam-Score"][0]) >= 6


def test_mail_that_was_sent_by_a_login_is_never_weighed(host: Host) -> None:
    """S1: outbound is never tagged; what it brings along is taken off all the same."""
    a, b = host.mailbox("a"), host.mailbox("b")
    message = spam(a, b)
    message["X-Spam-Flag"], message["X-Tegami-Virus"] = "YES", "x"
    with host.submission() as smtp:
        smtp.login(a, PASSWORD)
        smtp.sendmail(a, [b], message.as_bytes())
    assert marks(host.arrives(b, str(message["Message-ID"]))) == {"X-Tegami-From": [a], "X-Tegami-Auth": ["pass"]}


def test_a_virus_is_marked_with_the_part_that_holds_it(host: Host) -> None:
    """V1: what becomes of it is each recipient's plan's matter."""
    box = host.mailbox("a")
    found = marks(given(host, box, message=infected("x@outside.test", box)))
    assert (found["X-Tegami-Virus"], found["X-Tegami-Virus-Part"]) == ([VIRUS], [f"3 {VIRUS}"])


def test_a_virus_in_the_text_itself_is_part_1(host: Host) -> None:
    box = host.mailbox("a")
    message = note("x@outside.test", box)
    message.set_content(EICAR)
    assert marks(given(host, box, message=message))["X-Tegami-Virus-Part"] == [f"1 {VIRUS}"]


# --- archives
def test_an_archive_past_the_limit_is_refused_where_the_plan_says_so(host: Host) -> None:
    """V3: 550 for `hs`; for other plans it passes, marked, and is never called infected."""
    box = host.mailbox("a")
    large = archive("x@outside.test", box, 150 * MB)
    found = marks(given(host, box, message=large))
    assert found["X-Tegami-Scan"] == ["too-large"]
    assert "X-Tegami-Virus" not in found
    with_policy(host, Policy("refuse", 100))
    assert "5.7.1 message content rejected" in refused(lambda: host.inject(box, message=archive("x@outside.test", box, 150 * MB)), 550)
    assert "X-Tegami-Scan" not in marks(given(host, box, message=archive("x@outside.test", box, 20 * MB)))


def test_what_clamav_counts_twice_is_not_past_the_limit(host: Host) -> None:
    """V3: the limit is for unpacked files, body and header, not for what they were packed in as well."""
    box = host.mailbox("a")
    with_policy(host, Policy("refuse", 100))
    assert marks(given(host, box, message=archive("x@outside.test", box, 99 * MB)))


def test_a_limit_below_clamavs_is_kept_too(host: Host) -> None:
    box = host.mailbox("a")
    with_policy(host, Policy("none", 2))
    assert "5.7.1" in refused(lambda: host.inject(box, message=archive("x@outside.test", box, 3 * MB)), 550)
    given(host, box, message=archive("x@outside.test", box, 1 * MB))


def test_others_get_what_one_recipients_plan_does_not_take(host: Host, domains: Iterator[str]) -> None:
    """V3: their sender hears of the one, if the sender is proven; if not, the session is refused for all."""
    other = Host(host.layout, next(domains))
    box, strict = host.mailbox("a"), other.mailbox("b")
    with_policy(other, Policy("refuse", 2))
    message = archive("x@outside.test", box, 3 * MB)
    given(host, box, strict, message=message, sender="x@outside.test")
    told = returned(host, message, "x@outside.test")
    assert f"rfc822;{strict}" in told and "message content rejected" in told
    assert other.folder(strict) == []
    assert "5.7.1" in refused(lambda: host.inject(box, strict, message=message, sender="x@outside.example"), 550)


# --- submission
def test_from_must_be_the_logins_own(host: Host) -> None:
    """P6."""
    a, b = host.mailbox("a"), host.mailbox("b")
    mine = host.alias("info", a, owners=(a,))
    for header in (a, a.upper(), mine, a.replace("@", "+news@"), f"Boss, (of {b}) <{a}>", f'"{b}" <{a}>', f"{a}, {mine}"):
        host.submit(a, b, header=header)
    group = host.group("all", a, b)
    for header in (
        b,
        f"{a}, {b}",
        "boss@bank.example",
        group,
        f"{b} <{b}>",
        f'"{a}" <{b}>',
        "Boss",
        "Boss <>",
        a.replace("@", "+x@") + f", {b}",
    ):
        words = refused(lambda header=header: host.submit(a, b, header=header, sender=a), 553)  # type: ignore[misc]
        assert "From:" in words and "%" not in words
    assert f"<{b}>" in refused(lambda: host.submit(a, b, header=b, sender=a), 553)


def test_two_from_headers_are_both_looked_at(host: Host) -> None:
    a, b = host.mailbox("a"), host.mailbox("b")
    for first, second in ((a, b), (b, a)):
        raw = f"From: {first}\r\nFrom: {second}\r\nTo: {b}\r\nSubject: x\r\n\r\nx\r\n".encode()
        with host.submission() as smtp:
            smtp.login(a, PASSWORD)
            refused(lambda smtp=smtp, raw=raw: smtp.sendmail(a, [b], raw), 553)  # type: ignore[misc]


def test_a_second_login_name_owns_the_same_addresses(host: Host) -> None:
    percent = f"a%{host.domain}"
    a = host.mailbox("a", other_login=percent)
    host.sunk("o@elsewhere.test", host.submit(percent, "o@elsewhere.test", sender=a))


def test_a_virus_is_not_sent(host: Host) -> None:
    """V2: 5xx at submission; nobody else hears of it."""
    a = host.mailbox("a")
    words = refused(lambda: send(host, a, infected(a, "o@elsewhere.test"), "o@elsewhere.test"), 554)
    assert VIRUS in words


def test_a_virus_is_deleted_and_its_login_told_where_the_plan_says_so(host: Host) -> None:
    """V2: never a warning to an envelope or header sender."""
    a, b = host.mailbox("a"), host.mailbox("b")
    mine = host.alias("info", b, owners=(a, b))
    with_policy(host, Policy("delete_warn"))
    message = infected(mine, "o@elsewhere.test")
    message["Reply-To"] = b
    send(host, a, message, "o@elsewhere.test", sender=mine)
    (told,) = eventually(lambda: host.folder(a))
    assert (told["Subject"], told["To"]) == ("Virus Alert", a)
    assert VIRUS in told.get_content() and "o@elsewhere.test" in told.get_content()
    time.sleep(1)
    assert host.folder(b) == []
    assert not [path for path in host.layout.sink_dir.glob("*.eml") if str(message["Message-ID"]).encode() in path.read_bytes()]


def test_an_archive_past_the_limit_is_not_submitted(host: Host) -> None:
    """V3, at submission: the login's plan."""
    a = host.mailbox("a")
    with_policy(host, Policy("refuse", 2))
    words = refused(lambda: send(host, a, archive(a, "o@elsewhere.test", 3 * MB), "o@elsewhere.test"), 550)
    assert "5.7.1 message content rejected" in words


# --- somebody is away
def test_without_rspamd_mail_passes_unmarked_or_waits_as_the_operator_says(host: Host) -> None:
    box = host.mailbox("a")
    with away(host.layout, "rspamd"):
        assert set(marks(given(host, box, message=spam("x@outside.test", box)))) == {"X-Tegami-From", "X-Tegami-Auth"}
        with filters(host.layout, spam_down="defer"):
            refused(lambda: host.inject(box), 451)
    assert "X-Spam-Flag" in marks(given(host, box, message=spam("x@outside.test", box)))


def test_without_clamav_mail_waits_or_passes_as_the_operator_says(host: Host) -> None:
    """V4."""
    box = host.mailbox("a")
    with away(host.layout, "clamd"):
        refused(lambda: host.inject(box), 451)
        refused(lambda: host.submit(box, box), 451)
        with filters(host.layout, virus_down="pass"):
            found = marks(given(host, box, message=infected("x@outside.test", box)))
            assert found["X-Tegami-Scan"] == ["not-scanned"]
    assert "X-Tegami-Virus" in marks(given(host, box, message=infected("x@outside.test", box)))


def test_without_the_milter_mail_waits_at_its_sender(host: Host) -> None:
    box = host.mailbox("a")
    with away(host.layout, "milter"):
        refused(lambda: host.inject(box), 451)
    given(host, box, message=note("x@outside.test", box))


def test_no_mail_is_lost_or_doubled_when_scanners_die_in_the_middle(host: Host) -> None:
    """V4: every sender tries again until its message is taken; each arrives once, and every virus is marked."""
    box = host.mailbox("a")
    messages = [infected("x@outside.test", box) if n % 3 == 0 else note("x@outside.test", box) for n in range(45)]

    def persist(message: EmailMessage) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                host.inject(box, message=message)
                return
            except (smtplib.SMTPException, OSError):
                time.sleep(0.2)
        raise AssertionError("never taken")

    with ThreadPoolExecutor(max_workers=6) as pool:
        running = [pool.submit(persist, message) for message in messages]
        for component in ("clamd", "rspamd", "milter"):
            stack.stop(host.layout, [component], kill=True)
            time.sleep(0.3)
            stack.start(host.layout, [component])
        for one in running:
            one.result()
    found = eventually(lambda: host.folder(box), lambda mails: len(mails) >= len(messages))
    assert sorted(str(mail["Message-ID"]) for mail in found) == sorted(str(message["Message-ID"]) for message in messages)
    viruses = {str(message["Message-ID"]) for message in messages[::3]}
    assert {str(mail["Message-ID"]) for mail in found if "X-Tegami-Virus" in marks(mail)} == viruses


# --- what a domain has taught
def test_what_one_domain_teaches_counts_there_alone(host: Host, domains: Iterator[str]) -> None:
    """S4: by rspamd's controller, as moving mail into the spam folder does."""
    other = Host(host.layout, next(domains))
    a, b = host.mailbox("a"), other.mailbox("b")
    for n in range(6):
        learn(host, "spam", a, f"cheap {n} watches replica offer limited buy now discount luxury brands shipping worldwide guarantee")
        learn(host, "ham", a, f"meeting {n} minutes agenda project schedule budget review quarterly figures attached colleagues room")
    text = "cheap watches replica offer limited buy now discount luxury brands shipping worldwide guarantee"
    scores = {box: score_of(host, box, text) for box in (a, b)}
    assert scores[a] > scores[b] + 2
    both = note("x@outside.test", a)
    both.set_content(text)
    host.inject(a, b, message=both)
    assert float(marks(host.arrives(b, str(both["Message-ID"])))["X-Spam-Score"][0]) == pytest.approx(scores[b], abs=0.5)


def learn(host: Host, kind: str, box: str, text: str) -> None:
    message = note("x@outside.test", box)
    message.set_content(f"{text}\n")
    content = message.as_bytes()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(host.layout.rspamd_controller))
        head = f"POST /learn{kind} HTTP/1.1\r\nHost: rspamd\r\nDeliver-To: {box}\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        answer = connection.recv(4096)
    # 208: it has seen this one. 204: it would have said so itself.
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 208", b"HTTP/1.1 204")), answer


def score_of(host: Host, box: str, text: str) -> float:
    message = note("x@outside.test", box)
    message.set_content(f"{text}\n")
    return float(marks(given(host, box, message=message))["X-Spam-Score"][0])


# --- waiting
def eventually(look: Callable[[], list[EmailMessage]], enough: Callable[[list[EmailMessage]], bool] = bool) -> list[EmailMessage]:
    """What is there once it is enough; fails after 20 s."""
    end = time.monotonic() + 20
    while not enough(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def send(host: Host, login: str, message: EmailMessage, to: str, sender: str = "") -> None:
    with host.submission() as smtp:
        smtp.login(login, PASSWORD)
        smtp.sendmail(sender or login, [to], message.as_bytes(policy=POLICY))


def returned(host: Host, message: EmailMessage, to: str) -> str:
    """The error mail that tells `to` of the message."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for path in host.layout.sink_dir.glob("*.eml"):
            text = path.read_text(errors="replace")
            if str(message["Message-ID"]) in text and f"X-Envelope-To: {to}" in text:
                return text
        time.sleep(0.1)
    raise AssertionError(f"no error mail to {to}")
