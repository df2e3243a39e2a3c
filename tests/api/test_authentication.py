"""Bearer tokens, the browser's session, and signing in for a token."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Admin, Mailbox, Plan, Token
from accounts.services import domains, mailboxes, people
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, Asker
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
NEW = "Kumo#Asahi71bd"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nope", "Bearer あ", "Basic Ym9iOng=", "Token x", "Bearer " + "x" * 5000]
)
def test_bad_credentials_are_401_with_a_challenge(cast: Cast, header: str) -> None:
    answer = Client().get("/api/v1/accounts/", headers={"Authorization": header})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_ended_token_is_401(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert bob.get("/me/").status_code == 200
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bob.get("/me/").status_code == 401


def test_a_token_ends_with_its_owner(cast: Cast, api: As) -> None:
    bob, mia = api(cast.bob), api(cast.mia)
    Admin.objects.filter(login="bob").update(is_active=False)
    mailboxes.delete_mailboxes([cast.mia], acting_user=SYSTEM)
    assert (bob.get("/me/").status_code, mia.get("/me/").status_code) == (401, 401)


def test_the_last_use_is_written_at_most_once_a_minute(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    bob.get("/me/")
    first = Token.objects.get().last_used_at
    bob.get("/me/")
    assert Token.objects.get().last_used_at == first
    Token.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    bob.get("/me/")
    last = Token.objects.get().last_used_at
    assert last is not None
    assert last > timezone.now() - timedelta(seconds=30)


def test_an_old_token_beside_the_password_does_no_harm(cast: Cast) -> None:
    assert Asker("nope").post("/sessions/", {"login": "bob", "password": PASSWORD}).status_code == 201


@pytest.mark.parametrize(
    ("login", "who"),
    [
        ("bob", "bob"),
        ("BOB", "bob"),
        ("mia@a.example.com", "mia@a.example.com"),
        ("Mia@A.example.com", "mia@a.example.com"),
        ("mia%a.example.com", "mia@a.example.com"),
    ],
)
def test_admins_and_users_sign_in(cast: Cast, login: str, who: str) -> None:
    answer = Asker().post("/sessions/", {"login": login, "password": PASSWORD})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    session = Asker(answer.json()["token"])
    assert session.get("/me/").json()["login"] == who
    ends = Token.objects.get(is_session=True).expires_at
    assert ends is not None
    assert timedelta(hours=11, minutes=59) < ends - timezone.now() <= timedelta(hours=12)


def test_a_bare_name_signs_in_where_the_plan_has_it(cast: Cast) -> None:
    plusmail = Plan.objects.get(name="plusmail")
    made, _ = domains.create_domain(
        "p.example.com",
        customer=cast.domain.customer,
        plan=plusmail,
        host=cast.domain.host,
        admin_address="x@example.net",
        acting_user=SYSTEM,
    )
    mailboxes.create_mailbox(made, "kenji", PASSWORD, acting_user=SYSTEM)
    answer = Asker().post("/sessions/", {"login": "kenji", "password": PASSWORD})
    assert Asker(answer.json()["token"]).get("/me/").json()["login"] == "kenji@p.example.com"


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("bob", "wrong"),
        ("nobody", PASSWORD),
        ("mia@a.example.com", "wrong"),
        ("mia", PASSWORD),
        ("mia%b.example.com", PASSWORD),
        ("x" * 300, "y" * 900),
        ("@", "x"),
        ("%", "x"),
    ],
)
def test_wrong_credentials_are_401(cast: Cast, login: str, password: str) -> None:
    answer = Asker().post("/sessions/", {"login": login, "password": password})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert "WWW-Authenticate" in answer
    assert not Token.objects.exists()


def test_a_session_is_ended_by_itself_and_by_a_new_password(cast: Cast, api: As) -> None:
    def sign_in() -> Asker:
        return Asker(Asker().post("/sessions/", {"login": "mia@a.example.com", "password": PASSWORD}).json()["token"])

    one, two, lasting = sign_in(), sign_in(), api(cast.mia)
    assert one.delete("/sessions/").status_code == 204
    assert (one.get("/me/").status_code, two.get("/me/").status_code) == (401, 200)
    mailboxes.set_password(cast.mia, NEW, acting_user=SYSTEM)
    assert (two.get("/me/").status_code, lasting.get("/me/").status_code) == (401, 200)


def test_a_lasting_token_is_no_session(cast: Cast, api: As) -> None:
    assert api(cast.bob).delete("/sessions/").status_code == 403


def signed_in(cast: Cast, who: str) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(getattr(cast, who))
    return client


def test_the_browsers_session_reads_and_needs_a_csrf_token_to_write(cast: Cast) -> None:
    browser = signed_in(cast, "bob")
    assert browser.get("/api/v1/me/").json()["login"] == "bob"
    refused = browser.patch("/api/v1/me/", {"language": "ja"}, content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    browser.cookies["csrftoken"] = "x" * 32
    done = browser.patch("/api/v1/me/", {"language": "ja"}, content_type="application/json", headers={"X-CSRFToken": "x" * 32})
    assert (done.status_code, done.json()["language"]) == (200, "ja")


def test_a_mailbox_users_browser_session_counts_too(cast: Cast) -> None:
    browser = Client()
    browser.post(
        "/mail/login/",
        {"login": "mia@a.example.com", "username": "mia@a.example.com", "address": "mia@a.example.com", "password": PASSWORD},
    )
    assert browser.get("/api/v1/me/").json()["role"] == "mailbox_user"


def test_the_audit_trail_knows_who_and_how(cast: Cast, api: As) -> None:
    api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": "x"})
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.via, entry.remote, entry.subject) == ("admin:bob", "api", "127.0.0.1", "mia@a.example.com")
    assert (entry.before, entry.after) == ({"comment": ""}, {"comment": "x"})


def me(owner: Any, api: As, **limits: Any) -> Any:
    return api(owner, **limits).get("/me/").json()


def test_me_says_who_and_what_one_may(cast: Cast, api: As) -> None:
    bob = me(cast.bob, api)
    assert (bob["role"], bob["customer"], bob["domains"]) == ("mail_admin", "ours", ["a.example.com"])
    assert bob["may"]["accounts"] == ["read", "write"]
    assert "plans" not in bob["may"]
    assert "mailbox.create" in bob["actions"]
    assert me(cast.operator, api)["domains"] == []
    assert me(cast.wendy, api)["domains"] == ["a.example.com"]
    assert me(cast.mia, api)["domains"] == ["a.example.com"]
    assert me(cast.bob, api, scopes=("me:read", "accounts:read"))["may"] == {"accounts": ["read"], "me": ["read"]}


def test_a_user_chooses_a_language(cast: Cast, api: As) -> None:
    mia = api(cast.mia)
    assert mia.patch("/me/", {"language": "ja"}).json()["language"] == "ja"
    assert mia.patch("/me/", {"language": "fr"}).status_code == 400
    assert Mailbox.objects.get(pk=cast.mia.pk).language == "ja"


def test_tokens_show_their_key_once(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    made = bob.post(
        "/tokens/", {"name": "ci", "scopes": ["accounts:read"], "domains": ["A.example.com"], "expires_at": "2099-01-01T00:00:00Z"}
    )
    assert made.status_code == 201
    token = made.json()
    assert token["domains"] == ["a.example.com"]
    assert Asker(token["key"]).get("/accounts/").status_code == 200
    again = bob.get(f"/tokens/{token['id']}/")
    assert again.status_code == 200
    assert token["key"] not in again.content.decode() + bob.get("/tokens/").content.decode()
    assert bob.delete(f"/tokens/{token['id']}/").status_code == 204
    assert Asker(token["key"]).get("/accounts/").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["accounts:everything"]},
        {"scopes": "*"},
        {"scopes": ["*"], "domains": ["b.example.com"]},
        {"scopes": [5]},
        {"scopes": ["*"], "domains": [".."]},
        {"scopes": ["*"], "expires_at": "2001-01-01T00:00:00Z"},
        {"scopes": ["*"], "networks": ["10.0.0.0/99"]},
        {"scopes": ["*"], "expires_at": "9999-12-31T23:59:59-14:00"},
        {"scopes": ["*"], "expires_at": 5},
        {"scopes": ["*"], "name": ""},
    ],
)
def test_a_token_that_makes_no_sense_is_400(cast: Cast, api: As, body: dict[str, Any]) -> None:
    assert api(cast.bob).post("/tokens/", {"name": "ci", **body}).status_code == 400


def test_a_token_gives_away_no_more_than_it_has(cast: Cast, api: As) -> None:
    limited = api(cast.operator, scopes=("tokens:write", "accounts:read"), domains=("a.example.com",))
    assert limited.post("/tokens/", {"name": "x", "scopes": ["*"], "domains": ["a.example.com"]}).status_code == 403
    assert limited.post("/tokens/", {"name": "x", "scopes": ["accounts:write"], "domains": ["a.example.com"]}).status_code == 403
    assert limited.post("/tokens/", {"name": "x", "scopes": ["accounts:read"]}).status_code == 403
    assert limited.post("/tokens/", {"name": "x", "scopes": ["accounts:read"], "domains": ["b.example.com"]}).status_code == 400
    assert limited.post("/tokens/", {"name": "x", "scopes": ["accounts:read"], "domains": ["a.example.com"]}).status_code == 201


def test_sessions_are_not_listed_as_tokens(cast: Cast, api: As) -> None:
    people.open_api_session(cast.bob)
    assert [row["name"] for row in api(cast.bob).get("/tokens/").json()["results"]] == ["test"]
