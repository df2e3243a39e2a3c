"""The pages of tokens (R8) and webhooks."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django import DjangoAssertNumQueries

from accounts.models import Appointment, Token, Webhook, WebhookDelivery
from accounts.permissions import RESOURCES
from accounts.scopes import LABELS, ONLY_READ, in_words, offered
from accounts.services import mailboxes, tokens, webhooks
from panel.base import sealing
from panel.base.tenancy import Role
from tests.api.conftest import Asker
from tests.api.test_permissions import views
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import SignIn, sign_in
from tests.screens.test_browser import serious

pytestmark = pytest.mark.django_db
KEY = re.compile(r"tgm_[A-Za-z0-9_-]{43}")


def test_every_resource_has_a_row_and_no_box_that_does_nothing() -> None:
    """A box to write only where some address of the API writes."""
    assert set(LABELS) == set(RESOURCES)
    written = set()
    for view in views().values():
        cls = getattr(view, "cls", None)
        methods = set(getattr(view, "actions", None) or [name for name in ("post", "put", "patch", "delete") if hasattr(cls, name)])
        if cls is not None and methods - {"get", "head"} and not cls.only_reads:
            written.add(cls.resource)
    assert set(RESOURCES) - written == set(ONLY_READ)


@pytest.mark.parametrize("role", list(Role))
def test_the_table_offers_what_the_role_has_a_part_in(role: Role) -> None:
    assert {row.read.partition(":")[0] for row in offered(role)} == {name for name, (read, _write) in RESOURCES.items() if role in read}


def test_scopes_read_as_words() -> None:
    assert in_words(["accounts:write", "aliases:read", "accounts:read", "groups:write"]) == [
        "Mail accounts and their settings: read and write",
        "Aliases: read",
        "Group addresses: write",
    ]
    assert in_words(["*"]) == []


NEW = {"name": "backup", "reach": "chosen", "scopes": ["accounts:read"], "networks": "127.0.0.9/8\n::1", "ends": "30"}


def test_the_key_is_shown_once_and_works(bob: Client, cast: Cast) -> None:
    answer = bob.post("/account/tokens/new/", {**NEW, "domains": [cast.domain.pk]})
    assert answer["Cache-Control"] == "no-store"
    key = KEY.search(answer.content.decode())
    assert key is not None
    token = Token.objects.get()
    assert (token.networks, token.domains, token.scopes) == (["127.0.0.0/8", "::1/128"], ["a.example.com"], ["accounts:read"])
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)
    assert Asker(key[0]).get("/accounts/").status_code == 200
    listed = bob.get("/account/tokens/").content.decode()
    assert key[0] not in listed
    for words in ("backup", "Mail accounts and their settings: read", "127.0.0.0/8", "a.example.com", "Last used:"):
        assert words in listed


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"networks": "example.com"}, "“example.com” is no network."),
        ({"name": ""}, "This field is required."),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["plans:read"]}, "Select a valid choice."),
        ({"domains": ["999"]}, "Select a valid choice."),
        ({"ends": "5000"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(wrong: dict[str, Any], words: str, bob: Client) -> None:
    answer = bob.post("/account/tokens/new/", {**NEW, **wrong}).content.decode()
    assert words in answer
    assert 'value="backup"' in answer or wrong == {"name": ""}
    assert not Token.objects.exists()


def test_everything_is_one_choice(bob: Client) -> None:
    bob.post("/account/tokens/new/", {"name": "all", "reach": "everything", "ends": ""})
    assert (Token.objects.get().scopes, Token.objects.get().expires_at) == (["*"], None)
    assert "Everything that you may do." in bob.get("/account/tokens/").content.decode()


def test_a_mailbox_user_makes_a_token_of_their_own(cast: Cast, as_user: SignIn) -> None:
    mia = as_user(cast.mia)
    form = mia.get("/me/tokens/new/").content.decode()
    assert "accounts:read" in form
    assert "aliases:read" not in form
    assert 'name="domains"' not in form
    key = KEY.search(mia.post("/me/tokens/new/", NEW).content.decode())
    assert key is not None
    assert [row["address"] for row in Asker(key[0]).get("/accounts/").json()["results"]] == ["mia@a.example.com"]
    token = Token.objects.get()
    assert mia.post(f"/me/tokens/{token.pk}/delete/")["Location"] == "/me/tokens/"
    assert Asker(key[0]).get("/accounts/").status_code == 401


def test_a_token_is_revoked_in_two_steps(bob: Client, cast: Cast) -> None:
    token, key = tokens.create_token(cast.bob, "backup", scopes=["*"])
    assert "Revoke “backup”?" in bob.get(f"/account/tokens/{token.pk}/delete/").content.decode()
    bob.post(f"/account/tokens/{token.pk}/delete/")
    assert Asker(key).get("/me/").status_code == 401


def test_a_token_made_in_a_further_role_acts_in_it(bob: Client, cast: Cast) -> None:
    further = Appointment.objects.create(admin=cast.bob, role=Role.WEB_ADMIN, customer=cast.bob.customer)
    session = bob.session
    session["acting"] = further.pk
    session.save()
    assert "accounts:read" not in bob.get("/account/tokens/new/").content.decode()
    key = KEY.search(bob.post("/account/tokens/new/", {**NEW, "scopes": ["dns:read"]}).content.decode())
    assert key is not None
    assert Asker(key[0]).get("/accounts/").status_code == 404
    assert "domain web admin" in bob.get("/account/tokens/").content.decode()


def test_lists_cost_as_many_queries_whatever_they_hold(bob: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _n in range(3):
        tokens.create_token(cast.bob, "backup", scopes=["*"])
        webhooks.create_webhook(url="https://hooks.example.com/", events=["account.created"], acting_user=cast.bob)
    for path in ("/account/tokens/", "/account/webhooks/"):
        bob.get(path)
        with django_assert_num_queries(5):  # session, admin, the list; the sidebar's domain and notices
            bob.get(path)


def test_empty_lists_explain(bob: Client) -> None:
    assert "No token yet" in bob.get("/account/tokens/").content.decode()
    assert "No webhook yet" in bob.get("/account/webhooks/").content.decode()


# --- webhooks

HOOK = {"url": "https://hooks.example.com/x", "events": ["account.created"]}


def test_a_secret_that_is_made_here_is_shown_once(bob: Client) -> None:
    answer = bob.post("/account/webhooks/new/", HOOK)
    secret = sealing.unseal(bytes(Webhook.objects.get().secret), "webhook").decode()
    assert secret in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert secret not in bob.get(f"/account/webhooks/{Webhook.objects.get().pk}/edit/").content.decode()
    own = bob.post("/account/webhooks/new/", {**HOOK, "secret": "my-own-secret-of-mine"})
    assert own["Location"] == f"/account/webhooks/{Webhook.objects.latest('pk').pk}/"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "http://hooks.example.com/"}, "The address must begin with https://."),
        ({"url": "https://10.0.0.1/"}, "This address is not on the public internet."),
        ({"events": []}, "This field is required."),
        ({"secret": "short"}, "A secret has 16 to 200 characters"),
    ],
)
def test_what_is_wrong_with_a_webhook_stands_beside_its_field(wrong: dict[str, Any], words: str, bob: Client) -> None:
    assert words in bob.post("/account/webhooks/new/", {**HOOK, **wrong}).content.decode()
    assert not Webhook.objects.exists()


def test_a_test_and_sending_again(bob: Client, cast: Cast) -> None:
    hook, _ = webhooks.create_webhook(**HOOK, acting_user=cast.bob)  # type: ignore[arg-type]
    path = f"/account/webhooks/{hook.pk}/"
    assert "Nothing yet." in bob.get(path).content.decode()
    bob.post(path, {"ping": "1"})
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    row = WebhookDelivery.objects.get(event="account.created")
    WebhookDelivery.objects.filter(pk=row.pk).update(state="given_up", attempts=8, status=500, error="refused")
    shown = bob.get(path).content.decode()
    for words in ("Mail account created", "ken@a.example.com", "given up", "It did not take it.", "Status 500."):
        assert words in shown
    bob.post(path, {"retry": str(row.pk)})
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("waiting", 0)
    for nobodys in ("x", "00000000-0000-4000-8000-000000000000"):
        assert bob.post(path, {"retry": nobodys}).status_code == 404
    part = bob.get(path, HTTP_HX_REQUEST="true").content.decode()
    assert part.startswith("<section")


def test_the_page_says_why_it_is_off(bob: Client, cast: Cast) -> None:
    hook, _ = webhooks.create_webhook(**HOOK, acting_user=cast.bob)  # type: ignore[arg-type]
    Webhook.objects.update(enabled=False, failing_since=timezone.now() - timedelta(days=3))
    assert "switch the webhook on again" in bob.get(f"/account/webhooks/{hook.pk}/").content.decode()
    bob.post(f"/account/webhooks/{hook.pk}/edit/", {**HOOK, "secret": "", "enabled": "on"})
    hook.refresh_from_db()
    assert (hook.enabled, hook.failing_since) == (True, None)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_token_by_keyboard_alone(page: Page, cast: Cast) -> None:
    sign_in(page, "bob")
    page.goto("/account/tokens/new/")
    page.get_by_label("What it is for").focus()
    page.keyboard.type("backup")
    page.get_by_label("Mail accounts and their settings: read").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_label("What it is for").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copy the key").wait_for()
    assert Token.objects.get(name="backup").scopes == ["accounts:read", "accounts:write"]
    page.get_by_role("button", name="Copy the key").press("Enter")
    page.get_by_role("button", name="Copied").wait_for()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_table_of_scopes_goes_where_everything_is_chosen(page: Page, cast: Cast) -> None:
    sign_in(page, "bob")
    page.goto("/account/tokens/new/")
    table = page.locator("table.scopes")
    assert table.is_visible()
    page.get_by_label("Everything that I may do").check()
    assert not table.is_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_axe_finds_nothing_serious(page: Page, cast: Cast) -> None:
    token, _ = tokens.create_token(cast.bob, "backup", scopes=["accounts:read"], networks=["192.0.2.0/24"], domains=["a.example.com"])
    hook, _ = webhooks.create_webhook(**HOOK, acting_user=cast.bob)  # type: ignore[arg-type]
    webhooks.ping(hook, acting_user=cast.bob)
    sign_in(page, "bob")
    of_token = [f"/account/tokens/{part}" for part in ("", "new/", f"{token.pk}/delete/")]
    of_hook = [f"/account/webhooks/{part}" for part in ("", "new/", f"{hook.pk}/", f"{hook.pk}/edit/", f"{hook.pk}/delete/")]
    assert serious(page, [*of_token, *of_hook]) == []
