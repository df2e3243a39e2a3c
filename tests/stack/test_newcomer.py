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


def test_forward_mails_from_somebody_to_my_phone_and_keep_a_copy(world: World, browser: Browser) -> None:
    """Issue 3: a mailbox user alone, by what the pages say; real mail shows it, and so does asking what would happen."""
    box = world.mailbox(f"hanako@{world.domain('standard')}", PASSWORD)
    phone = f"phone-{box.partition('@')[2][:11]}@phone.test"
    page = browser.new_context(locale="en-US").new_page()
    sign_in(page, world, "/mail/login/", box, PASSWORD)
    page.get_by_role("link", name="Forwarding").first.click()
    page.get_by_role("link", name="Add rule").click()
    page.get_by_label("From", exact=True).check()
    page.get_by_label("Keyword").fill("boss@partner.test")
    page.get_by_label("Address", exact=True).first.fill(phone)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible(timeout=10_000)
    theirs = world.inject(box, sender="boss@partner.test")
    world.arrives(box, theirs, password=PASSWORD)
    world.sunk(phone, theirs)
    other = world.inject(box)
    world.arrives(box, other, password=PASSWORD)
    with pytest.raises(AssertionError):
        world.sunk(phone, other, seconds=1)
    page.goto(f"{world.layout.panel_url}/me/")
    page.get_by_role("link", name="Ask").click()
    page.get_by_label("From", exact=True).fill("The Boss <boss@partner.test>")
    page.get_by_role("button", name="Show what happens").click()
    expect(page.get_by_text(f"It is forwarded to {phone}")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("It is stored in the inbox.")).to_be_visible()
