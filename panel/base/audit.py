"""The audit trail: one entry for each act, written in the act's own transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from panel.base.models import AuditEntry
from panel.base.tenancy import Principal

_origin: ContextVar[tuple[str, str | None]] = ContextVar("origin", default=("command", None))


@contextmanager
def origin(via: str, remote: str | None) -> Iterator[None]:
    """Everything recorded inside came by `via` (page, api, command, task) from the address `remote`."""
    token = _origin.set((via, remote))
    try:
        yield
    finally:
        _origin.reset(token)


def record(
    action: str,
    subject: str,
    *,
    acting_user: Principal,
    domain: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Keeps only what differs between `before` and `after`. A password's value is never handed in here."""
    old, new = dict(before or {}), dict(after or {})
    same = {key for key in old.keys() & new.keys() if old[key] == new[key]}
    via, remote = _origin.get()
    AuditEntry.objects.create(
        actor=acting_user.actor,
        via=via,
        remote=remote,
        action=action,
        domain=domain,
        subject=subject,
        before={key: value for key, value in old.items() if key not in same},
        after={key: value for key, value in new.items() if key not in same},
    )
