"""Hostile and broken bodies: 400 with the reason, never 5xx, and nothing done."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Mailbox
from mailsettings.services import explanation
from tests.api.conftest import As, Asker, fields_of
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
DEEP = b"[" * 100_000
POSTS = ("/plans/", "/customers/", "/domains/", "/admins/", "/accounts/", "/aliases/", "/groups/", "/tokens/", "/sessions/")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b"1",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b"{" + b'"a":' * 5000,
        DEEP,
        b'{"name": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"\\ud800": 1}',
        b'{"\\u0000": 1}',
    ],
)
def test_what_is_no_json_object_is_400(cast: Cast, api: As, body: bytes) -> None:
    for path in POSTS:
        answer = api(cast.operator).post(path, body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), path


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", ["x", "\udfff"], {"k": "\x00"}])
def test_text_that_no_database_holds_is_refused_by_its_field(cast: Cast, api: As, value: Any) -> None:
    answer = api(cast.operator).patch("/accounts/mia@a.example.com/", {"comment": value})
    assert (answer.status_code, fields_of(answer)) == (400, ["comment"])


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x1b[31m", "\x7f", "\x85", "\u2028"])
def test_control_characters_are_refused(cast: Cast, api: As, value: str) -> None:
    assert fields_of(api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": value})) == ["comment"]
    assert fields_of(api(cast.operator).post("/customers/", {"name": value})) == ["name"]


@pytest.mark.parametrize("value", [1, True, 1.5, None, [], {}])
def test_what_is_no_text_is_refused(cast: Cast, api: As, value: Any) -> None:
    answer = api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": value})
    assert (answer.status_code, fields_of(answer)) == (400, ["comment"])


def test_an_unknown_field_is_named(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/accounts/", {"address": "x@a.example.com", "password": PASSWORD, "qouta_mb": 5})
    assert (answer.status_code, fields_of(answer)) == (400, ["qouta_mb"])
    assert not Mailbox.objects.filter(pk="x@a.example.com").exists()


def test_inner_fields_have_dotted_names(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    assert fields_of(operator.patch("/plans/hs/", {"rules": {"message_size_mb": "30"}})) == ["rules.message_size_mb"]
    assert fields_of(operator.patch("/plans/hs/", {"rules": {"pop": True}})) == ["rules.pop"]
    assert fields_of(operator.patch("/customers/ours/", {"limits": {"accounts": -1}})) == ["limits.accounts"]
    assert fields_of(operator.post("/aliases/", {"address": "x@a.example.com", "destinations": ["a@b.example", 5]})) == ["destinations.1"]


def test_another_content_type_is_415(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    answer = bob.client.post("/api/v1/accounts/", {"address": "x@a.example.com"})
    assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")


def test_a_strange_charset_is_no_fault(cast: Cast, api: As) -> None:
    for charset in ("hex", "rot13", "utf-16", "nonsense"):
        answer = api(cast.bob).client.generic("POST", "/api/v1/accounts/", b"{}", content_type=f"application/json; charset={charset}")
        assert answer.status_code == 400


def test_a_body_of_many_megabytes_is_413(cast: Cast, api: As) -> None:
    assert api(cast.bob).post("/accounts/", b'{"comment": "' + b"x" * 3_000_000 + b'"}').status_code == 413


def test_any_accept_header_gets_json(cast: Cast, api: As) -> None:
    for accept in ("text/html", "application/problem+json", "image/png", "nonsense"):
        assert api(cast.bob).get("/me/", Accept=accept)["Content-Type"] == "application/json"


def test_an_unknown_address_below_the_api_is_a_problem(cast: Cast, api: As) -> None:
    answer = api(cast.bob).get("/nonsense/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_options_and_unknown_methods_are_problems(cast: Cast, api: As) -> None:
    for method in ("OPTIONS", "PUT", "TRACE", "FROBNICATE"):
        answer = api(cast.bob).ask(method, "/accounts/")
        assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json"), method
    assert api(cast.bob).ask("HEAD", "/accounts/").status_code == 200


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)
FIELDS = (
    "name",
    "title",
    "rules",
    "limits",
    "customer",
    "plan",
    "host",
    "admin_address",
    "overrides",
    "login",
    "email",
    "role",
    "password",
    "domains",
    "address",
    "destinations",
    "members",
    "quota_mb",
    "comment",
    "mobile_address",
    "scopes",
    "expires_at",
    "language",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from((*POSTS, "/accounts/mia@a.example.com/password/")), body=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
)
def test_no_body_whatever_is_a_fault(cast: Cast, asker: Asker, path: str, body: dict[str, Any]) -> None:
    assert asker.post(path, json.dumps(body).encode()).status_code < 500


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        ("/plans/hs/", "/customers/ours/", "/domains/a.example.com/", "/admins/bob/", "/accounts/mia@a.example.com/", "/me/")
    ),
    body=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
)
def test_no_change_whatever_is_a_fault(cast: Cast, asker: Asker, path: str, body: dict[str, Any]) -> None:
    assert asker.patch(path, json.dumps(body).encode()).status_code < 500


WORDS = st.sampled_from(["all", "discard", "quarantine", "subject", "contains", "x@example.net", "@b.example", "2026-12-01", "high"])
VALUES = WORDS | JSON | st.lists(WORDS, max_size=3) | st.lists(st.dictionaries(st.sampled_from(["field", "operator", "value"]), WORDS))
TREATMENT = {
    "/domains/a.example.com/filters/": ("POST", ("name", "match", "conditions", "action", "enabled")),
    "/domains/a.example.com/filters/order/": ("POST", ("ids",)),
    "/domains/a.example.com/senders/": ("PUT", ("allow", "block")),
    "/accounts/mia@a.example.com/spam/": ("PATCH", ("tag_subject", "move_to_folder", "skip_forwarding", "allow", "block")),
    "/accounts/mia@a.example.com/auto-reply/": ("PUT", ("subject", "body", "starts_on", "ends_on", "interval_days", "enabled")),
    "/accounts/mia@a.example.com/explain/": ("POST", ("from", "to", "subject", "header", "spam", "importance", "message")),
}


def bodies_of(path: str) -> Any:
    return st.tuples(st.just(path), st.dictionaries(st.sampled_from(TREATMENT[path][1]), VALUES))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.sampled_from(sorted(TREATMENT)).flatmap(bodies_of))
def test_no_treatment_whatever_is_a_fault(
    cast: Cast, asker: Asker, monkeypatch: pytest.MonkeyPatch, sent: tuple[str, dict[str, Any]]
) -> None:
    path, body = sent
    monkeypatch.setattr(explanation, "explain", lambda *a, **k: {"steps": [], "stored": [], "sent": [], "never_reached": []})
    Mailbox.objects.filter(pk="mia@a.example.com").update(spam_seat=True)
    assert asker.ask(TREATMENT[path][0], path, json.dumps(body).encode()).status_code < 500


@pytest.fixture
def asker(cast: Cast, api: As) -> Asker:
    return api(cast.operator)
