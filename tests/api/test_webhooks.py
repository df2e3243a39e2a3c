"""`/webhooks/` (R8)."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts import events
from accounts.models import Webhook, WebhookDelivery
from accounts.services import mailboxes, webhooks
from panel.base import sealing
from tests.api.conftest import As, Asker, codes_of, fields_of
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
NEW = {"url": "https://hooks.example.com/tegami", "events": ["account.created", "account.deleted"]}


@pytest.fixture
def bob(cast: Cast, api: As) -> Asker:
    return api(cast.bob)


def test_made_read_changed_and_deleted(bob: Asker) -> None:
    made = bob.post("/webhooks/", {**NEW, "secret": "0123456789abcdef"})
    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"id", "url", "events", "enabled", "failing_since", "created_at"}
    path = f"/webhooks/{body['id']}/"
    assert made["Location"].endswith(path)
    assert bob.get(path).json() == body
    assert bob.get("/webhooks/").json()["results"] == [body]
    changed = bob.patch(path, {"enabled": False}, If_Match=made["ETag"])
    assert changed.json() == {**body, "enabled": False}
    assert bob.patch(path, {"enabled": True}, If_Match=made["ETag"]).status_code == 412
    assert bob.delete(path).status_code == 204
    assert bob.get(path).status_code == 404


def test_a_secret_that_was_made_here_is_shown_once(bob: Asker) -> None:
    body = bob.post("/webhooks/", NEW, Idempotency_Key="again").json()
    hook = Webhook.objects.get()
    assert sealing.unseal(bytes(hook.secret), "webhook").decode() == body["secret"]
    assert body["secret"] not in bob.get("/webhooks/").content.decode()
    assert "secret" not in bob.patch(f"/webhooks/{hook.pk}/", {"secret": "another-secret-of-16"}).json()
    again = bob.post("/webhooks/", NEW, Idempotency_Key="again")
    assert "Idempotency-Replayed" not in again  # a kept answer would hold the secret


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"url": "http://hooks.example.com/"}, "url", "scheme"),
        ({"url": "https://127.0.0.1/"}, "url", "not_allowed"),
        ({"url": "https://localhost/"}, "url", "not_allowed"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url", "not_allowed"),
        ({"url": "https://me:you@example.com/"}, "url", "user"),
        ({"url": "https://example.com:22/"}, "url", "port"),
        ({"url": "https://example.com/" + "x" * 500}, "url", "max_length"),
        ({"events": ["account.eaten"]}, "events.0", "invalid_choice"),
        ({"events": ["ping"]}, "events.0", "invalid_choice"),
        ({"events": []}, "events", "empty"),
        ({"secret": "short"}, "secret", "min_length"),
        ({"secret": "with blanks in the text"}, "secret", "invalid"),
        ({"id": 5}, "id", "unknown"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str, code: str, bob: Asker) -> None:
    answer = bob.post("/webhooks/", {**NEW, **wrong})
    assert (answer.status_code, fields_of(answer)[0], codes_of(answer)[0]) == (400, field, code)
    made = bob.post("/webhooks/", NEW).json()
    answer = bob.patch(f"/webhooks/{made['id']}/", wrong)
    assert (answer.status_code, fields_of(answer)[0], codes_of(answer)[0]) == (400, field, code)


def test_international_hosts_are_kept_as_a_labels(bob: Asker) -> None:
    answer = bob.post("/webhooks/", {**NEW, "url": "https://例え.テスト/フック"})
    assert answer.json()["url"] == "https://xn--r8jz45g.xn--zckzah/%E3%83%95%E3%83%83%E3%82%AF"


def test_at_most_twenty(cast: Cast, bob: Asker) -> None:
    for _n in range(20):
        webhooks.create_webhook(url=NEW["url"], events=NEW["events"], acting_user=cast.bob)  # type: ignore[arg-type]
    answer = bob.post("/webhooks/", NEW)
    assert (answer.status_code, codes_of(answer)) == (400, ["many"])


def test_a_token_makes_no_webhook_that_tells_what_it_cannot_read(cast: Cast, api: As) -> None:
    narrow = api(cast.bob, scopes=("webhooks:read", "webhooks:write", "accounts:read"))
    assert narrow.post("/webhooks/", {**NEW, "events": ["account.created", "alias.created"]}).status_code == 403
    made = narrow.post("/webhooks/", NEW)
    assert made.status_code == 201
    path = f"/webhooks/{made.json()['id']}/"
    assert narrow.patch(path, {"events": ["domain.changed"]}).status_code == 403
    wide = api(cast.bob).post("/webhooks/", {**NEW, "events": ["alias.created"]}).json()
    assert narrow.patch(f"/webhooks/{wide['id']}/", {"url": "https://thief.example.com/"}).status_code == 403


def test_a_token_limited_to_domains_sees_no_webhook(cast: Cast, api: As, bob: Asker) -> None:
    made = bob.post("/webhooks/", NEW).json()
    limited = api(cast.bob, domains=("a.example.com",))
    assert limited.get("/webhooks/").json()["results"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "ping/"), ("GET", "deliveries/")):
        assert limited.ask(method, f"/webhooks/{made['id']}/{path}", {}).status_code == 404, (method, path)


def test_every_event_is_about_a_resource() -> None:
    from accounts.permissions import RESOURCES

    assert set(events.EVENTS.values()) <= set(RESOURCES)
    assert set(events.EVENTS) >= {told.event for told in events.ACTS.values()}


def test_deliveries_and_sending_again(cast: Cast, bob: Asker, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    made = bob.post("/webhooks/", NEW).json()
    path = f"/webhooks/{made['id']}/"
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    ping = bob.post(path + "ping/")
    assert (ping.status_code, ping.json()["event"], ping.json()["state"]) == (202, "ping", "waiting")
    rows = bob.get(path + "deliveries/").json()["results"]
    assert [(row["event"], row["subject"]) for row in rows] == [("ping", "hooks.example.com"), ("account.created", "ken@a.example.com")]
    WebhookDelivery.objects.update(state="given_up", attempts=8, status=500, error="refused")
    rows = bob.get(path + "deliveries/").json()["results"]
    assert [(row["state"], row["status"], row["error"], row["next_at"]) for row in rows] == [("given_up", 500, "refused", None)] * 2
    again = bob.post(f"{path}deliveries/{rows[1]['id']}/retry/")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "waiting", 0)
    with django_assert_num_queries(3):  # the token, the webhook, its deliveries
        bob.get(path + "deliveries/")
    bob.patch(path, {"enabled": False})
    answer = bob.post(f"{path}deliveries/{rows[1]['id']}/retry/")
    assert (answer.status_code, codes_of(answer)) == (400, ["off"])
    for wrong in ("00000000-0000-4000-8000-000000000000", "-" * 36):
        assert bob.post(f"{path}deliveries/{wrong}/retry/").status_code == 404


def test_the_list_takes_as_many_queries_as_rows_or_none(cast: Cast, bob: Asker, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    bob.get("/webhooks/")
    for _n in range(3):
        bob.post("/webhooks/", NEW)
        with django_assert_num_queries(2):  # the token, the page
            bob.get("/webhooks/")
