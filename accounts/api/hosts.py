"""`/mail-hosts/`: what the operator says of the machines that mail lives on, and how they are."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.resource import Done, Resource
from accounts.models import MailHost
from accounts.models.tenants import PORTS
from accounts.services import hosts
from panel.base.api.fields import Number, Strict, Text

PORT_MAX = 65_535
HostPorts = type(
    "HostPorts",
    (Strict,),
    {
        "__doc__": "Where the services listen; 0 = not offered.",
        **{
            name: Number(required=False, allow_null=True, min_value=0, max_value=PORT_MAX, help_text=f"null = {port}")
            for name, port in PORTS.items()
        },
    },
)
HostPortsShown = type("HostPortsShown", (serializers.Serializer,), {name: serializers.IntegerField() for name in PORTS})


class MailHostChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"name": "A mail host keeps its name."}
    hostname = Text(
        required=False, allow_blank=True, max_length=253, help_text="What the certificate covers. Empty: nothing is told to anybody."
    )
    ipv4 = serializers.IPAddressField(required=False, allow_null=True, protocol="ipv4")
    ipv6 = serializers.IPAddressField(required=False, allow_null=True, protocol="ipv6")
    ports = HostPorts(required=False, help_text="What is absent stays as it is.")


class HostHealth(serializers.Serializer[MailHost]):
    worker_seen_at = serializers.DateTimeField(source="seen_at", allow_null=True, help_text="Its worker reports every minute.")
    last_live_at = serializers.DateTimeField(allow_null=True, help_text="When a change was last seen live there.")
    waiting = serializers.SerializerMethodField(help_text="Changes on their way to it.")
    waiting_since = serializers.DateTimeField(allow_null=True)
    waiting_because = serializers.SerializerMethodField(help_text="What the oldest of them waits for; empty = its turn.")

    def get_waiting(self, row: Any) -> int:
        return row.waiting or 0

    def get_waiting_because(self, row: Any) -> str:
        return row.waiting_because or ""


class MailHostSerializer(serializers.Serializer[MailHost]):
    name = serializers.CharField()
    hostname = serializers.CharField(help_text="Empty = not set: mail programs are told nothing yet.")
    ipv4 = serializers.IPAddressField(allow_null=True)
    ipv6 = serializers.IPAddressField(allow_null=True)
    ports = serializers.SerializerMethodField(help_text="Where the services listen; 0 = not offered.")
    domains = serializers.IntegerField(source="domains_count", help_text="How many live there.")
    health = HostHealth(source="*")

    @extend_schema_field(HostPortsShown)
    def get_ports(self, row: MailHost) -> dict[str, int]:
        return {name: row.port(name) for name in PORTS}


class MailHostApi(Resource):
    """The machines that mail lives on, what mail programs and DNS are told of them, and their health. Operators only."""

    resource = "mail-hosts"
    model = MailHost
    serializer_class = MailHostSerializer
    body_classes = {"partial_update": MailHostChange}
    acts = {"partial_update": "host.write"}
    unlimited_only = True

    def rows(self) -> QuerySet[Any]:
        return hosts.with_health(self.visible())

    def partial_update(self, request: Request, name: str) -> Response:
        """Reaches no server: their own names and ports are the layout's (docs/operations.md)."""
        return self.changed(lambda row, body: Done(hosts.change_host(row, acting_user=self.principal, **body)))
