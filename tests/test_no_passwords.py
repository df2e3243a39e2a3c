"""No password and no hash is ever shown (R9): every page that links lead to, every answer of the API, every CSV file, in every role."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Admin, Mailbox, Token
from accounts.services import expansions, mailboxes, people, tokens
from mailsettings.services.profiles import create_profile
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast, sign_in_mailbox

pytestmark = pytest.mark.django_db
NEW = "Another#Word2026"
WHO = ("operator", "alice", "bob", "wendy", "mia")
LINK = re.compile(r'(?:href|hx-get|action)="(/[^"#]*)"')
LEFT_OUT = ("/static/", "/api/", "/logout/", "/language/", "/theme/")
MOST = 400  # pages of one role


@pytest.fixture
def secrets(cast: Cast) -> list[str]:
    """Passwords are set, changed and refused first; then everything that must not be seen."""
    bob = Client()
    bob.force_login(cast.bob)
    bob.post("/domains/a.example.com/mailboxes/new/", {"local_part": "nina", "password": NEW, "quota_mb": "5"})
    bob.post("/mailboxes/mia@a.example.com/password/", {"password": NEW})
    mailboxes.set_password(cast.mia, PASSWORD, acting_user=cast.bob)
    people.change_admin(cast.bob, password=NEW, acting_user=cast.operator)
    people.change_admin(cast.bob, password=PASSWORD, acting_user=cast.alice)
    expansions.create_alias(cast.domain, "info", ["x@example.net"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "all", ["x@example.net"], acting_user=SYSTEM)
    create_profile(cast.mia, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)
    _token, key = tokens.create_token(cast.bob, "program", scopes=["*"])
    hashes = [*Admin.objects.values_list("password", flat=True), *Mailbox.objects.values_list("password_hash", flat=True)]
    return [PASSWORD, NEW, key, "argon2", "{ARGON2ID}", *filter(None, hashes), *Token.objects.values_list("digest", flat=True)]


def signed_in(who: Admin | Mailbox) -> Client:
    client = Client()
    who.refresh_from_db()  # their password has been changed meanwhile
    if isinstance(who, Admin):
        client.force_login(who)
    else:
        sign_in_mailbox(client, who)
    return client


def text_of(answer: Any) -> str:
    return str(b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode())


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """Everything that links lead to from the first page on, each once, and what a form says that is sent empty."""
    waiting, seen = ["/"], {"/"}
    while waiting and len(seen) < MOST:
        path = waiting.pop()
        answer = client.get(path, follow=True)
        text = text_of(answer)
        yield path, text
        if "/password/" in path:
            yield f"POST {path}", text_of(client.post(path, {"password": "short", "current_password": PASSWORD}))
        for link in LINK.findall(text):
            plain = link.replace("&amp;", "&")
            if plain not in seen and not plain.startswith(LEFT_OUT):
                seen.add(plain)
                waiting.append(plain)


def addresses(cast: Cast) -> Iterator[str]:
    """Every address of the API that answers GET, for objects of alice's contract."""
    words = {
        "address": "mia@a.example.com",
        "domain": "a.example.com",
        "kind": "create",
        "selector": "x",
        "pk": "1",
        "job_id": "00000000-0000-0000-0000-000000000000",
        "change_id": "00000000-0000-0000-0000-000000000000",
    }
    names = {"domain": "a.example.com", "customer": "ours", "plan": "platinum", "mail-host": "mx1", "admin": "bob"}
    names |= {"account": "mia@a.example.com", "alias": "info@a.example.com", "group": "all@a.example.com"}
    api = next(p for p in get_resolver().url_patterns if isinstance(p, URLResolver) and str(p.pattern) == "api/v1/")
    for pattern in api.url_patterns:
        if isinstance(pattern, URLPattern):
            kind = str(pattern.name).rpartition("-")[0]
            route = re.sub(r"\(\?P<name>[^)]*\)", names.get(kind, "1"), str(pattern.pattern))
            route = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: words.get(found[1], "1"), route)
            yield "/api/v1/" + route.lstrip("^").rstrip("$").replace("\\", "")


@pytest.mark.parametrize("name", WHO)
def test_no_page_shows_a_password(cast: Cast, secrets: list[str], name: str) -> None:
    found, count = [], 0
    for path, text in pages(signed_in(getattr(cast, name))):
        count += 1
        found += [(path, secret[:12]) for secret in secrets if secret in text]
    assert found == []
    assert count > {"operator": 100, "alice": 50, "bob": 50}.get(name, 8)


@pytest.mark.parametrize("name", WHO)
def test_no_answer_of_the_api_holds_a_password(cast: Cast, secrets: list[str], name: str) -> None:
    client, found, shown = signed_in(getattr(cast, name)), [], 0
    for path in addresses(cast):
        answer = client.get(path)
        shown += answer.status_code == 200
        found += [(path, secret[:12]) for secret in secrets if secret in text_of(answer)]
    assert found == []
    assert shown >= (20 if name in ("operator", "alice", "bob") else 4)


def test_an_operator_resets_an_admins_password_and_an_admin_a_users(cast: Cast) -> None:
    """R9. The answers say that it was set, and not to what."""
    operator = signed_in(cast.operator)
    form = {"role": "mail_admin", "customer": cast.domain.customer.pk, "domains": [cast.domain.pk], "password": NEW}
    text = text_of(operator.post("/admins/bob/edit/", form, follow=True))
    assert NEW not in text
    assert Client().login(username="bob", password=NEW)
    bob = signed_in(cast.bob)
    text = text_of(bob.post("/mailboxes/mia@a.example.com/password/", {"password": NEW}, follow=True))
    assert "The password of mia@a.example.com was changed." in text
    assert NEW not in text
