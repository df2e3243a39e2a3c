"""/accounts/<address>/auto-reply/: one for each account, by what its plan lets it say."""

from typing import Any

import pytest

from accounts.models import Plan
from mailsettings.models import AutoReply
from panel.base.models import Change, ChangeTarget, TargetKind
from tests.api.conftest import As, Asker, codes_of, fields_of, under
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/accounts/mia@a.example.com/auto-reply/"
AWAY = {
    "subject": "お休み",
    "body": "Back on Monday.\n",
    "starts_on": "2026-12-28",
    "ends_on": "2027-01-04",
    "interval_days": 3,
    "enabled": True,
}
NONE = {"subject": "", "body": "", "starts_on": None, "ends_on": None, "interval_days": 1, "enabled": False}


@pytest.fixture
def mia(cast: Cast, api: As) -> Asker:
    return api(cast.mia)


def test_where_there_is_none_the_defaults_are_read(mia: Asker) -> None:
    answer = mia.get(PATH)
    assert (answer.status_code, answer.json()) == (200, NONE)
    assert not AutoReply.objects.exists()


def test_put_makes_and_replaces_it(mia: Asker) -> None:
    made = mia.put(PATH, AWAY)
    assert (made.status_code, made.json()) == (200, {**AWAY, "body": "Back on Monday."})
    target = ChangeTarget.objects.get(change=made["Change-Id"])
    assert (target.kind, target.key) == (TargetKind.ADDRESS, "mia@a.example.com")
    again = mia.put(PATH, {"body": "Gone."})
    assert again.json() == {**NONE, "body": "Gone.", "enabled": True}
    assert mia.get(PATH).json() == again.json()


def test_what_is_read_can_be_put_back(mia: Asker) -> None:
    made = mia.put(PATH, AWAY).json()
    assert mia.put(PATH, made).json() == made
    mia.delete(PATH)
    assert mia.put(PATH, NONE).json() == NONE


def test_delete_takes_it_away_once(mia: Asker) -> None:
    mia.put(PATH, AWAY)
    assert "Change-Id" in mia.delete(PATH)
    assert mia.get(PATH).json() == NONE
    before = Change.objects.count()
    again = mia.delete(PATH)
    assert (again.status_code, "Change-Id" in again, Change.objects.count()) == (204, False, before)


def test_reset_forgets_who_was_answered(mia: Asker) -> None:
    none = mia.post(f"{PATH}reset/")
    assert (none.status_code, fields_of(none)) == (400, ["body"])
    mia.put(PATH, AWAY)
    answer = mia.post(f"{PATH}reset/")
    assert (answer.status_code, answer.json()["subject"], "Change-Id" in answer) == (200, "お休み", True)
    assert AutoReply.objects.get().record == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "a\x07b"}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"body": None}, "body"),
        ({"subject": "a\nBcc: x@example.net"}, "subject"),
        ({"subject": "x" * 201}, "subject"),
        ({"starts_on": "28.12.2026"}, "starts_on"),
        ({"starts_on": "20261228"}, "starts_on"),
        ({"starts_on": "2026-02-30"}, "starts_on"),
        ({"starts_on": "9999-12-31"}, "starts_on"),
        ({"ends_on": "2026-12-27"}, "ends_on"),
        ({"ends_on": 5}, "ends_on"),
        ({"interval_days": 31}, "interval_days"),
        ({"interval_days": -1}, "interval_days"),
        ({"interval_days": "1"}, "interval_days"),
        ({"enabled": "yes"}, "enabled"),
        ({"record": 5}, "record"),
    ],
)
def test_what_is_wrong_is_named(mia: Asker, change: dict[str, Any], field: str) -> None:
    answer = mia.put(PATH, {**AWAY, **change})
    assert (answer.status_code, fields_of(answer)) == (400, [field])
    assert not AutoReply.objects.exists()


@pytest.mark.parametrize(
    ("plan", "body", "field"),
    [
        ("plusmail", {"body": "Away."}, "body"),
        ("standard", {"subject": "Away", "body": "Away."}, "subject"),
        ("standard", {"body": "Away.", "enabled": False}, "enabled"),
    ],
)
def test_what_the_plan_lacks_is_refused_with_its_name(cast: Cast, mia: Asker, plan: str, body: dict[str, Any], field: str) -> None:
    under(cast.domain, plan)
    answer = mia.put(PATH, body)
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, [field], ["plan"])
    assert Plan.objects.get(name=plan).title in answer.json()["detail"]
    assert mia.get(PATH).json() == NONE


def test_standard_is_on_exactly_when_there_is_a_text(cast: Cast, mia: Asker) -> None:
    under(cast.domain, "standard")
    assert mia.put(PATH, {"body": "留守です。"}).json()["enabled"] is True
    assert mia.put(PATH, {"body": ""}).json()["enabled"] is False


def test_standard_counts_cp932_and_names_each_refused_character(cast: Cast, mia: Asker) -> None:
    under(cast.domain, "standard")
    assert mia.put(PATH, {"body": "あ" * 300}).status_code == 200
    assert codes_of(mia.put(PATH, {"body": "あ" * 300 + "a"})) == ["length"]
    answer = mia.put(PATH, {"body": "a\u301cb\u2212c~d-e"})
    assert (fields_of(answer), codes_of(answer)) == (["body"] * 2, ["character"] * 2)
    assert "U+301C" in answer.json()["detail"]


def test_the_etag_guards_it(mia: Asker) -> None:
    none = mia.get(PATH)["ETag"]
    made = mia.put(PATH, AWAY, If_Match=none)
    assert made.status_code == 200
    assert mia.put(PATH, AWAY, If_Match=none).status_code == 412
    assert mia.delete(PATH, If_Match=none).status_code == 412
    assert mia.get(PATH, If_None_Match=made["ETag"]).status_code == 304
    assert mia.delete(PATH, If_Match=made["ETag"]).status_code == 204


def test_one_made_anew_is_another(mia: Asker) -> None:
    old = mia.put(PATH, AWAY)["ETag"]
    mia.delete(PATH)
    mia.put(PATH, {"body": "Another."})
    assert mia.put(PATH, AWAY, If_Match=old).status_code == 412


def test_there_is_no_patch(mia: Asker) -> None:
    assert mia.patch(PATH, {"enabled": False}).status_code == 405


@pytest.mark.parametrize("name", ["nobody@a.example.com", "nonsense", "max@b.example.com"])
def test_of_an_account_that_is_not_there_it_is_404(cast: Cast, api: As, name: str) -> None:
    bob = api(cast.bob)
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "reset/")):
        assert bob.ask(method, f"/accounts/{name}/auto-reply/{path}", {}).status_code == 404
