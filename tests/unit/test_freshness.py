"""Usage that is looked at is asked anew when it is old, and no page fails for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.freshness import looked_at
from accounts.models import Mailbox
from mailsettings import tasks
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("age", "asked"), [(None, True), (6, True), (1, False)])
def test_old_figures_are_asked_anew(cast: Cast, monkeypatch: pytest.MonkeyPatch, age: int | None, asked: bool) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(tasks.refresh_usage_of, "apply_async", lambda args, queue: sent.append((args, queue)))
    mailbox = Mailbox.objects.select_related("domain__host").get(pk=cast.mia.pk)
    mailbox.usage_at = age and timezone.now() - timedelta(seconds=age)
    looked_at(mailbox)
    assert sent == ([((mailbox.address,), "mailhost.mx1.jobs")] if asked else [])


def test_a_broker_that_is_away_fails_no_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **more: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.refresh_usage_of, "apply_async", away)
    looked_at(Mailbox.objects.select_related("domain__host").get(pk=cast.mia.pk))
