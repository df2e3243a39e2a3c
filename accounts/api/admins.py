"""`/admins/`."""

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import Done, Resource, named
from accounts.api.roles import MOST, FurtherRole, FurtherRoleBody, domains_named, names_field, wanted_of
from accounts.models import Admin, Customer
from accounts.services import people
from accounts.services.appointments import FURTHER, set_appointments
from accounts.services.people import is_within_reach
from accounts.services.two_step import reset_two_step
from accounts.two_step import has_two_step
from panel.base.api.fields import Choice, Flag, Strict, Text
from panel.base.api.filters import exact
from panel.base.api.permissions import user_of
from panel.base.tenancy import ADMIN_ROLES, Role

LANGUAGES = ("en", "ja")


class AdminChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"login": "An admin keeps the login."}
    email = Text(required=False, allow_blank=True, max_length=254)
    language = Choice(required=False, allow_blank=True, choices=LANGUAGES, help_text="Empty: by the browser.")
    password = Text(
        required=False, max_length=1000, style={"input_type": "password"}, help_text="At least 12 characters. Ends API sessions."
    )
    role = Choice(required=False, choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Every role but the operator belongs to one.")
    domains = names_field("Of mail and web admins: the domains they administer. Replaces all that were there.")
    is_active = Flag(required=False, help_text="false: cannot sign in, and no token works.")
    further_roles = serializers.ListField(
        child=FurtherRoleBody(), max_length=MOST, required=False, help_text="Replaces all that were there: the visible ones."
    )


class AdminCreation(AdminChange):
    elsewhere: ClassVar[dict[str, Any]] = {"is_active": "An admin begins active."}
    login = Text(max_length=100)
    password = Text(max_length=1000, style={"input_type": "password"}, help_text="At least 12 characters.")
    role = Choice(choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Default for customer admins: their own.")
    is_active = Flag(read_only=True)


class AdminSerializer(serializers.Serializer[Admin]):
    login = serializers.CharField()
    email = serializers.SerializerMethodField()
    language = serializers.ChoiceField(choices=["", *LANGUAGES])
    role = serializers.SerializerMethodField(allow_null=True, help_text="The first role; null where it is in another contract.")
    customer = serializers.SerializerMethodField(allow_null=True)
    domains = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()
    further_roles = serializers.SerializerMethodField()
    two_step = serializers.BooleanField(source="has_two_step", help_text="Whether they have set up a second step of signing in.")

    def _knows(self, row: Any, admin: Admin) -> bool:
        """Of somebody with roles elsewhere one sees those of one's own contract."""
        user = user_of(self.context["request"])
        return admin.pk == user.pk or is_within_reach(row.role, row.customer_id, user)

    def get_email(self, row: Admin) -> str:
        return row.email if self._knows(row, row) else ""

    @extend_schema_field(serializers.ChoiceField(choices=ADMIN_ROLES, allow_null=True))
    def get_role(self, row: Admin) -> str | None:
        return row.role if self._knows(row, row) else None

    def get_customer(self, row: Admin) -> str | None:
        return row.customer.name if row.customer and self._knows(row, row) else None

    def get_domains(self, row: Admin) -> list[str]:
        return sorted(domain.name for domain in row.domains.all()) if self._knows(row, row) else []

    @extend_schema_field(FurtherRole(many=True))
    def get_further_roles(self, row: Admin) -> Any:
        return FurtherRole([held for held in row.appointments.all() if self._knows(held, row)], many=True).data


class AdminApi(Resource):
    """Admins. A customer admin sees and appoints the contract's mail and web admins, and sees themselves."""

    resource = "admins"
    model = Admin
    named_by = "login"
    serializer_class = AdminSerializer
    body_classes = {"create": AdminCreation, "partial_update": AdminChange, "reset_two_step": Strict}
    acts = {"create": "admin.write", "partial_update": "admin.write", "destroy": "admin.write", "reset_two_step": "admin.write"}
    orders = {"login": "login", "role": "role"}
    filters = {
        "role": exact("role", "The role.", choices=tuple(role for role, _label in ADMIN_ROLES)),
        "customer": exact("customer__name", "Name of a customer."),
        "domains": exact("domains__name", "Name of a domain.", names.to_ascii),
    }
    search_about = "Part of the login or mail address."
    unlimited_only = True

    def rows(self) -> QuerySet[Any]:
        seen = self.visible().select_related("customer").prefetch_related("domains", FURTHER)
        return seen.annotate(has_two_step=has_two_step())  # type: ignore[no-any-return]

    def again(self, row: Admin) -> Any:
        """Whoever has just taken somebody's last role in the own contract away still gets an answer."""
        everybody = Admin.objects.get_queryset().select_related("customer").prefetch_related("domains", FURTHER)
        return everybody.annotate(has_two_step=has_two_step()).get(pk=row.pk)

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(login__contains=text.lower()) | Q(email__icontains=text))

    def normalised(self, name: str) -> str:
        return name.lower()

    def create(self, request: Request) -> Response:
        """Appoints somebody. Nobody appoints above themselves, nor into another contract."""

        def make(body: dict[str, Any]) -> Done:
            if self.principal.role == Role.CUSTOMER_ADMIN:
                body.setdefault("customer", user_of(request).customer.name)
            fields = self._resolved(body)
            further = fields.pop("further_roles", [])
            with transaction.atomic():
                admin = people.create_admin(fields.pop("login"), acting_user=self.principal, **fields)
                set_appointments(admin, further, acting_user=self.principal)
            return Done(admin)

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """A new password ends the admin's API sessions; a role that is taken away ends the tokens that act in it."""

        def change(row: Admin, body: dict[str, Any]) -> Done:
            fields = self._resolved(body)
            further = fields.pop("further_roles", None)
            if fields or further is None:
                people.change_admin(row, acting_user=self.principal, **fields)
            if further is not None:
                set_appointments(row, further, acting_user=self.principal)
            return Done(row)

        return self.changed(change)

    @extend_schema(request=None, responses=AdminSerializer)
    @action(detail=True, methods=["post"], url_path="reset-two-step", filter_backends=[])
    def reset_two_step(self, request: Request, name: str) -> Response:
        """Takes app, passkeys and recovery codes of somebody away who has lost them, and signs them out everywhere."""

        def change(row: Admin, body: dict[str, Any]) -> Done:
            reset_two_step(row, acting_user=self.principal)
            return Done(row)

        return self.changed(change)

    def _resolved(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with objects for names; only what the principal sees exists."""
        if body.get("customer") is not None:
            body["customer"] = named(Customer.objects.visible_to(self.principal), "customer", body["customer"])
        if "domains" in body:
            body["domains"] = domains_named(self.principal, body["domains"])
        if "further_roles" in body:
            body["further_roles"] = wanted_of(body["further_roles"], self.principal)
        return body

    def destroy(self, request: Request, name: str) -> Response:
        """Nobody deletes themselves."""
        return self.deleted(lambda row: people.delete_admin(row, acting_user=self.principal))
