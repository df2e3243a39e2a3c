"""The pages about a domain's filters and senders (F9, F10)."""

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from mailsettings.models import DomainFilter, DomainSenders
from mailsettings.services.filters import create_filter
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn, make_live, sign_in

pytestmark = pytest.mark.django_db
LIST = "/domains/a.example.com/filters/"
HTMX = {"HX-Request": "true"}


def condition(field: str = "subject", operator: str = "contains", value: str = "未承諾広告", header_name: str = "") -> dict[str, str]:
    return {"field": field, "operator": operator, "value": value, "header_name": header_name}


def given(*conditions: dict[str, str], **changed: str) -> dict[str, Any]:
    """What the form sends: the n-th of each column belong together."""
    columns = {f"condition_{part}": [one[part] for one in conditions] for part in ("field", "operator", "value", "header_name")}
    return {"name": "", "match": "all", "action": "discard", "enabled": "on", **columns, **changed}


def some(cast: Cast, *values: str) -> list[DomainFilter]:
    made = []
    for value in values:
        made.append(create_filter(cast.domain, conditions=[condition(value=value)], action="discard", acting_user=SYSTEM)[0])
    return made


def test_an_empty_list_explains_filters_and_offers_the_first(bob: Client) -> None:
    text = bob.get(LIST).content.decode()
    assert "No filter yet" in text
    assert LIST + "new/" in text


def test_a_filter_reads_as_a_sentence(bob: Client) -> None:
    added = bob.post(LIST + "new/", given(condition(), condition("from", "ends", "@spam.test")), follow=True)
    text = added.content.decode()
    assert "The filter was added." in text
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in text
    value = '<span class="value">{}</span>'.format
    assert f"If the subject contains {value('未承諾広告')} and the sender ends with {value('@spam.test')} → throw it away" in text


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (condition("header", "is", "yes", "X-Bulk"), 'If the header X-Bulk is <span class="value">yes</span>'),
        (condition("header", "contains", "x1"), 'If any header contains <span class="value">x1</span>'),
        (condition("attachment", "exists", ""), "If it has an attachment"),
        (condition("spam", "is", "yes"), "If it is judged as spam"),
        (condition("body", "not_contains", "{x}<b>"), 'If the text does not contain <span class="value">{x}&lt;b&gt;</span>'),
    ],
)
def test_every_kind_of_condition_has_its_words(bob: Client, one: dict[str, str], said: str) -> None:
    bob.post(LIST + "new/", given(one))
    assert said in bob.get(LIST).content.decode()


def test_rows_left_blank_are_left_out_and_hidden_inputs_do_not_count(bob: Client) -> None:
    blank = condition("", "contains", "left over", "X-Old")
    bob.post(LIST + "new/", given(blank, condition("attachment", "exists", "old keyword", "X-Old"), blank))
    assert DomainFilter.objects.get().conditions == [condition("attachment", "exists", "")]


def test_what_is_wrong_is_said_with_the_number_of_the_condition(bob: Client) -> None:
    bad = given(condition(value="kept"), condition("spam", "is", "perhaps"), condition("header", "is", "x", "bad name"))
    answer = bob.post(LIST + "new/", bad)
    errors = answer.context["form"].errors["conditions"]
    assert [error.partition(":")[0] for error in errors] == ["2", "3"]
    text = answer.content.decode()
    assert 'value="kept"' in text
    assert 'href="#id_conditions"' in text
    assert not DomainFilter.objects.exists()


def test_all_mail_of_a_domain_is_never_meant(bob: Client) -> None:
    assert "At least one condition is needed." in bob.post(LIST + "new/", given()).content.decode()


def test_only_platinum_moves_to_the_spam_folder(make_box: MakeBox, bob: Client) -> None:
    assert [key for key, _ in bob.get(LIST + "new/").context["form"].fields["action"].choices] == ["quarantine", "discard", "bounce"]
    nina = make_box("hs")
    form = bob.get(f"/domains/{nina.domain}/filters/new/").context["form"]
    assert [key for key, _ in form.fields["action"].choices] == ["discard", "bounce"]


def test_a_filter_is_changed_switched_off_and_deleted(cast: Cast, bob: Client) -> None:
    (row,) = some(cast, "a")
    path = f"{LIST}{row.pk}/"
    assert bob.get(path).context["form"].initial["conditions"] == [condition(value="a")]
    bob.post(path, given(condition(value="b"), name="mine", enabled=""))
    row.refresh_from_db()
    assert (row.conditions[0]["value"], row.name, row.enabled) == ("b", "mine", False)
    assert "Not in use." in bob.get(LIST).content.decode()
    assert 'the subject contains <span class="value">b</span>' in bob.get(path + "delete/").content.decode()
    bob.post(path + "delete/")
    assert not DomainFilter.objects.exists()


def test_the_order_by_script_answers_with_the_list_and_its_mark(cast: Cast, bob: Client) -> None:
    a, b, c = some(cast, "a", "b", "c")
    answer = bob.post(LIST + "order/", {"ids": [c.pk, a.pk, b.pk]}, headers=HTMX)
    text = answer.content.decode()
    assert "<html" not in text
    assert "/mark/" in text
    assert list(DomainFilter.objects.values_list("pk", flat=True)) == [c.pk, a.pk, b.pk]


def test_the_order_without_script_moves_one_up_or_down(cast: Cast, bob: Client) -> None:
    a, b, c = some(cast, "a", "b", "c")
    ids = {"ids": [a.pk, b.pk, c.pk]}
    bob.post(LIST + "order/", {**ids, "up": a.pk})
    bob.post(LIST + "order/", {**ids, "down": a.pk})
    assert list(DomainFilter.objects.values_list("pk", flat=True)) == [b.pk, a.pk, c.pk]


@pytest.mark.parametrize("ids", [[], ["x"], ["1"], ["9" * 30]])
def test_an_order_that_does_not_fit_shows_what_there_is(cast: Cast, bob: Client, ids: list[str]) -> None:
    a, b = some(cast, "a", "b")
    assert bob.post(LIST + "order/", {"ids": ids}, headers=HTMX).status_code == 200
    assert list(DomainFilter.objects.values_list("pk", flat=True)) == [a.pk, b.pk]


def test_a_filter_of_another_domain_does_not_exist(cast: Cast, bob: Client, as_user: SignIn) -> None:
    foreign, _ = create_filter(cast.foreign_domain, conditions=[condition()], action="discard", acting_user=SYSTEM)
    operator = as_user(cast.operator)
    for name in ("", "delete/"):
        assert bob.get(f"/domains/b.example.com/filters/{foreign.pk}/{name}").status_code == 404
        for client in (bob, operator):
            assert client.get(f"{LIST}{foreign.pk}/{name}").status_code == 404
            assert client.post(f"{LIST}{foreign.pk}/{name}", given(condition())).status_code == 404


def test_what_no_filter_reaches_is_said(cast: Cast, bob: Client) -> None:
    create_filter(cast.domain, conditions=[], action="discard", acting_user=SYSTEM)
    some(cast, "a")
    text = bob.get(LIST).content.decode()
    assert '<span class="value">All mail</span> → throw it away' in text
    assert "Never reached: the filter above takes all mail." in text


def test_senders_for_the_whole_domain(bob: Client) -> None:
    bob.post("/domains/a.example.com/senders/", {"allow": "@partner.test", "block": "bad@spam.test\n@spam.test"})
    row = DomainSenders.objects.get()
    assert (row.allow, row.block) == (["@partner.test"], ["bad@spam.test", "@spam.test"])
    assert "bad@spam.test" in bob.get(LIST).content.decode()
    assert "Line 1" in bob.post("/domains/a.example.com/senders/", {"allow": "?", "block": ""}).content.decode()


def test_where_the_plan_has_none_there_is_no_page(make_box: MakeBox, bob: Client) -> None:
    domain = make_box("plusmail").domain
    for name in ("filters/", "filters/new/", "senders/"):
        assert bob.get(f"/domains/{domain}/{name}").status_code == 404
    assert "/filters/" not in bob.get(f"/domains/{domain}/").content.decode()


def test_the_list_costs_the_same_for_many(cast: Cast, bob: Client, django_assert_num_queries: Any) -> None:
    bob.get(LIST)
    for count in (0, 5):
        some(cast, *"abcde"[:count])
        with django_assert_num_queries(6):  # session, admin, domain, notices, filters, senders
            bob.get(LIST)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_walk_through_filters_by_keyboard_and_by_hand(cast: Cast, page: Page) -> None:
    sign_in(page, "bob")
    page.goto("/domains/a.example.com/mailboxes/")
    page.get_by_role("link", name="Domain filters").click()
    page.get_by_role("link", name="Add filter").click()
    rows = page.locator(".condition")
    expect(rows).to_have_count(1)
    rows.first.get_by_label("What is looked at").select_option("attachment")
    expect(rows.first.get_by_label("Keyword")).to_be_hidden()
    page.get_by_role("button", name="Add a condition").click()
    second = rows.nth(1)
    expect(second.get_by_label("What is looked at")).to_be_focused()
    second.get_by_label("What is looked at").select_option("spam")
    second.get_by_label("Value").select_option("yes")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".says")).to_have_text("If it has an attachment and it is judged as spam → throw it away")
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()

    some(cast, "second", "third")
    page.reload()
    grip = page.locator(".rule").nth(2).locator(".grip")
    grip.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("status").filter(has_text="Now 1 of 3")).to_be_attached()
    expect(page.locator("#rules").get_by_text("being applied…")).to_be_visible()
    expect(page.locator(".rule").first).to_contain_text("third")
    expect(page.locator(".rule").first.locator(".grip")).to_be_focused()
    make_live()
    expect(page.locator("#rules").get_by_text("Live on mx1 in")).to_be_visible()

    start, end = page.locator(".grip").first.bounding_box(), page.locator(".rule").last.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 8, end["y"] + end["height"] - 4, steps=6)
    with page.expect_response("**/order/"):
        page.mouse.up()
    page.reload()
    expect(page.locator(".rule").last).to_contain_text("third")
