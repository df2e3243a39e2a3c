"""Long work on a mail host: emptying a mailbox, removing the mail of deleted ones, carrying out files of accounts.

A job is claimed by a conditional UPDATE and may run twice: each kind finishes what an earlier run left.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Mailbox, RemovedHome
from accounts.services import imports
from mailsettings import usage
from mailsettings.imports import LEASE as IMPORT_LEASE
from mailsettings.imports import run as run_import
from mailsettings.servers import directory, doveadm
from mailsettings.servers.homes import remove_home
from mailsettings.servers.layout import Layout
from panel.base.models import ChangeTarget, Job, JobState, State, TargetKind

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=10)
# Imports renew theirs every few seconds: a killed one is taken up soon.
LEASES = {imports.JOB: IMPORT_LEASE}
AGAIN = timedelta(seconds=5)


class NotYet(Exception):
    """The job cannot be done at the moment; it is tried again."""


def due(host: str) -> list[UUID]:
    """The jobs of the host that wait for a worker, or whose worker has not been heard of."""
    return list(Job.objects.filter(_is_due(), host=host).values_list("pk", flat=True))


def _is_due() -> Q:
    now = timezone.now()
    return Q(state=JobState.QUEUED, not_before__lte=now) | Q(state=JobState.RUNNING, leased_until__lt=now)


def release(host: str) -> None:
    """At the start of the host's only job worker: what is called running was left by a killed one."""
    Job.objects.filter(host=host, state=JobState.RUNNING).update(state=JobState.QUEUED)


def run(job_id: UUID) -> bool:
    """Claims and does the job; does nothing where another run has it or it was cancelled. True = to be run again soon."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return False
    lease = LEASES.get(job.kind, LEASE)
    if not Job.objects.filter(_is_due(), pk=job_id).update(state=JobState.RUNNING, leased_until=timezone.now() + lease):
        return False
    job.refresh_from_db()
    if job.kind == imports.JOB:
        return run_import(Layout.current(), job)
    _do(job)
    return False


def _do(job: Job) -> None:
    try:
        layout = Layout.current()
        if layout is None:
            raise NotYet("no mail servers here")
        KINDS[job.kind](layout, job)
    except (NotYet, doveadm.DovecotNotRunning) as reason:
        log.info("job %s waits: %s", job.pk, reason)
        Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, not_before=timezone.now() + AGAIN)
    except (doveadm.DoveadmError, OSError, ValueError) as error:
        log.exception("job %s failed", job.pk)
        finish(job, JobState.FAILED, str(error))
    else:
        finish(job, JobState.DONE)


def finish(job: Job, state: JobState, error: str = "") -> None:
    """Ends the job and the change that stands for it, together."""
    errors = [{"code": "failed", "message": error}] if error else []
    live = state == JobState.DONE
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(state=state, errors=errors, done=F("total") if live else F("done"))
        ChangeTarget.objects.filter(kind=TargetKind.JOB, key=str(job.pk)).update(
            state=State.LIVE if live else State.FAILED, error=error, live_at=timezone.now() if live else None
        )


def _purge(layout: Layout, job: Job) -> None:
    address, home = job.args["address"], job.args["uuid"]
    row = directory.read(layout, [address]).get(address)
    if row is None and Mailbox.objects.filter(pk=address, uuid=home).exists():
        raise NotYet(f"{address} is not live yet")
    if row is None or row.home != home:
        return  # deleted meanwhile, and maybe made anew: its mail is none of ours
    doveadm.empty(layout, address)
    usage.refresh(layout, [address])


def _remove_homes(layout: Layout, job: Job) -> None:
    homes = RemovedHome.objects.filter(host=job.host, remove_at__lte=timezone.now())
    for home in homes:
        row = directory.read(layout, [home.address]).get(home.address)
        if row is not None and row.home == home.uuid.hex:
            raise NotYet(f"{home.address} is still in the directory")
        remove_home(layout, home.uuid.hex)
        home.delete()
        Job.objects.filter(pk=job.pk).update(done=F("done") + 1, leased_until=timezone.now() + LEASE)


KINDS: dict[str, Callable[[Layout, Job], None]] = {"purge": _purge, "remove_homes": _remove_homes}
