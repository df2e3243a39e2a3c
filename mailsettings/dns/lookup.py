"""Asking DNS: each question with a time limit of its own, every one asked once, all of a check beside each other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdtypes.ANY.TXT
import dns.resolver

from mailsettings.dns.answers import Answer, Said
from mailsettings.dns.judge import Finding, judge
from mailsettings.dns.records import Place, Record

QUESTION_S, SERVER_S = 2.5, 1.0  # for one question; for one try at one server
CHECK_S = 5.0
# An SPF record may refer to ten others, each of which to as many addresses: nobody makes us ask more than this.
QUESTIONS_MAX = 120
VALUES_MAX, TEXT_MAX = 30, 4_096
EDNS_BYTES = 1232
NAME = re.compile(r"^[!-~]{1,253}$")
Resolvers = Sequence[tuple[str, int]]


def check(place: Place, records: Sequence[Record], resolvers: Resolvers) -> list[Finding]:
    """What DNS says of each record, after at most `CHECK_S`. `resolvers`: (address, port); none = the system's."""
    return asyncio.run(_check(place, records, resolvers))


async def _check(place: Place, records: Sequence[Record], resolvers: Resolvers) -> list[Finding]:
    questions = Questions(resolvers)
    try:
        return await judge(place, records, questions.ask, CHECK_S)
    finally:
        questions.cancel()


class Questions:
    """Asks each question once, however many judgements need its answer."""

    def __init__(self, resolvers: Resolvers) -> None:
        self.resolver = _resolver(resolvers)
        self.asked: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    async def ask(self, name: str, kind: str) -> Answer:
        """The answer; one that could not be had is `UNKNOWN`."""
        key = (name.lower().rstrip("."), kind)
        if key not in self.asked:
            if len(self.asked) >= QUESTIONS_MAX:
                return Answer(Said.UNKNOWN)
            self.asked[key] = asyncio.ensure_future(self._ask(*key))
        # One judgement that gives up takes nobody else's answer away.
        return await asyncio.shield(self.asked[key])

    async def _ask(self, name: str, kind: str) -> Answer:
        if self.resolver is None:
            return Answer(Said.UNKNOWN)
        if not NAME.match(name):
            return Answer(Said.NO_NAME)
        try:
            found = await self.resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, search=False, lifetime=QUESTION_S)
        except dns.resolver.NXDOMAIN:
            return Answer(Said.NO_NAME)
        except (dns.resolver.NoNameservers, dns.exception.Timeout, dns.resolver.YXDOMAIN, OSError, EOFError):
            return Answer(Said.UNKNOWN)
        except dns.exception.DNSException:
            return Answer(Said.NO_NAME)  # no name that DNS could hold
        values = tuple(_text(row) for row in list(found.rrset or ())[:VALUES_MAX])
        return Answer(Said.FOUND if values else Said.NOTHING, values, _plain(found.canonical_name.to_text()))

    def cancel(self) -> None:
        """Nobody waits any more."""
        for task in self.asked.values():
            task.cancel()


def _resolver(resolvers: Resolvers) -> dns.asyncresolver.Resolver | None:
    try:
        found = dns.asyncresolver.Resolver(configure=not resolvers)
    except dns.resolver.NoResolverConfiguration:
        return None
    if resolvers:
        found.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in resolvers]
    found.timeout = SERVER_S
    # A key of 2048 bits fits into one packet then.
    found.use_edns(0, 0, EDNS_BYTES)
    return found


def _text(row: object) -> str:
    """A record as `records` writes them."""
    if isinstance(row, dns.rdtypes.ANY.TXT.TXT):
        return b"".join(row.strings).decode("utf-8", "backslashreplace")[:TEXT_MAX]
    return " ".join(_plain(word) for word in str(row).split())[:TEXT_MAX]


def _plain(name: str) -> str:
    return name.lower() if name == "." else name.lower().rstrip(".")
