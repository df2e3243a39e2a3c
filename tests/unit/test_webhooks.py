"""Webhooks: who is told what, and how it is sent, tried again and given up."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts import events, tasks
from accounts.models import Admin, Appointment, DeliveryState, Notice, Webhook, WebhookDelivery
from accounts.services import deliveries, domains, expansions, mailboxes, people, webhooks
from mailsettings.services import filters, replies
from panel.base import audit, outward, sealing
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM, Role
from tests.conftest import PASSWORD, Cast, make_domain
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef"
MakeHook = Callable[..., Webhook]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """On loopback, by HTTP: the operator allows it here."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiving() as kept:
        yield kept


@pytest.fixture
def make_hook(receiver: Receiver) -> MakeHook:
    def make(owner: Admin, *wanted: str, url: str = "") -> Webhook:
        url = url or f"http://127.0.0.1:{receiver.port}/hook"
        return webhooks.create_webhook(url=url, events=wanted or tuple(events.EVENTS), secret=SECRET, acting_user=owner)[0]

    return make


def send() -> None:
    """What the tasks do, without a broker."""
    for key in deliveries.waited_for():
        deliveries.run(key)


def told(hook: Webhook) -> list[str]:
    return [f"{row.event} {row.payload['subject']}" for row in WebhookDelivery.objects.filter(webhook=hook).order_by("created_at")]


def later(seconds: float) -> None:
    """So much time passes for what waits."""
    for row in WebhookDelivery.objects.filter(state=DeliveryState.WAITING):
        WebhookDelivery.objects.filter(pk=row.pk).update(next_at=row.next_at - timedelta(seconds=seconds))


# --- who is told what


def test_the_act_and_what_is_told_are_written_together(cast: Cast, make_hook: MakeHook) -> None:
    hook = make_hook(cast.bob, "account.created")
    with pytest.raises(RuntimeError), transaction.atomic():
        mailboxes.create_mailbox(cast.domain, "gone", PASSWORD, acting_user=cast.bob)
        assert WebhookDelivery.objects.count() == 1
        raise RuntimeError
    assert told(hook) == []


def test_each_event_of_accounts_and_addresses(cast: Cast, make_hook: MakeHook) -> None:
    hook = make_hook(cast.alice)
    ken, _ = mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    mailboxes.change_mailbox(ken, comment="x", acting_user=cast.bob)
    mailboxes.set_password(ken, "Another#Word2026", acting_user=cast.bob)
    replies.set_auto_reply(ken, body="secret holiday", acting_user=cast.bob)
    mailboxes.delete_mailboxes([ken], acting_user=cast.bob)
    alias, _ = expansions.create_alias(cast.domain, "info", ["x@example.net"], acting_user=cast.bob)
    expansions.delete_alias(alias, acting_user=cast.bob)
    domains.change_domain(cast.domain, admin_address="new@example.net", acting_user=cast.bob)
    filters.create_filter(cast.domain, action="quarantine", acting_user=cast.bob)
    assert told(hook) == [
        "account.created ken@a.example.com",
        "account.changed ken@a.example.com",
        "account.password_changed ken@a.example.com",
        "account.changed ken@a.example.com",
        "account.deleted ken@a.example.com",
        "alias.created info@a.example.com",
        "alias.deleted info@a.example.com",
        "domain.changed a.example.com",
        "domain.changed a.example.com",
    ]
    changed = [row.payload["changed"] for row in WebhookDelivery.objects.filter(event__endswith="changed").order_by("created_at")]
    assert changed == [["comment"], ["password"], ["auto_reply"], ["admin_address"], ["filters"]]
    assert "secret holiday" not in str(list(WebhookDelivery.objects.values_list("payload")))


@pytest.mark.django_db(transaction=True)
def test_the_end_of_bulk_work_is_told(cast: Cast, make_hook: MakeHook) -> None:
    """With each account that it made, and with what it came to."""
    from tests.api.test_imports import CREATE, Importer

    hook = make_hook(cast.bob, "account.created", "import.done")
    Importer(cast.bob).job("create", CREATE + f"ken,{PASSWORD},,\r\n")
    assert told(hook) == ["account.created ken@a.example.com", "import.done a.example.com"]
    after = WebhookDelivery.objects.get(event="import.done").payload["after"]
    assert (after["state"], after["create"], after["errors"]) == ("done", 1, 0)


@pytest.mark.parametrize("act", ["mailbox.suspend", "mailbox.resume", "mailbox.force_password"])
def test_a_changed_status_is_an_event_of_its_own(act: str, cast: Cast, make_hook: MakeHook) -> None:
    make_hook(cast.bob, "account.status_changed")
    audit.record(act, "mia@a.example.com", acting_user=SYSTEM, domain=cast.domain, before={"suspended": False}, after={"suspended": True})
    row = WebhookDelivery.objects.get()
    assert row.payload["changed"] == ["suspended"]
    assert row.payload["after"] == {"suspended": True}


def test_no_password_and_no_hash_is_ever_told(cast: Cast, make_hook: MakeHook) -> None:
    make_hook(cast.operator)
    ken, _ = mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    mailboxes.set_password(ken, "Another#Word2026", acting_user=cast.bob)
    sent = json.dumps(list(WebhookDelivery.objects.values_list("payload", flat=True)))
    assert PASSWORD not in sent
    assert "Another#Word2026" not in sent
    assert "argon2" not in sent


def test_everybody_is_told_of_what_they_see_and_of_nothing_else(cast: Cast, make_hook: MakeHook) -> None:
    """The same as `AuditEntry.visible_to` says, for every role."""
    owners = [cast.operator, cast.alice, cast.bob, cast.charlie]
    hooks = {owner: make_hook(owner, "account.created", "domain.created") for owner in owners}
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=SYSTEM)
    mailboxes.create_mailbox(cast.foreign_domain, "len", PASSWORD, acting_user=SYSTEM)
    assert cast.alice.customer is not None
    second = make_domain("c.example.com", "platinum", cast.alice.customer, cast.domain.host)
    mailboxes.create_mailbox(second, "ann", PASSWORD, acting_user=SYSTEM)
    for owner in owners:
        seen = AuditEntry.objects.visible_to(owner).filter(action__in=["mailbox.create", "domain.create"])
        expected = {entry.subject for entry in seen} - {"mia@a.example.com", "max@b.example.com", "a.example.com", "b.example.com"}
        assert {row.partition(" ")[2] for row in told(hooks[owner])} == expected, owner.login
    assert [len(told(hooks[owner])) for owner in owners] == [4, 3, 1, 1]


def test_of_many_entries_at_once_each_goes_to_its_own_contract(cast: Cast, make_hook: MakeHook) -> None:
    hooks = [make_hook(owner) for owner in (cast.alice, cast.bob, cast.charlie)]
    rows = [
        audit.entry("mailbox.create", f"n@{domain}", acting_user=SYSTEM, domain=domain) for domain in (cast.domain, cast.foreign_domain)
    ]
    audit.record_many([*rows, audit.entry("import.done", "nobody's", acting_user=SYSTEM)])
    ours, theirs = ["account.created n@a.example.com"], ["account.created n@b.example.com"]
    assert [told(hook) for hook in hooks] == [ours, ours, theirs]


def test_a_webhook_sees_with_the_role_in_which_it_was_made(cast: Cast, make_hook: MakeHook) -> None:
    """Alice runs the contract, and is mail admin of charlie's domain in a further role."""
    further = Appointment.objects.create(admin=cast.alice, role=Role.MAIL_ADMIN, customer=cast.charlie.customer)
    further.domains.add(cast.foreign_domain)
    first = make_hook(cast.alice)
    cast.alice.act_as(further)
    second = make_hook(cast.alice)
    assert Webhook.objects.visible_to(cast.alice).get() == second  # and not `first`, which tells of another contract
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=SYSTEM)
    mailboxes.create_mailbox(cast.foreign_domain, "len", PASSWORD, acting_user=SYSTEM)
    assert (told(first), told(second)) == (["account.created ken@a.example.com"], ["account.created len@b.example.com"])
    further.delete()
    assert list(Webhook.objects.all()) == [first]


def test_who_loses_the_domain_or_the_role_is_told_nothing_more(cast: Cast, make_hook: MakeHook) -> None:
    bobs, alices = make_hook(cast.bob), make_hook(cast.alice)
    people.change_admin(cast.bob, domains=[], acting_user=SYSTEM)
    people.change_admin(cast.alice, is_active=False, acting_user=SYSTEM)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=SYSTEM)
    people.change_admin(cast.bob, domains=[cast.domain], role=Role.WEB_ADMIN, acting_user=SYSTEM)
    mailboxes.create_mailbox(cast.domain, "len", PASSWORD, acting_user=SYSTEM)
    assert told(bobs) == told(alices) == []


def test_nobody_listening_costs_one_query(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    entries = [audit.entry("mailbox.create", f"n{n}@a.example.com", acting_user=SYSTEM, domain=cast.domain) for n in range(3)]
    with django_assert_num_queries(1):
        events.tell(entries)
    with django_assert_num_queries(0):
        events.tell([audit.entry("mailbox.purge", "mia@a.example.com", acting_user=SYSTEM, domain=cast.domain)])


def test_ten_thousand_entries_are_a_few_statements(
    cast: Cast, make_hook: MakeHook, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_hook(cast.bob)
    make_hook(cast.alice)
    entries = [audit.entry("mailbox.create", f"n{n}@a.example.com", acting_user=SYSTEM, domain=cast.domain) for n in range(10_000)]
    with django_assert_max_num_queries(210):  # SQLite takes 99 of these rows a statement, PostgreSQL 1,000
        events.tell(entries)
    assert WebhookDelivery.objects.count() == 20_000


# --- sending


def test_a_delivery_is_signed_and_says_what_happened(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    make_hook(cast.bob)
    with audit.origin("api", "192.0.2.1"):
        mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob, comment="new")
    send()
    came = receiver.came[0]
    body = json.loads(came["body"])
    assert came["tegami-delivery"] == body["id"] == str(WebhookDelivery.objects.get().pk)
    assert (came["tegami-event"], came["content-type"]) == ("account.created", "application/json")
    assert {key: body[key] for key in ("event", "domain", "subject", "actor", "changed")} == {
        "event": "account.created",
        "domain": "a.example.com",
        "subject": "ken@a.example.com",
        "actor": "admin:bob",
        "changed": [],
    }
    assert body["after"]["comment"] == "new"
    verify(came)


def verify(came: dict[str, Any]) -> None:
    """As docs/webhooks.md tells a receiver to."""
    import hashlib
    import hmac
    import time

    parts = dict(part.split("=", 1) for part in came["tegami-signature"].split(","))
    expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + came["body"], hashlib.sha256).hexdigest()
    assert hmac.compare_digest(parts["v1"], expected)
    assert abs(time.time() - int(parts["t"])) < 300


def test_it_is_sent_at_once_after_the_commit(
    cast: Cast, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """One task however many acts a transaction holds; and a broker that is away is no reason to fail."""
    make_hook(cast.bob)
    sent: list[str] = []
    monkeypatch.setattr(tasks.deliver_due, "delay", lambda: sent.append("sent"))
    with django_capture_on_commit_callbacks(execute=True):
        for name in ("ken", "len", "ann"):
            mailboxes.create_mailbox(cast.domain, name, PASSWORD, acting_user=cast.bob)
    assert sent == ["sent"]

    def away() -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.deliver_due, "delay", away)
    with django_capture_on_commit_callbacks(execute=True):
        mailboxes.create_mailbox(cast.domain, "max", PASSWORD, acting_user=cast.bob)
    assert WebhookDelivery.objects.count() == 4


def test_the_tasks_are_known_and_thin(cast: Cast, make_hook: MakeHook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    from panel.celery import app

    app.loader.import_default_modules()
    planned = {row["task"] for row in app.conf.beat_schedule.values()}
    assert {"accounts.tasks.deliver_due", "accounts.tasks.tidy"} <= planned <= set(app.tasks)
    hook = make_hook(cast.bob)
    webhooks.ping(hook, acting_user=cast.bob)
    monkeypatch.setattr(tasks.deliver, "delay", tasks.deliver)
    tasks.deliver_due()
    assert [came["tegami-event"] for came in receiver.came] == ["ping"]


def test_what_was_refused_is_tried_again_under_the_same_id(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    receiver.answers = [500, 503]
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    send()  # not due yet
    row = WebhookDelivery.objects.get()
    assert (len(receiver.came), row.state, row.status, row.error, row.attempts) == (1, "waiting", 500, "refused", 1)
    assert Webhook.objects.get().failing_since is not None
    later(10)
    send()
    later(59)
    send()
    assert len(receiver.came) == 2
    later(1)
    send()
    row.refresh_from_db()
    assert (row.state, row.status, row.error, row.attempts) == ("delivered", 204, "", 3)
    assert len({came["tegami-delivery"] for came in receiver.came}) == 1
    hook.refresh_from_db()
    assert hook.failing_since is None


def test_it_is_given_up_after_all_attempts(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    make_hook(cast.bob)
    receiver.answers = [500] * 20
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    waits = []
    for _n in range(8):
        send()
        row = WebhookDelivery.objects.get()
        waits.append(round((row.next_at - timezone.now()).total_seconds()))
        WebhookDelivery.objects.update(next_at=timezone.now())
    assert waits[:7] == [10, 60, 300, 1_800, 7_200, 21_600, 86_400]
    send()
    assert (len(receiver.came), WebhookDelivery.objects.get().state) == (8, "given_up")


def test_a_worker_killed_between_claim_and_answer_loses_nothing(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    """The receiver may see it twice, under one id; nobody else sends it meanwhile."""
    hook = make_hook(cast.bob)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    claimed = deliveries.claim(hook.pk)
    assert claimed is not None
    deliveries._send(claimed)  # and here it is killed
    send()
    assert len(receiver.came) == 1
    later(deliveries.LEASE.total_seconds())
    send()
    assert len(receiver.came) == 2
    assert receiver.came[0]["tegami-delivery"] == receiver.came[1]["tegami-delivery"]
    assert WebhookDelivery.objects.get().state == "delivered"


def test_of_two_workers_one_gets_it(cast: Cast, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where both have read it before either claims it."""
    hook = make_hook(cast.bob)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    real, asked, other = timezone.now, [], []

    def now() -> Any:
        asked.append("")
        if len(asked) == 2:  # between reading the row and claiming it
            other.append(deliveries.claim(hook.pk))
        return real()

    monkeypatch.setattr(timezone, "now", now)
    assert deliveries.claim(hook.pk) is None
    assert other[0] is not None
    assert WebhookDelivery.objects.get().attempts == 1


def test_an_answer_that_comes_too_late_does_not_undo_the_next_attempt(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    slow = deliveries.claim(hook.pk)
    later(deliveries.LEASE.total_seconds())
    assert slow is not None
    second = deliveries.claim(hook.pk)
    assert second is not None
    receiver.answers = [500]
    deliveries.attempt(slow)
    row = WebhookDelivery.objects.get()
    assert (row.next_at, row.error) == (second.next_at, "")  # still the second one's, for as long as it takes
    deliveries.attempt(second)
    receiver.answers = [500]
    deliveries.attempt(slow)
    assert WebhookDelivery.objects.get().state == "delivered"


def test_a_receiver_that_is_away_is_asked_by_one_delivery(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    """A dead receiver must not hold a worker for ten seconds an event; when it is back, everything comes at once."""
    make_hook(cast.bob, url="http://127.0.0.1:9/")
    for name in ("ken", "len", "ann"):
        mailboxes.create_mailbox(cast.domain, name, PASSWORD, acting_user=cast.bob)
    send()
    assert sorted(WebhookDelivery.objects.values_list("attempts", "error")) == [(0, ""), (0, ""), (1, "no_connection")]
    assert deliveries.waited_for() == []
    Webhook.objects.update(url=f"http://127.0.0.1:{receiver.port}/")
    WebhookDelivery.objects.filter(attempts=1).update(next_at=timezone.now())
    send()
    assert len(receiver.came) == 3


def test_a_slow_receiver_makes_room_for_others(
    cast: Cast, make_hook: MakeHook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(cast.bob)
    monkeypatch.setattr(deliveries, "RUN", 0.0)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    assert receiver.came == []


@pytest.mark.parametrize("way", ["off", "inactive", "deleted"])
def test_what_waits_is_not_sent_any_more(way: str, cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    if way == "off":
        webhooks.change_webhook(hook, enabled=False, acting_user=cast.bob)
    elif way == "inactive":
        people.change_admin(cast.bob, is_active=False, acting_user=SYSTEM)
    else:
        webhooks.delete_webhook(hook, acting_user=cast.bob)
    send()
    assert receiver.came == []
    if way == "off":
        webhooks.change_webhook(hook, enabled=True, acting_user=cast.bob)
        send()
        assert len(receiver.came) == 1


def test_private_targets_are_refused_unless_the_operator_allows_them(
    cast: Cast, make_hook: MakeHook, receiver: Receiver, settings: Any
) -> None:
    """Also where a webhook was made while they were allowed."""
    make_hook(cast.bob)
    settings.ALLOW_PRIVATE_TARGETS = False
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    assert receiver.came == []
    assert WebhookDelivery.objects.get().error == "not_allowed"
    with pytest.raises(ValidationError):
        webhooks.create_webhook(url="https://127.0.0.1/", events=["account.created"], acting_user=cast.bob)


def test_a_redirect_is_not_followed(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    make_hook(cast.bob)
    receiver.answers, receiver.headers = [307], {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    assert [came["path"] for came in receiver.came] == ["/hook"]
    assert (WebhookDelivery.objects.get().error, WebhookDelivery.objects.get().status) == ("redirected", 307)


def test_three_days_of_failures_switch_it_off_and_the_board_says_so(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    receiver.answers = [500] * 5
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=2, hours=23))
    later(10)
    send()
    assert Webhook.objects.get().enabled
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3, minutes=1))
    later(60)
    send()
    hook.refresh_from_db()
    assert not hook.enabled
    notice = Notice.objects.get()
    assert (notice.code, notice.domain, notice.values["host"]) == ("webhook_off", cast.domain, hook.host)
    assert Notice.objects.visible_to(cast.bob).count() == 1
    assert Notice.objects.visible_to(cast.charlie).count() == 0
    webhooks.change_webhook(hook, enabled=True, acting_user=cast.bob)
    hook.refresh_from_db()
    assert (hook.failing_since, Notice.objects.count()) == (None, 0)


def test_one_success_in_between_begins_the_three_days_anew(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    make_hook(cast.bob)
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=4))
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    receiver.answers = [500]
    mailboxes.create_mailbox(cast.domain, "len", PASSWORD, acting_user=cast.bob)
    send()
    assert Webhook.objects.get().enabled


def test_a_test_is_sent_once_and_also_while_switched_off(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    webhooks.change_webhook(hook, enabled=False, acting_user=cast.bob)
    receiver.answers = [500]
    webhooks.ping(hook, acting_user=cast.bob)
    send()
    assert (len(receiver.came), WebhookDelivery.objects.get().state) == (1, "given_up")
    assert Webhook.objects.get().failing_since is None


def test_what_was_given_up_is_sent_again_by_hand(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    make_hook(cast.bob)
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    WebhookDelivery.objects.update(state=DeliveryState.GIVEN_UP, attempts=8)
    webhooks.retry(WebhookDelivery.objects.select_related("webhook").get(), acting_user=cast.bob)
    send()
    assert WebhookDelivery.objects.get().state == "delivered"


def test_secrets_are_sealed_and_another_one_signs_from_then_on(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    assert SECRET.encode() not in bytes(hook.secret)
    webhooks.change_webhook(hook, secret="fedcba9876543210", acting_user=cast.bob)
    hook.refresh_from_db()
    assert sealing.unseal(bytes(hook.secret), "webhook") == b"fedcba9876543210"
    assert SECRET not in str(list(AuditEntry.objects.values_list("before", "after")))
    assert "fedcba9876543210" not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_the_trail_names_the_host_and_not_the_whole_address(cast: Cast, make_hook: MakeHook) -> None:
    make_hook(cast.bob, url="https://hooks.example.com/services/T0/key-in-path")
    entry = AuditEntry.objects.get(action="webhook.create")
    assert (entry.subject, entry.tenant) == ("hooks.example.com", cast.domain.customer_id)
    assert "key-in-path" not in str(entry.after)


def test_a_secret_that_cannot_be_read_any_more_says_so(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    """After another SECRET_KEY."""
    make_hook(cast.bob)
    Webhook.objects.update(secret=b"another key's")
    mailboxes.create_mailbox(cast.domain, "ken", PASSWORD, acting_user=cast.bob)
    send()
    assert (receiver.came, WebhookDelivery.objects.get().error) == ([], "secret_unreadable")


def test_old_deliveries_are_forgotten(cast: Cast, make_hook: MakeHook) -> None:
    make_hook(cast.bob)
    for name in ("ken", "len"):
        mailboxes.create_mailbox(cast.domain, name, PASSWORD, acting_user=cast.bob)
    first = WebhookDelivery.objects.order_by("created_at").first()
    assert first is not None
    WebhookDelivery.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=30, minutes=1))
    tasks.tidy()
    assert not WebhookDelivery.objects.filter(pk=first.pk).exists()
    assert WebhookDelivery.objects.count() == 1


def test_the_lease_is_longer_than_an_attempt_may_take() -> None:
    assert deliveries.LEASE.total_seconds() > outward.TIME_LIMIT + 60  # and a name server's own patience


def test_no_thread_is_left_behind(cast: Cast, make_hook: MakeHook, receiver: Receiver) -> None:
    hook = make_hook(cast.bob)
    for _n in range(5):
        webhooks.ping(hook, acting_user=cast.bob)
    send()
    assert len(receiver.came) == 5
    for timer in [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        timer.join(1)
        assert not timer.is_alive()
