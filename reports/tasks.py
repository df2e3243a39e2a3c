"""Celery tasks of the reports: usage of the mailboxes, refreshed in turn."""

from celery import shared_task

from accounts.models import MailHost
from mailsettings import usage
from mailsettings.servers.doveadm import DovecotNotRunning
from mailsettings.servers.layout import Layout
from mailsettings.tasks import jobs_queue


@shared_task
def refresh_oldest_usage() -> None:
    for host in MailHost.objects.values_list("name", flat=True):
        refresh_usage.apply_async((host,), queue=jobs_queue(host))


@shared_task(expires=60)
def refresh_usage(host: str) -> None:
    """The stalest mailboxes of the host: a bounded share each minute, whatever their number."""
    layout = Layout.current()
    if layout is None:
        return
    try:
        usage.refresh(layout, usage.stalest(host))
    except DovecotNotRunning:
        return  # the next minute asks again
