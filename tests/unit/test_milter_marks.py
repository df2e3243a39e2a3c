"""What the milter writes on a message, takes off it, and how it measures archives; without any server."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import lzma
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest

from mailsettings.servers.milter import alert, marks, unpacked
from mailsettings.servers.milter.clamd import ClamdDown, Found, Scan, scan, verdict_of
from mailsettings.servers.milter.inbound import is_proven
from mailsettings.servers.milter.judging import refused_address
from mailsettings.servers.milter.policies import owners, without_extension
from mailsettings.servers.milter.protocol import xtext
from mailsettings.servers.milter.rspamd import Opinion, RspamdDown, check, opinion_of, request_headers
from mailsettings.servers.milter.session import Header, Session

MB = 1024 * 1024


@contextmanager
def unix_socket() -> Iterator[Path]:
    """Where one can be: the tests' own folders may have too long a path."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "s"


def session(*headers: str, body: bytes = b"", sender: str = "a@outside.test", recipients: tuple[str, ...] = ("b@example.com",)) -> Session:
    found = Session(sender=sender, recipients=list(recipients))
    found.headers = [Header(*header.split(":", 1)) for header in headers]
    found.body.write(body)
    found.body_size = len(body)
    return found


# --- taking away
def test_every_mark_of_ours_is_taken_off_and_nothing_else() -> None:
    one = session(
        "X-Tegami-Virus: a", "x-tegami-anything : b", "X-Spam-Flag: YES", "X-SPAM-SCORE: 1", "X-Spam-Status: No", "X-Spam-Level: *",
        "X-Tegami-Moved: tag", "Subject: X-Spam-Flag: YES", "Authentication-Results: mx1.test; spf=pass",
        "Authentication-Results: (mine) MX1.test 1; dkim=pass", 'Authentication-Results: "mx1.test"; x',
        "Authentication-Results: other.test; spf=pass",
    )  # fmt: skip
    gone = {(name.lower(), which) for name, which in marks.forged(one, "mx1.test")}
    assert gone == {
        ("x-tegami-virus", 1), ("x-tegami-anything", 1), ("x-spam-flag", 1), ("x-spam-score", 1), ("x-spam-status", 1),
        ("authentication-results", 1), ("authentication-results", 2), ("authentication-results", 3),
    }  # fmt: skip
    assert not any(name == "Authentication-Results" for name, _ in marks.forged(one))


# --- who sent it
def test_the_sender_is_marked_by_each_address_in_from() -> None:
    one = session("From: a@b.jp, Tom <c@d.jp>")
    assert marks.of_sender(one, proven=True) == (("X-Tegami-From", "a@b.jp"), ("X-Tegami-From", "c@d.jp"), ("X-Tegami-Auth", "pass"))
    assert marks.of_sender(session("From: Tom"), proven=False) == (("X-Tegami-From", "<>"), ("X-Tegami-Auth", "fail"))
    assert len(marks.of_sender(session("From: " + ", ".join(f"a{n}@b.jp" for n in range(99))), proven=True)) == marks.MOST_ADDRESSES + 1


@pytest.mark.parametrize(
    ("sender", "suffix", "by_rspamd", "proven"),
    [("a@b.jp", "", True, True), ("a@b.jp", "", False, False), ("a@x.test", ".test", False, True), ("a@test", ".test", False, True),
     ("a@xtest", ".test", False, False), ("", ".test", True, False), ("a@x.test", "", False, False)],
)  # fmt: skip
def test_who_counts_as_proven(sender: str, suffix: str, by_rspamd: bool, proven: bool) -> None:
    assert is_proven(sender, Opinion(False, 0, 6, by_rspamd), suffix) is proven
    assert not by_rspamd or not is_proven("a@b.jp", None, suffix)


# --- spam
def answer(action: str = "no action", score: float = 1.0, **symbols: list[str]) -> bytes:
    return json.dumps(
        {"action": action, "score": score, "required_score": 6, "symbols": {name: {"options": found} for name, found in symbols.items()}}
    ).encode()


def test_spam_is_flagged_and_only_spam() -> None:
    assert marks.of_spam(opinion_of(answer(score=-0.5), "a@b.jp")) == (
        ("X-Spam-Score", "-0.50"),
        ("X-Spam-Status", "No, score=-0.50 required=6.00"),
    )
    assert marks.of_spam(opinion_of(answer("add header", 7.1), "a@b.jp"))[0] == ("X-Spam-Flag", "YES")
    # GTUBE: whatever rspamd would do, it is marked, and has a score that says so.
    assert marks.of_spam(opinion_of(answer("reject", 0), "a@b.jp"))[1] == ("X-Spam-Score", "6.00")
    assert not opinion_of(answer("soft reject"), "a@b.jp").spam


@pytest.mark.parametrize(
    ("symbols", "sender", "proven"),
    [
        ({"R_SPF_ALLOW": []}, "a@b.jp", True),
        ({"R_SPF_ALLOW": []}, "", False),
        ({"R_DKIM_ALLOW": ["b.jp:s=s1"]}, "a@b.jp", True),
        ({"R_DKIM_ALLOW": ["evil.jp:s=s1", "B.JP:s=s1"]}, "a@Mail.b.jp", True),
        ({"R_DKIM_ALLOW": ["evil.jp:s=s1"]}, "a@b.jp", False),
        ({"R_DKIM_ALLOW": ["jp:s=s1"]}, "a@b.jp", False),
        ({"R_DKIM_ALLOW": ["b.jp:s=s1"]}, "a@notb.jp", False),
        ({"R_SPF_FAIL": []}, "a@b.jp", False),
    ],
)
def test_a_signature_proves_its_own_domain_only(symbols: dict[str, list[str]], sender: str, proven: bool) -> None:
    assert opinion_of(answer("no action", 1.0, **symbols), sender).proven is proven


def test_one_domains_lessons_are_asked_for_its_own_mail_only() -> None:
    def to(*recipients: str) -> str | None:
        return dict(request_headers(session(recipients=recipients), "mx1")).get("Deliver-To")

    assert to("a@x.jp") == to("a@x.jp", "b@X.jp") == "a@x.jp"
    assert to("a@x.jp", "b@y.jp") is None


def test_a_line_break_in_the_envelope_is_no_second_header() -> None:
    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 500 no\r\n\r\n")
        writer.close()

    async def ask(path: Path) -> None:
        server = await asyncio.start_unix_server(asked, str(path))
        with pytest.raises(RspamdDown):
            await check(path, session(sender="a\r\nPass: all"), "mx1")
        server.close()

    requests: list[bytes] = []
    with unix_socket() as path:
        asyncio.run(ask(path))
    assert b"\r\nPass" not in requests[0]


@pytest.mark.parametrize("nonsense", [b"", b"[]", b"{}", b"<html>", b'{"symbols": null, "action": 1}'])
def test_an_rspamd_that_talks_nonsense_is_down(nonsense: bytes) -> None:
    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(nonsense) + nonsense)
        writer.close()

    async def ask(path: Path) -> None:
        server = await asyncio.start_unix_server(asked, str(path))
        with pytest.raises(RspamdDown):
            await check(path, session(), "mx1")
        server.close()

    with unix_socket() as path:
        asyncio.run(ask(path))


# --- viruses
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("stream: OK", Scan(Found.CLEAN)),
        ("stream: Eicar-Test-Signature.UNOFFICIAL FOUND", Scan(Found.INFECTED, "Eicar-Test-Signature.UNOFFICIAL")),
        ("stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND", Scan(Found.TOO_LARGE)),
        ("INSTREAM size limit exceeded. ERROR", Scan(Found.TOO_LARGE)),
        ("stream: Two words\n FOUND", Scan(Found.INFECTED, "Two_words_")),
    ],
)
def test_what_clamd_says(text: str, wanted: Scan) -> None:
    assert verdict_of(text) == wanted


@pytest.mark.parametrize("text", ["", "stream: ERROR", "UNKNOWN COMMAND", "stream: Can't allocate memory ERROR"])
def test_a_clamd_that_could_not_look_is_down(text: str) -> None:
    with pytest.raises(ClamdDown):
        verdict_of(text)


def test_a_clamd_that_is_not_there_is_down(tmp_path: Path) -> None:
    with pytest.raises(ClamdDown):
        asyncio.run(scan(tmp_path / "nobody", [b"x"]))


def test_parts_are_named_by_their_place() -> None:
    message = EmailMessage()
    message.set_content("text")
    message.add_alternative("<p>text", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="zip", filename="a.zip")
    inner = EmailMessage()
    inner.set_content("inner")
    inner.add_attachment(b"y", maintype="application", subtype="zip", filename="b.zip")
    message.add_attachment(inner)
    found = [(part.path, part.type) for part in marks.leaves(message.as_bytes())]
    assert found == [
        ("1.1", "text/plain"), ("1.2", "text/html"), ("2", "application/zip"), ("3.1.1", "text/plain"), ("3.1.2", "application/zip"),
    ]  # fmt: skip
    assert [part.path for part in marks.leaves(b"Subject: x\n\ntext")] == ["1"]
    assert marks.leaves(b"Content-Type: message/rfc822\n\n" * 200) == []


def test_the_alert_cannot_be_written_by_the_virus(tmp_path: Path) -> None:
    subject = "=?utf-8?q?a=0D=0A=0D=0AFrom=3A_b{signature}=E2=80=AE?=" + "x" * 999
    one = session(f"Subject: {subject}", recipients=tuple(f"r{n}@x.jp" for n in range(30)))
    one.macros["auth_authen"] = "box@example.com"
    found = alert.message("mx1.test", one, "Virus")
    assert found["To"] == "box@example.com"
    assert found.get_all("From") == ["Virus Alert <postmaster@example.com>"]
    lines = [line for line in found.get_content().splitlines() if "From: b" in line]
    assert [line.startswith(("  Subject: a", "  件名:       a")) for line in lines] == [True, True]
    assert all("{signature}" in line and "\u202e" not in line and len(line) < 450 for line in lines)
    assert "r19@x.jp, …" in found.get_content()


# --- archives
def zipped(*contents: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.bin", content)
    return file.getvalue()


def carrying(content: bytes) -> bytes:
    message = EmailMessage()
    message["Subject"] = "archive"
    message.set_content("text")
    message.add_attachment(content, maintype="application", subtype="zip", filename="a.zip")
    return message.as_bytes()


TWO_MB = bytes(2 * MB)


@pytest.mark.parametrize(
    ("content", "over_1_mb", "over_3_mb"),
    [
        (zipped(TWO_MB), True, False),
        (zipped(*[bytes(MB // 2)] * 4), True, False),
        (zipped(zipped(zipped(TWO_MB))), True, False),
        (gzip.compress(TWO_MB), True, False),
        (bz2.compress(TWO_MB), True, False),
        (lzma.compress(TWO_MB), True, False),
        (gzip.compress(zipped(TWO_MB)), True, False),
        (zipped(b"small"), False, False),
        (zipped(TWO_MB)[:-30], False, False),
        (b"PK\x03\x04 nonsense", False, False),
        (b"\x1f\x8b nonsense", False, False),
        (bytes(MB // 2), False, False),
        (TWO_MB, True, False),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), None, None),
    ],
)
def test_archives_are_measured_by_what_is_in_them(content: bytes, over_1_mb: bool | None, over_3_mb: bool | None) -> None:
    message = carrying(content)
    assert unpacked.exceeds(message, MB) is over_1_mb
    assert unpacked.exceeds(message, 3 * MB) is over_3_mb


def test_a_bomb_is_not_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    real = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, n: int = -1) -> bytes:
        nonlocal read
        found = real(self, n)
        read += len(found)
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    assert unpacked.exceeds(carrying(zipped(bytes(50 * MB))), MB) is True
    assert read <= 2 * MB


# --- who owns what
def test_an_extension_belongs_to_its_address() -> None:
    assert without_extension("box+news@x.jp") == "box@x.jp"
    assert without_extension("+news@x.jp") == "+news@x.jp"
    assert owners("A@x.jp, b@x.jp") == ["a@x.jp", "b@x.jp"]
    assert owners("") == [""]


def test_a_refused_recipient_is_told_from_others_and_named_in_the_error_mail() -> None:
    assert refused_address("a+b@x.jp") == "a+b=x.jp@refused.tegami.invalid"
    assert xtext("a+b=c@x.jp") == "a+2Bb+3Dc@x.jp"
