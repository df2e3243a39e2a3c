"""States → the entries that the servers' files should hold. Pure: no files, no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState, State

DIRECTORY = "directory"
# Every store in which an address may have an entry; a domain has one in "domains".
ADDRESS_STORES = (DIRECTORY, "mailboxes", "aliases", "senders")


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

    def __repr__(self) -> str:  # a hash must not reach a log by way of an error message
        return f"Row(home={self.home!r}, other_login={self.other_login!r}, …)"


Value = str | Row
Key = tuple[str, str]  # (store, key)
Wanted = Mapping[Key, Value | None]  # None: no such entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one store: the directory, or a Postfix map."""

    store: str
    key: str
    value: Value


def entries_of(state: State) -> tuple[Entry, ...]:
    """All entries that this object should have; an alias or group without destinations has none."""
    match state:
        case MailboxState():
            return _mailbox(state)
        case AliasState():
            return (*_alias(state.address, state.destinations), *_sender(state.address, state.owners))
        case GroupState():
            return _alias(state.address, state.members)
        case DomainState():
            reserved = (entry for address, to in state.reserved for entry in _alias(address, (to,)))
            return (Entry("domains", state.name, "mailboxes"), *reserved)


def _mailbox(box: MailboxState) -> tuple[Entry, ...]:
    row = Row(box.domain, box.home, box.password, box.quota_mb, box.quota_messages, box.max_message_mb, box.other_login)
    return (
        Entry(DIRECTORY, box.address, row),
        Entry("mailboxes", box.address, box.home),
        Entry("senders", box.address, box.address),
    )


def _alias(address: str, destinations: tuple[str, ...]) -> tuple[Entry, ...]:
    return (Entry("aliases", address, ", ".join(destinations)),) if destinations else ()


def _sender(address: str, owners: tuple[str, ...]) -> tuple[Entry, ...]:
    return (Entry("senders", address, ", ".join(owners)),) if owners else ()


def wanted_at(address: str, state: AddressState | None) -> dict[Key, Value | None]:
    """What every store should say of the address, whatever it is now; None = the address is nothing."""
    wanted: dict[Key, Value | None] = {(store, address): None for store in ADDRESS_STORES}
    return {**wanted, **keyed(entries_of(state) if state else ())}


def wanted_of_domain(name: str, state: DomainState | None) -> dict[Key, Value | None]:
    """What the stores should say of the domain itself and its reserved addresses, not of its other addresses.

    A name that stops being reserved is a change of that address (`wanted_at`): it may be something else by now.
    """
    return {("domains", name): None, **keyed(entries_of(state) if state else ())}


def keyed(entries: Iterable[Entry]) -> dict[Key, Value | None]:
    """The entries by store and key."""
    return {(entry.store, entry.key): entry.value for entry in entries}
