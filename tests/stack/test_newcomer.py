"""Somebody who has never seen the product: signs in, makes a mailbox in the browser, sends it a mail, reads and answers it."""

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from mailsettings.servers.layout import Layout
from tests.mail import World

PASSWORD = "Hajimete#Mail26x"

pytestmark = pytest.mark.browser


def sign_in(page: Page, world: World, path: str, login: str, password: str) -> None:
    page.goto(world.layout.panel_url + path)
    page.get_by_label("Login").or_(page.get_by_label("Mail address")).first.fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_from_the_browser_to_the_first_mail_and_its_answer(world: World, layout: Layout, browser: Browser) -> None:
    """The live mark tells when; real mail shows that it is true; the user changes the own password."""
    domain = world.domain("standard")
    page = browser.new_context(locale="en-US").new_page()
    sign_in(page, world, "/login/", "operator@localhost", world.layout.secrets.operator_password)
    page.goto(f"{world.layout.panel_url}/domains/{domain}/mailboxes/new/")
    page.get_by_label("Name").fill("taro")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible(timeout=10_000)
    box = f"taro@{domain}"
    world.arrives(box, world.inject(box), password=PASSWORD)
    world.sunk("someone@elsewhere.test", world.submit(box, "someone@elsewhere.test", password=PASSWORD))
    _usage_is_seen(page, world, box)
    _user_changes_password(browser, world, box)


def _usage_is_seen(page: Page, world: World, box: str) -> None:
    """The first look asks, a later one shows one mail."""
    end = time.monotonic() + 25
    while time.monotonic() < end:
        page.goto(f"{world.layout.panel_url}/mailboxes/{box}/")
        if world.call("GET", f"/accounts/{box}/").json["usage"]["messages"] == 1:
            return
        time.sleep(0.2)
    raise AssertionError("the usage stayed at nothing")


def _user_changes_password(browser: Browser, world: World, box: str) -> None:
    page = browser.new_context(locale="en-US").new_page()
    sign_in(page, world, "/mail/login/", box, PASSWORD)
    page.goto(f"{world.layout.panel_url}/me/password/")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("Nidome#Mail26xyz")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible(timeout=10_000)
    assert world.pop(box, "Nidome#Mail26xyz") == 1
