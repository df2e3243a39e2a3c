"""Two-step login in a browser: an app, a passkey (Chromium's virtual authenticator), recovery codes, sessions; by keyboard, under axe."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.services import two_step as services
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import sign_in
from tests.screens.test_browser import press, serious
from tests.two_step import code_of, forget_use, give_app, recovery_codes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def device(page: Page) -> Iterator[Any]:
    """A passkey device that says yes: it keeps keys and asks its owner."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    found = session.send("WebAuthn.addVirtualAuthenticator", {"options": {**kind, "automaticPresenceSimulation": True}})
    yield lambda yes: session.send("WebAuthn.setUserVerified", {"authenticatorId": found["authenticatorId"], "isUserVerified": yes})
    session.send("WebAuthn.disable")


def sign_out(page: Page) -> None:
    page.get_by_role("navigation", name="Pages").wait_for()
    page.locator(".side-foot summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/login/")


def give_password(page: Page, login: str = "bob") -> None:
    page.goto("/login/")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-step/**")


def test_an_app_is_set_up_and_used_by_keyboard_alone(cast: Cast, page: Page) -> None:
    """R10."""
    sign_in(page, "bob")
    page.goto("/account/")
    press(page, "Set up")
    press(page, "Set up app")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.locator(".secret").inner_text()
    expect(page.get_by_label("Code from the app")).to_be_focused()
    page.keyboard.type(code_of(secret, -1))
    page.keyboard.press("Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    press(page, "I have kept them")
    expect(page.get_by_text("Two-step login is on.")).to_be_visible()
    sign_out(page)
    give_password(page)
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(code_of(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_passkey_is_added_and_signs_in_second_and_alone(cast: Cast, page: Page, device: Callable[[bool], Any]) -> None:
    """R10: after the password, and without one."""
    sign_in(page, "bob")
    page.goto("/account/two-step/passkeys/new/")
    page.get_by_label("Name").fill("laptop")
    page.keyboard.press("Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="laptop")).to_be_visible()
    sign_out(page)

    give_password(page)
    press(page, "Use a passkey")
    page.wait_for_url(lambda url: "login" not in url)
    sign_out(page)

    press(page, "Sign in with a passkey")
    page.wait_for_url(lambda url: "login" not in url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_device_that_says_no_leaves_the_other_way(cast: Cast, page: Page, device: Callable[[bool], Any]) -> None:
    sign_in(page, "bob")
    page.goto("/account/two-step/passkeys/new/")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("button", name="I have kept them").click()
    sign_out(page)
    device(False)
    for _ in range(2):  # a second try is asked again
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("The device gave no passkey")
    give_password(page)
    page.get_by_label("Code").fill(recovery_codes(cast.bob)[0])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)


def test_a_passkey_that_was_removed_opens_nothing(cast: Cast, page: Page, device: Callable[[bool], Any]) -> None:
    sign_in(page, "bob")
    page.goto("/account/two-step/passkeys/new/")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("button", name="I have kept them").click()
    sign_out(page)
    cast.bob.authenticator_set.filter(type="webauthn").delete()  # type: ignore[attr-defined]
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()


def test_a_role_that_must_have_two_steps_is_led_there(cast: Cast, page: Page) -> None:
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    sign_in(page, "bob")
    page.goto("/domains/a.example.com/mailboxes/")
    expect(page.get_by_text("Your role signs in with two steps.")).to_be_visible()
    assert serious(page, ["/account/two-step/"]) == []
    page.get_by_role("link", name="Set up app").click()
    page.get_by_label("Code from the app").fill(code_of(page.locator(".secret").inner_text()))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="I have kept them").click()
    page.goto("/domains/a.example.com/mailboxes/")
    expect(page.get_by_role("link", name="Add mailbox")).to_be_visible()


def test_another_browser_is_signed_out_from_here(cast: Cast, page: Page, browser: Browser, live_server: object) -> None:
    sign_in(page, "bob")
    other = browser.new_context(base_url=str(live_server)).new_page()
    sign_in(other, "bob")
    page.goto("/account/sessions/")
    expect(page.locator(".row-s")).to_have_count(2)
    press(page, "Sign out everywhere else")
    expect(page.get_by_text("1 session was ended.")).to_be_visible()
    other.goto("/")
    other.wait_for_url("**/login/**")
    other.context.close()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_axe_finds_nothing_serious(cast: Cast, page: Page, language: str) -> None:
    give_app(cast.bob)
    page.set_extra_http_headers({"Accept-Language": language})
    sign_in_by_code(page, cast)
    pk = cast.bob.authenticator_set.get(type="totp").pk  # type: ignore[attr-defined]
    paths = ["", "app/", "passkeys/new/", "codes/", f"{pk}/remove/"]
    found = [f"/account/two-step/{path}" for path in paths] + ["/account/", "/account/sessions/", "/account/confirm/"]
    assert serious(page, found) == []
    assert page.evaluate("document.documentElement.lang") == language


def sign_in_by_code(page: Page, cast: Cast) -> None:
    """In whatever language."""
    page.goto("/login/")
    page.locator("#id_login").fill("bob")
    page.locator("#id_password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-step/**")
    assert serious(page, ["/login/second-step/"]) == []
    forget_use(cast.bob)
    page.locator("#id_code").fill(recovery_codes(cast.bob)[0])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)
