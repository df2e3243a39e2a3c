"""What another panel has, in the shape that every reader here gives: nothing of it is checked yet."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class MovedReply:
    subject: str
    body: str
    starts_on: date | None = None
    ends_on: date | None = None
    interval_days: int = 1


@dataclass(slots=True)
class MovedMailbox:
    """`password_hash` as the other panel stores it; `quota_mb` None = no limit; `forwards` = destinations outside itself."""

    local_part: str
    password_hash: str
    quota_mb: int | None = None
    comment: str = ""
    active: bool = True
    forwards: list[str] = field(default_factory=list)
    keeps_copy: bool = True
    reply: MovedReply | None = None


@dataclass(slots=True)
class MovedDomain:
    name: str
    mailboxes: list[MovedMailbox] = field(default_factory=list)
    aliases: dict[str, list[str]] = field(default_factory=dict)  # local part -> addresses


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that has no place here, or that a rule of ours refuses: which, and why."""

    what: str
    why: str


@dataclass(slots=True)
class Moved:
    """Everything that a database held."""

    domains: list[MovedDomain] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
