"""What DNS answers, as plain values; all of it is other people's text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class Said(StrEnum):
    """What became of a question. `UNKNOWN` says nothing about the record: it is never called missing."""

    FOUND = "found"
    NOTHING = "nothing"  # the name is there without such a record
    NO_NAME = "no_name"  # there is no such name (NXDOMAIN)
    UNKNOWN = "unknown"  # no answer in time, or the name servers have a fault


@dataclass(frozen=True, slots=True)
class Answer:
    """`values` as `records` writes them: texts whole, names in lower case without their last dot. `canonical` = the name that
    they were found at, another one where CNAMEs lead there."""

    said: Said
    values: tuple[str, ...] = ()
    canonical: str = ""

    @property
    def is_there(self) -> bool:
        return self.said == Said.FOUND


Ask = Callable[[str, str], Awaitable[Answer]]  # name, kind of record


class NoAnswer(Exception):
    """A question that a judgement needs got no answer."""


async def known(ask: Ask, name: str, kind: str) -> Answer:
    """The answer. Raises `NoAnswer` for an unknown one."""
    found = await ask(name, kind)
    if found.said == Said.UNKNOWN:
        raise NoAnswer(name)
    return found


async def addresses_of(ask: Ask, name: str) -> tuple[str, ...]:
    """IPv4 and IPv6 addresses of a name. Raises `NoAnswer`."""
    return (*(await known(ask, name, "A")).values, *(await known(ask, name, "AAAA")).values)
