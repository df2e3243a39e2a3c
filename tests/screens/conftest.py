"""Signed-in clients by name, and a browser against the live server."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from accounts.models import Admin, Mailbox
from panel.base.models import ChangeTarget, State
from tests.conftest import PASSWORD, Cast, make_domain, make_mailbox, sign_in_mailbox

SignIn = Callable[[Admin | Mailbox], Client]
MakeBox = Callable[[str], Mailbox]


@pytest.fixture
def as_user() -> SignIn:
    """A client that is signed in as an admin or a mailbox user."""

    def sign_in(user: Admin | Mailbox) -> Client:
        client = Client()
        if isinstance(user, Admin):
            client.force_login(user)
        else:
            sign_in_mailbox(client, user)
        return client

    return sign_in


@pytest.fixture
def bob(cast: Cast, as_user: SignIn) -> Client:
    """The mail admin of a.example.com."""
    return as_user(cast.bob)


@pytest.fixture
def make_box(cast: Cast) -> MakeBox:
    """nina, a mailbox under the named preset, in a domain of alice's contract that bob administers."""

    def make(plan: str) -> Mailbox:
        assert cast.bob.customer is not None
        domain = make_domain(f"{plan}.example.com", plan, cast.bob.customer, cast.domain.host)
        cast.bob.domains.add(domain)
        return make_mailbox(domain, "nina")

    return make


@pytest.fixture
def page(browser: Browser, live_server: object) -> Iterator[Page]:
    """A page whose addresses begin at the live server; a message of the browser about policy or script fails the test."""
    context = browser.new_context(base_url=str(live_server), reduced_motion="reduce")
    context.set_default_timeout(15_000)
    opened, said = context.new_page(), []
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    yield opened
    context.close()
    assert said == []


def sign_in(page: Page, login: str, password: str = PASSWORD, at: str = "/login/") -> None:
    page.goto(at)
    page.get_by_label("Login" if at == "/login/" else "Mail address").fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)


def make_live() -> None:
    """What a mail host's worker does at the end: every pending target is live."""
    from django.utils import timezone

    ChangeTarget.objects.filter(state=State.PENDING).update(state=State.LIVE, live_at=timezone.now())
