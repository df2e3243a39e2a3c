"""`/admins/`."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import Done, Resource, named
from accounts.models import Admin, Customer, Domain
from accounts.services import people
from panel.base.api.fields import Choice, Flag, Strict, Text
from panel.base.api.filters import exact
from panel.base.api.permissions import user_of
from panel.base.api.problems import bad
from panel.base.tenancy import ADMIN_ROLES, Role

LANGUAGES = ("en", "ja")


def names_field(about: str, **more: Any) -> Any:
    return serializers.ListField(child=Text(max_length=253), max_length=1000, required=False, help_text=about, **more)


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


class AdminCreation(AdminChange):
    elsewhere: ClassVar[dict[str, Any]] = {"is_active": "An admin begins active."}
    login = Text(max_length=100)
    password = Text(max_length=1000, style={"input_type": "password"}, help_text="At least 12 characters.")
    role = Choice(choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Default for customer admins: their own.")
    is_active = Flag(read_only=True)


class AdminSerializer(serializers.Serializer[Admin]):
    login = serializers.CharField()
    email = serializers.CharField()
    language = serializers.ChoiceField(choices=["", *LANGUAGES])
    role = serializers.ChoiceField(choices=ADMIN_ROLES)
    customer = serializers.CharField(source="customer.name", allow_null=True, default=None)
    domains = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()

    def get_domains(self, row: Admin) -> list[str]:
        return sorted(domain.name for domain in row.domains.all())


class AdminApi(Resource):
    """Admins. A customer admin sees and appoints the contract's mail and web admins, and sees themselves."""

    resource = "admins"
    model = Admin
    named_by = "login"
    serializer_class = AdminSerializer
    body_classes = {"create": AdminCreation, "partial_update": AdminChange}
    acts = {"create": "admin.write", "partial_update": "admin.write", "destroy": "admin.write"}
    orders = {"login": "login", "role": "role"}
    filters = {
        "role": exact("role", "The role.", choices=tuple(role for role, _label in ADMIN_ROLES)),
        "customer": exact("customer__name", "Name of a customer."),
        "domains": exact("domains__name", "Name of a domain.", names.to_ascii),
    }
    search_about = "Part of the login or mail address."
    unlimited_only = True

    def rows(self) -> QuerySet[Any]:
        return self.visible().select_related("customer").prefetch_related("domains")

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
            return Done(people.create_admin(fields.pop("login"), acting_user=self.principal, **fields))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """A new password ends the admin's API sessions."""
        return self.changed(lambda row, body: Done(people.change_admin(row, acting_user=self.principal, **self._resolved(body))))

    def _resolved(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with objects for names; only what the principal sees exists."""
        if body.get("customer") is not None:
            body["customer"] = named(Customer.objects.visible_to(self.principal), "customer", body["customer"])
        if "domains" in body:
            body["domains"] = domains_named(self.principal, body["domains"])
        return body

    def destroy(self, request: Request, name: str) -> Response:
        """Nobody deletes themselves."""
        return self.deleted(lambda row: people.delete_admin(row, acting_user=self.principal))


def domains_named(user: Any, wanted: list[str]) -> list[Domain]:
    """The visible domains of these names; raises 400 for one that is not there."""
    try:
        keys = {names.to_ascii(name) for name in wanted}
    except ValidationError as error:
        raise ValidationError({"domains": error}) from None
    found = list(Domain.objects.visible_to(user).filter(name__in=keys))
    if missing := sorted(keys - {domain.name for domain in found}):
        raise bad("domains", _("There is no such thing: %(name)s") % {"name": missing[0]}, "unknown")
    return found
