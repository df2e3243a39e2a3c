"""Two-step login on the pages, the operator's rules, the brakes, and the list of sessions (R10)."""

import re
import time
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import sessions, signin
from accounts.models import Admin, Mailbox, OpenSession
from accounts.services import people
from accounts.services import two_step as services
from panel.base.models import AuditEntry
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import SignIn
from tests.two_step import code_of, give_app, recovery_codes, wrong_code

pytestmark = pytest.mark.django_db
NEW = "Another#Word2026"


def give_password(client: Client, login: str = "bob", password: str = PASSWORD, **more: Any) -> Any:
    at = "/mail/login/" if "@" in login else "/login/"
    return client.post(at, {"login": login, "password": password, **more})


def age(client: Client, seconds: float) -> None:
    """As if they had signed in that long ago."""
    session = client.session
    session[sessions.CONFIRMED] = time.time() - seconds
    session.save()


# --- signing in


def test_after_the_password_comes_the_code_and_then_the_page_that_was_wanted(cast: Cast, client: Client) -> None:
    secret, wanted = give_app(cast.bob), "/domains/a.example.com/mailboxes/"
    asked = give_password(client, next=wanted)
    assert asked["Location"] == "/login/second-step/?next=%2Fdomains%2Fa.example.com%2Fmailboxes%2F"
    assert client.get("/")["Location"].startswith("/login/")
    page = client.get(asked["Location"])
    assert b'autocomplete="one-time-code"' in page.content
    assert page["Cache-Control"] == "no-store"
    done = client.post("/login/second-step/", {"code": code_of(secret), "next": wanted})
    assert done["Location"] == wanted
    assert client.get(wanted).status_code == 200
    assert AuditEntry.objects.get(action="session.create").after == {"by": "totp"}


def test_a_recovery_code_opens_once_and_the_page_says_how_many_are_left(cast: Cast, client: Client) -> None:
    give_app(cast.bob)
    code = recovery_codes(cast.bob)[0]
    give_password(client)
    assert client.post("/login/second-step/", {"code": code})["Location"] == "/"
    client.post("/logout/")
    give_password(client)
    assert "That did not fit." in client.post("/login/second-step/", {"code": code}).content.decode()


def test_the_second_step_is_nobodys_without_the_password(cast: Cast, client: Client) -> None:
    secret = give_app(cast.bob)
    assert client.get("/login/second-step/")["Location"] == "/login/"
    assert client.post("/login/second-step/", {"code": code_of(secret)})["Location"] == "/login/"


def test_the_second_step_has_ten_minutes_and_ends_with_a_new_password(cast: Cast, client: Client) -> None:
    secret = give_app(cast.bob)
    give_password(client)
    session = client.session
    session[signin.PENDING] = {**session[signin.PENDING], "at": time.time() - 601}
    session.save()
    assert client.post("/login/second-step/", {"code": code_of(secret)})["Location"] == "/login/"
    give_password(client)
    people.change_admin(cast.bob, password=NEW, acting_user=cast.alice)
    assert client.post("/login/second-step/", {"code": code_of(secret)})["Location"] == "/login/"


def test_the_session_gets_another_name_at_each_step(cast: Cast, client: Client) -> None:
    """Whoever planted a session beforehand holds nothing."""
    secret = give_app(cast.bob)
    client.get("/login/passkey/")
    keys = [client.session.session_key]
    give_password(client)
    keys.append(client.session.session_key)
    client.post("/login/second-step/", {"code": code_of(secret)})
    keys.append(client.session.session_key)
    assert len(set(keys)) == 3


def test_ten_failures_are_refused_with_a_plain_sentence(cast: Cast, client: Client) -> None:
    """The same count for both pages and the API; the right password too."""
    for _ in range(10):
        assert "Login or password is wrong." in give_password(client, password="wrong").content.decode()
    refused = give_password(client)
    assert refused.status_code == 429
    assert 800 < int(refused["Retry-After"]) <= 900
    assert "Too many failed sign-ins. Try again in 15 minutes." in refused.content.decode()
    assert client.post("/api/v1/sessions/", {"login": "bob", "password": PASSWORD}, content_type="application/json").status_code == 429
    assert give_password(client, "mia@a.example.com")["Location"] == "/me/"


def test_wrong_codes_are_braked_too(cast: Cast, client: Client) -> None:
    secret = give_app(cast.bob)
    give_password(client)
    for _ in range(10):
        client.post("/login/second-step/", {"code": wrong_code(secret)})
    assert client.post("/login/second-step/", {"code": code_of(secret)}).status_code == 429


@pytest.mark.parametrize(("field", "words"), [("suspended", "is suspended"), ("must_change_password", "must be changed")])
def test_a_barred_mailbox_hears_why(cast: Cast, client: Client, as_user: SignIn, field: str, words: str) -> None:
    """A11, A12: only with the right password, and an open session ends."""
    mine = as_user(cast.mia)
    Mailbox.objects.filter(pk=cast.mia.pk).update(**{field: True})
    assert words in give_password(client, "mia@a.example.com").content.decode()
    assert words not in give_password(client, "mia@a.example.com", "wrong").content.decode()
    assert mine.get("/me/").status_code == 302


@pytest.mark.parametrize(
    "credential",
    ["", "null", "[]", "{}", '"x"', "{", '{"id": 5}', '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA"}}',
     '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AA","userHandle":"AA"}}'],
)  # fmt: skip
def test_a_hostile_passkey_is_refused_and_counted(cast: Cast, client: Client, credential: str) -> None:
    client.get("/login/passkey/")
    answer = client.post("/login/passkey/", {"credential": credential})
    assert "This passkey was not accepted." in answer.content.decode()
    assert SESSION_KEY not in client.session


# --- setting up


def test_an_app_is_set_up_by_its_first_code_and_recovery_codes_are_shown_until_kept(cast: Cast, bob: Client) -> None:
    page = bob.get("/account/two-step/app/").content.decode()
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found is not None
    assert 'src="data:image/svg+xml;base64,' in page
    wrong = bob.post("/account/two-step/app/", {"code": wrong_code(found[1])})
    assert "This code does not fit." in wrong.content.decode()
    assert found[1] in wrong.content.decode()  # the same secret: the app need not be set up again
    done = bob.post("/account/two-step/app/", {"code": code_of(found[1])})
    assert done["Location"] == "/account/two-step/codes/"
    for _ in range(2):
        assert f"{recovery_codes(cast.bob)[0][:4]} " in bob.get("/account/two-step/codes/").content.decode()
    bob.post("/account/two-step/codes/", {"kept": "1"})
    assert recovery_codes(cast.bob)[0][:4] not in bob.get("/account/two-step/codes/").content.decode()
    assert "10 of 10 codes are left." in bob.get("/account/two-step/").content.decode()


def test_new_recovery_codes_void_the_old_ones(cast: Cast, bob: Client, client: Client) -> None:
    give_app(cast.bob)
    old = recovery_codes(cast.bob)[0]
    bob.post("/account/two-step/codes/", {"kept": "1"})
    bob.post("/account/two-step/codes/")
    give_password(client)
    assert client.post("/login/second-step/", {"code": old}).status_code == 200
    assert client.post("/login/second-step/", {"code": recovery_codes(cast.bob)[0]}).status_code == 302


def test_the_secret_waits_sealed_in_the_session(cast: Cast, bob: Client) -> None:
    page = bob.get("/account/two-step/app/").content.decode()
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert secret is not None
    assert secret[1].replace(" ", "") not in str(dict(bob.session.items()))


@pytest.mark.parametrize("page", ["app/", "passkeys/new/", "codes/", "{pk}/remove/"])
def test_ten_minutes_after_signing_in_the_password_is_asked_once_more(cast: Cast, bob: Client, page: str) -> None:
    """R10: a browser that was left open changes no second step, by GET nor by POST."""
    give_app(cast.bob)
    pk = cast.bob.authenticator_set.get(type="totp").pk  # type: ignore[attr-defined]
    path = "/account/two-step/" + page.format(pk=pk)
    age(bob, 601)
    for answer in (bob.get(path), bob.post(path)):
        assert answer["Location"].startswith("/account/confirm/?next=")
    assert cast.bob.authenticator_set.filter(type="totp").exists()  # type: ignore[attr-defined]
    confirm = bob.get(path)["Location"]
    assert "not the current password" in bob.post(confirm, {"password": "wrong", "next": path}).content.decode()
    assert bob.post(confirm, {"password": PASSWORD, "next": path})["Location"] == path
    assert bob.get(path).status_code == 200


def test_guesses_at_the_password_there_are_braked(cast: Cast, bob: Client) -> None:
    for _ in range(10):
        bob.post("/account/confirm/", {"password": "wrong"})
    assert bob.post("/account/confirm/", {"password": PASSWORD}).status_code == 429


def test_the_last_step_takes_the_recovery_codes_with_it(cast: Cast, bob: Client, client: Client) -> None:
    give_app(cast.bob)
    pk = cast.bob.authenticator_set.get(type="totp").pk  # type: ignore[attr-defined]
    assert "the password alone signs in" in bob.get(f"/account/two-step/{pk}/remove/").content.decode()
    bob.post(f"/account/two-step/{pk}/remove/")
    assert not cast.bob.authenticator_set.exists()  # type: ignore[attr-defined]
    assert give_password(client)["Location"] == "/"


# --- what the operator asks


def test_a_role_that_must_have_two_steps_finds_only_the_way_to_them(cast: Cast, bob: Client) -> None:
    """R10: pages lead to the set-up; what it needs is open, and so is the door out."""
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    for path in ("/", "/domains/a.example.com/mailboxes/", "/account/", "/account/sessions/", "/account/password/"):
        assert bob.get(path)["Location"] == "/account/two-step/", path
        assert bob.post(path)["Location"] == "/account/two-step/", path
    shown = bob.get("/account/two-step/").content.decode()
    assert "Your role signs in with two steps." in shown
    assert "a.example.com" not in shown
    page = bob.get("/account/two-step/app/").content.decode()
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found is not None
    bob.post("/account/two-step/app/", {"code": code_of(found[1])})
    assert bob.get("/").status_code == 200


def test_who_must_set_up_a_step_can_sign_out(cast: Cast, bob: Client) -> None:
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    assert bob.post("/logout/")["Location"] == "/login/"


def test_other_roles_and_mailbox_users_go_on(cast: Cast, as_user: SignIn) -> None:
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    assert [as_user(who).get("/").status_code for who in (cast.alice, cast.operator)] == [200, 200]
    assert as_user(cast.mia).get("/me/").status_code == 200


def test_the_operator_sets_the_rules(cast: Cast, as_user: SignIn) -> None:
    operator = as_user(cast.operator)
    operator.post("/sign-in-policy/", {"two_step_roles": ["mail_admin", "web_admin"]})
    assert len(re.findall(r"\schecked\b", operator.get("/sign-in-policy/").content.decode())) == 2
    assert as_user(cast.wendy).get("/")["Location"] == "/account/two-step/"


def test_a_lost_device_is_taken_away_by_who_appoints(cast: Cast, as_user: SignIn, client: Client) -> None:
    give_app(cast.bob)
    his, alice = as_user(cast.bob), as_user(cast.alice)
    assert "Second step…" in alice.get("/admins/bob/edit/").content.decode()
    assert alice.get("/admins/wendy/two-step/").status_code == 404  # she has none
    alice.post("/admins/bob/two-step/")
    assert his.get("/").status_code == 302
    assert give_password(client)["Location"] == "/"


# --- where one is signed in


def test_a_session_is_ended_from_elsewhere(cast: Cast, as_user: SignIn) -> None:
    for who, page, home in ((cast.bob, "/account/sessions/", "/"), (cast.mia, "/me/sessions/", "/me/")):
        here, there, third = (as_user(who) for _ in range(3))
        row = OpenSession.objects.get(session_key=there.session.session_key)
        here.post(page, {"end": str(row.pk)})
        assert [client.get(home).status_code for client in (here, there, third)] == [200, 302, 200]
        here.post(page, {"end": "others"})
        assert [client.get(home).status_code for client in (here, third)] == [200, 302]


def test_anothers_session_is_not_there(cast: Cast, as_user: SignIn) -> None:
    hers = OpenSession.objects.get(session_key=as_user(cast.alice).session.session_key)
    assert as_user(cast.bob).post("/account/sessions/", {"end": str(hers.pk)}).status_code == 404
    assert OpenSession.objects.filter(pk=hers.pk).exists()


def test_the_list_says_which_is_this_one_and_names_hostile_browsers_harmlessly(cast: Cast) -> None:
    client = Client(HTTP_USER_AGENT="<script>alert(1)</script>")
    give_password(client)
    page = client.get("/account/sessions/").content.decode()
    assert "this one" in page
    assert "<script>alert" not in page


def test_ones_own_new_password_ends_the_other_sessions(cast: Cast, as_user: SignIn) -> None:
    pairs = ((cast.bob, "/account/password/", "/"), (cast.mia, "/me/password/", "/me/"))
    for who, page, home in pairs:
        here, there = as_user(who), as_user(who)
        here.post(page, {"current_password": PASSWORD, "password": NEW})
        assert [client.get(home).status_code for client in (here, there)] == [200, 302]
        assert OpenSession.objects.filter(session_key=here.session.session_key).count() == 1


def queries(client: Client, path: str, body: dict[str, str] | None = None) -> list[str]:
    with CaptureQueriesContext(connection) as found:
        client.get(path) if body is None else client.post(path, body)
    return [query["sql"] for query in found.captured_queries]


def test_a_session_costs_no_query_of_its_own_and_writes_once_a_minute(cast: Cast, as_user: SignIn) -> None:
    """The person is found with the open session, the second step and the operator's rules, in one query."""
    for who, path in ((cast.bob, "/account/password/"), (cast.mia, "/me/password/")):
        client = as_user(who)
        usual = queries(client, path)
        assert len([sql for sql in usual if "accounts_opensession" in sql]) == 1
        assert not any(sql.startswith("UPDATE") for sql in usual)
        OpenSession.objects.update(seen_at=OpenSession.objects.latest("pk").seen_at - sessions.SEEN_EVERY)
        assert len([sql for sql in queries(client, path) if sql.startswith("UPDATE")]) == 1
        assert len(queries(client, path)) == len(usual)


def test_an_unknown_login_costs_the_same_queries_as_a_wrong_password(cast: Cast, client: Client) -> None:
    """Time must not tell which logins exist: the backends hash in any case, and the brakes ask the same of all."""
    give_password(client, "somebody", "wrong")
    admins = [len(queries(client, "/login/", {"login": login, "password": "wrong"})) for login in ("bob", "nobody", "wendy")]
    users = [f"{name}@a.example.com" for name in ("mia", "nobody")]
    boxes = [len(queries(client, "/mail/login/", {"login": login, "password": "wrong"})) for login in users]
    assert (len(set(admins)), len(set(boxes))) == (1, 1)


def test_an_admin_without_second_step_is_not_asked(cast: Cast, client: Client) -> None:
    assert give_password(client)["Location"] == "/"
    assert Admin.objects.get_queryset().get(login="bob").last_login is not None
