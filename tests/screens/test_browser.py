"""The walk through a browser, by keyboard alone, and every page under axe."""

from collections.abc import Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts.models import Mailbox
from panel.base.models import ChangeTarget, State
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import make_live, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "operator": [
        "/",
        "/domains/",
        "/domains/new/",
        "/domains/a.example.com/",
        "/domains/a.example.com/edit/",
        "/domains/a.example.com/rules/",
        "/domains/a.example.com/limits/",
        "/domains/a.example.com/delete/",
        "/domains/a.example.com/mailboxes/",
        "/domains/a.example.com/mailboxes/?q=zzz",
        "/domains/a.example.com/mailboxes/new/",
        "/domains/a.example.com/bulk/",
        "/jobs/",
        "/mailboxes/mia@a.example.com/",
        "/mailboxes/mia@a.example.com/edit/",
        "/mailboxes/mia@a.example.com/password/",
        "/mailboxes/mia@a.example.com/purge/",
        "/mailboxes/mia@a.example.com/delete/",
        "/mailboxes/mia@a.example.com/auto-reply/",
        "/mailboxes/mia@a.example.com/spam/",
        "/mailboxes/mia@a.example.com/spam/seat/",
        "/mailboxes/mia@a.example.com/explain/",
        "/mailboxes/mia@a.example.com/explain/?by=message",
        "/domains/a.example.com/filters/",
        "/domains/a.example.com/filters/new/",
        "/domains/a.example.com/senders/",
        "/domains/a.example.com/dns/",
        "/domains/a.example.com/dkim/rotate/",
        "/domains/a.example.com/aliases/",
        "/domains/a.example.com/aliases/new/",
        "/domains/a.example.com/groups/new/",
        "/plans/",
        "/plans/standard/",
        "/plans/standard/edit/",
        "/customers/",
        "/customers/new/",
        "/admins/",
        "/admins/new/",
        "/admins/bob/edit/",
        "/admins/bob/delete/",
        "/admins/bob/roles/new/",
        "/account/",
        "/account/password/",
        "/nothing/here/",
    ],
    "wendy": ["/", "/domains/a.example.com/dns/"],
    "mia@a.example.com": ["/me/", "/me/password/", "/me/purge/", "/me/auto-reply/", "/me/explain/"],
}


def press(page: Page, name: str) -> None:
    """Tabs on until the control of this name has the focus, then presses Enter: what a keyboard can reach."""
    wanted = page.get_by_role("link", name=name, exact=True).or_(page.get_by_role("button", name=name, exact=True)).first
    expect(wanted).to_be_visible()
    for _ in range(60):
        if wanted.evaluate("(control) => control === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {name}")


def test_a_mailbox_from_its_making_to_its_end_by_keyboard(cast: Cast, page: Page) -> None:
    sign_in(page, "bob")
    page.goto("/domains/a.example.com/mailboxes/")
    press(page, "Add mailbox")
    page.wait_for_url("**/new/")
    page.keyboard.type("walker")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("walker@a.example.com")
    expect(page.get_by_text("being applied…")).to_be_visible()
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()

    press(page, "Set new password")
    page.wait_for_url("**/password/")
    page.get_by_label("New password").focus()
    page.keyboard.type("Another#Word2026")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The password of walker@a.example.com was changed.")).to_be_visible()
    ChangeTarget.objects.filter(state=State.PENDING).update(state=State.FAILED, error="postmap: no space left")
    expect(page.get_by_text("postmap: no space left")).to_be_visible()
    press(page, "Try again")
    expect(page.get_by_text("being applied…")).to_be_visible()
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()

    press(page, "Delete…")
    page.wait_for_url("**/delete/")
    expect(page.get_by_text("This is lost:")).to_be_visible()
    press(page, "Delete walker")
    expect(page.get_by_text("walker@a.example.com was deleted.")).to_be_visible()
    assert not Mailbox.objects.filter(pk="walker@a.example.com").exists()


def test_password_rules_are_ticked_off_while_typing(cast: Cast, page: Page) -> None:
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.goto("/me/password/")
    rules, field = page.locator(".rules"), page.get_by_label("New password")
    field.fill("mia@a.example.com")
    expect(rules.locator(".unmet")).to_contain_text("Not the name itself")
    field.fill(PASSWORD)
    expect(rules.locator(".met")).to_have_count(3)
    show = page.get_by_role("button", name="Show").last
    show.click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide").click()
    expect(field).to_have_attribute("type", "password")


def test_the_list_searches_while_typing_and_the_selection_counts(cast: Cast, page: Page) -> None:
    sign_in(page, "bob")
    page.goto("/domains/a.example.com/mailboxes/")
    page.get_by_role("searchbox", name="Search address or comment").fill("nobody")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Show everything").click()
    page.get_by_label("Select mia").check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 1 mailbox?")


def test_after_a_refusal_the_summary_has_the_focus_and_leads_to_the_field(cast: Cast, page: Page) -> None:
    sign_in(page, "bob")
    page.goto("/domains/a.example.com/mailboxes/new/")
    page.get_by_label("Name").fill("-")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".errors")).to_be_focused()
    page.locator(".errors a").first.click()
    expect(page.get_by_label("Name")).to_be_focused()


def test_on_a_phone_the_menu_opens_and_nothing_runs_out_of_the_page(cast: Cast, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, "bob")
    for path in ("/", "/domains/a.example.com/mailboxes/", "/mailboxes/mia@a.example.com/", "/domains/a.example.com/mailboxes/new/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview")).to_be_visible()


@pytest.mark.parametrize("login", PAGES)
def test_axe_finds_nothing_serious(cast: Cast, page: Page, login: str) -> None:
    sign_in(page, login, at="/mail/login/" if "@" in login else "/login/")
    assert serious(page, PAGES[login]) == []


def serious(page: Page, paths: Sequence[str]) -> list[tuple[str, str, str]]:
    """What axe finds serious or critical: page, rule, the first element."""
    found = []
    for path in paths:
        page.goto(path)
        violations = Axe().run(page).response["violations"]
        found += [(path, v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")]
    return found


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 390), ("dark", 390)])
def test_axe_finds_nothing_serious_in_the_dark_and_on_a_phone(cast: Cast, page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    assert serious(page, ["/login/", "/mail/login/"]) == []
    sign_in(page, "operator")
    assert serious(page, PAGES["operator"][::3]) == []
