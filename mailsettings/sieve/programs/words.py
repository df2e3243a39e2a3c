"""Texts within mail: encoded words, file names, charsets. Any of it is hostile; nothing here raises for what it reads."""

from __future__ import annotations

import binascii
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from .mime import Buffer, Part, parameters

ENCODED = re.compile(rb"=\?([!-<>@-~]{1,80})\?([bBqQ])\?([^?\r\n]*)\?=")
BETWEEN = re.compile(rb"(=\?[^?\s]+\?[bBqQ]\?[^?\r\n]*\?=)\s+(?==\?[^?\s]+\?[bBqQ]\?)")
# Python knows codecs that are no charsets, and two whose cost grows with the square of the text (idna, punycode).
CHARSET = re.compile(r"^(utf|us-ascii|ascii|ansi|iso|cp|windows|x-|shift|sjis|ms932|euc|big5|gb|hz|koi8|mac|latin|ks|tis|johab)")
OURS = {"shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "ms932": "cp932", "windows-31j": "cp932"}
LONGEST_NAME = 100
# Controls, formatting (right-to-left overrides among it), halves of surrogate pairs, line and paragraph separators.
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def codec(charset: str) -> str | None:
    """Python's name for the charset, None for what is none."""
    name = charset.strip().lower()
    name = OURS.get(name, name)
    try:
        b"".decode(name)
    except (LookupError, ValueError):
        return None
    return name if CHARSET.match(name) else None


def decode(text: bytes, charset: str = "") -> str:
    """In the charset named; without one that works in UTF-8, else in what Japanese mail uses."""
    if name := codec(charset):
        return text.decode(name, "replace")
    for guess in ("iso2022_jp",) if b"\x1b$" in text else ("utf-8", "cp932"):
        try:
            return text.decode(guess)
        except UnicodeDecodeError:
            continue
    return text.decode("latin-1")


def decode_words(value: bytes) -> str:
    """A header's value with its encoded words (RFC 2047) decoded, those within quotes too: many programs write them there."""
    out: list[str] = []
    run: list[tuple[str, bytes]] = []
    place = 0
    joined = BETWEEN.sub(rb"\1", value)
    for found in ENCODED.finditer(joined):
        if found.start() > place:
            out += [_joined(run), decode(joined[place : found.start()])]
            run = []
        run.append((found[1].decode().partition("*")[0].lower(), _word(found[2], found[3])))
        place = found.end()
    return "".join([*out, _joined(run), decode(joined[place:])])


def _joined(run: list[tuple[str, bytes]]) -> str:
    """Neighbours of one charset are decoded as one: some programs cut a character in two."""
    groups: list[tuple[str, bytes]] = []
    for charset, text in run:
        if groups and groups[-1][0] == charset:
            groups[-1] = (charset, groups[-1][1] + text)
        else:
            groups.append((charset, text))
    return "".join(decode(text, charset) for charset, text in groups)


def _word(how: bytes, text: bytes) -> bytes:
    return binascii.a2b_qp(text, header=True) if how in b"qQ" else _base64(text)


def _base64(text: bytes) -> bytes:
    """As much as there is: some programs cut the end off, or leave out the padding."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    return binascii.a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"=" * (-len(letters) % 4 % 3))


def content(raw: Buffer, part: Part) -> bytes:
    """What the part holds, its transfer encoding undone."""
    body = bytes(raw[part.body : part.end])
    if part.encoding == "base64":
        return _base64(body)
    return binascii.a2b_qp(body) if part.encoding == "quoted-printable" else body


def body_text(raw: Buffer, part: Part) -> str:
    """The text of a text part."""
    return decode(content(raw, part), charset_of(part))


def charset_of(part: Part) -> str:
    """As the part says; "" for nothing."""
    return parameters(b";" + part.fields.get(b"content-type", b"")).get("charset", b"").decode("latin-1")


def file_name(part: Part) -> str:
    """What the part calls itself, fit to be shown: one line, nothing unseen, at most LONGEST_NAME letters; "" for no name."""
    disposition = parameters(b";" + part.fields.get(b"content-disposition", b""))
    kind = parameters(b";" + part.fields.get(b"content-type", b""))
    return shown(_parameter(disposition, "filename") or _parameter(kind, "name"))


def _parameter(found: dict[str, bytes], name: str) -> str:
    if f"{name}*" in found or f"{name}*0*" in found or f"{name}*0" in found:
        return _extended(found, name)
    return decode_words(found.get(name, b""))


def _extended(found: dict[str, bytes], name: str) -> str:
    """RFC 2231: `name*=charset''percent-encoded`, or in numbered pieces."""
    pieces = [found[f"{name}*"]] if f"{name}*" in found else []
    encoded = bool(pieces) or f"{name}*0*" in found
    while not pieces or len(pieces) <= 99:
        number = len(pieces)
        piece = found.get(f"{name}*{number}*", found.get(f"{name}*{number}"))
        if piece is None:
            break
        pieces.append(piece)
    text = b"".join(pieces)
    if not encoded:
        return decode_words(text)
    charset, _, rest = text.partition(b"'")
    return decode(unquote_to_bytes(rest.partition(b"'")[2]), charset.decode("latin-1"))


def shown(text: str) -> str:
    """Fit for a line of plain text."""
    plain = "".join(letter for letter in text[:4096] if unicodedata.category(letter) not in UNSEEN)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"
