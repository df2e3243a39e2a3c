"""What scripts are made of, as plain values: no database, no files, no clock.

Addresses are full, in A-labels and lower case. Texts are what people typed: any of it may be hostile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

STYLES = ("simple", "hs", "warp", "platinum", "aliases")
FIELDS = ("from", "to", "subject", "header", "body", "importance", "attachment", "spam")
OPERATORS = ("contains", "not_contains", "is", "begins", "ends", "exists", "empty")
ACTIONS = ("forward", "notify", "refuse", "discard", "bounce", "exempt", "quarantine")
# What rspamd's and ClamAV's verdicts, and the robust reading of From, look like on the message (see servers/milter).
SPAM_HEADER, VIRUS_HEADER, FROM_HEADER, AUTH_HEADER = "X-Spam-Flag", "X-Tegami-Virus", "X-Tegami-From", "X-Tegami-Auth"


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a message. `header_name` only for the field `header` ("" = any header)."""

    field: str
    operator: str
    value: str = ""
    header_name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A profile of a mailbox, or a filter of a domain. No conditions = all mail; `match`: all or any of them."""

    id: int
    name: str
    action: str
    conditions: tuple[Condition, ...] = ()
    match: str = "all"
    destinations: tuple[str, ...] = ()
    keep_copy: bool = True
    strip_attachments: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An auto-reply. `subject` None = "Re: " and the mail's own; `interval_days` 0 = each mail is answered.

    `handle` changes when the record of who has been answered is cleared. `addresses` = every address that leads here.
    """

    body: str
    subject: str | None
    handle: str
    addresses: tuple[str, ...] = ()
    interval_days: int = 1
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Spam:
    """How mail is treated that rspamd calls spam. `tag` "" = the subject stays. Lists hold `user@domain` and `@domain`."""

    tag: str = ""
    to_folder: bool = False
    skip_forwarding: bool = False
    quarantine_empty_sender: bool = False
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """All that one mailbox's script is made from. `tag` = `desired.tag(address)`, the mailbox' name on the way out.

    `own_script`: a script of the user's own may run after it.
    """

    address: str
    tag: str
    style: str
    receive: bool = True
    rules: tuple[Rule, ...] = ()
    reply: Reply | None = None
    reply_excludes_forwarding: bool = False
    spam: Spam = field(default_factory=Spam)
    own_script: bool = False


@dataclass(frozen=True, slots=True)
class DomainFilter:
    """All that a domain's script is made from. `virus`: "none", "delete", "strip" or "strip_notice" (V1)."""

    name: str
    virus: str = "none"
    rules: tuple[Rule, ...] = ()
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """A mailbox' script, and where each of its redirects leads: the n-th to these addresses (`desired.way_out(tag, n)`)."""

    text: str
    forwards: tuple[tuple[str, ...], ...] = ()
