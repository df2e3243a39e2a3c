"""`/plans/`, `/customers/`: the operator's side."""

from dataclasses import fields
from typing import Any, ClassVar, get_args, get_type_hints

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import rules
from accounts.api.resource import Done, Resource
from accounts.limits import left_of_contract
from accounts.models import Customer, Plan
from accounts.models.tenants import LIMITS
from accounts.services import contracts
from accounts.services.common import COUNTERS
from panel.base.api.fields import Choice, Flag, Number, Strict, Text
from panel.base.api.filters import exact

MOST = 10**12  # the largest limit (accounts.models.tenants.check_limits)


def limits_class(name: str, keys: tuple[str, ...]) -> type[Strict]:
    """A serializer with one number for each limit."""
    return type(
        name,
        (Strict,),
        {key: Number(required=False, allow_null=True, min_value=0, max_value=MOST, help_text="null = no limit") for key in keys},
    )


def used_class(name: str, keys: tuple[str, ...], **more: Any) -> type[serializers.Serializer[Any]]:
    return type(name, (serializers.Serializer,), {key: serializers.IntegerField(**more) for key in keys})


def rule_field(spec: Any) -> serializers.Field[Any, Any, Any, Any]:
    """The typed field of one plan value."""
    kind, meta = get_type_hints(rules.Rules)[spec.name], spec.metadata
    kinds = get_args(kind) or (kind,)
    common: dict[str, Any] = {"required": False, "help_text": meta["label"], "allow_null": type(None) in kinds}
    if bool in kinds:
        return Flag(**common)
    if int in kinds:
        return Number(min_value=meta["low"], max_value=meta["high"], **common)
    return Choice(choices=meta["choices"], **common) if meta["choices"] else Text(allow_blank=True, **common)


def rules_class(name: str, about: str) -> type[Strict]:
    """A serializer with the plan values that the servers obey today."""
    typed = {spec.name: rule_field(spec) for spec in fields(rules.Rules) if spec.metadata["enforced"]}
    return type(name, (Strict,), {"__doc__": about, **typed})


PlanRules = rules_class("PlanRules", "The plan values that the servers obey today. 1 MB = 1,048,576 bytes; null = no limit.")
CustomerLimits = limits_class("CustomerLimits", LIMITS)
CustomerUsed = used_class("CustomerUsed", ("domains", *COUNTERS))
CustomerLeft = used_class("CustomerLeft", ("domains", *COUNTERS), allow_null=True)


class PlanChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"name": "A plan keeps its name."}
    title = Text(required=False, max_length=100)
    rules = PlanRules(required=False, help_text="What is absent stays as it is, or has its default in a new plan.")


class PlanCreation(PlanChange):
    elsewhere: ClassVar[dict[str, Any]] = {}
    name = Text(max_length=63)
    title = Text(required=False, max_length=100, help_text="Default: the name.")


class PlanSerializer(serializers.Serializer[Plan]):
    name = serializers.CharField()
    title = serializers.CharField()
    rules = PlanRules()


class PlanApi(Resource):
    """Plans: sets of rules and limits. The five presets exist after set-up. Operators only."""

    resource = "plans"
    model = Plan
    serializer_class = PlanSerializer
    body_classes = {"create": PlanCreation, "partial_update": PlanChange}
    acts = {"create": "plan.write", "partial_update": "plan.write", "destroy": "plan.write"}
    reaches_servers = True
    unlimited_only = True

    def create(self, request: Request) -> Response:
        """A plan may have no domain yet: nothing is changed on any server."""

        def make(body: dict[str, Any]) -> Done:
            title = body.get("title", body["name"])
            return Done(contracts.create_plan(body["name"], title=title, values=body.get("rules", {}), acting_user=self.principal))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """Reaches every domain under the plan. Of `rules` only what is sent changes."""

        def change(row: Plan, body: dict[str, Any]) -> Done:
            return Done(*contracts.change_plan(row, acting_user=self.principal, title=body.get("title"), values=body.get("rules")))

        return self.changed(change)

    def destroy(self, request: Request, name: str) -> Response:
        """409 while a domain uses it."""
        return self.deleted(lambda row: contracts.delete_plan(row, acting_user=self.principal))


class CustomerChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"name": "A customer keeps its name."}
    limits = CustomerLimits(required=False, help_text="What is absent stays as it is.")


class CustomerCreation(CustomerChange):
    elsewhere: ClassVar[dict[str, Any]] = {}
    name = Text(max_length=100)
    limits = CustomerLimits(required=False, help_text="What is absent has no limit.")


class CustomerSerializer(serializers.Serializer[Customer]):
    name = serializers.CharField()
    limits = serializers.SerializerMethodField(help_text="The numbers of the contract; null = no limit.")
    used = serializers.SerializerMethodField(help_text="What of them is in use; `storage_mb` counts what is promised.")
    left = serializers.SerializerMethodField(help_text="What may still be created; null = no limit.")

    @extend_schema_field(CustomerLimits)
    def get_limits(self, row: Customer) -> dict[str, int | None]:
        return {key: row.limits.get(key) for key in LIMITS}

    @extend_schema_field(CustomerUsed)
    def get_used(self, row: Any) -> dict[str, int]:
        return {key: getattr(row, f"used_{key}") for key in ("domains", *COUNTERS)}

    @extend_schema_field(CustomerLeft)
    def get_left(self, row: Customer) -> dict[str, int | None]:
        return left_of_contract(row, self.get_used(row))


class CustomerApi(Resource):
    """Customers: contracts with the numbers they include. Operators only."""

    resource = "customers"
    model = Customer
    serializer_class = CustomerSerializer
    body_classes = {"create": CustomerCreation, "partial_update": CustomerChange}
    acts = {"create": "customer.write", "partial_update": "customer.write", "destroy": "customer.write"}
    unlimited_only = True
    filters = {"name": exact("name", "The whole name.")}

    def rows(self) -> QuerySet[Any]:
        sums = {f"used_{key}": Coalesce(Sum(f"domains__{column}"), 0) for key, column in COUNTERS.items()}
        found: QuerySet[Any] = self.visible().annotate(used_domains=Count("domains"), **sums)
        return found

    def create(self, request: Request) -> Response:
        """A new contract."""

        def make(body: dict[str, Any]) -> Done:
            return Done(contracts.create_customer(body["name"], limits=body.get("limits", {}), acting_user=self.principal))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """A limit below what is in use stops further creation and removes nothing."""

        def change(row: Customer, body: dict[str, Any]) -> Done:
            limits = {**row.limits, **body.get("limits", {})}
            return Done(contracts.change_customer(row, acting_user=self.principal, limits=limits))

        return self.changed(change)

    def destroy(self, request: Request, name: str) -> Response:
        """409 while it has domains or admins."""
        return self.deleted(lambda row: contracts.delete_customer(row, acting_user=self.principal))
