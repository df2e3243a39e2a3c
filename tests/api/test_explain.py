"""/accounts/<address>/explain/: what would happen to a message, asked of the mail host."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Mailbox
from mailsettings.services import explanation
from panel.base.models import AuditEntry, Change
from tests.api.conftest import As, Asker, codes_of, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/accounts/mia@a.example.com/explain/"
FOUND = {
    "steps": [{"rule": "to the phone", "matched": True, "text": "The subject contains “x”."}],
    "stored": [{"folder": "INBOX", "subject": "x"}],
    "sent": [{"to": "phone@example.net", "kind": "forward"}],
    "never_reached": ["the rest"],
}
Asked = list[dict[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the service was asked; it answers `FOUND`."""
    calls: Asked = []

    def explain(mailbox: Mailbox, *, acting_user: Any, fields: Any = None, message: Any = None) -> Any:
        calls.append({"address": mailbox.address, "actor": acting_user.actor, "fields": fields, "message": message})
        return FOUND

    monkeypatch.setattr(explanation, "explain", explain)
    return calls


@pytest.fixture
def mia(cast: Cast, api: As) -> Asker:
    return api(cast.mia)


def test_a_message_by_its_features(mia: Asker, asked: Asked) -> None:
    answer = mia.post(PATH, {"from": "山田 (営業) <y@example.net>", "subject": "x", "header": {"X-Order": "5"}, "attachment": True})
    assert (answer.status_code, answer.json()) == (200, FOUND)
    assert asked == [
        {
            "address": "mia@a.example.com",
            "actor": "mailbox:mia@a.example.com",
            "message": None,
            "fields": {
                "from": "山田 (営業) <y@example.net>",
                "to": "mia@a.example.com",
                "subject": "x",
                "header": {"X-Order": "5"},
                "attachment": True,
                "spam": False,
                "importance": "normal",
            },
        }
    ]


def test_a_whole_message(mia: Asker, asked: Asked) -> None:
    text = "From: <x@example.net>\r\nSubject: =?utf-8?b?44GC?=\r\n\r\nあ\r\n"
    assert mia.post(PATH, {"message": text}).json() == FOUND
    assert (asked[0]["message"], asked[0]["fields"]) == (text, None)


def test_nobody_is_a_sender_too(mia: Asker, asked: Asked) -> None:
    assert mia.post(PATH, {"from": ""}).status_code == 200
    assert asked[0]["fields"]["from"] == ""


def test_asking_changes_nothing_and_is_never_kept(mia: Asker, asked: Asked) -> None:
    before = Change.objects.count(), AuditEntry.objects.count()
    for _ in range(2):
        answer = mia.post(PATH, {"from": "x@example.net"}, Idempotency_Key="k1")
        assert "Idempotency-Replayed" not in answer
        assert not {"Change-Id", "ETag"} & set(answer.headers)
    assert len(asked) == 2
    assert (Change.objects.count(), AuditEntry.objects.count()) == before


def test_a_token_that_only_reads_may_ask(cast: Cast, api: As, asked: Asked) -> None:
    body = {"from": "x@example.net"}
    assert api(cast.bob, scopes=("accounts:read",)).post(PATH, body).status_code == 200
    for scope in ("accounts:write", "domains:read"):
        answer = api(cast.bob, scopes=(scope,)).post(PATH, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope")


def test_a_mail_host_that_does_not_answer_is_503(mia: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*args: Any, **kwargs: Any) -> Any:
        raise explanation.NoAnswer

    monkeypatch.setattr(explanation, "explain", silent)
    answer = mia.post(PATH, {"from": "x@example.net"})
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "5", "application/problem+json")
    assert answer.json()["code"] == "no_answer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "from"),
        ({"subject": "x"}, "from"),
        ({"from": "x@example.net", "message": "x"}, "message"),
        ({"message": 5}, "message"),
        ({"message": ""}, "message"),
        ({"message": "a\x00b"}, "message"),
        ({"from": "x@example.net\r\nBcc: y@example.net"}, "from"),
        ({"from": "x" * 2001}, "from"),
        ({"from": "x@example.net", "subject": "a\nb"}, "subject"),
        ({"from": "x@example.net", "header": {"X A": "b"}}, "header"),
        ({"from": "x@example.net", "header": {"": "b"}}, "header"),
        ({"from": "x@example.net", "header": {"X-A": "b\nc"}}, "header.X-A"),
        ({"from": "x@example.net", "header": {"X-A": 5}}, "header.X-A"),
        ({"from": "x@example.net", "header": {f"X-{n}": "x" for n in range(101)}}, "header"),
        ({"from": "x@example.net", "header": ["X-A: b"]}, "header"),
        ({"from": "x@example.net", "attachment": 1}, "attachment"),
        ({"from": "x@example.net", "spam": "yes"}, "spam"),
        ({"from": "x@example.net", "importance": "urgent"}, "importance"),
        ({"from": "x@example.net", "size": 5}, "size"),
    ],
)
def test_what_is_wrong_is_named(mia: Asker, asked: Asked, body: dict[str, Any], field: str) -> None:
    answer = mia.post(PATH, body)
    assert (answer.status_code, fields_of(answer)) == (400, [field])
    assert asked == []


def test_a_message_of_ten_megabytes_is_taken_and_a_larger_one_named(mia: Asker, asked: Asked) -> None:
    ten = "x" * (10 * 1_048_576)
    assert mia.post(PATH, {"message": ten}).status_code == 200
    answer = mia.post(PATH, {"message": ten + "x"})
    assert (answer.status_code, fields_of(answer), codes_of(answer)) == (400, ["message"], ["length"])
    assert mia.post(PATH, {"message": ten * 2}).status_code == 413


def test_a_browser_sends_large_messages_too(cast: Cast, asked: Asked) -> None:
    """Looking for the CSRF token must not read the body: Django's reader ends at 2.5 MB."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.bob)
    browser.cookies["csrftoken"] = "x" * 32
    body = {"message": "x" * 5_000_000}
    answer = browser.post("/api/v1" + PATH, body, content_type="application/json", headers={"X-CSRFToken": "x" * 32})
    assert answer.status_code == 200
    assert len(asked[0]["message"]) == 5_000_000


def test_explain_is_only_asked(mia: Asker) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert mia.ask(method, PATH).status_code == 405


@pytest.mark.parametrize("name", ["nobody@a.example.com", "max@b.example.com", "nonsense"])
def test_of_an_account_that_is_not_there_it_is_404(mia: Asker, asked: Asked, name: str) -> None:
    assert mia.post(f"/accounts/{name}/explain/", {"from": "x@example.net"}).status_code == 404
    assert asked == []
