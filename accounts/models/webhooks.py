"""Webhooks: where integrators are told what happened to accounts, and what is still to be told."""

import uuid
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Admin, Appointment
from panel.base.tenancy import Principal, TenantQuerySet, token_domains


class WebhookQuerySet(TenantQuerySet):
    """One's own only, for every role, and of these what was made in the role that one acts in: who could redirect those of
    a higher role would learn what it sees. None for a token that is limited to domains.
    """

    def visible_to(self, user: Principal) -> Self:
        return self.none() if token_domains(user) else self.narrowed(user)

    def narrowed(self, user: Principal) -> Self:
        return self.filter(admin_id=user.pk, appointment_id=user.appointment_id) if isinstance(user, Admin) else self.none()


class Webhook(models.Model):
    """An address that is told of events, signed with a secret of its own (sealed, purpose `webhook`).

    It tells of what its owner sees, in the role in which they made it. `events`: names as in
    `accounts.services.webhooks.EVENTS`. `failing_since`: the first of the failures since the last success.
    """

    admin = models.ForeignKey(Admin, on_delete=models.CASCADE, related_name="webhooks")
    appointment = models.ForeignKey(Appointment, null=True, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=500)
    events = models.JSONField(_("events"), default=list)
    secret = models.BinaryField()
    enabled = models.BooleanField(_("enabled"), default=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)

    @property
    def host(self) -> str:
        """Of the address what may be said to others than its owner: paths of webhooks hold keys."""
        return urlsplit(self.url).netloc


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")


class WebhookDelivery(models.Model):
    """One event on its way to one webhook: written in the transaction of what happened, sent after it, tried again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    payload = models.JSONField()
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="delivery_due"),
            models.Index(fields=["webhook", "-created_at"]),
        ]
