"""`/webhooks/`: addresses that are told of events, and what was sent to them (R8)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.resource import Done, Resource
from accounts.events import EVENTS
from accounts.models import DeliveryState, Webhook, WebhookDelivery
from accounts.services import webhooks
from panel.base.api.fields import Choice, Flag, Strict, Text
from panel.base.api.filters import flag
from panel.base.api.permissions import token_of, user_of
from panel.base.outward import LONGEST

ERRORS = (
    "no_address",
    "not_allowed",
    "no_connection",
    "certificate",
    "tls",
    "timed_out",
    "broken",
    "redirected",
    "refused",
    "secret_unreadable",
)
URL = "https, port 443 or 8443, on the public internet; international names are understood, answers hold A-labels."
SECRET = "16 to 200 visible ASCII characters. Signs each delivery; it is never shown again."  # noqa: S105


class WebhookChange(Strict):
    url = Text(required=False, max_length=LONGEST, help_text=URL)
    events = serializers.ListField(child=Choice(choices=list(EVENTS)), required=False, allow_empty=False, max_length=len(EVENTS))
    secret = Text(required=False, min_length=16, max_length=200, help_text=SECRET, style={"input_type": "password"})
    enabled = Flag(required=False, help_text="true after it was switched off: what waits is sent.")


class WebhookCreation(WebhookChange):
    url = Text(max_length=LONGEST, help_text=URL)
    events = serializers.ListField(child=Choice(choices=list(EVENTS)), allow_empty=False, max_length=len(EVENTS))
    secret = Text(required=False, min_length=16, max_length=200, help_text=SECRET + " Absent: one is made and shown in the answer, once.")
    enabled = Flag(required=False, default=True)


class WebhookSerializer(serializers.Serializer[Webhook]):
    id = serializers.IntegerField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=list(EVENTS)))
    enabled = serializers.BooleanField(help_text="Off by itself after three days of failures only.")
    failing_since = serializers.DateTimeField(allow_null=True, help_text="The first failure since the last success.")
    created_at = serializers.DateTimeField()


class WebhookMade(WebhookSerializer):
    secret = serializers.CharField(required=False, help_text="The secret that was made: shown in this answer and never again.")


class DeliverySerializer(serializers.Serializer[WebhookDelivery]):
    id = serializers.UUIDField(help_text="As in the header `Tegami-Delivery`: the same at every attempt.")
    event = serializers.ChoiceField(choices=[*EVENTS, "ping"])
    subject = serializers.CharField(source="payload.subject")
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    attempts = serializers.IntegerField()
    next_at = serializers.SerializerMethodField(help_text="When it is tried (again); null once it is not.", allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="Of the last answer; null where there was none.")
    error = serializers.ChoiceField(choices=["", *ERRORS], help_text="Of the last attempt; empty = taken, or not tried yet.")
    created_at = serializers.DateTimeField()

    def get_next_at(self, row: WebhookDelivery) -> datetime | None:
        return row.next_at if row.state == DeliveryState.WAITING else None


class DeliveryList(serializers.Serializer[Any]):
    results = DeliverySerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Always null: these are the last 50.")
    previous = serializers.CharField(allow_null=True)


class WebhookApi(Resource):
    """One's own webhooks, of the role that one acts in: they tell of what it sees. At most 20.

    A delivery is a POST of `{"id", "event", "at", "domain", "subject", "actor", "changed", "after"?}` with the headers
    `Tegami-Event`, `Tegami-Delivery` (the `id`; the same at every attempt) and `Tegami-Signature`: `t=<seconds>,v1=<hex>`,
    where the hex is the HMAC-SHA256 of `<seconds>.<body>` under the secret. What is not answered with 2xx within
    10 seconds is tried again after 10 s, 1 min, 5 min, 30 min, 2 h, 6 h and 24 h.
    """

    resource = "webhooks"
    model = Webhook
    named_by = "pk"
    serializer_class = WebhookSerializer
    body_classes = {"create": WebhookCreation, "partial_update": WebhookChange, "ping": Strict, "retry": Strict}
    acts = dict.fromkeys(("create", "partial_update", "destroy", "ping", "retry"), "webhook.write")
    orders = {"id": "pk", "url": "url"}
    filters = {"enabled": flag("enabled", "Webhooks that are switched on, or off.")}
    search_about = "Part of the address."
    unlimited_only = True
    remembers = False
    cache_control = "no-store"
    untagged = ("deliveries", "ping", "retry")
    lookup_value_regex = "[0-9]{1,18}"

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(url__icontains=text)

    @extend_schema(responses={201: WebhookMade})
    def create(self, request: Request) -> Response:
        """The only answer that ever holds a secret, and only one that was made here."""
        self.allow()
        hook, secret = webhooks.create_webhook(acting_user=user_of(request), made_with=token_of(request), **self.body())
        address = request.build_absolute_uri(reverse("api:webhook-detail", args=[hook.pk]))
        return self.answer(hook, {**self.shown(hook), **({"secret": secret} if secret else {})}, status=201, location=address)

    def partial_update(self, request: Request, name: str) -> Response:
        """Another secret signs whatever is sent from then on."""
        token = token_of(request)
        return self.changed(lambda row, body: Done(webhooks.change_webhook(row, acting_user=self.principal, made_with=token, **body)))

    def destroy(self, request: Request, name: str) -> Response:
        """Nothing more is sent, not even what waits."""
        return self.deleted(lambda row: webhooks.delete_webhook(row, acting_user=self.principal))

    @extend_schema(operation_id="webhooks_ping", request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"], filter_backends=[])
    def ping(self, request: Request, name: str) -> Response:
        """Sends the event `ping`, once; `…/deliveries/` says what came of it."""
        row = self.one(self.visible())
        self.allow()
        self.body()
        return Response(DeliverySerializer(webhooks.ping(row, acting_user=self.principal)).data, status=202)

    @extend_schema(operation_id="webhooks_deliveries", responses=DeliveryList)
    @action(detail=True, methods=["get"], filter_backends=[], pagination_class=None)
    def deliveries(self, request: Request, name: str) -> Response:
        """The last 50, the newest first; after 30 days they are forgotten."""
        rows = self.one(self.visible()).deliveries.all()[: webhooks.SHOWN]
        return Response({"results": DeliverySerializer(rows, many=True).data, "next": None, "previous": None})

    @extend_schema(operation_id="webhooks_retry", request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"], url_path="deliveries/(?P<delivery>[0-9a-f-]{36})/retry", filter_backends=[])
    def retry(self, request: Request, name: str, delivery: str) -> Response:
        """Sends it again, under the same id; what was taken once may be sent again too."""
        row = self.one(self.visible())
        self.allow()
        self.body()
        found = row.deliveries.filter(pk=_uuid(delivery)).select_related("webhook").first()
        if found is None:
            raise Http404
        return Response(DeliverySerializer(webhooks.retry(found, acting_user=self.principal)).data, status=202)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
