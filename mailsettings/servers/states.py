"""What the panel says about an address or a domain, as plain values: all that desired entries are made of.

Names are full and in A-labels and lower case (`info@xn--r8jz45g.jp`). Sizes: 1 MB = 1,048,576 bytes. None = no limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MailboxState:
    """A mailbox. `home` = 32 hex digits; `password` = Dovecot's `{SCHEME}hash`; `other_login` = a second login name.

    `script` = the Sieve text that the panel made of its settings. It redirects to `desired.way_out(tag, n)` only;
    `forwards[n]` = the destinations behind that. `own_script`: the user may keep a script of their own (ManageSieve).
    `receive`: False = nothing is stored (F6); the domain's script, which cannot know, asks Dovecot.
    `login`: False = nobody signs in, and who is signed in already sends nothing more; mail is delivered.
    """

    address: str
    domain: str
    home: str
    password: str
    quota_mb: int | None = None
    quota_messages: int | None = None
    max_message_mb: int | None = None
    other_login: str | None = None
    forwards: tuple[tuple[str, ...], ...] = ()
    script: str | None = None
    own_script: bool = False
    receive: bool = True
    login: bool = True


@dataclass(frozen=True, slots=True)
class AliasState:
    """A forwarding address, or a reserved name; `owners` = the logins that may send as it.

    `destinations` = those in domains of this host, `outside` = all others: these leave with a rewritten sender.
    """

    address: str
    destinations: tuple[str, ...]
    owners: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupState:
    """An address that expands to its members (`outside`: as with aliases). Nobody sends as it."""

    address: str
    members: tuple[str, ...]
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the milter must know of a domain's plan.

    `outbound` = the plan's word for viruses in sent mail: with "delete_warn" the mail goes and its login is told, with
    any other it is refused. `unpacked_mb` = the largest message with all archives unpacked, in MB.
    """

    outbound: str = "none"
    unpacked_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """A domain's DKIM keys. `keys` = (selector, PEM of the private key), by selector; `selector` = the one that signs mail."""

    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    selector: str | None = None


@dataclass(frozen=True, slots=True)
class DomainState:
    """A domain; `reserved` = (full reserved address, destination), such as postmaster@ to the admin address.

    `script` = the Sieve text of its filters, run before those of its mailboxes; `policy` = what the milter obeys;
    `signing` = its DKIM keys.
    """

    name: str
    reserved: tuple[tuple[str, str], ...] = ()
    script: str | None = None
    policy: Policy = Policy()
    signing: Signing = Signing()


AddressState = MailboxState | AliasState | GroupState
State = AddressState | DomainState
