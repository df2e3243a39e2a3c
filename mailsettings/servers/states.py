"""What the panel says about an address or a domain, as plain values: all that desired entries are made of.

Names are full and in A-labels and lower case (`info@xn--r8jz45g.jp`). Sizes: 1 MB = 1,048,576 bytes. None = no limit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailboxState:
    """A mailbox. `home` = 32 hex digits; `password` = Dovecot's `{SCHEME}hash`; `other_login` = a second login name."""

    address: str
    domain: str
    home: str
    password: str
    quota_mb: int | None = None
    quota_messages: int | None = None
    max_message_mb: int | None = None
    other_login: str | None = None


@dataclass(frozen=True, slots=True)
class AliasState:
    """A forwarding address, or a reserved name; `owners` = the logins that may send as it."""

    address: str
    destinations: tuple[str, ...]
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupState:
    """An address that expands to its members. Nobody sends as it."""

    address: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainState:
    """A domain; `reserved` = (full reserved address, destination), such as postmaster@ to the admin address."""

    name: str
    reserved: tuple[tuple[str, str], ...] = ()


AddressState = MailboxState | AliasState | GroupState
State = AddressState | DomainState
