"""The live mark: being applied, live with its time, failed with a retry, written without servers."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.services import mailboxes
from panel.base.models import Change, ChangeTarget, State
from tests.conftest import Cast
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def change(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Change:
    monkeypatch.setattr("panel.base.pages.LONGEST_WAIT", 0.0)
    return mailboxes.set_password(cast.mia, "Another#Word2026", acting_user=cast.bob)[1]


def mark(client: Client, change: Change, **query: str) -> str:
    return client.get(reverse("change-mark", args=[change.pk]), query, headers=HTMX).content.decode()


def settle(change: Change, **values: object) -> None:
    ChangeTarget.objects.filter(change=change).update(**values)


def test_a_pending_change_asks_again_by_itself(change: Change, bob: Client) -> None:
    text = mark(bob, change)
    assert "being applied" in text
    assert 'hx-trigger="load delay:300ms"' in text


def test_asking_slows_down_after_a_while(change: Change, bob: Client) -> None:
    assert "load delay:5000ms" in mark(bob, change, round="26")
    assert "load delay:300ms" in mark(bob, change, round="nonsense")


def test_live_says_where_and_how_fast(change: Change, bob: Client) -> None:
    settle(change, state=State.LIVE, live_at=change.requested_at + timedelta(seconds=0.31))
    text = mark(bob, change)
    assert "Live on mx1 in 0.3 s" in text
    assert "hx-get" not in text


def test_failed_says_why_and_can_be_tried_again(change: Change, bob: Client) -> None:
    settle(change, state=State.FAILED, error="postmap: <disk full>")
    text = mark(bob, change)
    assert "postmap: &lt;disk full&gt;" in text
    answer = bob.post(reverse("change-retry", args=[change.pk]), headers=HTMX)
    assert "being applied" in answer.content.decode()
    assert ChangeTarget.objects.get(change=change).state == State.PENDING


def test_without_mail_servers_it_is_written_and_says_so(change: Change, bob: Client) -> None:
    settle(change, error="no mail servers here")
    assert "written, servers not running" in mark(bob, change)


def test_what_holds_a_change_up_is_said(change: Change, bob: Client) -> None:
    settle(change, error="postmap died")
    text = mark(bob, change)
    assert "tried again by itself" in text
    assert "postmap died" in text


def test_a_change_of_someone_else_does_not_exist(change: Change, cast: Cast, as_user: SignIn) -> None:
    cast.mia.refresh_from_db()
    for user in (cast.charlie, cast.mia, cast.wendy):
        assert as_user(user).get(reverse("change-mark", args=[change.pk])).status_code == 404
        assert as_user(user).post(reverse("change-retry", args=[change.pk])).status_code == 404
    assert as_user(cast.operator).get(reverse("change-mark", args=[change.pk])).status_code == 200


def test_a_change_that_never_was_does_not_exist(bob: Client) -> None:
    assert bob.get(reverse("change-mark", args=[uuid4()])).status_code == 404


def test_without_script_the_mark_is_a_page(change: Change, bob: Client) -> None:
    settle(change, state=State.LIVE, live_at=timezone.now())
    assert "<html" in bob.get(reverse("change-mark", args=[change.pk])).content.decode()
