"""/accounts/<address>/spam/, seats, and the domain's virus check."""

from typing import Any

import pytest

from accounts.models import Domain, Mailbox, Plan
from mailsettings.models import SpamSettings
from panel.base.models import Change, ChangeTarget, TargetKind
from tests.api.conftest import As, Asker, codes_of, fields_of, under
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db
ACCOUNT = "/accounts/mia@a.example.com/"
PATH = f"{ACCOUNT}spam/"
OFF = {
    "tag_subject": False,
    "move_to_folder": False,
    "skip_forwarding": False,
    "quarantine_empty_sender": False,
    "allow": [],
    "block": [],
}


@pytest.fixture
def mia(cast: Cast, api: As) -> Asker:
    Mailbox.objects.filter(pk="mia@a.example.com").update(spam_seat=True)
    return api(cast.mia)


def test_before_anybody_sets_it_the_plan_decides(cast: Cast, mia: Asker) -> None:
    assert mia.get(PATH).json() == {**OFF, "tag_subject": True, "skip_forwarding": True}
    under(cast.domain, "standard")
    assert mia.get(PATH).json() == OFF
    assert not SpamSettings.objects.exists()


def test_platinum_turns_the_one_off_with_the_other_on(mia: Asker) -> None:
    moved = mia.patch(PATH, {"move_to_folder": True})
    assert (moved.json()["tag_subject"], moved.json()["move_to_folder"]) == (False, True)
    target = ChangeTarget.objects.get(change=moved["Change-Id"])
    assert (target.kind, target.key) == (TargetKind.ADDRESS, "mia@a.example.com")
    tagged = mia.patch(PATH, {"tag_subject": True}).json()
    assert (tagged["tag_subject"], tagged["move_to_folder"]) == (True, False)
    neither = mia.patch(PATH, {"tag_subject": False}).json()
    assert (neither["tag_subject"], neither["move_to_folder"]) == (False, False)
    both = mia.patch(PATH, {"tag_subject": True, "move_to_folder": True})
    assert (both.status_code, fields_of(both)) == (400, ["move_to_folder"])


def test_standard_has_two_switches(cast: Cast, mia: Asker) -> None:
    under(cast.domain, "standard")
    both = mia.patch(PATH, {"tag_subject": True, "move_to_folder": True}).json()
    assert (both["tag_subject"], both["move_to_folder"]) == (True, True)


def test_lists_are_kept_in_a_labels_and_replaced_as_a_whole(mia: Asker) -> None:
    sent = {"allow": ["A@Example.NET", "日本語.example", "*@b.example", "a@example.net"], "block": ["@c.example"]}
    found = mia.patch(PATH, sent).json()
    assert (found["allow"], found["block"]) == (["a@example.net", "@xn--wgv71a119e.example", "@b.example"], ["@c.example"])
    assert mia.patch(PATH, {"allow": []}).json()["block"] == ["@c.example"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"allow": ["no address"]}, "allow"),
        ({"block": ["a b@example.net"]}, "block"),
        ({"block": [""]}, "block.0"),
        ({"block": "x@example.net"}, "block"),
        ({"allow": [5]}, "allow.0"),
        ({"allow": [f"u{n}@example.net" for n in range(501)]}, "allow"),
        ({"tag_subject": "yes"}, "tag_subject"),
        ({"score": 5}, "score"),
    ],
)
def test_what_is_wrong_is_named(mia: Asker, body: dict[str, Any], field: str) -> None:
    answer = mia.patch(PATH, body)
    assert (answer.status_code, fields_of(answer)) == (400, [field])


@pytest.mark.parametrize(
    ("plan", "body", "field"),
    [
        ("plusmail", {"tag_subject": True}, "tag_subject"),
        ("plusmail", {"allow": []}, "allow"),
        ("standard", {"skip_forwarding": True}, "skip_forwarding"),
        ("hs", {"quarantine_empty_sender": True}, "quarantine_empty_sender"),
    ],
)
def test_what_the_plan_lacks_is_refused_with_its_name(cast: Cast, mia: Asker, plan: str, body: dict[str, Any], field: str) -> None:
    under(cast.domain, plan)
    answer = mia.patch(PATH, body)
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, [field], ["plan"])
    assert Plan.objects.get(name=plan).title in answer.json()["detail"]


def test_without_a_seat_nothing_can_be_set(cast: Cast, api: As) -> None:
    answer = api(cast.mia).patch(PATH, {"tag_subject": True})
    assert (answer.status_code, codes_of(answer)) == (400, ["seat"])
    assert api(cast.mia).get(PATH).status_code == 200


def test_an_empty_patch_changes_nothing(mia: Asker) -> None:
    first, before = mia.get(PATH)["ETag"], Change.objects.count()
    answer = mia.patch(PATH, {})
    assert (answer.status_code, answer["ETag"], "Change-Id" in answer) == (200, first, False)
    assert (Change.objects.count(), SpamSettings.objects.count()) == (before, 0)


def test_the_etag_guards_the_settings(mia: Asker) -> None:
    first = mia.get(PATH)["ETag"]
    changed = mia.patch(PATH, {"block": ["@c.example"]}, If_Match=first)
    assert changed.status_code == 200
    assert mia.patch(PATH, {"block": []}, If_Match=first).status_code == 412
    assert mia.get(PATH, If_None_Match=changed["ETag"]).status_code == 304
    assert mia.get(PATH).json()["block"] == ["@c.example"]


def test_a_seat_counts_against_the_contract(cast: Cast, api: As) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"spam_seats": 1})
    make_mailbox(cast.domain, "ken")
    bob = api(cast.bob)
    first = bob.patch(ACCOUNT, {"spam_seat": True})
    assert (first.status_code, first.json()["spam_seat"], "Change-Id" in first) == (200, True, True)
    assert bob.get("/domains/a.example.com/").json()["used"]["spam_seats"] == 1
    problem = bob.patch("/accounts/ken@a.example.com/", {"spam_seat": True}).json()
    assert (problem["status"], problem["code"], problem["used"], problem["limit"]) == (409, "limit_reached", 1, 1)
    assert problem["errors"][0]["field"] == "spam_seat"
    made = bob.post("/accounts/", {"address": "new@a.example.com", "password": "Tegami#Mail2026x", "spam_seat": True})
    assert (made.status_code, made.json()["code"]) == (409, "limit_reached")
    bob.patch(ACCOUNT, {"spam_seat": False})
    assert bob.patch("/accounts/ken@a.example.com/", {"spam_seat": True}).status_code == 200


def test_where_no_seats_are_sold_none_can_be_taken(cast: Cast, api: As) -> None:
    under(cast.domain, "standard")
    answer = api(cast.bob).patch(ACCOUNT, {"spam_seat": True})
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, ["spam_seat"], ["plan"])
    assert "Standard" in answer.json()["detail"]


def test_accounts_are_found_by_their_switches(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    make_mailbox(cast.domain, "ken")
    bob.patch(ACCOUNT, {"spam_seat": True, "receive": False, "user_may_forward": True})
    for query in ("spam_seat=true", "receive=false", "user_may_forward=true"):
        assert [row["address"] for row in bob.get(f"/accounts/?{query}").json()["results"]] == ["mia@a.example.com"]
    assert fields_of(bob.get("/accounts/?receive=no")) == ["receive"]


def test_receiving_reaches_the_servers_and_the_permission_does_not(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert "Change-Id" in bob.patch(ACCOUNT, {"receive": False})
    assert "Change-Id" not in bob.patch(ACCOUNT, {"user_may_forward": True})


def test_the_virus_check_is_a_mail_admins_where_the_plan_leaves_it_open(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    refused = bob.patch("/domains/a.example.com/", {"virus_check": True})
    assert (refused.status_code, fields_of(refused), codes_of(refused)) == (400, ["virus_check"], ["plan"])
    assert "Platinum" in refused.json()["detail"]
    under(cast.domain, "warp")
    changed = bob.patch("/domains/a.example.com/", {"virus_check": True})
    assert (changed.status_code, changed.json()["virus_check"], "Change-Id" in changed) == (200, True, True)
    assert bob.patch("/domains/a.example.com/", {"virus_check": 1}).status_code == 400
