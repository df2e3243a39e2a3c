"""Reading SPF records (RFC 7208): may an address send for a domain, and how many look-ups does finding out cost?

The whole record is read, not only up to the first term that matches: whoever gets mail from another host reads further.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from mailsettings.dns.answers import Ask, addresses_of, known

LOOKUPS_MAX = 10  # 4.6.4
TERMS_MAX = 100
NAMES_MAX = 10  # of an MX term (4.6.4)
VERSION = re.compile(r"^v=spf1(?: |$)", re.IGNORECASE)
TERM = re.compile(
    r"^(?P<qualifier>[+?~-]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?::(?P<about>[^/\s][^\s]*?))?(?P<cidr>(?:/\d{1,3})?(?://\d{1,3})?)$",
    re.IGNORECASE,
)
MODIFIER = re.compile(r"^(?P<name>[a-z][a-z0-9._-]*)=(?P<about>\S*)$", re.IGNORECASE)
RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
Network = IPv4Network | IPv6Network


class BadSpf(Exception):
    """The record cannot be used by anybody (permerror). `code`: syntax, lookups, include; `about` = the word that is wrong."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code, about)
        self.code, self.about = code, about


@dataclass(frozen=True, slots=True)
class Term:
    """`inner` is set for an include; `everybody` for `all`; otherwise whoever is in the networks."""

    result: str
    networks: tuple[Network, ...] = ()
    everybody: bool = False
    inner: Policy | None = None

    def matches(self, address: str) -> bool:
        if self.inner is not None:
            return self.inner.result_for(address) == "pass"
        return self.everybody or any(ip_address(address) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Policy:
    """A record that has been read, with what it includes."""

    terms: tuple[Term, ...]
    redirect: Policy | None = None

    def result_for(self, address: str) -> str:
        """pass, fail, softfail or neutral."""
        for term in self.terms:
            if term.matches(address):
                return term.result
        return self.redirect.result_for(address) if self.redirect else "neutral"

    def lets_everybody(self) -> bool:
        """`+all`, which is no rule at all. Nobody sends from these two (RFC 1112 4, RFC 6666)."""
        return self.result_for("240.0.0.1") == self.result_for("100::1") == "pass"


class Reader:
    """Reads one record and what it refers to; counts the terms that cost a look-up."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.lookups = 0

    async def read(self, domain: str, text: str) -> Policy:
        """Raises `BadSpf`, `NoAnswer`."""
        words = text.split()[1:]
        if len(words) > TERMS_MAX:
            raise BadSpf("syntax", words[TERMS_MAX])
        modifiers = {match["name"].lower(): match["about"] for word in words if (match := MODIFIER.match(word))}
        terms = await asyncio.gather(*(self._term(domain, word) for word in words if not MODIFIER.match(word)))
        if "redirect" not in modifiers or any(term.everybody for term in terms):
            return Policy(tuple(terms))
        return Policy(tuple(terms), await self._other(modifiers["redirect"]))

    async def _term(self, domain: str, word: str) -> Term:
        match = TERM.match(word)
        if not match:
            raise BadSpf("syntax", word)
        name, about, cidr = match["name"].lower(), match["about"] or "", match["cidr"]
        result = RESULTS[match["qualifier"] or "+"]
        if name == "all":
            return Term(result, everybody=True)
        if name in ("ip4", "ip6"):
            return Term(result, (_network(word, name, about, cidr),))
        self._count(word)
        if name == "include":
            return Term(result, inner=await self._other(about))
        if name in ("ptr", "exists") or "%" in about:
            return Term(result)  # of the client, which is not there to be asked about
        names = [about or domain] if name == "a" else await self._exchanges(about or domain)
        found = [address for one in names for address in await addresses_of(self.ask, one)]
        return Term(result, tuple(_around(word, address, cidr) for address in found))

    def _count(self, word: str) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS_MAX:
            raise BadSpf("lookups", word)

    async def _exchanges(self, domain: str) -> list[str]:
        found = await known(self.ask, domain, "MX")
        return [value.rpartition(" ")[2] for value in found.values[:NAMES_MAX]]

    async def _other(self, domain: str) -> Policy:
        """An included record must be there, once."""
        if "%" in domain:
            return Policy(())
        texts = records((await known(self.ask, domain, "TXT")).values) if domain else ()
        if len(texts) != 1:
            raise BadSpf("include", domain)
        return await self.read(domain, texts[0])


def records(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a name's texts that are SPF records."""
    return tuple(text for text in texts if VERSION.match(text))


def _network(word: str, name: str, about: str, cidr: str) -> Network:
    try:
        found = ip_network(f"{about}{cidr}", strict=False)
    except ValueError:
        raise BadSpf("syntax", word) from None
    if found.version != int(name[2]):
        raise BadSpf("syntax", word)
    return found


def _around(word: str, address: str, cidr: str) -> Network:
    """`/24//64`: the first for IPv4, the second for IPv6."""
    four, _, six = cidr.partition("//")
    length = six if ":" in address else four.removeprefix("/")
    try:
        return ip_network(f"{address}/{length}" if length else address, strict=False)
    except ValueError:
        raise BadSpf("syntax", word) from None
