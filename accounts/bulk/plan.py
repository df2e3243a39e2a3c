"""What a file asks for once it is checked, and what the database knew when it was."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from accounts.models import Mailbox


class Verb(Enum):
    """What happens to an account."""

    ADD = "create"
    MODIFY = "change"
    DELETE = "delete"


@dataclass(slots=True)
class Act:
    """One row's. `fields` = what is set of quota_mb, comment and mobile_address. `password` is replaced by `password_hash`
    before anything is written; neither is ever printed."""

    line: int
    column: int
    verb: Verb
    address: str
    fields: dict[str, Any] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)
    # lines and columns, for what is found out later
    capacity_at: tuple[int, int] = (1, 1)
    password_at: tuple[int, int] = (1, 1)


@dataclass(slots=True)
class Plan:
    """Everything that is to be done, in the file's order, and the rows that ask for nothing."""

    rows: int = 0
    acts: list[Act] = field(default_factory=list)
    passed_over: int = 0
    unchanged: int = 0

    def of(self, verb: Verb) -> list[Act]:
        return [act for act in self.acts if act.verb == verb]

    def result(self, errors: int = 0) -> dict[str, int]:
        """As a job's result has it."""
        counted = {verb.value: len(self.of(verb)) for verb in Verb}
        return {"rows": self.rows, **counted, "passed_over": self.passed_over, "unchanged": self.unchanged, "errors": errors}


@dataclass(frozen=True, slots=True)
class Room:
    """One limit of the contract or of the domain: `what` is counted, `used` of `limit` are gone."""

    what: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of a file's addresses: kinds of taken names, mailboxes, bare logins taken on the host, limits."""

    names: Mapping[str, str]
    boxes: Mapping[str, Mailbox]
    bare: Collection[str]
    rooms: Collection[Room]
