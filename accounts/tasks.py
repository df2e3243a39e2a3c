"""Celery tasks of this app, on the default queue. Thin: the services do the work."""

from celery import shared_task

from accounts.services import deliveries


@shared_task(expires=5)
def deliver_due() -> None:
    """The sweep of webhooks: also sent at once when something was written."""
    for webhook in deliveries.waited_for():
        deliver.delay(webhook)


@shared_task(expires=5)
def deliver(webhook: int) -> None:
    deliveries.run(webhook)


@shared_task
def tidy() -> None:
    deliveries.tidy()
