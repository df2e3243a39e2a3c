"""ETags: 304 for what is known, 412 for what has been changed meanwhile."""

from typing import Any

import pytest

from accounts.models import Mailbox
from accounts.services import expansions
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
CHANGES: dict[str, dict[str, Any]] = {
    "/plans/hs/": {"title": "HS"},
    "/customers/ours/": {"limits": {"accounts": 5}},
    "/domains/a.example.com/": {"admin_address": "new@example.net"},
    "/admins/bob/": {"email": "bob@example.net"},
    "/accounts/mia@a.example.com/": {"comment": "x"},
    "/aliases/sales@a.example.com/": {"destinations": ["y@example.net"]},
    "/groups/all@a.example.com/": {"members": ["y@example.net"]},
    "/me/": {"language": "ja"},
}


@pytest.fixture(autouse=True)
def objects(cast: Cast) -> None:
    expansions.create_alias(cast.domain, "sales", ["x@example.net"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "all", ["x@example.net"], acting_user=SYSTEM)


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_moves_the_etag_and_the_old_one_is_stale(cast: Cast, api: As, path: str) -> None:
    operator = api(cast.operator)
    first = operator.get(path)["ETag"]
    assert operator.patch(path, CHANGES[path], If_Match=first).status_code == 200
    stale = operator.patch(path, CHANGES[path], If_Match=first)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    second = operator.get(path)["ETag"]
    assert second != first
    assert operator.patch(path, CHANGES[path], If_Match=f'"other", {second}').status_code == 200


@pytest.mark.parametrize("path", CHANGES)
def test_a_write_answers_with_the_etag_of_what_it_left(cast: Cast, api: As, path: str) -> None:
    operator = api(cast.operator)
    assert operator.patch(path, CHANGES[path])["ETag"] == operator.get(path)["ETag"]


@pytest.mark.parametrize("path", [*CHANGES, "/mail-hosts/mx1/"])
def test_what_is_known_is_304(cast: Cast, api: As, path: str) -> None:
    operator = api(cast.operator)
    etag = operator.get(path)["ETag"]
    for known in (etag, f"W/{etag}", f'"a", {etag}', "*"):
        answer = operator.get(path, If_None_Match=known)
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    assert operator.get(path, If_None_Match='"other"').status_code == 200


@pytest.mark.parametrize("path", [path for path in CHANGES if path not in ("/me/", "/plans/hs/", "/customers/ours/")])
def test_delete_keeps_what_was_changed(cast: Cast, api: As, path: str) -> None:
    operator = api(cast.operator)
    first = operator.get(path)["ETag"]
    operator.patch(path, CHANGES[path])
    assert operator.delete(path, If_Match=first).status_code == 412
    assert operator.delete(path, If_Match=operator.get(path)["ETag"]).status_code == 204
    assert operator.get(path).status_code == 404


def test_incoming_mail_changes_the_answer_but_is_no_edit(cast: Cast, api: As) -> None:
    bob, path = api(cast.bob), "/accounts/mia@a.example.com/"
    before = bob.get(path)["ETag"]
    Mailbox.objects.filter(pk="mia@a.example.com").update(used_bytes=5_000_000)
    assert bob.get(path, If_None_Match=before).status_code == 200
    assert bob.patch(path, {"comment": "x"}, If_Match=before).status_code == 200


def test_an_account_made_anew_is_another(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    old = bob.get("/accounts/mia@a.example.com/")["ETag"]
    bob.delete("/accounts/mia@a.example.com/")
    bob.post("/accounts/", {"address": "mia@a.example.com", "password": "Tegami#Mail2026x"})
    assert bob.delete("/accounts/mia@a.example.com/", If_Match=old).status_code == 412


def test_a_weak_tag_never_allows_a_write(cast: Cast, api: As) -> None:
    bob, path = api(cast.bob), "/accounts/mia@a.example.com/"
    assert bob.patch(path, {"comment": "x"}, If_Match="W/" + bob.get(path)["ETag"]).status_code == 412
    assert bob.patch(path, {"comment": "x"}, If_Match="*").status_code == 200


def test_a_stale_write_does_nothing(cast: Cast, api: As) -> None:
    answer = api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": "lost"}, If_Match='"0.0"')
    assert answer.status_code == 412
    assert Mailbox.objects.get(pk="mia@a.example.com").comment == ""
