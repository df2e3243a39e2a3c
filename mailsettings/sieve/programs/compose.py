"""What the programs write themselves: small text parts, headers without what said how the old body was made."""

from __future__ import annotations

import binascii
import re

from .mime import Buffer, Part

NEWLINE = re.compile(rb"\r?\n")
# Of the header, what describes a body (RFC 2045 reserves every name that begins with Content-).
DESCRIBES_BODY = re.compile(rb"(?im)^(?:content-[!-9;-~]*|mime-version)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")


def line_break(raw: Buffer) -> bytes:
    """The one that the message uses."""
    found = NEWLINE.search(raw)
    return found[0] if found else b"\r\n"


def header_of(raw: Buffer, part: Part) -> bytes:
    """The part's header without the empty line, and without what describes its body."""
    header = DESCRIBES_BODY.sub(b"", bytes(raw[part.header : part.body]))
    newline = line_break(raw)
    kept = header.rstrip(b"\r\n")
    return kept + newline if kept else b""


def text_part(text: str, newline: bytes, *, kind: str = "plain") -> bytes:
    """Header and body of a text part in UTF-8 and base64: any mail program reads it, no relay changes it."""
    encoded = binascii.b2a_base64(text.replace("\n", "\r\n").encode("utf-8", "replace"), newline=False)
    lines = [encoded[place : place + 76] for place in range(0, len(encoded), 76)]
    header = [
        f"Content-Type: text/{kind}; charset=UTF-8".encode(),
        b"Content-Disposition: inline",
        b"Content-Transfer-Encoding: base64",
        b"",
    ]
    return newline.join([*header, *lines, b""])


class Edits:
    """Replacements within a message, each of a range of bytes; given in order, none within another."""

    def __init__(self, raw: Buffer) -> None:
        self.raw = raw
        self.found: list[tuple[int, int, bytes]] = []

    def replace(self, start: int, end: int, by: bytes) -> None:
        self.found.append((start, end, by))

    def pieces(self) -> list[bytes | memoryview]:
        """The message with all of them made, without a copy of what stays."""
        view, place, out = memoryview(self.raw), 0, list[bytes | memoryview]()
        for start, end, by in sorted(self.found):
            out += [view[place:start], by]
            place = end
        return [*out, view[place:]]


def mixed_instead_of_signed(raw: Buffer, part: Part, edits: Edits) -> None:
    """A multipart/signed whose content was changed is signed no longer: programs show it as broken, or not at all."""
    found = re.compile(rb"(?i)multipart/signed").search(raw, part.header, part.body)
    if found:
        edits.replace(found.start(), found.end(), b"multipart/mixed")
