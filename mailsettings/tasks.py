"""Celery tasks: thin adapters. Ids in, a service called."""

import logging
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings
from django.utils import timezone

from accounts import brakes, sessions
from accounts.models import MailHost
from mailsettings import asks, imports, jobs, usage
from mailsettings.servers import worker
from mailsettings.servers.doveadm import DovecotNotRunning
from mailsettings.servers.layout import Layout
from mailsettings.services import dkim, dns
from panel.base import audit, models

log = logging.getLogger(__name__)
STUCK_AFTER = timedelta(seconds=2)
UNASKED = timedelta(hours=1)  # questions whose asker died
HERE_EVERY = 60  # seconds (panel.celery)
KEPT = timedelta(days=30)  # finished changes and jobs


def queue(host: str) -> str:
    """The queue of a host's applies; its worker runs one at a time."""
    return f"mailhost.{host}"


def jobs_queue(host: str) -> str:
    """The queue of a host's long work."""
    return f"mailhost.{host}.jobs"


def asks_queue(host: str) -> str:
    """The queue of questions that somebody waits for."""
    return f"mailhost.{host}.asks"


def send(hosts: set[str]) -> None:
    """Wakes the hosts' workers: once for the changes, once for each job that is due."""
    for host in hosts:
        if worker.pending(host).exists():
            apply_changes.apply_async((host,), queue=queue(host))
        for job in jobs.due(host):
            run_job.apply_async((str(job),), queue=jobs_queue(host))


@shared_task
def apply_changes(host: str) -> None:
    worker.apply_pending(host)


@shared_task
def run_job(job: str) -> None:
    """One that waits for servers leaves its worker to others meanwhile."""
    if jobs.run(UUID(job)):
        run_job.apply_async((job,), queue=jobs_queue(settings.MAIL_HOST), countdown=1)


@shared_task(expires=60)
def answer(ask: str) -> None:
    asks.answer(UUID(ask))


@shared_task(expires=60)
def refresh_usage_of(address: str) -> None:
    """One mailbox that somebody looks at."""
    layout = Layout.current()
    with suppress(DovecotNotRunning):
        if layout is not None:
            usage.refresh(layout, [address])


def ask_usage(address: str, host: str, **more: object) -> None:
    """Receives `usage_wanted`; a broker that is away is no reason to fail a page."""
    try:
        refresh_usage_of.apply_async((address,), queue=jobs_queue(host))
    except Exception:
        log.warning("broker away: usage of one mailbox stays as it was", exc_info=True)


@shared_task
def sweep() -> None:
    """Sends again what still waits: neither broker nor worker is trusted to have kept it."""
    long_ago = timezone.now() - STUCK_AFTER
    stuck = models.ChangeTarget.objects.filter(state=models.State.PENDING, kind__in=worker.APPLIED, change__requested_at__lt=long_ago)
    for host in stuck.values_list("host", flat=True).distinct():
        apply_changes.apply_async((host,), queue=queue(host))
    for host in MailHost.objects.values_list("name", flat=True):
        for job in jobs.due(host):
            run_job.apply_async((str(job),), queue=jobs_queue(host))


@shared_task
def ask_who_is_there() -> None:
    """Has every host's worker say that it is there; one that is busy says so when it is done."""
    for host in MailHost.objects.values_list("name", flat=True):
        here.apply_async((host,), queue=queue(host), expires=HERE_EVERY)


@shared_task
def here(host: str) -> None:
    """Runs on the host's own worker: "worker seen" on the page of mail hosts."""
    MailHost.objects.filter(name=host).update(seen_at=timezone.now())


@shared_task
def verify_hosts() -> None:
    for host in MailHost.objects.values_list("name", flat=True):
        verify_host.apply_async((host,), queue=queue(host))


@shared_task
def verify_host(host: str) -> None:
    """Finds and repairs drift, and says so in the log."""
    for found in worker.verify(host, repair=True):
        log.warning("repaired drift on %s: %s %s", host, found.store, found.key)


@shared_task
def look_at_dns() -> None:
    """Some domains' records in turn, and what is due of DKIM keys."""
    with audit.origin("task", None):
        dns.check_in_turn()
        dkim.advance()


@shared_task
def tidy() -> None:
    """Forgets finished changes and jobs after `KEPT`, remembered answers after a day, sessions and failed sign-ins that are over;
    entries of the audit trail where the operator set a number of days.
    """
    before = timezone.now() - KEPT
    waiting = models.ChangeTarget.objects.filter(state=models.State.PENDING).values("change")
    models.Change.objects.filter(requested_at__lt=before).exclude(pk__in=waiting).delete()
    models.Job.objects.filter(created_at__lt=before).exclude(state__in=[models.JobState.QUEUED, models.JobState.RUNNING]).delete()
    models.Ask.objects.filter(created_at__lt=timezone.now() - UNASKED).delete()
    models.RememberedAnswer.objects.filter(created_at__lt=timezone.now() - models.REMEMBERED_FOR).delete()
    brakes.tidy()
    sessions.tidy()
    if settings.AUDIT_DAYS:
        audit.forget(timezone.now() - timedelta(days=settings.AUDIT_DAYS))


@shared_task
def forget_uploads() -> None:
    imports.forget_uploads()


@worker_ready.connect
def on_worker_ready(sender: object = None, **more: object) -> None:
    """A worker that starts takes up what its predecessor left."""
    host = settings.MAIL_HOST
    app = getattr(sender, "app", None)
    try:
        if app is not None and jobs_queue(host) in app.amqp.queues.consume_from:
            jobs.release(host)
        send({host})
    except Exception:
        log.warning("could not send what waits; the sweep will", exc_info=True)
