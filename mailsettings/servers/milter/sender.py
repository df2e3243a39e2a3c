"""Which addresses a From header names, however it is written. Pure.

RFC 5322 where a header keeps to it. Where it does not (display names with bare `( ) < > [ ] : ; @ , .` or a lone
quote), what stands in angle brackets is the address and the rest is the name. Encoded words are names, never
addresses: they are not decoded before the address is looked for (RFC 2047, 6.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import idna

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
# A quoted string before an @ is a local part, else a name.
LOCAL_PART_FOLLOWS = re.compile(r"\s*@")
IN_BRACKETS = re.compile(r"<([^<>]*)>|<([^<>]*)$")
BETWEEN = re.compile(r"[,;]")
# No controls, blanks or stray bytes (surrogates); dots wherever they stand: `a..b@` and `.a@` exist in Japan.
LOCAL = r'(?:"(?:[^"\\]|\\.)*"|[^\s<>()\[\]:;@,"\\\x00-\x20\x7f\ud800-\udfff]+)'
DOMAIN = r"(?:[^\s<>()\[\]:;@,\"\\\x00-\x20\x7f\ud800-\udfff]+|\[[0-9A-Za-z.:]+\])"
ADDRESS = re.compile(rf"({LOCAL})@({DOMAIN})")


def addresses_in(*values: str) -> tuple[str, ...]:
    """The addresses of these From headers, each once, in lower case with A-label domains; () when there are none."""
    found = (address for value in values for address in _addresses(" ".join(value.split())))
    return tuple(dict.fromkeys(found))


def _addresses(value: str) -> list[str]:
    """By the strictest reading that finds any: names in quotes and comments left out, then what looks like them too."""
    unquoted = without_quoted(value)
    for text in (without_comments(unquoted), without_comments(value), unquoted, value):
        if found := _in_text(text):
            return found
    return []


def without_quoted(value: str) -> str:
    """The value without quoted names; a quote that is never closed is a letter."""
    kept, position = [], 0
    while (start := value.find('"', position)) >= 0 and (quoted := QUOTED.match(value, start)):
        local_part = LOCAL_PART_FOLLOWS.match(value, quoted.end())
        kept += [value[position:start], quoted[0] if local_part else " "]
        position = quoted.end()
    return "".join((*kept, value[position:]))


def without_comments(value: str) -> str:
    """The value without (comments, (nested) ones too); a bracket without its partner is a letter."""
    kept, position = [], 0
    for start, end in _comments(value):
        kept += [value[position:start], " "]
        position = end
    return "".join((*kept, value[position:]))


def _comments(value: str) -> list[tuple[int, int]]:
    open_at: list[int] = []
    pairs: list[tuple[int, int]] = []
    for match in re.finditer(r"\\.|[()]", value):
        if match[0] == "(":
            open_at.append(match.start())
        elif match[0] == ")" and open_at:
            start = open_at.pop()
            while pairs and pairs[-1][0] > start:  # nested ones go with it
                pairs.pop()
            pairs.append((start, match.end()))
    return pairs


def _in_text(text: str) -> list[str]:
    inside = [content for match in IN_BRACKETS.finditer(text) for content in _bracketed(match[1] or match[2] or "")]
    outside = [word for part in BETWEEN.split(_beside_brackets(text)) for word in _bare(part)]
    if inside:
        # "a@b" in a name is more often "at" than an address; with a domain of two labels it is one.
        outside = [address for address in outside if "." in address.rpartition("@")[2]]
    return list(dict.fromkeys(_cleaned(address) for address in (*outside, *inside)))


def _beside_brackets(text: str) -> str:
    """What remains once each `name <address>` has gone: the name belongs to the bracket that follows it."""
    found = [match for match in IN_BRACKETS.finditer(text) if _bracketed(match[1] or match[2] or "")]
    kept, position = [], 0
    for match in found:
        before = text[position : match.start()]
        separators = list(BETWEEN.finditer(before))
        kept.append(before[: separators[-1].end()] if separators else "")
        position = match.end()
    return ",".join((*kept, text[position:]))


def _bracketed(content: str) -> list[str]:
    # The old source route, <@relay:a@b>, and <mailto:a@b>.
    address = "".join(content.rpartition(":")[2].split())
    return [address] if ADDRESS.fullmatch(address) else []


def _bare(part: str) -> Iterable[str]:
    """A part between commas without brackets: an address, or words among which there are some."""
    if ADDRESS.fullmatch(part.strip()):
        return [part.strip()]
    tight = "".join(part.split()) if part.count("@") == 1 and re.search(r"\s@|@\s", part) else ""
    words = [tight] if tight and ADDRESS.fullmatch(tight.rpartition(":")[2]) else part.split()
    return _matching(word.rpartition(":")[2] for word in words)


def _matching(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if ADDRESS.fullmatch(word))


def _cleaned(address: str) -> str:
    local, _, domain = address.rpartition("@")
    domain = domain.rstrip(".").lower()
    with suppress(idna.IDNAError, UnicodeError):
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    return f"{local.lower()}@{domain}"
