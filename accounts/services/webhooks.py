"""Webhooks: where integrators are told what happened (R8). Each belongs to one admin, in one of their roles."""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.events import EVENTS, PING, wake_on_commit
from accounts.models import Admin, DeliveryState, Token, Webhook, WebhookDelivery
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services import board
from accounts.services.common import check_all
from accounts.services.deliveries import PURPOSE, topic
from panel.base import audit, outward, sealing
from panel.base.errors import Forbidden
from panel.base.tenancy import Principal

MOST = 20  # of one admin
SHOWN = 50  # deliveries of a list
SECRET = re.compile(r"[\x21-\x7e]{16,200}")


def new_secret() -> str:
    """256 random bits."""
    return "whs_" + secrets.token_urlsafe(32)


def create_webhook(
    *,
    url: str,
    events: Sequence[str],
    acting_user: Admin,
    secret: str | None = None,
    enabled: bool = True,
    made_with: Token | None = None,
) -> tuple[Webhook, str | None]:
    """The webhook and its secret, if one was made here: the only time that anyone sees it. It acts in the role of the moment."""
    require(acting_user, "webhook.write")
    made = None if secret else new_secret()
    hook = Webhook(admin=acting_user, url=url, events=list(events), enabled=enabled)
    hook.appointment_id = acting_user.appointment_id  # type: ignore[attr-defined]
    _check(hook, secret or made)
    _check_reach(hook, made_with)
    hook.secret = sealing.seal((secret or made or "").encode(), PURPOSE)
    with transaction.atomic():
        _check_number(acting_user)
        hook.save(force_insert=True)
        audit.record("webhook.create", hook.host, acting_user=acting_user, **audit.own(acting_user), after=shown(hook))
    return hook, made


def change_webhook(hook: Webhook, *, acting_user: Principal, made_with: Token | None = None, **fields: Any) -> Webhook:
    """Changes `url`, `events`, `secret` or `enabled`. One that is switched on again begins without failures."""
    require(acting_user, "webhook.write")
    with transaction.atomic():
        fresh: Webhook = Webhook.objects.select_for_update(of=("self",)).get(pk=hook.pk)
        before, secret = shown(fresh), fields.pop("secret", None)
        for key, value in fields.items():
            setattr(fresh, key, list(value) if key == "events" else value)
        _check(fresh, secret)
        _check_reach(fresh, made_with)
        if secret:
            fresh.secret = sealing.seal(secret.encode(), PURPOSE)
        if fresh.enabled and not before["enabled"]:
            fresh.failing_since = None
            board.settle(topic(fresh))
        kept = ("url", "events", "secret", "enabled", "failing_since")
        bump(fresh, **{key: getattr(fresh, key) for key in kept})
        after = shown(fresh) | ({"secret": "changed"} if secret else {})
        audit.record("webhook.change", fresh.host, acting_user=acting_user, **audit.own(acting_user), before=before, after=after)
        wake_on_commit()
    return fresh


def delete_webhook(hook: Webhook, *, acting_user: Principal) -> None:
    """Nothing more is sent, not even what waits."""
    require(acting_user, "webhook.write")
    with transaction.atomic():
        audit.record("webhook.delete", hook.host, acting_user=acting_user, **audit.own(acting_user), before=shown(hook))
        board.settle(topic(hook))
        hook.delete()


def ping(hook: Webhook, *, acting_user: Principal) -> WebhookDelivery:
    """A test: sent once, at once, also where the webhook is switched off."""
    require(acting_user, "webhook.write")
    told = {"event": PING, "at": timezone.now().isoformat(), "domain": "", "subject": hook.host, "actor": acting_user.actor, "changed": []}
    with transaction.atomic():
        delivery: WebhookDelivery = WebhookDelivery.objects.create(webhook=hook, event=PING, payload=told)
        audit.record("webhook.ping", hook.host, acting_user=acting_user, **audit.own(acting_user))
        wake_on_commit()
    return delivery


def retry(delivery: WebhookDelivery, *, acting_user: Principal) -> WebhookDelivery:
    """Sends it again, under the same id, with all attempts before it; what was taken once may be sent again too."""
    require(acting_user, "webhook.write")
    if not delivery.webhook.enabled and delivery.event != PING:
        raise ValidationError({"": ValidationError(_("The webhook is switched off."), code="off")})
    with transaction.atomic():
        again = {"state": DeliveryState.WAITING, "attempts": 0, "next_at": timezone.now(), "status": None, "error": ""}
        WebhookDelivery.objects.filter(pk=delivery.pk).update(**again)
        audit.record("webhook.retry", delivery.webhook.host, acting_user=acting_user, **audit.own(acting_user))
        wake_on_commit()
    delivery.refresh_from_db()
    return delivery


def shown(hook: Webhook) -> dict[str, Any]:
    """What the audit trail keeps: of the address the host only, as paths of webhooks hold keys."""
    return {"host": hook.host, "events": hook.events, "enabled": hook.enabled}


def _check(hook: Webhook, secret: str | None) -> None:
    check_all(lambda: _check_url(hook), lambda: _check_events(hook.events), lambda: _check_secret(secret))


def _check_url(hook: Webhook) -> None:
    """Kept as it will be asked: A-labels, a quoted path."""
    try:
        hook.url = outward.target_of(hook.url).url
    except ValidationError as error:
        raise ValidationError({"url": error}) from None


def _check_events(events: Sequence[str]) -> None:
    if not events or not set(events) <= set(EVENTS):
        text = _("Choose from: %(events)s") % {"events": ", ".join(EVENTS)}
        raise ValidationError({"events": ValidationError(text, code="invalid")})


def _check_secret(secret: str | None) -> None:
    if secret is not None and not SECRET.fullmatch(secret):
        text = _("A secret has 16 to 200 characters: ASCII letters, digits and symbols, no blanks.")
        raise ValidationError({"secret": ValidationError(text, code="invalid")})


def _check_reach(hook: Webhook, token: Token | None) -> None:
    """A token makes no webhook that tells it what it could not read. Raises `Forbidden`."""
    if token is None:
        return
    if token.domains:
        raise Forbidden(_("This token is limited to domains."))
    needed = {f"{EVENTS[event]}:read" for event in hook.events}
    if "*" not in token.scopes and (missing := sorted(needed - set(token.scopes))):
        raise Forbidden(_("These events need a token with the scope %(scope)s.") % {"scope": missing[0]})


def _check_number(admin: Admin) -> None:
    """At most `MOST`; the admin's row is held, so that two at once are counted one after the other."""
    Admin.objects.get_queryset().select_for_update(of=("self",)).get(pk=admin.pk)
    if Webhook.objects.filter(admin=admin.pk).count() >= MOST:
        raise ValidationError({"": ValidationError(_("There may be %(most)d webhooks at most.") % {"most": MOST}, code="many")})
