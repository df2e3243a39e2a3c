"""A forced change from the operator to the admin in a browser, and the pages of the board and the status under axe."""

from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Mailbox, Notice
from accounts.services import board, standing
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast, make_mailbox
from tests.screens.conftest import make_live, sign_in
from tests.screens.test_browser import press, serious

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MIA = "/mailboxes/mia@a.example.com/"


def test_a_forced_change_from_the_operator_to_the_new_password(cast: Cast, page: Page) -> None:
    """A12: the operator forces, the admin's board leads to the form, a near copy is refused in its own words, a new one ends it."""
    sign_in(page, "operator")
    page.goto("/domains/a.example.com/mailboxes/")
    page.get_by_label("Select mia").check()
    press(page, "Require new passwords…")
    expect(page.get_by_role("heading", level=1)).to_have_text("Require a new password for 1 mailbox?")
    press(page, "Require new passwords")
    expect(page.get_by_text("1 mailbox needs a new password now.")).to_be_visible()
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()
    expect(page.locator("tr", has_text="mia").get_by_text("New password required")).to_be_visible()
    page.context.clear_cookies()

    sign_in(page, "bob")
    expect(page.get_by_text("mia@a.example.com needs a new password")).to_be_visible()
    page.goto("/board/")
    press(page, "Set new password")
    page.wait_for_url("**/password/")
    expect(page.get_by_text("The last three passwords are refused")).to_be_visible()
    page.get_by_label("New password").fill(PASSWORD + "!")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator(".invalid-feedback")).to_contain_text("with digits or symbols added")
    page.get_by_label("New password").fill("Quiet%Harbour71bd")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("The password of mia@a.example.com was changed.")).to_be_visible()
    expect(page.get_by_text("Normal", exact=True)).to_be_visible()
    page.goto("/board/")
    expect(page.get_by_text("No notices")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page, "mia@a.example.com", "Quiet%Harbour71bd", at="/mail/login/")
    expect(page.get_by_role("heading", level=1)).to_have_text("mia@a.example.com")


def test_a_notice_is_put_away_by_keyboard(cast: Cast, page: Page) -> None:
    board.create_notice(title="Maintenance on Sunday", body="See https://status.example.com/.", audience="everyone", acting_user=SYSTEM)
    sign_in(page, "bob")
    page.goto("/board/")
    expect(page.get_by_role("link", name="https://status.example.com/")).to_be_visible()
    press(page, "Dismiss")
    expect(page.get_by_text("No notices")).to_be_visible()
    press(page, "Dismissed")
    expect(page.get_by_role("heading", name="Maintenance on Sunday")).to_be_visible()


PAGES = {
    "operator": [
        "/",
        "/board/",
        "/notices/",
        "/notices/new/",
        "/notices/NOTICE/edit/",
        "/notices/NOTICE/delete/",
        "/mailboxes/",
        "/mailboxes/?state=nearly",
        MIA,
        MIA + "suspend/",
        MIA + "resume/",
        MIA + "force-password/",
        MIA + "password/",
        "/domains/a.example.com/mailboxes/?state=suspended",
    ],
    "bob": ["/", "/board/", "/board/?show=dismissed"],
    "wendy": ["/", "/board/"],
    "nina@a.example.com": ["/me/", "/board/"],
}


@pytest.mark.parametrize(("scheme", "width", "language"), [("light", 1280, "en"), ("dark", 390, "ja")])
@pytest.mark.parametrize("login", PAGES)
def test_axe_finds_nothing_serious(cast: Cast, page: Page, login: str, scheme: Any, width: int, language: str) -> None:
    """Both languages; nothing runs out of the page on a phone."""
    nina = make_mailbox(cast.domain, "nina")
    Mailbox.objects.filter(pk=nina.pk).update(quota_mb=1, used_bytes=2 * 1024 * 1024)
    for audience, level in (("everyone", "warning"), ("operators", "problem"), ("admins", "info")):
        board.create_notice(title=f"For {audience}", body="See https://a.example/.", audience=audience, level=level, acting_user=SYSTEM)
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    standing.suspend(cast.mia, acting_user=SYSTEM)
    board.dismiss(Notice.objects.get(title="For everyone"), cast.bob)
    paths = [path.replace("NOTICE", str(Notice.objects.get(title="For admins").pk)) for path in PAGES[login]]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, login, at="/mail/login/" if "@" in login else "/login/")
    page.context.add_cookies([{"name": "django_language", "value": language, "url": urljoin(page.url, "/")}])
    assert serious(page, paths) == []
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
