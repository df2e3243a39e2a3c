"""One quoting function for each place of a Sieve script that holds what people typed. Controls are refused with ValueError.

Scripts use variables (RFC 5229), which expand `${name}` in every string, and Pigeonhole decodes `${hex:24}` *before* it
looks for them; so a typed `${` becomes `${dollar}{`, of a variable that holds "$": what was expanded is not read again.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

DOLLAR = 'set "dollar" "$";'
# Cc: control characters; Cs: halves of surrogate pairs, which UTF-8 cannot carry; Zl, Zp: other ideas of a new line.
FORBIDDEN = {"Cc", "Cs"}
UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}
LONGEST_NAME = 80


def _plain(text: str, allowed: str = "") -> str:
    for character in text:
        if character not in allowed and unicodedata.category(character) in FORBIDDEN:
            raise ValueError(f"U+{ord(character):04X} cannot be written to a Sieve script")
    return text.replace("${", "${dollar}{")


def quoted(text: str) -> str:
    """A quoted string, one line, with nothing in it that is expanded."""
    return f'"{_plain(text).replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'


def several(texts: list[str] | tuple[str, ...]) -> str:
    """A string list; one text stands alone."""
    return quoted(texts[0]) if len(texts) == 1 else f"[{', '.join(quoted(text) for text in texts)}]"


def text_block(text: str) -> list[str]:
    """The lines of a multi-line string, `text:` to the dot that ends it: the text's own leading dots are doubled (RFC 5228 2.4.2)."""
    lines = _plain(text.replace("\r\n", "\n").replace("\r", "\n"), allowed="\t\n").split("\n")
    return ["text:", *(f".{line}" if line.startswith(".") else line for line in lines), "."]


def pattern(text: str) -> str:
    """The text for `:matches`, where it stands for itself; to be quoted."""
    return "".join(f"\\{character}" if character in "\\*?" else character for character in text)


def letters(text: str) -> str:
    """The text for `:regex` in either case of every letter, since the only comparators know ASCII's alone; to be quoted."""
    return "".join(_letter(character) for character in text)


def _letter(character: str) -> str:
    if character.isascii():
        return f"\\{character}" if character in r".[]{}()*+?^$|" + "\\" else character
    forms = sorted({character, character.lower(), character.upper()})
    return character if len(forms) == 1 else f"({'|'.join(forms)})"


def comment(text: str) -> str:
    """The text for a `#` comment: in one line whatever is in it, and not longer than a line should be."""
    visible = "".join(" " if unicodedata.category(character) in UNPRINTED else character for character in text)
    return visible if len(visible) <= LONGEST_NAME else f"{visible[: LONGEST_NAME - 1]}…"


def percent(text: str) -> str:
    """The text for a part of a `mailto:` address (RFC 6068)."""
    return quote(text, safe="@")
