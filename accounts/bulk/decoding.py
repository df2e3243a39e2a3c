"""Bytes → text: UTF-8 with or without BOM, UTF-16 with BOM, Shift_JIS as Excel in Japanese writes it (CP932)."""

import codecs
import re
from typing import Final

BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Single bytes that Python's cp932 lets pass though no text has them: 80, A0, FD to FF.
STRAY: Final = re.compile("[\x80\xa0\uf8f0-\uf8f3]")


class Undecodable(Exception):
    """`before` = the text in front of the first byte that no text has."""

    def __init__(self, before: str) -> None:
        super().__init__("undecodable")
        self.before = before


def decoded(content: bytes) -> str:
    """The text without its BOM. Raises `Undecodable`."""
    for bom, encoding in BOMS:
        if content.startswith(bom):
            text, before = _tried(content[len(bom) :], encoding)
            break
    else:
        text, before = _either(content)
    if text is None:
        raise Undecodable(before)
    return text


def _either(content: bytes) -> tuple[str | None, str]:
    """UTF-8 is hardly ever met by chance, so it is tried first; of two failures the one that got further counts."""
    text, before = _tried(content, "utf-8")
    if text is not None:
        return text, ""
    text, before_japanese = _tried(content, "cp932")
    return text, max(before, before_japanese, key=lambda found: len(found.encode("utf-8")))


def _tried(content: bytes, encoding: str) -> tuple[str | None, str]:
    """The text, or None and what can be read in front of the first bad byte."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        return None, _up_to_stray(content[: error.start].decode(encoding, "ignore"), encoding)
    before = _up_to_stray(text, encoding)
    return (text, "") if len(before) == len(text) else (None, before)


def _up_to_stray(text: str, encoding: str) -> str:
    found = STRAY.search(text) if encoding == "cp932" else None
    return text[: found.start()] if found else text
