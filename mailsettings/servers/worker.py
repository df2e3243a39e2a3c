"""The way of a change on its mail host: claim, desired entries, difference, write, ask, live.

Everything happens under the host's lock, so there is one writer. A claim is a lease; whoever holds the lock
clears the leases that a killed run left behind, and does their work again: applying is idempotent.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mailsettings.servers import doveadm, drift, snapshot
from mailsettings.servers.apply import REBUILD_ABOVE, apply_entries
from mailsettings.servers.desired import FORWARDS, Key, Row, Value, Wanted
from mailsettings.servers.doveadm import DoveadmError, DovecotNotRunning
from mailsettings.servers.drift import Drift
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.maps import MapError
from mailsettings.servers.postfix import PostfixError
from mailsettings.servers.probe import ServersNotRunning, probe
from mailsettings.servers.seam import effect
from panel.base.models import ChangeTarget, State, TargetKind

log = logging.getLogger(__name__)
BATCH = 5_000
APPLIED = (TargetKind.ADDRESS, TargetKind.DOMAIN, TargetKind.DOMAIN_ALL)
NO_SERVERS = "no mail servers here"
NOT_RUNNING = "servers not running"


class Later(Exception):
    """The servers are not there or a tool died: what is pending stays so, with the reason, until the sweep tries again."""


def apply_pending(host: str) -> int:
    """Applies what is pending for the host; returns the number of batches. Without servers it says so and leaves it pending."""
    layout = Layout.current()
    if layout is None:
        pending(host).update(error=NO_SERVERS)
        return 0
    batches = 0
    with host_lock(layout) as lock_fd:
        pending(host).filter(lease__isnull=False).update(lease=None)
        while batch := claim(host):
            batches += 1
            try:
                carry_out(layout, lock_fd, host, batch)
            except Later as reason:
                pending(host).update(error=str(reason), lease=None)
                break
    return batches


def pending(host: str) -> "QuerySet[ChangeTarget]":
    """The outbox rows of this host that an apply is responsible for."""
    return ChangeTarget.objects.filter(host=host, state=State.PENDING, kind__in=APPLIED)


def claim(host: str) -> list[ChangeTarget]:
    """Puts a lease on the oldest `BATCH` pending targets and returns them; empty when there is nothing to do."""
    lease = uuid4()
    ids = list(pending(host).filter(lease__isnull=True).order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not ids:
        return []
    with effect("changes.claim"):
        ChangeTarget.objects.filter(pk__in=ids, state=State.PENDING).update(lease=lease)
    return list(ChangeTarget.objects.filter(lease=lease).order_by("pk"))


def carry_out(layout: Layout, lock_fd: int, host: str, batch: Sequence[ChangeTarget]) -> None:
    """Writes the batch and marks it live, or failed with the reason. One bad target does not take others with it."""
    try:
        wanted = wanted_by(layout, host, batch)
        applied = apply_entries(layout, lock_fd, wanted)
        _end_sessions(layout, wanted)
        # What was not written was just read by the servers' own tools; only a run that finds all done asks for all.
        complaint = _ask(layout, applied.written or wanted)
    except ValueError as error:
        _isolate(layout, lock_fd, host, batch, str(error))
    except (MapError, PostfixError, DoveadmError, sqlite3.Error, OSError) as error:
        # Nothing is wrong with what was asked for: it waits, with the reason, and the sweep tries again.
        log.exception("%d targets of %s wait", len(batch), host)
        raise Later(str(error) or type(error).__name__) from error
    else:
        _finish(batch, State.FAILED if complaint else State.LIVE, complaint or "")


def _end_sessions(layout: Layout, wanted: Wanted) -> None:
    """Of accounts that nobody may sign in to. By what is wanted, not by what was written: a killed run wrote, and kicked nobody."""
    barred = [key for (_store, key), value in wanted.items() if isinstance(value, Row) and not value.login]
    with suppress(DovecotNotRunning):  # no sessions then
        for address in barred:
            doveadm.kick(layout, address)


def _ask(layout: Layout, wanted: Wanted) -> str | None:
    try:
        return probe(layout, wanted)
    except ServersNotRunning as error:
        raise Later(NOT_RUNNING) from error


def _isolate(layout: Layout, lock_fd: int, host: str, batch: Sequence[ChangeTarget], error: str) -> None:
    """Halves the batch until the target that no file can hold stands alone."""
    if len(batch) == 1:
        _finish(batch, State.FAILED, error)
        return
    middle = len(batch) // 2
    carry_out(layout, lock_fd, host, batch[:middle])
    carry_out(layout, lock_fd, host, batch[middle:])


def wanted_by(layout: Layout, host: str, batch: Sequence[ChangeTarget]) -> dict[Key, Value | None]:
    """The desired entries of the targets' keys, from the database as it is now. Raises ValueError for the host's own name."""
    addresses = {target.key for target in batch if target.kind == TargetKind.ADDRESS}
    whole = {target.key for target in batch if target.kind == TargetKind.DOMAIN_ALL}
    domains = whole | {target.key for target in batch if target.kind == TargetKind.DOMAIN}
    for domain in whole:
        addresses |= set(snapshot.addresses_of(host, domain)) | drift.keys_of_domain(layout, domain)
    wanted = snapshot.wanted(host, addresses, domains)
    if wanted.get(("domains", layout.hostname)) is not None:
        # Rewritten senders are addresses of this name (F8): Postfix would have it in two classes.
        raise ValueError(f"{layout.hostname} is the mail host's own name")
    return wanted


def _finish(batch: Sequence[ChangeTarget], state: State, error: str) -> None:
    now = timezone.now() if state == State.LIVE else None
    ids = [target.pk for target in batch]
    with effect("changes.finish"):
        ChangeTarget.objects.filter(pk__in=ids).update(state=state, error=error[:2000], lease=None, live_at=now)


def verify(host: str, *, repair: bool) -> list[Drift]:
    """What differs between the database and the host's files, waiting changes left aside; repaired if asked.

    Compared first without the lock, so that no change waits for it; what was found is looked at again under the
    lock. Raises `Later` where this process has no mail host.
    """
    layout = Layout.current()
    if layout is None:
        raise Later(NO_SERVERS)
    found = _without_waiting(host, drift.compare(layout, snapshot.everything(host)))
    if not found:
        return []
    with host_lock(layout) as lock_fd:
        if len(found) > REBUILD_ABOVE or any(not one.of for one in found):
            return _verify_whole(layout, lock_fd, host, repair)
        return _verify_keys(layout, lock_fd, host, found, repair)


def _verify_whole(layout: Layout, lock_fd: int, host: str, repair: bool) -> list[Drift]:
    with transaction.atomic():
        entries = list(snapshot.everything(host))
    found = drift.repair(layout, lock_fd, entries) if repair else drift.compare(layout, entries)
    return _without_waiting(host, found)


def _verify_keys(layout: Layout, lock_fd: int, host: str, seen: list[Drift], repair: bool) -> list[Drift]:
    names = {one.of for one in seen}
    addresses = {name for name in names if "@" in name}
    # Groups of destinations that no number leads to: unwanted, unless the database says otherwise.
    stray: dict[Key, Value | None] = {(FORWARDS, one.key): None for one in seen if one.store == FORWARDS}
    wanted = stray | snapshot.wanted(host, addresses, names - addresses)
    found = _without_waiting(host, drift.of_keys(layout, wanted, addresses))
    if repair and found:
        apply_entries(layout, lock_fd, wanted)
    return found


def _without_waiting(host: str, found: list[Drift]) -> list[Drift]:
    waiting = set(pending(host).values_list("key", flat=True))
    return [one for one in found if one.of not in waiting and one.of.rpartition("@")[2] not in waiting]
