"""Does DNS hold what it should? Each record's finding, with what was found and what is wrong with it. Asks by `Ask` only."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mailsettings.dns import spf
from mailsettings.dns.answers import Answer, Ask, NoAnswer, Said, addresses_of, known
from mailsettings.dns.records import Place, Record

FOUND_MAX, TEXT_MAX = 5, 600  # values that a finding keeps, and characters of each


class State(StrEnum):
    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


WORST_FIRST = (State.WRONG, State.MISSING, State.UNKNOWN, State.GOOD)


@dataclass(frozen=True, slots=True)
class Finding:
    """`why` = a code of `mailsettings.dns.words`, with its `about`; "" where there is nothing to say."""

    state: State
    found: tuple[str, ...] = ()
    why: str = ""
    about: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One record to be judged, and whom to ask."""

    place: Place
    record: Record
    ask: Ask

    async def answer(self) -> Answer:
        """To the record's own question. Raises `NoAnswer`."""
        return await known(self.ask, self.record.name, self.record.kind)

    async def host_addresses(self) -> frozenset[str]:
        """What the host name has in DNS, and what the operator says it has. Raises `NoAnswer`."""
        return frozenset((*await addresses_of(self.ask, self.place.hostname), *self.place.addresses))


Judge = Callable[[Case], Awaitable[Finding]]


async def judge(place: Place, records: Sequence[Record], ask: Ask, seconds: float) -> list[Finding]:
    """Of each record, in their order. What is not known when the time is up stays unknown."""
    tasks = [asyncio.ensure_future(_judged(Case(place, record, ask))) for record in records]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [Finding(State.UNKNOWN, why="no_answer") if task.cancelled() else task.result() for task in tasks]


async def _judged(case: Case) -> Finding:
    try:
        return await JUDGES[case.record.purpose](case)
    except NoAnswer:
        return Finding(State.UNKNOWN, why="no_answer")


def _missing(answer: Answer, found: Sequence[str] = ()) -> Finding:
    return Finding(State.MISSING, shown(found), "no_name" if answer.said == Said.NO_NAME else "nothing")


def _wrong(found: Sequence[str], why: str, **about: object) -> Finding:
    return Finding(State.WRONG, shown(found), why, {key: str(value)[:TEXT_MAX] for key, value in about.items()})


def _good(found: Sequence[str], why: str = "") -> Finding:
    return Finding(State.GOOD, shown(found), why)


def shown(values: Sequence[str]) -> tuple[str, ...]:
    """What is kept of answers: some of it, on one line, of characters that can be seen."""
    clean = ("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value) for value in values[:FOUND_MAX])
    return tuple(value if len(value) <= TEXT_MAX else f"{value[:TEXT_MAX]}…" for value in clean)


# --- MX
async def _mx(case: Case) -> Finding:
    answer = await case.answer()
    if not answer.is_there:
        return _missing(answer)
    if answer.canonical != case.record.name:
        return _wrong(answer.values, "alias", name=answer.canonical)
    by_name: dict[str, int] = {}
    for preference, name in (value.split(" ", 1) for value in answer.values):
        by_name[name] = min(int(preference), by_name.get(name, int(preference)))
    ours = {name for name in by_name if await _is_host(case, name)}
    if not ours:
        return await _elsewhere(case, answer)
    best = min(by_name.values())
    if min(by_name[name] for name in ours) > best or any(by_name[name] == best for name in by_name.keys() - ours):
        others = sorted(by_name.keys() - ours)
        return _wrong(answer.values, "mx_not_first", others=", ".join(others))
    return await _reachable(case, answer)


async def _is_host(case: Case, name: str) -> bool:
    """The host by its name, or by another one that has its addresses and is no alias (RFC 2181 10.3)."""
    if name == case.place.hostname:
        return True
    answer = await known(case.ask, name, "A")
    addresses = set(await addresses_of(case.ask, name))
    return bool(addresses) and answer.canonical in ("", name) and addresses <= await case.host_addresses()


async def _elsewhere(case: Case, answer: Answer) -> Finding:
    """What is wrong with exchanges none of which is the host."""
    names = [value.rpartition(" ")[2] for value in answer.values]
    if names == ["."]:
        return _wrong(answer.values, "mx_null")
    for name in names:
        if (found := await known(case.ask, name, "A")).canonical == case.place.hostname:
            return _wrong(answer.values, "mx_alias", name=name, host=found.canonical)
    return _wrong(answer.values, "mx_elsewhere", host=case.place.hostname)


async def _reachable(case: Case, answer: Answer) -> Finding:
    if not await addresses_of(case.ask, case.place.hostname):
        return _wrong(answer.values, "host_without_address", host=case.place.hostname)
    return _good(answer.values)


# --- SPF
async def _spf(case: Case) -> Finding:
    answer = await case.answer()
    texts = spf.records(answer.values)
    if not texts:
        return _missing(answer)
    if len(texts) > 1:
        return _wrong(texts, "spf_several")
    reader = spf.Reader(case.ask)
    try:
        policy = await reader.read(case.record.name, texts[0])
    except spf.BadSpf as error:
        return _wrong(texts, f"spf_{error.code}", about=error.about, most=spf.LOOKUPS_MAX)
    return await _permits(case, policy, texts)


async def _permits(case: Case, policy: spf.Policy, texts: tuple[str, ...]) -> Finding:
    addresses = await case.host_addresses()
    if not addresses:
        return _wrong(texts, "host_without_address", host=case.place.hostname)
    refused = sorted(address for address in addresses if policy.result_for(address) != "pass")
    if refused:
        return _wrong(texts, "spf_not_host", host=case.place.hostname, addresses=", ".join(refused))
    return _wrong(texts, "spf_everybody") if policy.lets_everybody() else _good(texts)


# --- DKIM
async def _dkim(case: Case) -> Finding:
    answer = await case.answer()
    if not answer.is_there:
        return _missing(answer)
    if len(answer.values) > 1:
        return _wrong(answer.values, "dkim_several")
    text, wanted = answer.values[0], tags(case.record.value)
    found = tags(text)
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return _wrong(answer.values, "dkim_no_key")
    if not found["p"]:
        return _wrong(answer.values, "dkim_revoked")
    if found["p"] != wanted["p"]:
        return _wrong(answer.values, "dkim_cut" if wanted["p"].startswith(found["p"]) else "dkim_different")
    return _usable(answer.values, found)


def _usable(values: tuple[str, ...], found: dict[str, str]) -> Finding:
    """The right key under conditions that no mail of ours meets (RFC 6376 3.6.1)."""
    hashes, services = found.get("h", "sha256").split(":"), found.get("s", "*").split(":")
    if found.get("k", "rsa").lower() != "rsa" or "sha256" not in hashes or not {"*", "email"} & set(services):
        return _wrong(values, "dkim_conditions")
    return _good(values, "dkim_testing" if "y" in found.get("t", "").split(":") else "")


def tags(text: str) -> dict[str, str]:
    """The `name=value` pairs of a DKIM or DMARC record, blanks left out: they are no part of a key (RFC 6376 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): re.sub(r"\s+", "", value) for name, equals, value in pairs if equals}


# --- DMARC
async def _dmarc(case: Case) -> Finding:
    answer = await case.answer()
    texts = tuple(text for text in answer.values if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text, re.IGNORECASE))
    if not texts:
        return _missing(answer, answer.values)
    if len(texts) > 1:
        return _wrong(texts, "dmarc_several")
    policy = tags(texts[0]).get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return _wrong(texts, "dmarc_policy")
    return _good(texts, f"dmarc_{policy}")


# --- names that mail programs ask for
async def _points(case: Case) -> Finding:
    """A CNAME, or whatever else leads to the same addresses."""
    wanted, alias = case.record.target, await case.answer()
    if alias.is_there and wanted in alias.values:
        return _good(alias.values)
    found = await addresses_of(case.ask, case.record.name)
    if not found:
        return _wrong(alias.values, "points_nowhere") if alias.is_there else _missing(alias)
    same = set(found) <= {*await addresses_of(case.ask, wanted)}
    return _good(found) if same else _wrong(alias.values or found, "points_elsewhere", name=wanted)


async def _srv(case: Case) -> Finding:
    answer = await case.answer()
    if not answer.is_there:
        # A service that is not offered is as well not named.
        return _good(()) if case.record.target == "." else _missing(answer)
    wanted = case.record.value.split()[2:]
    return _good(answer.values) if wanted in [value.split()[2:] for value in answer.values] else _wrong(answer.values, "srv_elsewhere")


JUDGES: dict[str, Judge] = {
    "mx": _mx,
    "spf": _spf,
    "host_spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "autoconfig": _points,
    "client": _points,
    "srv": _srv,
}
