"""/changes/ and /jobs/."""

import time
from typing import Any

import pytest
from django.utils import timezone

from accounts.services import mailboxes
from panel.base.models import Change, ChangeTarget, Job, JobState, State
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def change(cast: Cast) -> Change:
    _, change = mailboxes.set_password(cast.mia, "Kumo#Asahi71bd", acting_user=cast.bob)
    return change


def set_state(change: Change, state: State, error: str = "") -> None:
    ChangeTarget.objects.filter(change=change).update(state=state, error=error, live_at=timezone.now() if state == State.LIVE else None)


def test_a_change_says_where_it_is(cast: Cast, api: As, change: Change) -> None:
    bob = api(cast.bob)
    found = bob.get(f"/changes/{change.pk}/").json()
    assert (found["id"], found["state"], found["live_at"]) == (str(change.pk), "pending", None)
    assert found["hosts"] == [{"name": "mx1", "state": "pending", "error": ""}]
    set_state(change, State.LIVE)
    found = bob.get(f"/changes/{change.pk}/?wait=5").json()
    assert found["state"] == "live"
    assert found["live_at"] >= found["requested_at"]


def test_waiting_ends_when_the_time_is_up(cast: Cast, api: As, change: Change) -> None:
    begin = time.monotonic()
    assert api(cast.bob).get(f"/changes/{change.pk}/?wait=0.3").json()["state"] == "pending"
    assert 0.2 < time.monotonic() - begin < 2


@pytest.mark.parametrize("wait", ["x", "-1", "nan", "inf", "1e3", "", "9999999", "0x1"])
def test_a_wait_that_is_none_is_400(cast: Cast, api: As, change: Change, wait: str) -> None:
    assert api(cast.bob).get(f"/changes/{change.pk}/?wait={wait}").status_code == 400


def test_a_failed_change_says_why_and_can_be_sent_again(cast: Cast, api: As, change: Change) -> None:
    bob = api(cast.bob)
    set_state(change, State.FAILED, "postmap: disk full")
    found = bob.get(f"/changes/{change.pk}/").json()
    assert (found["state"], found["hosts"][0]["error"]) == ("failed", "postmap: disk full")
    again = bob.post(f"/changes/{change.pk}/retry/")
    assert (again.status_code, again.json()["state"], again["Change-Id"]) == (200, "pending", str(change.pk))


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000", "5"])
def test_what_is_not_there_is_404(cast: Cast, api: As, name: str) -> None:
    for path in (f"/changes/{name}/", f"/jobs/{name}/"):
        assert api(cast.operator).get(path).status_code == 404


@pytest.fixture
def job(cast: Cast) -> tuple[Job, Change]:
    return mailboxes.purge_mailbox(cast.mia, acting_user=cast.bob)


def test_a_waiting_job_is_cancelled_with_its_change(cast: Cast, api: As, job: tuple[Job, Change]) -> None:
    bob = api(cast.bob)
    path = f"/jobs/{job[0].pk}/"
    assert bob.get(path).json() == {
        "id": str(job[0].pk),
        "kind": "purge",
        "state": "queued",
        "done": 0,
        "total": 1,
        "result": None,
        "errors": [],
    }
    assert bob.delete(path).status_code == 204
    assert bob.get(path).json()["state"] == "cancelled"
    assert bob.get(f"/changes/{job[1].pk}/").json()["state"] == "failed"


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_has_begun_is_not_cancelled(cast: Cast, api: As, job: tuple[Job, Change], state: JobState) -> None:
    Job.objects.update(state=state)
    assert api(cast.bob).delete(f"/jobs/{job[0].pk}/").status_code == 409
    assert Job.objects.get().state == state


def test_removing_deleted_mail_is_not_cancelled(cast: Cast, api: As) -> None:
    mailboxes.delete_mailboxes([cast.mia], acting_user=SYSTEM)
    removal: Any = Job.objects.get(kind="remove_homes")
    assert api(cast.operator).delete(f"/jobs/{removal.pk}/").status_code == 409


def test_retrying_a_failed_jobs_change_begins_the_job_again(cast: Cast, api: As, job: tuple[Job, Change]) -> None:
    Job.objects.update(state=JobState.FAILED)
    set_state(job[1], State.FAILED, "doveadm")
    assert api(cast.bob).post(f"/changes/{job[1].pk}/retry/").json()["state"] == "pending"
    assert Job.objects.get().state == JobState.QUEUED
