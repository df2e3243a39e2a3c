"""`/domains/`."""

from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names, permissions, selectors
from accounts.api.contracts import limits_class, rules_class, used_class
from accounts.api.resource import Done, Resource, named
from accounts.limits import left_of_domains
from accounts.models import Customer, Domain, MailHost, Plan
from accounts.models.tenants import DOMAIN_LIMITS
from accounts.services import domains
from accounts.services.common import COUNTERS
from panel.base.api.fields import Flag, Strict, Text
from panel.base.api.filters import exact
from panel.base.api.problems import bad
from panel.base.errors import Forbidden
from panel.base.tenancy import token_domains

DomainLimits = limits_class("DomainLimits", DOMAIN_LIMITS)
DomainUsed = used_class("DomainUsed", tuple(COUNTERS))
DomainLeft = used_class("DomainLeft", tuple(COUNTERS), allow_null=True)
Overrides = rules_class("Overrides", "Plan values that differ for one domain; what is absent is the plan's.")


class DomainChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"name": "A domain keeps its name.", "host": "A domain stays on its host."}
    customer = Text(required=False, max_length=100, help_text="Operators only.")
    plan = Text(required=False, max_length=63, help_text="Operators only.")
    admin_address = Text(required=False, max_length=320, help_text="Where mail to system addresses goes.")
    virus_check = Flag(required=False, help_text="Where the plan leaves it to the domain: infected mail is cleaned, and none is sent.")
    limits = DomainLimits(required=False, help_text="Operators and customer admins. What is absent stays as it is.")
    overrides = Overrides(required=False, help_text="Operators only. Replaces all that was there.")


class DomainCreation(DomainChange):
    elsewhere: ClassVar[dict[str, Any]] = {"virus_check": "Set it once the domain is there."}
    name = Text(max_length=253, help_text="As A-labels or as people write it.")
    customer = Text(max_length=100)
    plan = Text(max_length=63)
    host = Text(required=False, max_length=63, help_text="Default: the only one.")
    admin_address = Text(required=False, max_length=320, help_text="Default: the operator's address.")
    virus_check = Flag(read_only=True)
    limits = DomainLimits(required=False)
    overrides = Overrides(required=False)


class DomainSerializer(serializers.Serializer[Domain]):
    name = serializers.CharField(help_text="A-labels.")
    customer = serializers.CharField(source="customer.name")
    plan = serializers.CharField(source="plan.name")
    host = serializers.CharField(source="host.name")
    admin_address = serializers.CharField()
    virus_check = serializers.BooleanField(help_text="The domain's own switch; it decides where the plan's value is `optional`.")
    limits = serializers.SerializerMethodField(help_text="The domain's own numbers, within the contract's; null = no limit.")
    overrides = serializers.SerializerMethodField(help_text="What differs from the plan.")
    used = serializers.SerializerMethodField(help_text="What is in use; `storage_mb` counts what is promised.")

    left = serializers.SerializerMethodField(
        help_text="What may still be created, by the domain's limits and the contract's; null = no limit."
    )

    @extend_schema_field(DomainLeft)
    def get_left(self, row: Domain) -> dict[str, int | None]:
        return self._left[row.pk]

    @cached_property
    def _left(self) -> dict[int, dict[str, int | None]]:
        """For all that is shown at once."""
        shown: Any = self.parent.instance if self.parent is not None else [self.instance]
        return left_of_domains(shown)

    @extend_schema_field(DomainLimits)
    def get_limits(self, row: Domain) -> dict[str, int | None]:
        return {key: row.limits.get(key) for key in DOMAIN_LIMITS}

    @extend_schema_field(Overrides)
    def get_overrides(self, row: Domain) -> dict[str, Any]:
        return dict(row.overrides)

    @extend_schema_field(DomainUsed)
    def get_used(self, row: Domain) -> dict[str, int]:
        return selectors.used(row)


class DomainApi(Resource):
    """Mail domains. Operators create and delete them; customer and mail admins see their own."""

    resource = "domains"
    model = Domain
    serializer_class = DomainSerializer
    body_classes = {"create": DomainCreation, "partial_update": DomainChange}
    acts = {"create": "domain.create", "partial_update": "domain.change", "destroy": "domain.delete"}
    orders = {"name": "name", "accounts": "accounts_count", "storage_mb": "promised_mb"}
    filters = {
        "customer": exact("customer__name", "Name of a customer."),
        "plan": exact("plan__name", "Name of a plan."),
        "host": exact("host__name", "Name of a mail host."),
        "name": exact("name", "The whole name.", names.to_ascii),
    }
    reaches_servers = True

    def rows(self) -> QuerySet[Any]:
        return self.visible().select_related("customer", "plan", "host")

    def normalised(self, name: str) -> str:
        return names.to_ascii(name)

    def create(self, request: Request) -> Response:
        """With the system addresses of its plan."""

        def make(body: dict[str, Any]) -> Done:
            self._within_token(body["name"])
            optional = {key: body[key] for key in ("limits", "overrides") if key in body}
            return Done(
                *domains.create_domain(
                    body["name"],
                    customer=named(Customer.objects.visible_to(self.principal), "customer", body["customer"]),
                    plan=named(Plan.objects.visible_to(self.principal), "plan", body["plan"]),
                    host=self._host(body.get("host")),
                    admin_address=body.get("admin_address", settings.OPERATOR_ADDRESS),
                    acting_user=self.principal,
                    **optional,
                )
            )

        return self.created(make)

    def _within_token(self, name: str) -> None:
        limit = token_domains(self.principal)
        if limit and names.to_ascii(name) not in limit:
            raise Forbidden(_("This token is limited to domains."))

    def _host(self, name: str | None) -> MailHost:
        hosts = MailHost.objects.visible_to(self.principal)
        if name is not None:
            found: MailHost = named(hosts, "host", name)
            return found
        only: list[MailHost] = list(hosts[:2])
        if len(only) != 1:
            raise bad("host", _("There is not exactly one mail host: name it."), "required")
        return only[0]

    def partial_update(self, request: Request, name: str) -> Response:
        """Mail admins change the admin address and the virus check, customer admins the limits too; the rest is the operator's."""

        def change(row: Domain, body: dict[str, Any]) -> Done:
            if "limits" in body:
                body["limits"] = {**row.limits, **body["limits"]}
            return Done(*domains.change_domain(row, acting_user=self.principal, **self._resolved(body)))

        return self.changed(change)

    def allow(self) -> None:
        """A field that is not the role's is 403 whatever it holds."""
        super().allow()
        sent = self.request.data if self.action == "partial_update" else {}
        for act in domains.acts_of(sent):
            permissions.require(self.principal, act)

    def _resolved(self, body: dict[str, Any]) -> dict[str, Any]:
        for field, model in (("customer", Customer), ("plan", Plan)):
            if field in body:
                body[field] = named(model.objects.visible_to(self.principal), field, body[field])  # type: ignore[attr-defined]
        return body

    def destroy(self, request: Request, name: str) -> Response:
        """With every address in it; mail goes from disk when the grace period ends."""
        return self.deleted(lambda row: domains.delete_domain(row, acting_user=self.principal))
