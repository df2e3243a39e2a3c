"""/accounts/<address>/profiles/: what each plan lets a mailbox do with mail."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Mailbox, Plan
from mailsettings.models import Profile
from mailsettings.services import profiles
from panel.base.models import Change, ChangeTarget, TargetKind
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, Asker, codes_of, fields_of, under
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/accounts/mia@a.example.com/profiles/"
SUBJECT = {"field": "subject", "operator": "contains", "value": "受注 “new”"}


def forward(api: Asker, to: Any = ("x@example.net",), **more: Any) -> Any:
    return api.post(PATH, {"action": "forward", "destinations": list(to), **more})


def let_mia_forward() -> None:
    Mailbox.objects.filter(pk="mia@a.example.com").update(user_may_forward=True)


def test_a_profile_is_made_with_the_plans_defaults(cast: Cast, api: As) -> None:
    answer = forward(api(cast.bob), ["X@Example.NET", "y@日本語.example"], name="to the phone", conditions=[SUBJECT])
    assert answer.status_code == 201
    made = Profile.objects.get()
    assert answer.json() == {
        "id": made.pk,
        "position": 1,
        "name": "to the phone",
        "match": "all",
        "conditions": [SUBJECT],
        "action": "forward",
        "enabled": True,
        "destinations": ["x@example.net", "y@xn--wgv71a119e.example"],
        "keep_copy": True,
        "strip_attachments": False,
    }
    assert answer["Location"].endswith(f"/api/v1{PATH}{made.pk}/")
    target = ChangeTarget.objects.get(change=answer["Change-Id"])
    assert (target.kind, target.key) == (TargetKind.ADDRESS, "mia@a.example.com")
    read = api(cast.bob).get(answer["Location"])
    assert (read.json(), read["ETag"]) == (answer.json(), answer["ETag"])


def test_what_was_read_can_be_sent_again(cast: Cast, api: As) -> None:
    conditions = [
        SUBJECT,
        {"field": "header", "operator": "exists", "value": "", "header_name": "X-Order"},
        {"field": "header", "operator": "contains", "value": "x"},
        {"field": "body", "operator": "not_contains", "value": "y"},
    ]
    bob = api(cast.bob)
    made = forward(bob, match="any", conditions=conditions).json()
    assert made["conditions"] == conditions
    answer = bob.patch(f"{PATH}{made['id']}/", {key: value for key, value in made.items() if key not in ("id", "position")})
    assert (answer.status_code, answer.json()) == (200, made)


def test_the_list_is_in_order_and_can_be_put_into_another(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    ids = [forward(bob, [f"u{n}@example.net"]).json()["id"] for n in range(4)]
    wanted = [ids[2], ids[0], ids[3], ids[1]]
    answer = bob.post(f"{PATH}order/", {"ids": wanted})
    assert (answer.status_code, answer.json()) == (200, {"ids": wanted})
    assert ChangeTarget.objects.get(change=answer["Change-Id"]).key == "mia@a.example.com"
    rows = bob.get(PATH).json()["results"]
    assert [(row["id"], row["position"]) for row in rows] == list(zip(wanted, range(1, 5), strict=True))
    page = bob.get(f"{PATH}?limit=3").json()
    assert [row["id"] for row in bob.get(page["next"]).json()["results"]] == wanted[3:]
    assert bob.get(f"{PATH}?count=true&enabled=true&action=forward&limit=1").json()["count"] == 4


@pytest.mark.parametrize("ids", [[], [0], "all", ["1"], [True], [2**70], None, {}])
def test_an_order_names_every_profile_once(cast: Cast, api: As, ids: Any) -> None:
    bob = api(cast.bob)
    made = forward(bob).json()["id"]
    for wrong in (ids, [made, made]):
        answer = bob.post(f"{PATH}order/", {"ids": wrong})
        assert (answer.status_code, fields_of(answer)[0].partition(".")[0]) == (400, "ids")


def test_patch_changes_only_what_is_sent_and_nothing_where_nothing_is(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    path = f"{PATH}{forward(bob, name='one').json()['id']}/"
    changed = bob.patch(path, {"enabled": False, "keep_copy": False})
    assert (changed.json()["enabled"], changed.json()["keep_copy"], changed.json()["name"]) == (False, False, "one")
    before = Change.objects.count()
    same = bob.patch(path, {})
    assert (same.status_code, same["ETag"], "Change-Id" in same, Change.objects.count()) == (200, changed["ETag"], False, before)


@pytest.mark.parametrize("field", ["id", "position", "mailbox", "version"])
def test_what_cannot_be_changed_is_named(cast: Cast, api: As, field: str) -> None:
    bob = api(cast.bob)
    answer = bob.patch(f"{PATH}{forward(bob).json()['id']}/", {field: 1})
    assert (answer.status_code, fields_of(answer)) == (400, [field])


def test_a_deleted_profile_is_gone(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    path = f"{PATH}{forward(bob).json()['id']}/"
    answer = bob.delete(path)
    assert (answer.status_code, answer.content, "Change-Id" in answer) == (204, b"", True)
    assert bob.get(path).status_code == 404


def test_the_etag_guards_a_profile(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    made = forward(bob)
    path = f"{PATH}{made.json()['id']}/"
    assert bob.get(path, If_None_Match=made["ETag"]).status_code == 304
    assert bob.patch(path, {"name": "a"}, If_Match=made["ETag"]).status_code == 200
    assert bob.patch(path, {"name": "b"}, If_Match=made["ETag"]).status_code == 412
    assert bob.delete(path, If_Match=made["ETag"]).status_code == 412
    assert Profile.objects.get().name == "a"


def test_a_new_order_is_no_edit_of_a_profile(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    one, two = forward(bob), forward(bob, ["y@example.net"])
    bob.post(f"{PATH}order/", {"ids": [two.json()["id"], one.json()["id"]]})
    path = f"{PATH}{one.json()['id']}/"
    assert bob.get(path, If_None_Match=one["ETag"]).status_code == 200
    assert bob.patch(path, {"name": "a"}, If_Match=one["ETag"]).status_code == 200


def test_a_post_sent_twice_is_done_once(cast: Cast, api: As) -> None:
    bob, body = api(cast.bob), {"action": "quarantine"}
    first, again = (bob.post(PATH, body, Idempotency_Key="k1") for _ in range(2))
    assert (again["Idempotency-Replayed"], again.json(), again["Change-Id"]) == ("true", first.json(), first["Change-Id"])
    assert Profile.objects.count() == 1


# What a plan lacks: refused with its name, under the field that asks for it.
LACKING: list[tuple[str, dict[str, Any], str]] = [
    ("standard", {"action": "forward", "destinations": ["x@example.net"], "keep_copy": False}, "keep_copy"),
    ("standard", {"action": "forward", "destinations": ["x@example.net"], "strip_attachments": True}, "strip_attachments"),
    ("standard", {"action": "forward", "destinations": ["x@example.net"], "match": "any"}, "match"),
    (
        "standard",
        {"action": "forward", "destinations": ["x@example.net"], "conditions": [{"field": "to", "operator": "contains", "value": "x"}]},
        "conditions",
    ),
    ("standard", {"action": "discard"}, "action"),
    ("hs", {"action": "notify", "destinations": ["x@example.net"]}, "action"),
    ("hs", {"action": "discard", "conditions": [{"field": "spam", "operator": "is", "value": "yes"}]}, "conditions"),
    ("warp", {"action": "bounce"}, "action"),
    ("warp", {"action": "forward", "destinations": ["x@example.net"], "strip_attachments": True}, "strip_attachments"),
    ("platinum", {"action": "refuse"}, "action"),
    ("plusmail", {"action": "forward", "destinations": ["x@example.net"]}, "action"),
]


@pytest.mark.parametrize(("plan", "body", "field"), LACKING)
def test_what_the_plan_lacks_is_refused_with_its_name(cast: Cast, api: As, plan: str, body: dict[str, Any], field: str) -> None:
    under(cast.domain, plan)
    answer = api(cast.bob).post(PATH, body)
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, [field], ["plan"])
    assert Plan.objects.get(name=plan).title in answer.json()["detail"]


def test_a_plan_without_profiles_has_an_empty_list(cast: Cast, api: As) -> None:
    under(cast.domain, "plusmail")
    assert api(cast.mia).get(PATH).json() == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize(("plan", "most"), [("standard", 300), ("hs", 5), ("warp", 10)])
def test_one_destination_too_many_is_400(cast: Cast, api: As, plan: str, most: int) -> None:
    under(cast.domain, plan)
    mia = api(cast.mia)
    many = [f"u{n}@example.net" for n in range(most)]
    answer = forward(mia, [*many, "last@example.net"])
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, ["destinations"], ["too_many"])
    made = forward(mia, many)
    assert made.status_code == 201
    assert forward(mia, ["other@example.net"]).status_code == (201 if plan == "hs" else 400)
    assert mia.patch(f"{PATH}{made.json()['id']}/", {"destinations": [*many, "last@example.net"]}).status_code == 400


def test_the_eleventh_profile_of_hs_is_refused(cast: Cast, api: As) -> None:
    under(cast.domain, "hs")
    mia = api(cast.mia)
    assert {mia.post(PATH, {"action": "discard", "conditions": [SUBJECT]}).status_code for _ in range(10)} == {201}
    assert mia.post(PATH, {"action": "discard", "conditions": [SUBJECT]}).status_code == 400


def test_warp_keeps_no_copy_of_what_a_condition_forwards(cast: Cast, api: As) -> None:
    under(cast.domain, "warp")
    mia = api(cast.mia)
    assert forward(mia, conditions=[SUBJECT]).json()["keep_copy"] is False
    assert forward(mia, ["y@example.net"]).json()["keep_copy"] is True
    assert forward(mia, ["z@example.net"], conditions=[SUBJECT], keep_copy=True).json()["keep_copy"] is True


@pytest.mark.parametrize(
    ("to", "field"),
    [([], "destinations"), (["x"], "destinations"), (["-x@example.net"], "destinations"), (["x@example.net", 5], "destinations.1")],
)
def test_bad_destinations_are_named(cast: Cast, api: As, to: list[Any], field: str) -> None:
    answer = forward(api(cast.bob), to)
    assert (answer.status_code, fields_of(answer)) == (400, [field])


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"field": "subject", "operator": "contains"}, "conditions"),
        ({"field": "subject", "operator": "exists", "value": "x"}, "conditions"),
        ({"field": "subject", "operator": "contains", "value": "a\nb"}, "conditions"),
        ({"field": "subject", "operator": "contains", "value": "x", "header_name": "X-A"}, "conditions"),
        ({"field": "header", "operator": "is", "value": "x", "header_name": "a b"}, "conditions"),
        ({"field": "body", "operator": "is", "value": "x"}, "conditions"),
        ({"field": "shoe", "operator": "is", "value": "x"}, "conditions.0.field"),
        ({"field": "subject", "operator": "matches", "value": "x"}, "conditions.0.operator"),
        ({"field": "subject", "operator": "is", "value": 5}, "conditions.0.value"),
        ({"field": "subject", "operator": "is", "value": "x", "size": 1}, "conditions.0.size"),
        ({"operator": "is", "value": "x"}, "conditions.0.field"),
        ("subject", "conditions.0"),
    ],
)
def test_a_bad_condition_is_named(cast: Cast, api: As, condition: Any, field: str) -> None:
    answer = forward(api(cast.bob), conditions=[condition])
    assert (answer.status_code, fields_of(answer)) == (400, [field])


def test_a_user_without_permission_reads_but_does_not_forward(cast: Cast, api: As) -> None:
    """R7: what the admin has set up stays and is seen; everything else about one's own mail is one's own."""
    made, _ = profiles.create_profile(cast.mia, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)
    mia, path = api(cast.mia), f"{PATH}{made.pk}/"
    assert [row["id"] for row in mia.get(PATH).json()["results"]] == [made.pk]
    assert mia.get(path).json()["destinations"] == ["x@example.net"]
    assert forward(mia).status_code == 403
    assert mia.patch(path, {"enabled": False}).status_code == 403
    assert mia.patch(path, {"action": "quarantine", "destinations": []}).status_code == 403
    assert mia.delete(path).status_code == 403
    own = mia.post(PATH, {"action": "quarantine"})
    assert own.status_code == 201
    assert mia.patch(f"{PATH}{own.json()['id']}/", {"action": "forward", "destinations": ["x@example.net"]}).status_code == 403
    assert mia.delete(f"{PATH}{own.json()['id']}/").status_code == 204


def test_a_permitted_user_forwards(cast: Cast, api: As) -> None:
    let_mia_forward()
    mia = api(cast.mia)
    made = forward(mia)
    assert made.status_code == 201
    assert mia.delete(f"{PATH}{made.json()['id']}/").status_code == 204


@pytest.mark.parametrize("name", ["nobody@a.example.com", "nonsense", "a%00b@a.example.com", "max@b.example.com"])
def test_profiles_of_an_account_that_is_not_there_are_404(cast: Cast, api: As, name: str) -> None:
    bob = api(cast.bob)
    assert bob.get(f"/accounts/{name}/profiles/").status_code == 404
    assert bob.post(f"/accounts/{name}/profiles/", {"action": "quarantine"}).status_code == 404
    assert bob.post(f"/accounts/{name}/profiles/order/", {"ids": []}).status_code == 404


@pytest.mark.parametrize("key", ["0", "99999999", "999999999999999999"])
def test_a_profile_that_is_not_there_is_404(cast: Cast, api: As, key: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        assert api(cast.bob).ask(method, f"{PATH}{key}/", {}).status_code == 404


def test_upper_case_names_the_same_account(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/accounts/MIA@A.Example.COM/profiles/", {"action": "quarantine"})
    assert api(cast.bob).get(answer["Location"]).status_code == 200


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
CONDITION = st.fixed_dictionaries(
    {
        "field": st.sampled_from(["from", "subject", "header", "body"]),
        "operator": st.sampled_from(["contains", "is", "exists", "begins"]),
    },
    optional={"value": PLAIN, "header_name": PLAIN},
)
BODIES = st.fixed_dictionaries(
    {"action": st.sampled_from(["forward", "quarantine", "notify"]) | PLAIN},
    optional={
        "name": PLAIN,
        "match": st.sampled_from(["all", "any"]) | PLAIN,
        "conditions": st.lists(CONDITION | PLAIN, max_size=3) | PLAIN,
        "destinations": st.lists(st.emails() | PLAIN, max_size=3) | PLAIN,
        "keep_copy": PLAIN,
        "enabled": st.booleans() | PLAIN,
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_whatever_is_a_fault(cast: Cast, bob: Asker, body: dict[str, Any]) -> None:
    answer = bob.post(PATH, json.dumps(body).encode())
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        assert bob.get(answer["Location"]).json() == answer.json()
        bob.delete(answer["Location"])


@pytest.fixture
def bob(cast: Cast, api: As) -> Asker:
    return api(cast.bob)
