"""A domain on a mail host without a panel: entries are written as the worker writes them, mail is real."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import cache

from passlib.hash import argon2

from mailsettings.servers.apply import Applied, apply_entries
from mailsettings.servers.desired import Value, wanted_at, wanted_of_domain
from mailsettings.servers.lock import host_lock
from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState
from tests.mail import PASSWORD, Mail


@cache
def hash_of(password: str) -> str:
    """As the panel stores it, but cheap."""
    return "{ARGON2ID}" + str(argon2.using(type="ID", memory_cost=8192, rounds=1, parallelism=1).hash(password))


def domain_state(domain: str) -> DomainState:
    """With one reserved name."""
    return DomainState(domain, ((f"postmaster@{domain}", f"boss@{domain}"),))


def split(addresses: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those inside and those outside: every domain of these tests lies below example.com."""
    inside = tuple(address for address in addresses if address.endswith(".example.com"))
    return inside, tuple(address for address in addresses if address not in inside)


@dataclass
class Host(Mail):
    """One domain on the running servers, made where it is not there yet."""

    domain: str

    def __post_init__(self) -> None:
        Mail.__post_init__(self)
        self.apply(wanted_of_domain(self.domain, domain_state(self.domain)))

    def apply(self, wanted: dict[tuple[str, str], Value | None]) -> Applied:
        with host_lock(self.layout) as lock_fd:
            return apply_entries(self.layout, lock_fd, wanted)

    def put(self, state: AddressState) -> Applied:
        return self.apply(wanted_at(state.address, state))

    def remove(self, address: str) -> Applied:
        return self.apply(wanted_at(address, None))

    def state(self, local: str, password: str = PASSWORD) -> MailboxState:
        return MailboxState(f"{local}@{self.domain}", self.domain, uuid.uuid4().hex, hash_of(password))

    def mailbox(self, local: str, **fields: object) -> str:
        state = replace(self.state(local), **fields)  # type: ignore[arg-type]
        self.put(state)
        return state.address

    def alias(self, local: str, *to: str, owners: tuple[str, ...] = ()) -> str:
        inside, outside = split(to)
        self.put(AliasState(f"{local}@{self.domain}", inside, owners, outside))
        return f"{local}@{self.domain}"

    def group(self, local: str, *members: str) -> str:
        self.put(GroupState(f"{local}@{self.domain}", *split(members)))
        return f"{local}@{self.domain}"
