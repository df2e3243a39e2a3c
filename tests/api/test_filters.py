"""/domains/<name>/filters/ and …/senders/: what a domain's admin decides for all its accounts."""

from typing import Any

import pytest

from accounts.models import Plan
from mailsettings.models import DomainFilter, DomainSenders
from panel.base.models import Change, ChangeTarget, TargetKind
from tests.api.conftest import As, Asker, codes_of, fields_of, under
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/domains/a.example.com/filters/"
SENDERS = "/domains/a.example.com/senders/"
FROM = {"field": "from", "operator": "ends", "value": "@spam.example"}


@pytest.fixture
def bob(cast: Cast, api: As) -> Asker:
    return api(cast.bob)


def test_a_filter_is_made_changed_and_deleted(bob: Asker) -> None:
    made = bob.post(PATH, {"action": "quarantine", "name": "spam", "conditions": [FROM]})
    row = DomainFilter.objects.get()
    assert made.status_code == 201
    assert made.json() == {
        "id": row.pk,
        "position": 1,
        "name": "spam",
        "match": "all",
        "conditions": [FROM],
        "action": "quarantine",
        "enabled": True,
    }
    target = ChangeTarget.objects.get(change=made["Change-Id"])
    assert (target.kind, target.key) == (TargetKind.DOMAIN, "a.example.com")
    changed = bob.patch(made["Location"], {"action": "discard", "match": "any"}, If_Match=made["ETag"])
    assert (changed.json()["action"], changed.json()["match"], changed.json()["name"]) == ("discard", "any", "spam")
    assert bob.patch(made["Location"], {"name": "late"}, If_Match=made["ETag"]).status_code == 412
    assert bob.get(made["Location"], If_None_Match=changed["ETag"]).status_code == 304
    gone = bob.delete(made["Location"])
    assert (gone.status_code, "Change-Id" in gone) == (204, True)
    assert bob.get(made["Location"]).status_code == 404


def test_an_empty_patch_changes_nothing(bob: Asker) -> None:
    made = bob.post(PATH, {"action": "bounce"})
    before = Change.objects.count()
    for path, etag in ((made["Location"], made["ETag"]), (SENDERS, bob.get(SENDERS)["ETag"])):
        answer = bob.patch(path, {})
        assert (answer.status_code, answer["ETag"], "Change-Id" in answer) == (200, etag, False)
    assert (Change.objects.count(), DomainSenders.objects.count()) == (before, 0)


def test_the_order_counts(bob: Asker) -> None:
    ids = [bob.post(PATH, {"action": "discard", "name": str(n)}).json()["id"] for n in range(3)]
    answer = bob.post(f"{PATH}order/", {"ids": ids[::-1]})
    assert (answer.json(), "Change-Id" in answer) == ({"ids": ids[::-1]}, True)
    assert [row["id"] for row in bob.get(PATH).json()["results"]] == ids[::-1]
    assert [row["id"] for row in bob.get(f"{PATH}?search=1").json()["results"]] == [ids[1]]
    wrong = bob.post(f"{PATH}order/", {"ids": ids[:2]})
    assert (wrong.status_code, fields_of(wrong)) == (400, ["ids"])


def test_a_post_sent_twice_is_done_once(bob: Asker) -> None:
    for _ in range(2):
        assert bob.post(PATH, {"action": "discard"}, Idempotency_Key="k1").status_code == 201
    assert DomainFilter.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "forward"}, "action"),
        ({}, "action"),
        ({"action": "discard", "destinations": ["x@example.net"]}, "destinations"),
        ({"action": "discard", "keep_copy": True}, "keep_copy"),
        ({"action": "discard", "position": 1}, "position"),
        ({"action": "discard", "conditions": [{"field": "importance", "operator": "is", "value": "high"}]}, "conditions"),
        ({"action": "discard", "conditions": [{**FROM, "value": ""}]}, "conditions"),
        ({"action": "discard", "name": "a\nb"}, "name"),
    ],
)
def test_what_is_wrong_is_named(bob: Asker, body: dict[str, Any], field: str) -> None:
    answer = bob.post(PATH, body)
    assert (answer.status_code, fields_of(answer)) == (400, [field])


@pytest.mark.parametrize(("plan", "action"), [("plusmail", "discard"), ("hs", "quarantine")])
def test_what_the_plan_lacks_is_refused_with_its_name(cast: Cast, bob: Asker, plan: str, action: str) -> None:
    under(cast.domain, plan)
    answer = bob.post(PATH, {"action": action})
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, ["action"], ["plan"])
    assert Plan.objects.get(name=plan).title in answer.json()["detail"]
    assert bob.get(PATH).json()["results"] == []


def test_senders_are_empty_until_somebody_names_some(bob: Asker) -> None:
    assert bob.get(SENDERS).json() == {"allow": [], "block": []}
    changed = bob.patch(SENDERS, {"allow": ["A@Example.NET"], "block": ["spam.example"]})
    assert changed.json() == {"allow": ["a@example.net"], "block": ["@spam.example"]}
    target = ChangeTarget.objects.get(change=changed["Change-Id"])
    assert (target.kind, target.key) == (TargetKind.DOMAIN, "a.example.com")
    assert bob.patch(SENDERS, {"allow": []}).json() == {"allow": [], "block": ["@spam.example"]}
    assert bob.put(SENDERS, {"allow": ["b@example.net"]}).json() == {"allow": ["b@example.net"], "block": []}


def test_the_etag_guards_the_senders(bob: Asker) -> None:
    first = bob.get(SENDERS)["ETag"]
    assert bob.put(SENDERS, {"block": ["@c.example"]}, If_Match=first).status_code == 200
    assert bob.put(SENDERS, {"block": []}, If_Match=first).status_code == 412
    assert bob.patch(SENDERS, {"block": []}, If_Match=first).status_code == 412


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
def test_bad_senders_are_named(cast: Cast, bob: Asker, verb: str) -> None:
    for body, field in (({"block": ["x y"]}, "block"), ({"allow": [5]}, "allow.0"), ({"deny": []}, "deny")):
        answer = bob.ask(verb, SENDERS, body)
        assert (answer.status_code, fields_of(answer)) == (400, [field])
    under(cast.domain, "plusmail")
    answer = bob.ask(verb, SENDERS, {"allow": ["x@example.net"]})
    assert (answer.status_code, codes_of(answer)) == (400, ["plan"])


@pytest.mark.parametrize("name", ["b.example.com", "nowhere.example.com", "..", "a%00b"])
def test_of_a_domain_that_is_not_there_they_are_404(bob: Asker, name: str) -> None:
    for path in (f"/domains/{name}/filters/", f"/domains/{name}/senders/"):
        assert bob.get(path).status_code == 404
    assert bob.post(f"/domains/{name}/filters/", {"action": "discard"}).status_code == 404
