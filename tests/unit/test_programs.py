"""The programs that scripts run: what they take out, what they leave as it was, and that nothing in a message stops them."""

from __future__ import annotations

import email
import email.policy
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage, Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsettings.sieve.programs import headers_only, mime, strip_attachments, strip_virus, teach, words
from mailsettings.sieve.programs.header_has import header_has

JAPANESE = "請求書をお送りします。\nよろしくお願いします。\n"


def message(body: str = "hello\n", charset: str = "utf-8", cte: str | None = None) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@outside.test", "b@ours.test", "ご請求 invoice"
    made["Message-ID"] = "<1@outside.test>"
    made.set_content(body, charset=charset, cte=cte)
    return made


def with_files(*names: str, **how: str) -> EmailMessage:
    made = message(JAPANESE, **how)
    for name in names:
        made.add_attachment(f"content of {name}".encode(), maintype="application", subtype="octet-stream", filename=name)
    return made


def raw_of(made: Message) -> bytes:
    return made.as_bytes(policy=email.policy.SMTP)


def stripped(raw: bytes) -> EmailMessage:
    return parsed(b"".join(strip_attachments.strip(raw)))


def parsed(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def texts(made: EmailMessage) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in made.walk() if part.get_content_maintype() == "text"]


# --- where parts are
def test_parts_are_counted_by_their_places() -> None:
    made = with_files("a.bin", "b.bin")
    made.get_payload(0).add_alternative("<p>x</p>", subtype="html")  # type: ignore[union-attr]
    made.attach(inner := EmailMessage())
    inner.set_content(with_files("c.bin"))
    leaves = {part.path: part.type for part in mime.parse(raw_of(made)).leaves()}
    assert leaves == {
        "1.1": "text/plain", "1.2": "text/html", "2": "application/octet-stream", "3": "application/octet-stream",
        "4.1.1": "text/plain", "4.1.2": "application/octet-stream",
    }  # fmt: skip
    assert [part.path for part in mime.parse(raw_of(message())).leaves()] == ["1"]


def test_a_parts_bytes_are_those_that_pythons_reader_finds() -> None:
    raw = raw_of(with_files("a.bin", "b.bin"))
    ours = [words.body_text(raw, part).replace("\r\n", "\n") for part in mime.parse(raw).leaves()]
    theirs = [part.get_payload(decode=True).decode().replace("\r\n", "\n") for part in parsed(raw).walk() if not part.is_multipart()]  # type: ignore[union-attr]
    assert [text.rstrip("\n") for text in ours] == [text.rstrip("\n") for text in theirs]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_lines_that_only_look_like_a_delimiter_are_text(newline: bytes) -> None:
    raw = newline.join([b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"", b"--bb", b"--", b" --b", b"--b--x", b"--b--", b""])
    root = mime.parse(raw)
    assert [raw[part.body : part.end] for part in root.children] == [newline.join([b"--bb", b"--", b" --b", b"--b--x"])]


def test_a_delimiter_ends_a_header_that_has_no_end() -> None:
    root = mime.parse(b"Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n--b\n\ntext\n--b--\n")
    assert len(root.children) == 2


def test_too_many_parts_or_levels_are_refused() -> None:
    many = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * (mime.MAX_PARTS + 1)
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(mime.MAX_DEPTH + 1))
    for raw in (many, deep, b"Content-Type: message/rfc822\n\n" * (mime.MAX_DEPTH + 1)):
        with pytest.raises(mime.TooComplex):
            mime.parse(raw)


# --- strip-attachments
def test_attachments_go_and_a_note_names_them() -> None:
    left = stripped(raw_of(with_files("請求書.pdf", "b.zip")))
    assert [part.get_content_type() for part in left.walk()] == ["multipart/mixed", "text/plain", "text/plain"]
    assert texts(left)[0] == JAPANESE
    note = texts(left)[1]
    assert "請求書.pdf" in note and "b.zip" in note and "Attachments" in note and "添付" in note


@pytest.mark.parametrize("how", [{"charset": "iso-2022-jp", "cte": "7bit"}, {"charset": "utf-8", "cte": "8bit"}, {"charset": "shift_jis"}])
def test_what_stays_is_the_same_byte_for_byte(how: dict[str, str]) -> None:
    raw = raw_of(with_files("a.bin", **how))
    left = b"".join(strip_attachments.strip(raw))
    first = mime.parse(raw).children[0]
    assert left.startswith(raw[: first.end])


def test_a_message_without_attachments_is_the_same_byte_for_byte() -> None:
    made = message()
    made.add_related(b"png", maintype="image", subtype="png", cid="<1>", disposition="inline", filename="logo.png")
    raw = raw_of(made)
    assert b"".join(strip_attachments.strip(raw)) == raw


def test_attachments_of_a_message_within_go_too() -> None:
    outer = message()
    outer.make_mixed()
    outer.attach(inner := EmailMessage())
    inner.set_content(with_files("a.bin"))
    assert b"Content-Disposition: attachment" not in raw_of(inner)[:200]
    left = stripped(raw_of(outer))
    assert not [part for part in left.walk() if part.get_content_disposition() == "attachment"]
    assert any("a.bin" in text for text in texts(left))


def test_a_message_that_is_an_attachment_itself_keeps_its_header() -> None:
    made = message()
    made.clear_content()
    made.set_content(b"pdf", maintype="application", subtype="pdf", disposition="attachment", filename="scan.pdf")
    left = stripped(raw_of(made))
    assert (left["Subject"], left.get_content_type()) == ("ご請求 invoice", "text/plain")
    assert "scan.pdf" in left.get_content()


def signed(*attachments: str) -> bytes:
    content = with_files(*attachments) if attachments else message()
    lines = [b"From: a@outside.test", b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=s', b"", b"--s"]
    signature = [b"--s", b"Content-Type: application/pkcs7-signature", b"Content-Disposition: attachment; filename=smime.p7s", b"", b"MII="]
    return b"\r\n".join([*lines, raw_of(content), *signature, b"--s--", b""])


def test_a_signed_message_without_attachments_stays_signed() -> None:
    assert b"".join(strip_attachments.strip(signed())) == signed()


def test_a_signature_goes_with_the_attachments_that_it_signed() -> None:
    left = stripped(signed("a.bin"))
    assert left.get_content_type() == "multipart/mixed"
    assert not [part for part in left.walk() if part.get_content_disposition() == "attachment"]


HOSTILE_NAMES = {
    'filename="../../etc/passwd\t\x07"': "../../etc/passwd",
    "filename*=UTF-8''%E2%80%AEgpj.exe": "gpj.exe",
    "filename*0*=iso-2022-jp''%1B$B@A; filename*1=x": "�",
    'filename="=?ISO-2022-JP?B?GyRCQEE1YT1xGyhCLnBkZg==?="': "請求書.pdf",
    'filename="=?utf-8?B?6KuL?= =?utf-8?B?5rGC?="': "請求",
    'filename="=?idna?Q?xn--x?="': "xn--x",
    "filename=" + "a" * 5000: "a" * 99 + "…",
    'filename="a\\"b"': 'a"b',
    "filename*=zlib''%78%9c": "x",
    'filename="\u8acb\u6c42"': "請求",
}


@pytest.mark.parametrize("disposition", HOSTILE_NAMES)
def test_a_hostile_file_name_is_one_harmless_line(disposition: str) -> None:
    raw = f"Content-Disposition: attachment; {disposition}\n\nx".encode()
    name = words.file_name(mime.parse(raw))
    assert HOSTILE_NAMES[disposition] in name and len(name) <= words.LONGEST_NAME and name.isprintable()


# --- strip-virus
def infected(made: EmailMessage, *parts: str) -> bytes:
    named = "".join(f"X-Tegami-Virus-Part: {path} Eicar-Test\r\n" for path in parts)
    return b"X-Tegami-Virus: Eicar-Test\r\n" + named.encode() + raw_of(made)


def cleaned(raw: bytes, form: str) -> EmailMessage:
    return parsed(b"".join(strip_virus.strip(raw, form)))


@pytest.mark.parametrize("form", strip_virus.FORMS)
def test_the_infected_part_is_gone_and_the_others_are_not(form: str) -> None:
    left = b"".join(strip_virus.strip(infected(with_files("bad.exe", "good.txt"), "2"), form))
    bodies = [part.get_payload(decode=True) for part in parsed(left).walk() if not part.is_multipart()]
    assert b"content of good.txt" in bodies and b"content of bad.exe" not in bodies
    assert any("bad.exe" in text and "Eicar-Test" in text for text in texts(parsed(left)))


def test_platinum_warns_first_and_attaches_the_original() -> None:
    left = cleaned(infected(with_files("bad.exe"), "2"), "platinum")
    warning, original = left.iter_parts()
    assert (left["Subject"], left.get_content_type()) == ("ご請求 invoice", "multipart/mixed")
    assert warning.get_content().startswith("Warning") and "警告" in warning.get_content()
    assert (original.get_content_type(), original.get_content_disposition()) == ("message/rfc822", "attachment")
    assert JAPANESE in texts(original)[0]  # type: ignore[arg-type]


ENCODINGS: list[dict[str, str]] = [
    {"charset": "iso-2022-jp", "cte": "7bit"}, {"charset": "utf-8", "cte": "base64"}, {"charset": "utf-8", "cte": "quoted-printable"},
    {"charset": "utf-8", "cte": "8bit"}, {"charset": "shift_jis", "cte": "base64"}, {"charset": "euc-jp", "cte": "quoted-printable"},
]  # fmt: skip


@pytest.mark.parametrize("how", ENCODINGS)
def test_hs_puts_its_notice_at_the_head_of_the_text(how: dict[str, str]) -> None:
    raw = infected(with_files("bad.exe", **how), "2")
    left = b"".join(strip_virus.strip(raw, "hs"))
    text = texts(parsed(left))[0]
    assert text.index("Virus found") < text.index("ウイルス検出") < text.index(JAPANESE)
    assert "bad.exe" in text and "Eicar-Test" in text
    # Not a byte of what was written is another.
    part = mime.parse(raw).children[0]
    assert raw[part.body : part.end] in left


def test_hs_tells_readers_of_html_too() -> None:
    made = message("plain\n", charset="us-ascii")
    made.add_alternative("<p>html</p>", subtype="html", charset="us-ascii")
    made.add_attachment(b"x", maintype="application", subtype="octet-stream", filename="<script>.exe")
    plain, html = texts(cleaned(infected(made, "2"), "hs"))[:2]
    assert "ウイルス検出" in plain and plain.endswith("plain\n")
    assert "&lt;script&gt;.exe" in html and "<script>" not in html and html.index("Virus found") < html.index("<p>html</p>")


def test_hs_writes_its_notice_beside_a_mail_without_text() -> None:
    made = EmailMessage()
    made["From"] = "a@outside.test"
    made.make_mixed()
    for name in ("a.exe", "b.exe"):
        made.add_attachment(name.encode(), maintype="application", subtype="octet-stream", filename=name)
    left = cleaned(infected(made, "1"), "hs")
    assert [part.get_content_type() for part in left.iter_parts()] == ["text/plain", "text/plain", "application/octet-stream"]
    assert "Virus found" in texts(left)[0]


@pytest.mark.parametrize("form", strip_virus.FORMS)
@pytest.mark.parametrize("parts", [(), ("9",), ("2", "9"), ("1.1",), ("2.",), ("",)])
def test_where_the_part_is_not_found_everything_goes(form: str, parts: tuple[str, ...]) -> None:
    left = cleaned(infected(with_files("bad.exe"), *parts), form)
    assert (left.get_content_type(), left["Subject"]) == ("text/plain", "ご請求 invoice")
    assert "Eicar-Test" in left.get_content() and JAPANESE not in left.get_content()


@pytest.mark.parametrize("form", strip_virus.FORMS)
def test_a_message_that_is_nothing_but_the_virus(form: str) -> None:
    left = cleaned(infected(message("virus itself\n"), "1"), form)
    assert not any("virus itself" in text for text in texts(left))
    assert "Eicar-Test" in texts(left)[0]


def test_who_forges_verdicts_within_the_body_gets_nowhere() -> None:
    raw = infected(with_files("bad.exe"), "2") + b"\r\nX-Tegami-Virus-Part: 1 None\r\n"
    assert JAPANESE in texts(cleaned(raw, "hs"))[0]


# --- headers-only, header-has
def test_only_the_header_stays() -> None:
    raw = raw_of(with_files("a.bin"))
    left = parsed(headers_only.headers_only(raw))
    assert (left["Subject"], left["Message-ID"]) == ("ご請求 invoice", "<1@outside.test>")
    assert left.get_content_type() == "text/plain" and JAPANESE not in left.get_content()
    assert len(left.get_all("MIME-Version", [])) == 1


@pytest.mark.parametrize(
    ("keyword", "found"),
    [
        ("ご請求", True), ("INVOICE", True), ("subject: ご", True), ("outside.test", True), ("a@outside", True),
        ("hello", False), ("", False), ("score", False), ("請求書", False), ("long folded value", True), ("日本語", True), ("生の", True),
    ],
)  # fmt: skip
def test_any_text_in_the_header(keyword: str, found: bool) -> None:
    more = "X-Spam-Status: score 7\r\nX-A: long\r\n\tfolded value\r\nX-B: =?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=\r\nX-C: 生の字\r\n"
    assert header_has(more.encode() + raw_of(message()), keyword) is found


# --- teach
@contextmanager
def rspamd(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """A controller that answers one request."""
    asked: list[bytes] = []

    def serve() -> None:
        connection = listener.accept()[0]
        with connection:
            asked.append(connection.recv(65_536))
            time.sleep(0.05)
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        thread.join(5)


def test_teaching_names_the_user_and_the_kind(tmp_path: Path) -> None:
    with rspamd(tmp_path / "r", b"HTTP/1.1 200 OK\r\n\r\n{}") as asked:
        assert teach.learn(str(tmp_path / "r"), "spam", "a@ours.test", b"message") == 200
    assert asked[0].startswith(b"POST /learnspam HTTP/1.0\r\nDeliver-To: a@ours.test\r\n")


def test_teaching_without_rspamd_fails_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teach, "read_message", lambda: b"message")
    monkeypatch.setattr(teach, "end_in_time", lambda: None)
    assert teach.main(["ham", "a@ours.test"], str(tmp_path / "nobody")) == 1
    assert capsys.readouterr().err.startswith("teach ham for a@ours.test: ")


@pytest.mark.parametrize(("kind", "user"), [("spam", "a@b.test\r\nUser: x"), ("fuzzy", "a@b.test"), ("spam", "a")])
def test_nobody_is_taught_what_is_no_lesson(kind: str, user: str) -> None:
    with pytest.raises(ValueError, match="taught"):
        teach.learn("/nowhere", kind, user, b"")


# --- whatever comes
LINES = st.sampled_from(
    [
        b"--b", b"--b--", b"--c", b"--c--", b"", b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: multipart/signed; boundary=c",
        b"Content-Type: message/rfc822", b"Content-Disposition: attachment; filename=x", b"Content-Disposition: attachment;",
        b" filename*=utf-8''%ff", b"Content-Type: text/plain; charset=idna", b"Content-Transfer-Encoding: base64", b"=", b"AAA", b"\xff",
        b"X-Tegami-Virus: V", b"X-Tegami-Virus-Part: 1 V", b"X-Tegami-Virus-Part: 1.1 V", b"X-Tegami-Virus-Part: 2 V", b"EICAR",
    ]
)  # fmt: skip
MESSAGES = st.one_of(
    st.binary(max_size=300), st.builds(lambda found, end: end.join(found), st.lists(LINES, max_size=40), st.sampled_from([b"\n", b"\r\n"]))
)


@given(MESSAGES)
@settings(max_examples=400, deadline=None)
def test_no_message_stops_a_program(raw: bytes) -> None:
    root = mime.parse(raw)
    assert all(0 <= part.mark <= part.header <= part.body <= part.end <= part.after <= len(raw) for part in root.walk())
    assert b"".join(strip_attachments.strip(raw)) == raw or any(part.attached for part in root.walk())
    assert b"".join(strip_virus.strip(raw, "hs")) and b"".join(strip_virus.strip(raw, "platinum"))
    assert headers_only.headers_only(raw)
    header_has(raw, "x")


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), min_size=1, max_size=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_exactly_the_attachments_go(parts: list[tuple[bool, bytes]], within: bool) -> None:
    made = message()
    for number, (attached, content) in enumerate(parts):
        disposition = "attachment" if attached else "inline"
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{number}.bin", disposition=disposition)
    raw = raw_of(made)
    if within:
        raw = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\n" + raw
    left = stripped(raw)
    kept = [part.get_payload(decode=True) for part in left.walk() if part.get_content_type() == "application/octet-stream"]
    assert kept == [content for attached, content in parts if not attached]


@given(MESSAGES, st.sampled_from(strip_virus.FORMS))
@settings(max_examples=300, deadline=None)
def test_a_part_that_was_named_is_never_given_back(raw: bytes, form: str) -> None:
    leaves = [part for part in mime.parse(raw).leaves() if part.end - part.body > 4]
    for part in itertools.islice(leaves, 3):
        marked = b"X-Tegami-Virus: V\nX-Tegami-Virus-Part: %s V\n" % part.path.encode() + raw[: part.body] + b"QEICARQ" + raw[part.body :]
        found = {other.path: other for other in mime.parse(marked).leaves()}.get(part.path)
        if found and b"QEICARQ" in marked[found.body : found.end]:
            assert b"QEICARQ" not in b"".join(strip_virus.strip(marked, form))


def test_large_and_hostile_messages_take_little_time() -> None:
    hostile = [
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--\n" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + b"X: y\n" * 300_000,
        b"Content-Type: (" + b"()" * 15_000 + b"; " + b"a" * 15_000 + b"\n\n",
        b"Content-Disposition: attachment; filename=" + b"=?x?q?" * 5_000 + b"\n\n",
    ]
    for raw in hostile:
        begun = time.monotonic()
        b"".join(strip_attachments.strip(raw))
        assert time.monotonic() - begun < 3
