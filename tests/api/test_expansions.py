"""/aliases/ and /groups/."""

from typing import Any

import pytest

from accounts.models import Plan
from tests.api.conftest import As, codes_of, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
KINDS = [("/aliases/", "destinations"), ("/groups/", "members")]


def create(api: Any, path: str, field: str, local: str = "info", to: Any = ("mia@a.example.com",)) -> Any:
    return api.post(path, {"address": f"{local}@a.example.com", field: list(to)})


@pytest.mark.parametrize(("path", "field"), KINDS)
def test_made_changed_and_deleted(cast: Cast, api: As, path: str, field: str) -> None:
    bob = api(cast.bob)
    made = create(bob, path, field, to=["Mia@A.example.com", "x@example.net", "mia@a.example.com"])
    assert made.status_code == 201
    assert made.json() == {"address": "info@a.example.com", field: ["mia@a.example.com", "x@example.net"]}
    changed = bob.patch(f"{path}INFO@a.example.com/", {field: ["y@日本語.example"]})
    assert changed.json()[field] == ["y@xn--wgv71a119e.example"]
    gone = bob.delete(f"{path}info@a.example.com/")
    assert all("Change-Id" in answer for answer in (made, changed, gone))
    assert bob.get(f"{path}info@a.example.com/").status_code == 404


@pytest.mark.parametrize(("path", "field"), KINDS)
def test_an_empty_patch_changes_nothing(cast: Cast, api: As, path: str, field: str) -> None:
    bob = api(cast.bob)
    made = create(bob, path, field)
    answer = bob.patch(f"{path}info@a.example.com/", {})
    assert (answer.status_code, answer["ETag"], "Change-Id" in answer) == (200, made["ETag"], False)


@pytest.mark.parametrize(("path", "field"), KINDS)
@pytest.mark.parametrize(
    "to",
    [
        [],
        ["x"],
        ["-x@example.net"],
        ["a b@example.net"],
        ["info@a.example.com"],
        ["x@example.net\n"],
        [""],
        [f"u{n}@example.net" for n in range(1001)],
        [5],
        ["|/bin/sh@x.example"],
        ['"a b"@example.net'],
    ],
)
def test_bad_destinations_are_refused_by_their_field(cast: Cast, api: As, path: str, field: str, to: list[Any]) -> None:
    answer = create(api(cast.bob), path, field, to=to)
    if to == ["|/bin/sh@x.example"]:  # an atom may hold these (RFC 5322); quoting them is the map writer's business
        assert answer.status_code in (201, 400)
        return
    assert answer.status_code == 400
    assert fields_of(answer)[0].partition(".")[0] == field


@pytest.mark.parametrize(("path", "field"), KINDS)
def test_a_taken_name_is_a_clash(cast: Cast, api: As, path: str, field: str) -> None:
    answer = create(api(cast.bob), path, field, local="mia", to=["x@example.net"])
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (409, ["address"], ["clash"])
    reserved = create(api(cast.bob), path, field, local="postmaster", to=["x@example.net"])
    assert reserved.status_code == 409


def test_a_loop_is_refused(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    create(bob, "/aliases/", "destinations", "one", ["two@a.example.com"])
    answer = create(bob, "/aliases/", "destinations", "two", ["one@a.example.com"])
    assert (answer.status_code, codes_of(answer)) == (400, ["loop"])


def test_a_plan_without_groups_says_so_by_name(cast: Cast, api: As) -> None:
    api(cast.operator).patch("/domains/a.example.com/", {"plan": "hs"})
    answer = create(api(cast.bob), "/groups/", "members")
    assert (answer.status_code, codes_of(answer)) == (400, ["plan"])
    assert Plan.objects.get(name="hs").title in answer.json()["detail"]


def test_a_foreign_domains_address_cannot_be_made(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/aliases/", {"address": "x@b.example.com", "destinations": ["y@example.net"]})
    assert (answer.status_code, codes_of(answer)) == (400, ["domain"])
