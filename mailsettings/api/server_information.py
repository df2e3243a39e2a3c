"""`/domains/<name>/server-information/`: what to enter in a mail program (A18)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.models import Domain
from accounts.rules import LOGIN_FORMS
from mailsettings.api.owned import OfDomain
from mailsettings.discovery.facts import STARTTLS, TLS, facts
from panel.base.api.problems import bad
from panel.base.tenancy import Role

PROTOCOLS = ("imap", "pop3", "smtp")
ADDRESS = OpenApiParameter(
    "address", OpenApiTypes.STR, description="Whose user name is wanted; a mailbox user's own by default. It is not looked up."
)


class OtherNameSerializer(serializers.Serializer[Any]):
    protocol = serializers.ChoiceField(choices=PROTOCOLS)
    host = serializers.CharField()


class ServerSerializer(OtherNameSerializer):
    port = serializers.IntegerField()
    security = serializers.ChoiceField(choices=(TLS, STARTTLS), help_text="TLS from the first byte, or by STARTTLS.")


class ServerInformation(serializers.Serializer[Any]):
    domain = serializers.CharField()
    hostname = serializers.CharField(help_text="The server's name, which its certificate covers; empty while the operator has not set it.")
    ipv4 = serializers.IPAddressField(allow_null=True)
    ipv6 = serializers.IPAddressField(allow_null=True)
    login_form = serializers.ChoiceField(choices=LOGIN_FORMS)
    address = serializers.CharField(allow_null=True)
    user_name = serializers.CharField(allow_null=True, help_text="Of the address, in the plan's form. The whole address signs in too.")
    incoming = ServerSerializer(many=True, help_text="The recommended one first; none while there is no host name.")
    outgoing = ServerSerializer(many=True)
    other_names = OtherNameSerializer(many=True, help_text="Names that the plan shows too; no certificate covers them yet.")


class ServerInformationApi(OfDomain):
    """Where mail programs find a domain's mail, and as whom they sign in. Web admins too; mailbox users for their own domain."""

    resource = "server-information"
    model = Domain
    serializer_class = ServerInformation

    def owners(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Domain.objects.served_for(self.principal).select_related("plan", "host")
        return found

    @extend_schema(parameters=[ADDRESS])
    def retrieve(self, request: Request, **where: str) -> Response:
        """Without a password anywhere."""
        domain = self.owner()
        return self.shown_unless_known(request, domain, ServerInformation(self._told(domain)).data)

    def _told(self, domain: Domain) -> dict[str, Any]:
        address, host, rules = self._address(domain), domain.host, domain.rules
        found = facts(domain.name, rules, host, address)
        return {
            "domain": domain.name,
            "hostname": host.hostname,
            "ipv4": host.ipv4,
            "ipv6": host.ipv6,
            "login_form": rules.login_form,
            "address": address,
            "user_name": found and found.login,
            "incoming": found.incoming if found else (),
            "outgoing": found.outgoing if found else (),
            "other_names": found.other_names if found else (),
        }

    def _address(self, domain: Domain) -> str | None:
        """The one that was asked for, if it can be one of the domain."""
        text = self.request.query_params.get("address", "")
        if not text:
            return getattr(self.principal, "address", None) if self.principal.role == Role.MAILBOX_USER else None
        try:
            address = names.destination(text)
        except ValidationError as error:
            raise bad("address", " ".join(error.messages)) from None
        if address.rpartition("@")[2] != domain.name:
            raise bad("address", _("This address is not in %(domain)s.") % {"domain": names.to_unicode(domain.name)}, "domain")
        return address
