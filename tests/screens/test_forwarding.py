"""The forwarding pages, manual by manual (F1 to F7, F10, R7; standard 6-1-4 and 6-2-5, hs, warp, platinum, plusmail)."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Mailbox
from accounts.services import expansions
from mailsettings.models import Profile
from mailsettings.services.profiles import create_profile
from mailsettings.services.replies import set_auto_reply
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db


def make(box: Mailbox, action: str, *conditions: tuple[str, str], to: tuple[str, ...] = (), **more: Any) -> Profile:
    """A profile; each condition is a field and what it contains."""
    given = [{"field": field, "operator": "contains", "value": value} for field, value in conditions]
    return create_profile(box, action=action, conditions=given, destinations=list(to), acting_user=SYSTEM, **more)[0]


def conditions(*rows: tuple[str, str, str]) -> dict[str, list[str]]:
    """What the editor sends: field, operator and keyword of each row."""
    columns = {"field": 0, "operator": 1, "value": 2}
    return {"condition_header_name": [""] * len(rows), **{f"condition_{name}": [row[n] for row in rows] for name, n in columns.items()}}


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def own(profile: Profile) -> tuple[Any, ...]:
    return profile.action, profile.destinations, profile.keep_copy, [(c["field"], c["value"]) for c in profile.conditions]


# --- standard: all mail, From or Subject


@pytest.fixture
def standard(make_box: MakeBox) -> Mailbox:
    return make_box("standard")


def test_standard_all_mail_each_destination_is_an_entry_in_alphabetical_order(standard: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{standard}/forwarding/"
    answer = bob.post(
        path + "new/forward/", {"condition": "everything", "destinations": ["zoe@example.net", "adam@example.net"]}, follow=True
    )
    text = answer.content.decode()
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in text
    make(standard, "forward", ("subject", "x"), to=("mike@example.net", "bert@example.net"))
    text = page(bob, path)
    places = [text.index(f"{name}@example.net</span>") for name in ("adam", "bert", "mike", "zoe")]
    assert places == sorted(places)
    assert text.count("?address=") == 2
    assert "4 of 300 in use" in text


def test_standard_removes_one_destination_of_all_mail_and_keeps_the_others(standard: Mailbox, bob: Client) -> None:
    made = make(standard, "forward", to=("adam@example.net", "zoe@example.net"))
    path = f"/mailboxes/{standard}/forwarding/{made.pk}/delete/?address=adam@example.net"
    assert "Stop forwarding to adam@example.net?" in page(bob, path)
    assert Profile.objects.get().destinations == ["adam@example.net", "zoe@example.net"]
    bob.post(path)
    assert Profile.objects.get().destinations == ["zoe@example.net"]
    assert bob.get(path).status_code == 404
    bob.post(path.replace("adam", "zoe"))
    assert not Profile.objects.exists()


@pytest.mark.parametrize("keyword", ["[至急] 見積もり", '"a" & <b>', " spaces ", "未承諾広告※", "a\\b{c}%"])
def test_standard_keywords_keep_every_symbol(standard: Mailbox, bob: Client, keyword: str) -> None:
    path = f"/mailboxes/{standard}/forwarding/"
    bob.post(path + "new/forward/", {"condition": "subject", "keyword": keyword, "destinations": ["a@example.net"]})
    made = Profile.objects.get()
    assert own(made) == ("forward", ["a@example.net"], True, [("subject", keyword)])
    assert "& <b>" not in page(bob, path)
    assert bob.get(f"{path}{made.pk}/").context["form"]["keyword"].value() == keyword


def test_standard_refuses_by_field_and_keeps_what_was_typed(standard: Mailbox, bob: Client) -> None:
    given = {"condition": "from", "keyword": "", "destinations": ["good@example.net", "-x@example.net", "nonsense"]}
    answer = bob.post(f"/mailboxes/{standard}/forwarding/new/forward/", given)
    text = answer.content.decode()
    assert 'href="#id_keyword"' in text
    assert 'href="#id_destinations"' in text
    assert "-x@example.net" in str(answer.context["form"].errors["destinations"])
    for typed in given["destinations"]:
        assert f'value="{typed}"' in text
    assert not Profile.objects.exists()


def test_standard_the_300th_destination_is_the_last(standard: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{standard}/forwarding/new/forward/"
    many = " ".join(f"u{n}@example.net" for n in range(299))
    bob.post(path, {"condition": "everything", "destinations": [many]})
    assert bob.post(path, {"condition": "subject", "keyword": "x", "destinations": ["a@example.net, b@example.net"]}).status_code == 200
    assert bob.post(path, {"condition": "subject", "keyword": "x", "destinations": ["a@example.net"]}).status_code == 302
    form = bob.post(path, {"condition": "everything", "destinations": ["c@example.net"]}).context["form"]
    assert "At most 300 destinations" in str(form.errors["destinations"])


def test_standard_all_mail_goes_to_an_address_once(standard: Mailbox, bob: Client) -> None:
    make(standard, "forward", to=("a@example.net",))
    form = bob.post(f"/mailboxes/{standard}/forwarding/new/forward/", {"condition": "everything", "destinations": ["A@example.net"]})
    assert "All mail goes to a@example.net already." in str(form.context["form"].errors["destinations"])


def test_a_user_finds_the_same_pages_among_the_own(standard: Mailbox, as_user: SignIn) -> None:
    mine = as_user(standard)
    assert 'href="/me/forwarding/"' in page(mine, "/me/")
    mine.post("/me/forwarding/new/forward/", {"condition": "everything", "destinations": ["a@example.net"]})
    assert own(Profile.objects.get()) == ("forward", ["a@example.net"], True, [])
    assert "/me/forwarding/new/forward/" in page(mine, "/me/forwarding/")
    assert "/mailboxes/" not in page(mine, "/me/forwarding/")


# --- hs: two groups, ten profiles, five destinations


@pytest.fixture
def hs(make_box: MakeBox) -> Mailbox:
    return make_box("hs")


def test_hs_has_two_groups_and_makes_profiles_of_each(hs: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{hs}/forwarding/new/"
    bob.post(path + "end/", {"match": "everything", "action": "bounce", "enabled": "on", "name": "closed"})
    given = {"match": "any", **conditions(("subject", "contains", "x"), ("from", "is", "y@z.example"), ("", "contains", ""))}
    bob.post(path + "forward/", {**given, "destinations": ["a@example.net", "", "b@example.net"], "keep_copy": "on", "enabled": "on"})
    first, second = Profile.objects.all()
    assert (first.name, own(first)) == ("closed", ("bounce", [], True, []))
    assert second.match == "any"
    assert own(second) == ("forward", ["a@example.net", "b@example.net"], True, [("subject", "x"), ("from", "y@z.example")])
    shown = bob.get(path + "forward/").context["form"]
    assert shown.fields["destinations"].most == 5
    assert page(bob, path + "forward/").count('name="destinations"') == 5


def test_hs_the_sixth_destination_and_the_eleventh_profile_are_refused(hs: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{hs}/forwarding/new/forward/"
    six = {"match": "everything", "destinations": [f"u{n}@example.net" for n in range(6)], "enabled": "on"}
    assert "At most 5 destinations" in str(bob.post(path, six).context["form"].errors["destinations"])
    for n in range(10):
        make(hs, "discard", ("subject", str(n)))
    assert "At most 10 profiles." in bob.post(path, {**six, "destinations": ["a@example.net"]}).content.decode()
    assert "The list is full." in page(bob, f"/mailboxes/{hs}/forwarding/")


def test_hs_all_mail_shows_what_it_disables(hs: Mailbox, bob: Client) -> None:
    make(hs, "forward", ("subject", "a"), to=("a@example.net",))
    make(hs, "forward", to=("b@example.net",))
    make(hs, "forward", ("subject", "c"), to=("c@example.net",))
    text = page(bob, f"/mailboxes/{hs}/forwarding/")
    assert text.count("Never reached") == 1
    assert "all mail is deleted or sent back before it comes here" not in text
    make(hs, "discard")
    make(hs, "discard", ("subject", "d"))
    text = page(bob, f"/mailboxes/{hs}/forwarding/")
    assert text.count("Never reached") == 4
    assert "no mail is answered, and nothing is forwarded" in text
    assert "all mail is deleted or sent back before it comes here" in text


def test_hs_with_an_auto_reply_forwarding_is_shown_as_not_in_force(hs: Mailbox, bob: Client) -> None:
    make(hs, "forward", to=("b@example.net",))
    set_auto_reply(hs, body="Away", subject="Away", acting_user=SYSTEM)
    text = page(bob, f"/mailboxes/{hs}/forwarding/")
    assert "Mail is answered instead of being forwarded." in text
    assert f'href="/mailboxes/{hs}/auto-reply/"' in text
    assert "Mail is answered instead of being forwarded." in page(bob, f"/mailboxes/{hs}/")


def test_hs_each_group_is_ordered_by_itself(hs: Mailbox, bob: Client) -> None:
    a, b = make(hs, "discard", ("subject", "a")), make(hs, "forward", ("subject", "b"), to=("x@example.net",))
    c, d = make(hs, "discard", ("subject", "c")), make(hs, "forward", to=("y@example.net",))
    path = f"/mailboxes/{hs}/forwarding/order/"
    answer = bob.post(path + "forward/", {"ids": [d.pk, b.pk]}, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "<html" not in text
    assert "Never reached" in text
    assert "/mark/" in text
    bob.post(path + "end/", {"ids": [a.pk, c.pk], "down": a.pk})
    assert list(Profile.objects.values_list("pk", flat=True)) == [c.pk, d.pk, a.pk, b.pk]
    for wrong in ([a.pk], [a.pk, b.pk], [a.pk, c.pk, 999], []):
        bob.post(path + "end/", {"ids": wrong})
    assert list(Profile.objects.values_list("pk", flat=True)) == [c.pk, d.pk, a.pk, b.pk]
    assert bob.post(path + "rule/", {"ids": []}).status_code == 404


# --- warp: ten destinations, and rules


@pytest.fixture
def warp(make_box: MakeBox) -> Mailbox:
    return make_box("warp")


def test_warp_plain_forwarding_is_one_form_of_ten_destinations(warp: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{warp}/forwarding/"
    assert page(bob, path).count('name="destinations"') == 10
    bob.post(path, {"destinations": ["a@example.net", "b@example.net"], "keep_copy": "on"})
    assert own(Profile.objects.get()) == ("forward", ["a@example.net", "b@example.net"], True, [])
    bob.post(path, {"destinations": ["b@example.net"]})
    assert own(Profile.objects.get()) == ("forward", ["b@example.net"], False, [])
    eleven = {"destinations": [f"u{n}@example.net" for n in range(11)]}
    assert "At most 10 destinations" in str(bob.post(path, eleven).context["form"].errors["destinations"])
    bob.post(path, {"destinations": [""]})
    assert not Profile.objects.exists()
    assert bob.post(path, {"destinations": []}).status_code == 302


def test_warp_plain_forwarding_says_when_it_is_not_in_force_and_shows_what_the_api_added(warp: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{warp}/forwarding/"
    make(warp, "forward", to=("a@example.net",), enabled=False)
    assert "Saving puts it in use." in page(bob, path)
    second = make(warp, "forward", to=("b@example.net",))
    assert f"{path}{second.pk}/delete/" in page(bob, path)
    bob.post(path, {"destinations": ["a@example.net"]})
    assert Profile.objects.filter(enabled=True).count() == 2
    make(warp, "discard", name="all")
    assert "Never reached" in page(bob, path)


def rule(action: str, *rows: tuple[str, str, str], to: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"name": "n", "action": action, "match": "all", "enabled": "on", "destinations": list(to), **conditions(*rows), **more}


@pytest.mark.parametrize("action", ["forward", "notify", "refuse", "discard", "exempt"])
def test_warp_rules_do_five_things(warp: Mailbox, bob: Client, action: str) -> None:
    row = ("importance", "is", "high")
    bob.post(f"/mailboxes/{warp}/forwarding/new/rule/", rule(action, row, ("attachment", "exists", "dropped"), to=("p@example.org",)))
    made = Profile.objects.get()
    sends = action in ("forward", "notify")
    assert own(made) == (action, ["p@example.org"] if sends else [], action != "forward", [("importance", "high"), ("attachment", "")])
    form = bob.get(f"/mailboxes/{warp}/forwarding/{made.pk}/").context["form"]
    assert form["action"].value() == action
    assert form["keep_copy"].value() is False
    assert page(bob, f"/mailboxes/{warp}/filters/").count('class="rule"') == 1


def test_warp_a_rule_needs_a_name_and_conditions_and_where_to_send(warp: Mailbox, bob: Client) -> None:
    path = f"/mailboxes/{warp}/forwarding/new/rule/"
    errors = bob.post(path, rule("notify", name="")).context["form"].errors
    assert set(errors) == {"name", "destinations", "conditions"}
    errors = bob.post(path, rule("forward", to=("p@example.org",), match="everything")).context["form"].errors
    assert "All mail is forwarded by “Forwarding”" in str(errors["match"])
    assert bob.post(path, rule("notify", to=("p@example.org",), match="everything")).status_code == 302


def test_warp_rules_stand_in_their_order_without_the_plain_forwarding(warp: Mailbox, bob: Client) -> None:
    plain = make(warp, "forward", to=("a@example.net",))
    a, b = make(warp, "discard", ("subject", "a"), name="first"), make(warp, "exempt", name="second")
    path = f"/mailboxes/{warp}/"
    text = bob.post(path + "forwarding/order/rule/", {"ids": [b.pk, a.pk]}, headers={"HX-Request": "true"}).content.decode()
    assert text.index("second") < text.index("first")
    assert text.count("Never reached") == 1
    assert list(Profile.objects.values_list("pk", flat=True)) == [plain.pk, b.pk, a.pk]
    assert "Never reached" in page(bob, path + "filters/").partition("<aside>")[2]  # the plain forwarding
    assert bob.get(f"{path}forwarding/{plain.pk}/").status_code == 404  # it has its own page


# --- platinum: permission, copies, attachments, filters


def test_platinum_a_user_without_permission_has_no_forwarding_page(cast: Cast, bob: Client, as_user: SignIn) -> None:
    made = make(cast.mia, "forward", to=("a@example.net",))
    mine = as_user(cast.mia)
    for path in ("", "new/forward/", f"{made.pk}/", f"{made.pk}/delete/"):
        assert mine.get(f"/me/forwarding/{path}").status_code == 404
    assert "/me/forwarding/" not in page(mine, "/me/")
    assert "a@example.net" in page(bob, f"/mailboxes/{cast.mia}/forwarding/")
    permission = f"/mailboxes/{cast.mia}/forwarding/permission/"
    assert "Let the user forward?" in page(bob, permission)
    bob.post(permission, {"on": "yes"})
    assert "a@example.net" in page(as_user(Mailbox.objects.get(pk=cast.mia.pk)), "/me/forwarding/")
    bob.post(permission, {"on": "no"})
    assert mine.get("/me/forwarding/").status_code == 404
    assert Profile.objects.exists()


def test_platinum_filters_are_every_users(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    given = {"match": "all", "name": "ads", "enabled": "on", **conditions(("subject", "contains", "キャンペーン"))}
    mine.post("/me/forwarding/new/filter/", given)
    made = Profile.objects.get()
    assert own(made) == ("quarantine", [], True, [("subject", "キャンペーン")])
    assert "ads" in page(mine, "/me/filters/")
    assert errors_of(mine.post("/me/forwarding/new/filter/", {"match": "all", "enabled": "on"})) == {"conditions"}
    mine.post(f"/me/forwarding/{made.pk}/delete/")
    assert not Profile.objects.exists()


def errors_of(answer: Any) -> set[str]:
    return set(answer.context["form"].errors)


def test_platinum_forwards_with_or_without_copy_and_attachments(cast: Cast, bob: Client) -> None:
    path = f"/mailboxes/{cast.mia}/forwarding/"
    given = {"match": "all", "copy": "no", "strip_attachments": "on", "enabled": "on", **conditions(("subject", "contains", "図面"))}
    bob.post(path + "new/forward/", {**given, "destinations": ["p@example.org"]})
    made = Profile.objects.get()
    assert own(made) == ("forward", ["p@example.org"], False, [("subject", "図面")])
    assert made.strip_attachments
    assert "without attachments, keep no copy" in page(bob, path)
    bob.post(f"{path}{made.pk}/", {"match": "everything", "copy": "yes", "destinations": ["p@example.org"]})
    made.refresh_from_db()
    assert (own(made), made.strip_attachments, made.enabled) == (("forward", ["p@example.org"], True, []), False, False)


# --- plusmail: forwarding addresses


def test_plusmail_lists_the_addresses_that_lead_here(make_box: MakeBox, bob: Client, as_user: SignIn) -> None:
    nina = make_box("plusmail")
    path = f"/mailboxes/{nina}/forwarding/"
    assert f"/domains/{nina.domain}/aliases/new/?to=nina%40plusmail.example.com" in page(bob, path)
    expansions.create_alias(nina.domain, "info", [nina.address, "far@example.net"], acting_user=SYSTEM)
    expansions.create_alias(nina.domain, "other", ["far@example.net"], acting_user=SYSTEM)
    text = page(bob, path)
    assert f"/aliases/info@{nina.domain}/" in text
    assert "far@example.net" in text
    assert f"/aliases/other@{nina.domain}/" not in text
    mine = page(as_user(nina), "/me/forwarding/")
    assert "info" in mine
    assert "far@example.net" not in mine
    assert bob.post(path).status_code == 405
    assert bob.get(path + "new/forward/").status_code == 404
