"""How events reach webhooks: claimed, sent, tried again, given up, forgotten.

A claim is a conditional UPDATE that moves `next_at` behind the longest that an attempt takes. A worker that is killed
after it therefore loses nothing: the delivery is due again, and may arrive twice, under the same id.
"""

import hashlib
import hmac
import json
import logging
import time
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.events import PING
from accounts.models import DeliveryState, Webhook, WebhookDelivery
from accounts.models.tenants import bump
from accounts.services import board
from panel.base import outward, sealing
from panel.base.tenancy import Role

log = logging.getLogger(__name__)
PURPOSE = "webhook"  # of sealed secrets
AGAIN = [timedelta(seconds=s) for s in (10, 60, 300, 1_800, 7_200, 21_600, 86_400)]  # after the first attempt, the second …
LEASE = timedelta(seconds=90)  # longer than a name server and `outward.TIME_LIMIT` together
PATIENCE = timedelta(days=3)  # of nothing but failures, after which a webhook is switched off
KEPT = timedelta(days=30)
RUN = 20.0  # seconds after which a run makes room for others
# What the last attempt came to, besides the codes of `outward.Unreached`.
REDIRECTED, REFUSED, UNREADABLE, UNFIT = "redirected", "refused", "secret_unreadable", "not_allowed"


def due() -> QuerySet[WebhookDelivery]:
    """What is to be sent now. A test is sent by a webhook that is switched off too; nothing is sent for admins that are not active."""
    is_on = Q(webhook__enabled=True) | Q(event=PING)
    waiting = WebhookDelivery.objects.filter(is_on, state=DeliveryState.WAITING, next_at__lte=timezone.now())
    return waiting.filter(webhook__admin__is_active=True)


def run(webhook: int) -> None:
    """Sends what is due for one webhook, for at most `RUN` seconds; a receiver that cannot be reached ends the run."""
    ends = time.monotonic() + RUN
    while time.monotonic() < ends and (delivery := claim(webhook)):
        if not attempt(delivery):
            return


def claim(webhook: int) -> WebhookDelivery | None:
    """One delivery that is this worker's until its lease ends."""
    rows = due().filter(webhook=webhook).select_related("webhook").order_by("next_at")
    for row in rows[:10]:
        until = timezone.now() + LEASE
        mine = WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.WAITING, next_at=row.next_at)
        if mine.update(next_at=until, attempts=F("attempts") + 1):
            row.next_at, row.attempts = until, row.attempts + 1
            return row
    return None


def attempt(delivery: WebhookDelivery) -> bool:
    """Sends it and writes down what came of it. False where the receiver could not be reached at all."""
    status, error = _send(delivery)
    hook = delivery.webhook
    log.info("webhook %d at %s: %s %s: %s", hook.pk, hook.host, delivery.event, delivery.pk, error or status)
    with transaction.atomic():
        if error:
            _failed(delivery, status, error)
        else:
            _delivered(delivery, status)
    return not error or status is not None


def _send(delivery: WebhookDelivery) -> tuple[int | None, str]:
    """Status and error; "" where it was taken (2xx)."""
    try:
        secret = sealing.unseal(bytes(delivery.webhook.secret), PURPOSE)
        target = outward.target_of(delivery.webhook.url)
    except sealing.Unreadable:
        return None, UNREADABLE
    except ValidationError:
        return None, UNFIT  # by today's settings
    body = json.dumps({"id": str(delivery.pk), **delivery.payload}, ensure_ascii=False).encode()
    try:
        status = outward.post(target, body, headers(delivery, body, secret, int(time.time())))
    except outward.Unreached as error:
        return None, error.code
    return status, "" if 200 <= status < 300 else REDIRECTED if 300 <= status < 400 else REFUSED


def headers(delivery: WebhookDelivery, body: bytes, secret: bytes, now: int) -> dict[str, str]:
    """`now`: seconds since 1970; it is part of what is signed, so that an old delivery cannot be played again."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Tegami",
        "Tegami-Event": delivery.event,
        "Tegami-Delivery": str(delivery.pk),
        "Tegami-Signature": f"t={now},v1={signature(body, secret, now)}",
    }


def signature(body: bytes, secret: bytes, now: int) -> str:
    """HMAC-SHA256 of `<now>.<body>`, in hex."""
    return hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()


def _delivered(delivery: WebhookDelivery, status: int | None) -> None:
    """The receiver is there (again): what waited for it is due at once."""
    _settle(delivery, state=DeliveryState.DELIVERED, status=status, error="")
    if Webhook.objects.filter(pk=delivery.webhook.pk, failing_since__isnull=False).update(failing_since=None):
        _others(delivery).update(next_at=timezone.now())


def _failed(delivery: WebhookDelivery, status: int | None, error: str) -> None:
    """A test is tried once. A receiver that is not there is asked by one delivery, and the others wait as long as that one."""
    if delivery.event == PING or delivery.attempts > len(AGAIN):
        _settle(delivery, state=DeliveryState.GIVEN_UP, status=status, error=error)
    else:
        next_at = timezone.now() + AGAIN[delivery.attempts - 1]
        _settle(delivery, next_at=next_at, status=status, error=error)
        if status is None:
            _others(delivery).filter(next_at__lt=next_at).update(next_at=next_at)
    if delivery.event != PING:
        _note_failure(delivery.webhook.pk)


def _settle(delivery: WebhookDelivery, **values: Any) -> None:
    """Unless somebody else has claimed it since: then this attempt took too long, and theirs counts."""
    WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts).update(**values)


def _others(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(webhook=delivery.webhook.pk, state=DeliveryState.WAITING).exclude(pk=delivery.pk)


def _note_failure(key: int) -> None:
    """Switches a webhook off that has only failed for `PATIENCE`, and says so on the board."""
    hook = Webhook.objects.select_for_update(of=("self",)).select_related("admin", "appointment").filter(pk=key).first()
    if hook is None:
        return
    if hook.failing_since is None:
        Webhook.objects.filter(pk=key).update(failing_since=timezone.now())
    elif hook.enabled and hook.failing_since <= timezone.now() - PATIENCE:
        bump(hook, enabled=False)
        _say_off(hook)


AUDIENCES: dict[str, str] = {Role.OPERATOR: "operators", Role.CUSTOMER_ADMIN: "customer_admins", Role.MAIL_ADMIN: "mail_admins"}


def topic(hook: Webhook) -> str:
    """Under which the board knows that it is off."""
    return f"webhook:{hook.pk}"


def _say_off(hook: Webhook) -> None:
    """To those of the owner's role; of a mail admin's to those of a domain of theirs, so that no other domain's admin learns of it."""
    acts: Any = hook.appointment or hook.admin
    if acts.role not in AUDIENCES:
        return
    about = {"domain": acts.domains.select_related("customer").first()} if acts.role == Role.MAIL_ADMIN else {"customer": acts.customer}
    values = {"host": hook.host, "login": hook.admin.login}
    board.post("webhook_off", topic=topic(hook), level="problem", audience=AUDIENCES[acts.role], values=values, **about)


def tidy() -> None:
    """Forgets deliveries after `KEPT`."""
    WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT).delete()


def waited_for() -> list[int]:
    """Keys of the webhooks that something is due for."""
    return list(due().order_by().values_list("webhook", flat=True).distinct())
