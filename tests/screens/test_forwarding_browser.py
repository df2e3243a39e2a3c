"""One walk through the forwarding pages for each manual, and the pages under axe, in the dark and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Mailbox
from mailsettings.models import Profile
from mailsettings.services.profiles import create_profile
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, make_live, sign_in
from tests.screens.test_browser import serious

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIVE = "Live on mx1 in"


def order() -> Iterator[str]:
    """The keywords of the profiles in their order."""
    return (profile.conditions[0]["value"] if profile.conditions else "*" for profile in Profile.objects.all())


def make(box: Mailbox, action: str, keyword: str = "", to: tuple[str, ...] = ()) -> Profile:
    given = [{"field": "subject", "operator": "contains", "value": keyword}] if keyword else []
    return create_profile(box, action=action, conditions=given, destinations=list(to), acting_user=SYSTEM)[0]


def is_live(page: Page) -> None:
    make_live()
    expect(page.get_by_text(LIVE).first).to_be_visible()


def test_standard_many_addresses_are_pasted_and_one_is_taken_out(make_box: MakeBox, page: Page) -> None:
    nina = make_box("standard")
    sign_in(page, nina.address, at="/mail/login/")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Forwarding").click()
    page.get_by_role("link", name="Add rule").click()
    first = page.get_by_label("Address", exact=True).first
    expect(page.get_by_label("Keyword")).to_be_hidden()
    first.focus()
    page.evaluate(
        """() => {
        const data = new DataTransfer();
        data.setData("text", "a@example.net, b@example.net\\nc@example.net");
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    )
    expect(page.get_by_label("Address", exact=True)).to_have_count(3)
    expect(page.get_by_text("3 of 300")).to_be_visible()
    page.get_by_role("button", name="Add an address").click()
    expect(page.get_by_label("Address", exact=True).last).to_be_focused()
    page.keyboard.type("d@example.net")
    page.get_by_role("button", name="Remove the address").nth(1).click()
    page.get_by_role("button", name="Save").click()
    is_live(page)
    assert Profile.objects.get().destinations == ["a@example.net", "c@example.net", "d@example.net"]

    page.get_by_role("link", name="Delete c@example.net").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stop forwarding to c@example.net?")
    page.get_by_role("button", name="Delete", exact=True).click()
    is_live(page)
    expect(page.get_by_text("c@example.net")).to_have_count(0)


def test_hs_all_mail_is_warned_about_while_editing_and_the_order_goes_by_buttons_keys_and_hand(make_box: MakeBox, page: Page) -> None:
    nina = make_box("hs")
    for keyword in ("one", "two"):
        make(nina, "forward", keyword, to=("a@example.net",))
    sign_in(page, "bob")
    page.goto(f"/mailboxes/{nina}/forwarding/new/forward/")
    warning = page.get_by_text("“All mail” ends the search: nothing below it is looked at.")
    expect(warning).to_be_hidden()
    page.get_by_label("All mail").check()
    expect(warning).to_be_visible()
    expect(page.get_by_label("What is looked at")).to_be_hidden()
    page.get_by_label("Address", exact=True).first.fill("all@example.net")
    page.get_by_role("button", name="Save").click()
    is_live(page)
    assert list(order()) == ["one", "two", "*"]
    expect(page.get_by_text("Never reached")).to_have_count(0)

    up = page.get_by_role("button", name="Move number 3 up")
    up.click()
    expect(page.get_by_text("Never reached")).to_have_count(1)
    assert list(order()) == ["one", "*", "two"]
    expect(page.locator(f"#up-{Profile.objects.get(conditions=[]).pk}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Never reached")).to_have_count(2)
    expect(page.locator(f"#down-{Profile.objects.get(conditions=[]).pk}")).to_be_focused()
    is_live(page)

    grip = page.get_by_role("button", name="Move number 1 with the arrow keys")
    grip.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("Never reached")).to_have_count(1)
    assert list(order()) == ["one", "*", "two"]

    box, target = page.locator(".rule").nth(1).locator(".grip").bounding_box(), page.locator(".rule").nth(2).bounding_box()
    assert box
    assert target
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, target["y"] + target["height"] - 2, steps=8)
    page.mouse.up()
    expect(page.get_by_text("Never reached")).to_have_count(0)
    assert list(order()) == ["one", "two", "*"]


def test_warp_a_rule_is_built_and_each_thing_it_does_shows_what_it_needs(make_box: MakeBox, page: Page) -> None:
    nina = make_box("warp")
    sign_in(page, "bob")
    page.goto(f"/mailboxes/{nina}/filters/")
    page.get_by_role("link", name="Add rule").click()
    page.get_by_label("Name of the rule").fill("広告メール破棄")
    expect(page.get_by_label("Keep a copy in this mailbox")).to_be_visible()
    page.get_by_label("Notify").check()
    expect(page.get_by_label("Keep a copy in this mailbox")).to_be_hidden()
    expect(page.get_by_label("Address", exact=True)).to_be_visible()
    page.get_by_label("Throw away").check()
    expect(page.get_by_label("Address", exact=True)).to_be_hidden()
    page.get_by_label("What is looked at").select_option("subject")
    page.get_by_label("How it is compared").select_option("begins")
    page.get_by_label("Keyword").fill("未承諾広告※")
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("What is looked at").nth(1).select_option("attachment")
    page.get_by_role("button", name="Save").click()
    is_live(page)
    expect(page.get_by_text("If the subject begins with")).to_be_visible()
    made = Profile.objects.get()
    assert [(c["field"], c["operator"], c["value"]) for c in made.conditions] == [
        ("subject", "begins", "未承諾広告※"),
        ("attachment", "exists", ""),
    ]


def test_platinum_an_admin_lets_the_user_forward_who_then_does(cast: Cast, page: Page) -> None:
    sign_in(page, "bob")
    page.goto(f"/mailboxes/{cast.mia}/forwarding/")
    switch = page.get_by_role("switch", name="The user may forward")
    expect(switch).not_to_be_checked()
    switch.click()
    page.get_by_role("button", name="Permit it").click()
    expect(page.get_by_role("switch", name="The user may forward")).to_be_checked()
    page.context.clear_cookies()

    sign_in(page, cast.mia.address, at="/mail/login/")
    page.goto("/me/forwarding/new/forward/")
    page.get_by_label("Address", exact=True).fill("phone@example.org")
    page.get_by_label("Keep no copy in this mailbox").check()
    page.get_by_label("Forward without attachments").check()
    page.get_by_role("button", name="Save").click()
    is_live(page)
    expect(page.get_by_text("without attachments, keep no copy")).to_be_visible()


def test_plusmail_an_address_that_leads_here_is_added(make_box: MakeBox, page: Page) -> None:
    nina = make_box("plusmail")
    sign_in(page, "bob")
    page.goto(f"/mailboxes/{nina}/forwarding/")
    page.get_by_role("link", name="Add forwarding address").click()
    page.get_by_label("Name").fill("info")
    expect(page.get_by_label("Goes to")).to_have_value(nina.address)
    page.get_by_role("button", name="Create").click()
    is_live(page)
    page.goto(f"/mailboxes/{nina}/forwarding/")
    expect(page.get_by_role("link", name="info", exact=True)).to_be_visible()


def test_reception_is_turned_off_by_the_space_bar_and_needs_a_word_when_mail_is_lost(make_box: MakeBox, page: Page) -> None:
    nina = make_box("standard")
    sign_in(page, nina.address, at="/mail/login/")
    page.goto("/me/forwarding/")
    page.get_by_role("switch", name="Receive mail").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Turn off").click()
    expect(page.locator(".errors")).to_be_focused()
    page.get_by_label("Yes, throw this mail away").check()
    page.get_by_role("button", name="Turn off").click()
    is_live(page)
    expect(page.get_by_text("all new mail is thrown away")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(cast: Cast, make_box: MakeBox, page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, "bob")
    paths = []
    for plan, groups in {"standard": ("forward",), "hs": ("end", "forward"), "warp": ("rule",), "plusmail": ()}.items():
        box = make_box(plan)
        if plan == "hs":
            make(box, "discard")
            make(box, "discard", "x")
        if plan != "plusmail":
            made = make(box, "forward", "x", to=("a@example.net",))
            paths += [f"/mailboxes/{box}/forwarding/{made.pk}/", f"/mailboxes/{box}/forwarding/{made.pk}/delete/"]
        paths += [f"/mailboxes/{box}/forwarding/", *(f"/mailboxes/{box}/forwarding/new/{group}/" for group in groups)]
        paths += [f"/mailboxes/{box}/filters/", f"/mailboxes/{box}/receive/"] if plan == "warp" else []
    platinum = f"/mailboxes/{cast.mia}/"
    paths += [platinum + name for name in ("forwarding/", "filters/", "forwarding/new/filter/", "forwarding/permission/")]
    assert serious(page, paths) == []
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
