"""States → the entries that the servers' files should hold. Pure: no files, no database, no clock."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState, Policy, Signing, State

DIRECTORY = "directory"
FORWARDS = "forwards"
POLICIES = "policies"
SCRIPTS = "scripts"
DOMAIN_SCRIPTS = "domain-scripts"
DKIM = "dkim"
# Every store in which an address has at most the one entry of its name; what it has in FORWARDS is under its tag.
ADDRESS_STORES = (DIRECTORY, "mailboxes", "aliases", "senders", SCRIPTS)
# Nobody can own a name below .invalid (RFC 2606): no stranger's domain, and no customer's.
OUT_DOMAIN = "out.tegami.invalid"
TAG_LETTERS = 13
# Below it stand recipients whom a message is returned for (V3).
REFUSED_DOMAIN = "refused.tegami.invalid"


@dataclass(frozen=True, slots=True)
class Row:
    """A mailbox in Dovecot's directory. Sizes in MB of 1,048,576 bytes, None = no limit."""

    domain: str
    home: str
    password: str
    quota_mb: int | None
    quota_messages: int | None
    max_message_mb: int | None
    other_login: str | None
    own_script: bool = False
    receive: bool = True
    login: bool = True

    def __repr__(self) -> str:  # a hash must not reach a log by way of an error message
        return f"Row(home={self.home!r}, other_login={self.other_login!r}, …)"


Value = str | Row | Signing
Key = tuple[str, str]  # (store, key)
Wanted = Mapping[Key, Value | None]  # None: no such entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one store: the directory, a Postfix map, a script, a domain's DKIM keys."""

    store: str
    key: str
    value: Value


def tag(address: str) -> str:
    """What stands for the address in rewritten senders: short, in any letter case the same, and no address itself."""
    digest = hashlib.sha256(address.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:TAG_LETTERS]


def way_out(mark: str, n: int) -> str:
    """The inner address that stands for the n-th group of destinations (from 0) of the address with this tag."""
    return f"{mark}.{n}@{OUT_DOMAIN}"


def whose(key: str, value: Value | None) -> tuple[str, int]:
    """Of a tag's entry in FORWARDS: the address, and how many groups of destinations it has; ("", 0) for any other entry."""
    if not isinstance(value, str) or "@" in key or "." in key:
        return "", 0
    address, _, number = value.partition(" ")
    return (address, int(number)) if number.isdigit() else ("", 0)


def entries_of(state: State) -> tuple[Entry, ...]:
    """All entries that this object should have; an alias or group without destinations has none."""
    match state:
        case MailboxState():
            return _mailbox(state)
        case AliasState():
            return (*_expansion(state.address, state.destinations, state.outside), *_sender(state.address, state.owners))
        case GroupState():
            return _expansion(state.address, state.members, state.outside)
        case DomainState():
            reserved = (entry for address, to in state.reserved for entry in _alias(address, (to,)))
            itself = (Entry("domains", state.name, "mailboxes"), *_policy(state.name, state.policy))
            return (*itself, *reserved, *_script(DOMAIN_SCRIPTS, state.name, state.script), *_signing(state))


def _mailbox(box: MailboxState) -> tuple[Entry, ...]:
    limits = (box.quota_mb, box.quota_messages, box.max_message_mb)
    row = Row(box.domain, box.home, box.password, *limits, box.other_login, box.own_script, box.receive, box.login)
    return (
        Entry(DIRECTORY, box.address, row),
        Entry("mailboxes", box.address, box.home),
        *_sender(box.address, (box.address,) if box.login else ()),
        *_forwards(box.address, box.forwards, always=box.own_script),
        *_script(SCRIPTS, box.address, box.script),
    )


def _policy(domain: str, policy: Policy) -> tuple[Entry, ...]:
    if policy == Policy():
        return ()
    return (Entry(POLICIES, domain, f"{policy.outbound} {policy.unpacked_mb or '-'}"),)


def _signing(state: DomainState) -> tuple[Entry, ...]:
    return () if state.signing == Signing() else (Entry(DKIM, state.name, state.signing),)


def policy_of(value: str | None) -> Policy:
    """What an entry of the map `policies` says. Raises ValueError for one that `entries_of` did not make."""
    if value is None:
        return Policy()
    outbound, megabytes = value.split(" ")
    return Policy(outbound, None if megabytes == "-" else int(megabytes))


def _script(store: str, key: str, text: str | None) -> tuple[Entry, ...]:
    return () if text is None else (Entry(store, key, text),)


def _forwards(address: str, groups: tuple[tuple[str, ...], ...], *, always: bool = False) -> tuple[Entry, ...]:
    """The tag before its groups: whoever is killed between them leaves a number that leads to the rest.

    `always`: also without a group, because the user's own script may redirect, and a bounce must find the address.
    """
    if not groups and not always:
        return ()
    mark = tag(address)
    behind = (Entry(FORWARDS, way_out(mark, n), ", ".join(to)) for n, to in enumerate(groups))
    return (Entry(FORWARDS, mark, f"{address} {len(groups)}"), *behind)


def _expansion(address: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> tuple[Entry, ...]:
    if not outside:
        return _alias(address, inside)
    return (*_alias(address, (*inside, way_out(tag(address), 0))), *_forwards(address, (outside,)))


def _alias(address: str, destinations: tuple[str, ...]) -> tuple[Entry, ...]:
    return (Entry("aliases", address, ", ".join(destinations)),) if destinations else ()


def _sender(address: str, owners: tuple[str, ...]) -> tuple[Entry, ...]:
    return (Entry("senders", address, ", ".join(owners)),) if owners else ()


def wanted_at(address: str, state: AddressState | None) -> dict[Key, Value | None]:
    """What every store should say of the address, whatever it is now; None = the address is nothing.

    Of groups of destinations that it had and has no longer only the disk knows: `apply` adds those.
    """
    wanted: dict[Key, Value | None] = {(store, address): None for store in ADDRESS_STORES}
    wanted[FORWARDS, tag(address)] = None
    return {**wanted, **keyed(entries_of(state) if state else ())}


def wanted_of_domain(name: str, state: DomainState | None) -> dict[Key, Value | None]:
    """What the stores should say of the domain itself and its reserved addresses, not of its other addresses.

    A name that stops being reserved is a change of that address (`wanted_at`): it may be something else by now.
    """
    nothing = {("domains", name): None, (DOMAIN_SCRIPTS, name): None, (POLICIES, name): None, (DKIM, name): None}
    return {**nothing, **keyed(entries_of(state) if state else ())}


def keyed(entries: Iterable[Entry]) -> dict[Key, Value | None]:
    """The entries by store and key."""
    return {(entry.store, entry.key): entry.value for entry in entries}
