"""Signing in and out, language and appearance."""

import pytest
from django.test import Client

from accounts.services import mailboxes
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db


def test_an_admin_signs_in_and_comes_to_the_overview(cast: Cast, client: Client) -> None:
    answer = client.post("/login/", {"login": "bob", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert b"a.example.com" in client.get("/").content


def test_a_wrong_password_and_an_unknown_login_read_the_same(cast: Cast, client: Client) -> None:
    wrong = client.post("/login/", {"login": "bob", "password": "wrong"})
    unknown = client.post("/login/", {"login": "nobody", "password": "wrong"})
    assert "Login or password is wrong." in wrong.content.decode()
    assert "Login or password is wrong." in unknown.content.decode()


def test_a_mailbox_user_signs_in_with_address_and_mailbox_password(cast: Cast, client: Client) -> None:
    answer = client.post("/mail/login/", {"login": "mia@a.example.com", "password": PASSWORD})
    assert answer["Location"] == "/me/"
    assert b"mia@a.example.com" in client.get("/me/").content


def test_a_mailbox_password_does_not_open_the_administrators_door(cast: Cast, client: Client) -> None:
    client.post("/login/", {"login": "mia@a.example.com", "password": PASSWORD})
    assert client.get("/me/")["Location"].startswith("/mail/login/")


def test_signing_in_leads_back_to_the_page_that_was_asked_for(cast: Cast, client: Client) -> None:
    wanted = "/domains/a.example.com/mailboxes/"
    assert client.get(wanted)["Location"] == f"/login/?next={wanted}"
    answer = client.post("/login/", {"login": "bob", "password": PASSWORD, "next": wanted})
    assert answer["Location"] == wanted


def test_signing_in_never_leads_to_another_site(cast: Cast, client: Client) -> None:
    answer = client.post("/login/", {"login": "bob", "password": PASSWORD, "next": "https://evil.test/"})
    assert answer["Location"] == "/"


def test_a_new_password_ends_the_users_other_sessions(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    mailboxes.set_password(cast.mia, "Another#Word2026", acting_user=cast.bob)
    assert mine.get("/me/").status_code == 302


def test_one_stays_signed_in_after_changing_the_own_password(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    mine.post("/me/password/", {"current_password": PASSWORD, "password": "Another#Word2026"})
    assert mine.get("/me/").status_code == 200


def test_signing_out_needs_a_post_and_ends_the_session(bob: Client) -> None:
    assert bob.get("/logout/").status_code == 405
    assert bob.post("/logout/")["Location"] == "/login/"
    assert bob.get("/").status_code == 302


def test_the_appearance_is_rendered_by_the_server(client: Client, db: None) -> None:
    assert b"data-bs-theme" not in client.get("/login/").content
    client.post("/theme/", {"theme": "dark", "next": "/login/"})
    assert b'data-bs-theme="dark"' in client.get("/login/").content
    client.post("/theme/", {"theme": "system", "next": "/login/"})
    assert b"data-bs-theme" not in client.get("/login/").content


def test_the_appearance_never_leads_to_another_site(client: Client, db: None) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": "//evil.test/"})["Location"] == "/"


def test_the_language_follows_the_browser_and_the_switch(client: Client, db: None) -> None:
    assert b'<html lang="ja"' in client.get("/login/", headers={"accept-language": "ja"}).content
    client.post("/language/", {"language": "ja", "next": "/login/"})
    assert b'<html lang="ja"' in client.get("/login/").content
