"""The audit trail: one entry for each act, written in the act's own transaction (RP4).

Whatever else follows from an act (webhooks) listens here, in the same transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from panel.base.models import AuditEntry
from panel.base.tenancy import Principal

_origin: ContextVar[tuple[str, str | None]] = ContextVar("origin", default=("command", None))
_undone: ContextVar[AuditEntry | None] = ContextVar("undone", default=None)
Listener = Callable[[list[AuditEntry]], None]
_listeners: list[Listener] = []
AT_ONCE = 5_000


class Owned(Protocol):
    """A domain, as the trail sees it: whose it is at the moment of the act."""

    name: str
    customer_id: int


@contextmanager
def origin(via: str, remote: str | None) -> Iterator[None]:
    """Everything recorded inside came by `via` (page, api, csv, command, task) from the address `remote`."""
    token = _origin.set((via, remote))
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> tuple[str, str | None]:
    """`(via, remote)` of what is being done; a job takes it along."""
    return _origin.get()


@contextmanager
def undoing(undone: AuditEntry) -> Iterator[None]:
    """The next entry about the same subject says that it undoes this one."""
    token = _undone.set(undone)
    try:
        yield
    finally:
        _undone.reset(token)


def on_entries(listener: Listener) -> None:
    """Registers who hears of every new entry, inside its transaction; many at once come as one list."""
    _listeners.append(listener)


def entry(
    action: str,
    subject: str,
    *,
    acting_user: Principal,
    domain: Any = None,
    tenant: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """An entry that is not saved yet. `domain`: an `Owned`; `tenant`: the customer's key where no domain is concerned.

    Keeps only what differs between `before` and `after`, and the `id` of one of several. A password's value is never handed in here.
    """
    old, new = dict(before or {}), dict(after or {})
    same = {key for key in old.keys() & new.keys() if old[key] == new[key] and key != "id"}
    via, remote = _origin.get()
    return AuditEntry(
        undoes=_undoes(subject),
        actor=acting_user.actor,
        via=via,
        remote=remote,
        action=action,
        domain=domain.name if domain is not None else "",
        tenant=domain.customer_id if domain is not None else tenant,
        subject=subject,
        before={key: value for key, value in old.items() if key not in same},
        after={key: value for key, value in new.items() if key not in same},
    )


def _undoes(subject: str) -> AuditEntry | None:
    undone = _undone.get()
    if undone is None or undone.subject != subject:
        return None
    _undone.set(None)
    return undone


def own(user: Any) -> dict[str, Any]:
    """Under which domain or contract the trail keeps what somebody did with what is their own."""
    if (domain := getattr(user, "domain", None)) is not None:
        return {"domain": domain}
    return {"tenant": getattr(user, "customer_id", None)}


def forget(before: datetime) -> int:
    """Removes the entries from before that moment, some thousands at a time; returns how many."""
    count = 0
    while keys := list(AuditEntry.objects.order_by("at").filter(at__lt=before).values_list("pk", flat=True)[:AT_ONCE]):
        AuditEntry.objects.filter(pk__in=keys).delete()
        count += len(keys)
    return count


def record(action: str, subject: str, **more: Any) -> AuditEntry:
    """Saves one `entry` and tells the listeners."""
    made = entry(action, subject, **more)
    made.save(force_insert=True)
    _tell([made])
    return made


def record_many(entries: Iterable[AuditEntry]) -> None:
    """Saves many in a few statements (bulk work)."""
    rows = AuditEntry.objects.bulk_create(entries, batch_size=2_000)
    _tell(rows)


def _tell(rows: list[AuditEntry]) -> None:
    for listener in _listeners:
        listener(rows)
