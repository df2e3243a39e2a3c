"""Signing in by POST /sessions/: the second step, the brakes, open sessions, what the operator asks, and the pace (R10)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts import brakes, sessions
from accounts.models import Admin, Mailbox, OpenSession, SignInFailure, SignInPolicy, Token
from accounts.services import mailboxes, people
from accounts.services import two_step as services
from panel.base.api import throttling
from panel.base.models import AuditEntry
from tests.api.conftest import As, Asker
from tests.conftest import PASSWORD, Cast
from tests.two_step import code_of, forget_use, give_app, recovery_codes, wrong_code

pytestmark = pytest.mark.django_db
NEW = "Kumo#Asahi71bd"


def sign_in(login: str = "bob", password: str = PASSWORD, network: str = "192.0.2.1", **more: Any) -> Any:
    """POST /sessions/ from an address."""
    asker = Asker()
    asker.client.defaults["REMOTE_ADDR"] = network
    return asker.post("/sessions/", {"login": login, "password": password, **more})


def fail(times: int, **how: Any) -> list[int]:
    return [sign_in(password="wrong", **how).status_code for _ in range(times)]


# --- the second step


def test_an_admin_with_an_app_signs_in_with_its_code(cast: Cast) -> None:
    """R10: without it 401 otp_required, and the answer asks for credentials as 401 does."""
    secret = give_app(cast.bob)
    without = sign_in()
    assert (without.status_code, without.json()["code"]) == (401, "otp_required")
    assert without["WWW-Authenticate"].startswith("Bearer")
    assert not Token.objects.exists()
    assert sign_in(otp=code_of(secret)).status_code == 201


def test_a_wrong_password_is_never_asked_for_a_code(cast: Cast) -> None:
    give_app(cast.bob)
    assert "code" not in sign_in(password="wrong").json()


def test_a_code_counts_once_and_never_after_a_later_one(cast: Cast) -> None:
    """RFC 6238 5.2."""
    secret = give_app(cast.bob)
    later = code_of(secret, 1)
    assert sign_in(otp=later).status_code == 201
    assert [sign_in(otp=code).json()["code"] for code in (later, code_of(secret))] == ["otp_wrong", "otp_wrong"]


def test_a_recovery_code_counts_once(cast: Cast) -> None:
    give_app(cast.bob)
    first, second = recovery_codes(cast.bob)[:2]
    assert sign_in(otp=f"{first[:4]} {first[4:]}").status_code == 201
    assert sign_in(otp=first).json()["code"] == "otp_wrong"
    assert sign_in(otp=second).status_code == 201


def test_a_role_that_must_have_two_steps_gets_no_session_without(cast: Cast, api: As) -> None:
    """R10: 403 two_step_required; tokens of /tokens/ go on working."""
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    refused = sign_in()
    assert (refused.status_code, refused.json()["code"]) == (403, "two_step_required")
    assert sign_in("alice").status_code == 201
    assert api(cast.bob).get("/me/").status_code == 200
    secret = give_app(cast.bob)
    assert sign_in(otp=code_of(secret)).status_code == 201


def test_a_browsers_session_of_such_a_role_reaches_nothing(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.bob)
    assert browser.get("/api/v1/me/").status_code == 200
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    refused = browser.get("/api/v1/accounts/")
    assert (refused.status_code, refused.json()["code"]) == (403, "two_step_required")
    give_app(cast.bob)
    assert browser.get("/api/v1/accounts/").status_code == 200


def test_an_unneeded_code_of_a_mailbox_user_does_no_harm(cast: Cast) -> None:
    assert sign_in("mia@a.example.com", otp="123456").status_code == 201


def test_secrets_are_sealed(cast: Cast) -> None:
    """R9, R10: neither the app's secret nor the seed of the recovery codes stands in the database."""
    secret = give_app(cast.bob)
    kept = str([row.data for row in cast.bob.authenticator_set.all()])  # type: ignore[attr-defined]
    assert secret not in kept
    assert "gAAAA" in kept  # Fernet


def test_an_operator_takes_a_lost_second_step_away(cast: Cast, api: As) -> None:
    give_app(cast.bob)
    session = Asker(people.open_api_session(cast.bob)[1])
    alice, operator = api(cast.alice), api(cast.operator)
    assert operator.get("/admins/bob/").json()["two_step"] is True
    assert alice.post("/admins/bob/reset-two-step/").json()["two_step"] is False
    assert session.get("/me/").status_code == 401
    assert sign_in().status_code == 201
    assert AuditEntry.objects.filter(action="two_step.reset", actor="admin:alice", subject="bob", tenant=cast.alice.customer_id).exists()  # type: ignore[attr-defined]


def test_nobody_takes_their_own_away_or_that_of_one_above(cast: Cast, api: As) -> None:
    for admin in (cast.alice, cast.operator):
        give_app(admin)
    assert api(cast.alice).post("/admins/alice/reset-two-step/").status_code == 403
    assert api(cast.alice).post("/admins/operator/reset-two-step/").status_code == 404
    assert api(cast.operator).post("/admins/operator/reset-two-step/").status_code == 403
    assert api(cast.operator).post("/admins/alice/reset-two-step/").status_code == 200


def test_the_last_step_stays_where_the_role_asks_for_it(cast: Cast) -> None:
    give_app(cast.bob)
    services.change_policy(two_step_roles=["mail_admin"], acting_user=cast.operator)
    with pytest.raises(Exception, match="set up another one"):
        services.remove_step(cast.bob, pk=cast.bob.authenticator_set.get(type="totp").pk)  # type: ignore[attr-defined]


# --- the brakes


def test_ten_failures_refuse_the_account_from_that_network(cast: Cast) -> None:
    """R10: the right password stays refused; another network gets in, and so does another account."""
    assert fail(10) == [401] * 10
    refused = sign_in()
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_failures")
    assert 800 < int(refused["Retry-After"]) <= 900
    assert sign_in(network="192.0.2.200").status_code == 429  # the same /24
    assert sign_in(network="192.0.3.1").status_code == 201
    assert sign_in("alice").status_code == 201


def test_nine_failures_and_a_success_begin_anew(cast: Cast) -> None:
    assert fail(9) == [401] * 9
    assert sign_in().status_code == 201
    assert fail(10) == [401] * 10
    assert sign_in().status_code == 429


def test_a_refusal_ends_after_its_time(cast: Cast) -> None:
    fail(10)
    SignInFailure.objects.update(until=timezone.now())
    assert sign_in().status_code == 201


def test_the_time_of_refusal_begins_with_the_failure_that_reaches_the_limit(cast: Cast) -> None:
    """And not with the first of them."""
    fail(9)
    SignInFailure.objects.update(until=timezone.now() + timedelta(seconds=60))
    fail(1)
    assert int(sign_in()["Retry-After"]) > 800


def test_failures_long_ago_do_not_count(cast: Cast) -> None:
    fail(9)
    SignInFailure.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert fail(9) == [401] * 9
    assert sign_in().status_code == 201


def test_a_v6_network_is_a_64(cast: Cast) -> None:
    fail(10, network="2001:db8:1:2::1")
    assert sign_in(network="2001:db8:1:2:ffff::9").status_code == 429
    assert sign_in(network="2001:db8:1:3::1").status_code == 201


def test_an_account_is_one_however_it_is_written(cast: Cast) -> None:
    for login in ("mia@a.example.com", "MIA@A.EXAMPLE.COM", "mia%a.example.com", " mia@a.example.com "):
        fail(3, login=login)
    assert sign_in("mia%a.example.com").status_code == 429


def test_unknown_accounts_are_refused_alike(cast: Cast) -> None:
    """Nothing tells which logins exist."""
    assert fail(10, login="nobody") == [401] * 10
    assert sign_in("nobody").json()["code"] == "too_many_failures"


def test_a_hundred_failures_refuse_the_network(cast: Cast, settings: Any) -> None:
    settings.SIGN_IN_NETWORK_FAILURES = 12  # the same count in less time
    for number in range(12):
        assert sign_in(f"nobody{number}", "wrong").status_code == 401
    assert sign_in("alice").status_code == 429
    assert sign_in("alice", network="198.51.100.1").status_code == 201


def test_ones_own_account_does_not_win_the_network_more_tries(cast: Cast, settings: Any) -> None:
    settings.SIGN_IN_NETWORK_FAILURES = 12
    for number in range(12):
        sign_in(f"nobody{number}", "wrong")
        if number < 11:
            assert sign_in("alice").status_code == 201
    assert sign_in("alice").status_code == 429


def test_wrong_second_steps_count_and_the_password_between_forgives_nothing(cast: Cast) -> None:
    secret = give_app(cast.bob)
    for _ in range(10):
        assert sign_in(otp=wrong_code(secret)).json()["code"] == "otp_wrong"
    assert sign_in(otp=code_of(secret)).status_code == 429


def test_second_steps_are_braked_over_all_networks(cast: Cast, settings: Any) -> None:
    """Only somebody who has the password gets to guess there: so nobody else can lock the account by it."""
    settings.SIGN_IN_NETWORK_FAILURES = 15
    secret = give_app(cast.bob)
    for number in range(15):
        assert sign_in(network=f"10.0.{number}.1", otp=wrong_code(secret)).status_code == 401
    assert sign_in(network="10.1.0.1", otp=code_of(secret)).status_code == 429


def test_a_refusal_is_one_entry_of_the_trail(cast: Cast) -> None:
    """RP4, R10: successes and refusals, not every failure, and never a password."""
    fail(10, login="mia@a.example.com")
    fail(5, login="mia@a.example.com")
    entry = AuditEntry.objects.get(action="session.refuse")
    assert (entry.actor, entry.subject, entry.domain, entry.remote) == ("nobody", "mia@a.example.com", "a.example.com", "192.0.2.1")
    assert entry.after == {"network": "192.0.2.0/24", "failures": 10, "minutes": 15}
    assert AuditEntry.objects.visible_to(cast.bob).filter(pk=entry.pk).exists()
    assert not AuditEntry.objects.visible_to(cast.charlie).filter(pk=entry.pk).exists()
    sign_in("bob")
    assert AuditEntry.objects.get(action="session.create").after == {"by": "password"}
    assert PASSWORD not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_whatever_is_found_once_the_limit_is_reached_is_refused(cast: Cast) -> None:
    """Tries at one moment count as if one came after the other: the eleventh learns nothing, be it right or wrong."""
    who = brakes.source("bob", "192.0.2.1")

    def meanwhile(found: str | None) -> Any:
        def verify() -> str | None:
            for _ in range(10):
                brakes._count(who.mine, 10, who)
            return found

        return verify

    for found in ("right", None):
        SignInFailure.objects.all().delete()
        with pytest.raises(brakes.Refused):
            brakes.tried(who, meanwhile(found))


def test_a_refused_try_costs_no_hash_and_counts_no_more(cast: Cast) -> None:
    fail(10)
    before = list(SignInFailure.objects.values_list("key", "count", "until"))

    def verify() -> None:
        raise AssertionError("asked")

    with pytest.raises(brakes.Refused):
        brakes.tried(brakes.source("bob", "192.0.2.1"), verify)
    assert list(SignInFailure.objects.values_list("key", "count", "until")) == before


def test_tidy_forgets_what_is_over(cast: Cast) -> None:
    fail(3)
    brakes.tidy()
    assert SignInFailure.objects.count() == 2
    SignInFailure.objects.update(until=timezone.now())
    brakes.tidy()
    assert not SignInFailure.objects.exists()


@pytest.mark.parametrize(("field", "code"), [("suspended", "suspended"), ("must_change_password", "password_forced")])
def test_a_barred_mailbox_is_403_after_the_right_password_only(cast: Cast, field: str, code: str) -> None:
    """A11, A12."""
    Mailbox.objects.filter(pk=cast.mia.pk).update(**{field: True})
    refused = sign_in("mia@a.example.com")
    assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert sign_in("mia@a.example.com", "wrong").status_code == 401


# --- open sessions


def test_sessions_are_listed_and_ended(cast: Cast) -> None:
    """R10: browsers and programs, by address and in plain words; one's own only."""
    one, two = (Asker(sign_in().json()["token"]) for _ in range(2))
    sign_in("alice")
    browser = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", REMOTE_ADDR="198.51.100.7")
    browser.post("/login/", {"login": "bob", "password": PASSWORD})
    rows = one.get("/sessions/").json()["results"]
    assert [(row["kind"], row["current"]) for row in rows] == [("program", True), ("program", False), ("browser", False)]
    assert (rows[2]["program"], rows[2]["address"]) == ("Firefox, Linux", "198.51.100.7")
    for row in rows[1:]:
        assert one.delete(f"/sessions/{row['id']}/").status_code == 204
    assert two.get("/me/").status_code == 401
    assert browser.get("/").status_code == 302
    assert len(one.get("/sessions/").json()["results"]) == 1
    assert AuditEntry.objects.filter(action="session.end", subject="bob").count() == 2


@pytest.mark.parametrize("name", ["嫙n", "-1", "1e3", "9" * 30])
def test_what_names_no_session_is_not_found(name: str, cast: Cast, api: As) -> None:
    assert api(cast.bob).get(f"/sessions/{name}/").status_code == 404
    assert api(cast.bob).delete(f"/sessions/{name}/").status_code == 404


def test_a_session_that_has_ended_is_not_listed(cast: Cast, api: As) -> None:
    sign_in()
    Token.objects.filter(is_session=True).update(expires_at=timezone.now())
    browser = Client()
    browser.force_login(cast.bob)
    browser.session.delete()
    assert api(cast.bob).get("/sessions/").json()["results"] == []
    sessions.tidy()
    assert not OpenSession.objects.exists()


def test_a_new_password_ends_every_session(cast: Cast) -> None:
    admin, user = Asker(sign_in().json()["token"]), Asker(sign_in("mia@a.example.com").json()["token"])
    people.change_admin(cast.bob, password=NEW, acting_user=cast.alice)
    mailboxes.set_password(cast.mia, NEW, acting_user=cast.bob)
    assert (admin.get("/me/").status_code, user.get("/me/").status_code) == (401, 401)
    assert not OpenSession.objects.exists()


def test_signing_out_takes_the_session_from_the_list(cast: Cast) -> None:
    mine = Asker(sign_in().json()["token"])
    assert mine.delete("/sessions/").status_code == 204
    assert not OpenSession.objects.exists()
    assert AuditEntry.objects.filter(action="session.delete", subject="bob").exists()


def test_the_list_costs_the_same_for_many(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    bob = api(cast.bob)
    bob.get("/me/")
    for count in (1, 9):
        for _ in range(count):
            sign_in()
        with django_assert_num_queries(2):  # token, sessions
            bob.get("/sessions/")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18.1 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, macOS"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("", "Unknown program"),
        ("<script>alert(1)</script>", "Unknown program"),
    ],
)
def test_programs_are_named_in_plain_words(agent: str, said: str) -> None:
    assert sessions.program_of(agent) == said


@pytest.mark.parametrize("agent", ["x" * 5000, "\udcff\udcfe", "a\0b", "あ"])
def test_a_hostile_name_of_a_program_is_kept_harmlessly(cast: Cast, agent: str) -> None:
    request = HttpRequest()
    request.META["HTTP_USER_AGENT"] = agent
    sessions.open_program(request, people.open_api_session(cast.bob)[0])
    assert len(OpenSession.objects.get().agent) <= 300


# --- what the operator asks


def test_the_policy_is_read_and_changed(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    first = operator.get("/sign-in-policy/")
    assert first.json() == {"two_step_roles": []}
    done = operator.patch("/sign-in-policy/", {"two_step_roles": ["operator", "customer_admin", "operator"]}, If_Match=first["ETag"])
    assert done.json() == {"two_step_roles": ["customer_admin", "operator"]}
    assert operator.patch("/sign-in-policy/", {"two_step_roles": []}, If_Match=first["ETag"]).status_code == 412
    assert operator.patch("/sign-in-policy/", {}).json() == done.json()
    assert SignInPolicy.current().two_step_roles == ["customer_admin", "operator"]
    assert AuditEntry.objects.get(action="policy.change").after == {"two_step_roles": ["customer_admin", "operator"]}


@pytest.mark.parametrize(
    "body", [{"two_step_roles": ["mailbox_user"]}, {"two_step_roles": "operator"}, {"roles": []}, {"two_step_roles": [1]}]
)
def test_a_policy_that_makes_no_sense_is_400(cast: Cast, api: As, body: Any) -> None:
    assert api(cast.operator).patch("/sign-in-policy/", body).status_code == 400


# --- the pace


@pytest.fixture
def slow(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three requests a minute, in a minute that does not end meanwhile."""
    cache.clear()
    settings.API_RATE = 3
    monkeypatch.setattr("panel.base.api.throttling.time.time", lambda: 1_000_020.0)
    return settings


def test_a_credential_that_asks_too_fast_is_429(cast: Cast, api: As, slow: Any) -> None:
    """R10: by credential; another one goes on."""
    bob, again = api(cast.bob), api(cast.bob)
    assert [bob.get("/me/").status_code for _ in range(3)] == [200] * 3
    refused = bob.get("/me/")
    assert (refused.status_code, refused.json()["code"], refused["Content-Type"]) == (429, "too_many_requests", "application/problem+json")
    assert refused["Retry-After"] == "60"
    assert again.get("/me/").status_code == 200


def test_guessing_tokens_is_counted_by_address(cast: Cast, api: As, slow: Any) -> None:
    assert [Asker(f"guess{n}").get("/me/").status_code for n in range(4)] == [401, 401, 401, 429]
    assert Asker().get("/me/").status_code == 429
    assert api(cast.bob).get("/me/").status_code == 200
    assert sign_in(network="203.0.113.9").status_code == 201


def test_a_browsers_session_is_counted_by_itself(cast: Cast, slow: Any) -> None:
    browser = Client()
    browser.force_login(cast.bob)
    assert [browser.get("/api/v1/me/").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_token_may_be_named_that_is_not_throttled(cast: Cast, api: As, slow: Any) -> None:
    """contract.md: the operator's token of a private stack."""
    operator = api(cast.operator)
    slow.API_UNTHROTTLED = [Token.objects.get().digest]
    assert {operator.get("/me/").status_code for _ in range(5)} == {200}


def test_a_cache_that_is_away_fails_no_request(cast: Cast, api: As, slow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 1},
        }
    }
    monkeypatch.setattr(throttling, "_away_until", 0.0)
    bob = api(cast.bob)
    assert {bob.get("/me/").status_code for _ in range(6)} == {200}
    assert throttling._away_until > 0  # and is left alone for a while


def test_codes_need_no_cache(cast: Cast, slow: Any) -> None:
    """A used code is remembered by the database: with the cache away nobody is locked out, and no code counts twice."""
    slow.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}}
    secret = give_app(cast.bob)
    code = code_of(secret)
    assert sign_in(otp=code).status_code == 201
    assert sign_in(otp=code).json()["code"] == "otp_wrong"
    forget_use(cast.bob)
    assert sign_in(otp=code).status_code == 201


def test_an_admin_who_is_not_active_has_no_session(cast: Cast) -> None:
    mine = Asker(sign_in().json()["token"])
    Admin.objects.filter(login="bob").update(is_active=False)
    assert mine.get("/me/").status_code == 401
    assert sign_in().status_code == 401
