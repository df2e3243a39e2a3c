"""What the contract says of a whole file (A17): accounts and promised storage, deletions in the same file taken off."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from accounts.bulk.faults import Fault
from accounts.bulk.plan import Act, Known, Room, Verb
from accounts.bulk.values import ACCOUNT, CAPACITY
from accounts.services.common import LABELS


class Step(NamedTuple):
    """How far one act moves a counter."""

    act: Act
    by: int


def steps(acts: Iterable[Act], known: Known) -> dict[str, list[Step]]:
    """By what is counted: `accounts`, `storage_mb`, `spam_seats`. System mailboxes are not counted."""
    found: dict[str, list[Step]] = {"accounts": [], "storage_mb": [], "spam_seats": []}
    for act in acts:
        for what, by in _steps(act, known).items():
            if by:
                found[what].append(Step(act, by))
    return found


def _steps(act: Act, known: Known) -> dict[str, int]:
    if act.verb == Verb.ADD:
        return {"accounts": 1, "storage_mb": act.fields["quota_mb"] or 0}
    box = known.boxes[act.address]
    if box.is_system:
        return {}
    had = box.quota_mb or 0
    if act.verb == Verb.DELETE:
        return {"accounts": -1, "storage_mb": -had, "spam_seats": -int(box.spam_seat)}
    return {"storage_mb": (act.fields["quota_mb"] or 0) - had} if "quota_mb" in act.fields else {}


def past_the_limits(acts: Iterable[Act], known: Known) -> Iterator[Fault]:
    """One fault for each limit that the file goes past, at the first row that has no room any more."""
    moved = steps(acts, known)
    for room in known.rooms:
        taken = moved[room.what]
        if (by := sum(step.by for step in taken)) > 0 and room.used + by > room.limit:
            yield _fault(room, _first_without_room(room, taken))


def _first_without_room(room: Room, taken: list[Step]) -> Act:
    """What the file frees is free for all of its rows."""
    left = room.limit - room.used - sum(step.by for step in taken if step.by < 0)
    for step in taken:
        left -= max(0, step.by)
        if step.by > 0 and left < 0:
            return step.act
    raise AssertionError("the sum says that there is one")


def _fault(room: Room, act: Act) -> Fault:
    text = _("%(what)s: %(used)d of %(limit)d are in use.") % {"what": LABELS[room.what](), "used": room.used, "limit": room.limit}
    at, name = ((act.line, act.column), ACCOUNT) if room.what == "accounts" else (act.capacity_at, CAPACITY)
    return Fault(*at, name, "limit_reached", text, used=room.used, limit=room.limit)
