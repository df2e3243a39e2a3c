"""Idempotency-Key: a POST that is sent twice is done once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Mailbox, Token
from panel.base import changes
from panel.base.api import idempotency
from panel.base.models import Change, RememberedAnswer
from tests.api.conftest import As
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
BODY = {"address": "info@a.example.com", "password": PASSWORD}


def post(asker: Any, key: str = "k1", body: Any = BODY, path: str = "/accounts/") -> Any:
    return asker.post(path, body, Idempotency_Key=key)


def test_the_second_answer_is_the_first(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    first, second = post(bob), post(bob)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    for name in ("Change-Id", "ETag", "Location", "Content-Type"):
        assert first[name] == second[name]
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Change.objects.filter(actor="admin:bob").count() == 1


def test_without_a_key_the_second_is_a_clash(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert [bob.post("/accounts/", BODY).status_code for _ in range(2)] == [201, 409]


def test_the_same_key_for_something_else_is_409(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    post(bob)
    other = post(bob, body={**BODY, "address": "other@a.example.com"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert post(bob, path="/accounts/mia@a.example.com/purge/", body=None).status_code == 409


def test_keys_belong_to_whoever_sent_them(cast: Cast, api: As) -> None:
    assert post(api(cast.bob)).status_code == 201
    assert post(api(cast.alice)).status_code == 409  # the address is taken: it was a new request


def test_a_refusal_is_not_remembered(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert post(bob, body={**BODY, "password": "x"}).status_code == 400
    assert post(bob).status_code == 201
    assert RememberedAnswer.objects.count() == 1


def test_a_fault_is_not_remembered_and_leaves_nothing(cast: Cast, api: As, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError("fallen")

    bob = api(cast.bob)
    with monkeypatch.context() as patched:
        patched.setattr(changes, "record", fall)
        assert post(bob).status_code == 500
    assert not Mailbox.objects.filter(pk="info@a.example.com").exists()
    assert post(bob).status_code == 201


def test_while_the_first_is_at_work_the_second_waits(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    pending(bob, age=timedelta(seconds=5))
    answer = post(bob)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "in_progress", "1")


def test_a_first_that_died_does_not_block_the_key(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    pending(bob, age=timedelta(seconds=61))
    assert post(bob).status_code == 201
    assert post(bob)["Idempotency-Replayed"] == "true"


def test_after_a_day_the_key_is_new(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    post(bob)
    RememberedAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert post(bob, body={**BODY, "address": "other@a.example.com"}).status_code == 201


def pending(asker: Any, age: timedelta) -> None:
    """What a request leaves that has not finished: a row without an answer."""
    post(asker)
    Mailbox.objects.get(pk="info@a.example.com").name.delete()
    RememberedAnswer.objects.update(status=0, body="", headers={}, created_at=timezone.now() - age)


def test_one_that_was_taken_over_undoes_its_own_work(cast: Cast, api: As, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(answer: RememberedAnswer, response: Any) -> None:
        RememberedAnswer.objects.filter(pk=answer.pk).update(created_at=timezone.now() + timedelta(seconds=1))
        keep(answer, response)

    keep = idempotency._keep
    monkeypatch.setattr(idempotency, "_keep", late)
    assert post(api(cast.bob)).status_code == 409
    assert not Mailbox.objects.filter(pk="info@a.example.com").exists()


def test_the_row_tells_nothing_of_the_password(cast: Cast, api: As) -> None:
    post(api(cast.bob))
    row = RememberedAnswer.objects.get()
    assert PASSWORD not in f"{row.body}{row.headers}{row.fingerprint}"


def test_tokens_and_sessions_are_never_remembered(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    new = {"name": "ci", "scopes": ["accounts:read"]}
    assert post(bob, path="/tokens/", body=new).json()["key"] != post(bob, path="/tokens/", body=new).json()["key"]
    login = {"login": "bob", "password": PASSWORD}
    assert post(bob, path="/sessions/", body=login).json()["token"] != post(bob, path="/sessions/", body=login).json()["token"]
    assert not RememberedAnswer.objects.exists()
    assert Token.objects.filter(is_session=True).count() == 2


@pytest.mark.parametrize("key", ["", "a b", "あ", "x" * 256])
def test_a_key_that_is_none_is_400(cast: Cast, api: As, key: str) -> None:
    answer = post(api(cast.bob), key=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
