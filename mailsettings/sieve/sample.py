"""Messages to ask about: made from a form's fields, or given whole; each as it would come out of the milter (servers/milter)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import EmailMessage, Message

from mailsettings.servers.milter.sender import addresses_in
from mailsettings.sieve.settings import AUTH_HEADER, FROM_HEADER, SPAM_HEADER

PRIORITIES = {"high": "1", "low": "5"}
ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=")
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
HEADER_END = re.compile(rb"\r?\n\r?\n")
# What the milter takes off and writes anew.
MARKS = re.compile(rb"(?im)^(?:X-Tegami-From|X-Tegami-Auth):[^\n]*\n(?:[ \t][^\n]*\n)*")


@dataclass(frozen=True, slots=True)
class Sample:
    """A message by its features. `sender`: From as it is written, "" = none, which is also an empty envelope sender."""

    sender: str
    to: str
    subject: str = ""
    header: Mapping[str, str] = field(default_factory=dict)
    attachment: bool = False
    spam: bool = False
    importance: str = "normal"


def message_of(sample: Sample) -> bytes:
    """The message, with what the milter adds; written in raw UTF-8, so that From stays as it was typed."""
    lines = [f"{name}: {_line(value)}" for name, value in _fields(sample)]
    body = _body(sample.attachment)
    return marked("\r\n".join([*lines, body]).encode("utf-8", errors="replace"))


def _fields(sample: Sample) -> list[tuple[str, str]]:
    known = [("From", sample.sender or "<>"), ("To", sample.to), ("Subject", sample.subject)]
    rank = PRIORITIES.get(sample.importance)
    ranked = [("Importance", sample.importance), ("X-Priority", rank)] if rank else []
    spam = [(SPAM_HEADER, "YES")] if sample.spam else []
    own = [(name, value) for name, value in sample.header.items() if re.fullmatch(r"[!-9;-~]+", name)]
    taken = {name.lower() for name, _ in own}
    return [*(pair for pair in known if pair[0].lower() not in taken), *ranked, *spam, *own, ("MIME-Version", "1.0")]


def _line(value: str) -> str:
    return CONTROLS.sub(" ", value)


def _body(attachment: bool) -> str:
    text = "Content-Type: text/plain; charset=utf-8\r\n\r\n\r\n"
    if not attachment:
        return text
    file = 'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="attachment.bin"\r\n\r\nattachment\r\n'
    return f'Content-Type: multipart/mixed; boundary="part"\r\n\r\n--part\r\n{text}--part\r\n{file}--part--\r\n'


def marked(message: bytes) -> bytes:
    """The message with the milter's reading of From in front; its sender counts as proven. Verdicts in it stay as they are.

    A header that hides line ends in encoded words loses them: in Pigeonhole's trace they could pass for steps.
    """
    header, _, body = _parts(message)
    header = ENCODED_WORD.sub(_harmless, MARKS.sub(b"", header + b"\r\n"))
    found = addresses_in(*(_text(value) for value in _values(header, b"from")))
    marks = "".join(f"{FROM_HEADER}: {address}\r\n" for address in found or ("<>",)) + f"{AUTH_HEADER}: pass\r\n"
    return marks.encode("utf-8", errors="replace") + header + b"\r\n" + body


def _parts(message: bytes) -> tuple[bytes, bytes, bytes]:
    end = HEADER_END.search(message)
    return (message[: end.start()], end[0], message[end.end() :]) if end else (message.rstrip(b"\r\n"), b"", b"")


def _values(header: bytes, name: bytes) -> list[bytes]:
    unfolded = re.sub(rb"\r?\n([ \t])", rb"\1", header)
    return [line.partition(b":")[2].strip() for line in unfolded.splitlines() if line.lower().startswith(name + b":")]


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="surrogateescape")


def _harmless(word: re.Match[bytes]) -> bytes:
    try:
        decoded = "".join(
            part.decode(charset or "ascii") if isinstance(part, bytes) else part for part, charset in decode_header(word[0].decode("ascii"))
        )
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return word[0]
    return word[0] if not CONTROLS.search(decoded.replace("\x1b", "")) else _line(decoded).encode("utf-8", errors="replace")


def envelope_sender(message: bytes) -> str:
    """Who the envelope would name: Return-Path where the message has been delivered once, else the first address in From."""
    header = _parts(message)[0]
    for name in (b"return-path", b"from"):
        if values := _values(header, name):
            return next(iter(addresses_in(_text(values[0]))), "")
    return ""


def subject_of(message: Message | EmailMessage) -> str:
    """The subject as people read it."""
    try:
        return str(message.get("Subject", "") or "")
    except (ValueError, IndexError, LookupError):
        return ""
