"""The outbox: what a service records, and what a reader asks.

`record` is called inside the service's transaction; the task that carries it out is sent after the commit,
and a broker that is away costs nothing but time: the sweep sends it again.
"""

import logging
import time
from collections.abc import Callable, Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from panel.base import audit
from panel.base.models import Change, ChangeTarget, Job, JobState, State, TargetKind
from panel.base.tenancy import Principal

log = logging.getLogger(__name__)
Target = tuple[str, str, str]  # host name, kind, key

# Set by mailsettings when it is loaded: base knows no task of its own (imports run one way).
_senders: list[Callable[[set[str]], None]] = []


def on_record(send: Callable[[set[str]], None]) -> None:
    """Registers who tells the workers of the named hosts that something is pending."""
    _senders.append(send)


def record(targets: Iterable[Target], *, acting_user: Principal) -> Change:
    """Writes one pending Change with its targets into the current transaction and has it sent on commit."""
    rows = list(dict.fromkeys(targets))
    change = Change.objects.create(actor=acting_user.actor)
    ChangeTarget.objects.bulk_create(
        [ChangeTarget(change=change, host=host, kind=kind, key=key) for host, kind, key in rows], batch_size=1000
    )
    hosts = {host for host, _, _ in rows}
    transaction.on_commit(lambda: send(hosts))
    return change


def send(hosts: set[str]) -> None:
    """Wakes the hosts' workers; never raises, since the change itself is already safe in the database."""
    for sender in _senders:
        try:
            sender(hosts)
        except Exception as error:
            log.warning("broker away (%s), the sweep will send the changes of %s", error, sorted(hosts))


def retry(change: Change, *, acting_user: Principal) -> None:
    """Makes a failed change pending again; it is applied by today's rules and settings."""
    failed = change.targets.filter(state=State.FAILED)
    hosts = set(failed.values_list("host", flat=True))
    jobs = list(failed.filter(kind=TargetKind.JOB).values_list("key", flat=True))
    Job.objects.filter(pk__in=jobs).update(state=JobState.QUEUED, errors=[], not_before=timezone.now())
    failed.update(state=State.PENDING, error="", lease=None)
    audit.record("change.retry", str(change.pk), acting_user=acting_user, **audit.own(acting_user))
    transaction.on_commit(lambda: send(hosts))


class Progress:
    """A change's state as one aggregate query sees it."""

    def __init__(self, change_id: UUID) -> None:
        targets = ChangeTarget.objects.filter(change_id=change_id)
        figures = targets.aggregate(
            failed=Count("pk", filter=Q(state=State.FAILED)),
            pending=Count("pk", filter=Q(state=State.PENDING)),
            live_at=Max("live_at"),
        )
        self.state = State.FAILED if figures["failed"] else State.PENDING if figures["pending"] else State.LIVE
        self.live_at = figures["live_at"] if self.state == State.LIVE else None


def wait(change_id: UUID, seconds: float) -> Progress:
    """Asks every 20 ms at first, then more slowly, until the change is live or failed or the time is up."""
    end, pause = time.monotonic() + seconds, 0.02
    while True:
        progress = Progress(change_id)
        if progress.state != State.PENDING or time.monotonic() + pause > end:
            return progress
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)
