"""Further roles of one person: `further_roles` of `/admins/`, `roles` of `/me/`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts import names
from accounts.api.resource import named
from accounts.models import Admin, Customer, Domain, Token
from accounts.services.appointments import Wanted, key_of, roles_of, shown
from accounts.services.people import BELOW
from panel.base.api.fields import Choice, Number, Strict, Text
from panel.base.api.problems import bad
from panel.base.tenancy import ADMIN_ROLES, Principal, Role, token_domains

MOST = 50  # further roles of one person


def names_field(about: str, **more: Any) -> Any:
    return serializers.ListField(child=Text(max_length=253), max_length=1000, required=False, help_text=about, **more)


class FurtherRoleBody(Strict):
    id = Number(required=False, min_value=1, max_value=2**63 - 1, help_text="The role that is changed; absent: a new one.")
    role = Choice(choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Default for customer admins: their own.")
    domains = names_field("Of mail and web admins: the domains they administer in this role.")


class FurtherRole(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="Names the role in POST /sessions/.")
    role = serializers.ChoiceField(choices=ADMIN_ROLES)
    customer = serializers.CharField(source="customer.name", allow_null=True, default=None)
    domains = serializers.SerializerMethodField()

    def get_domains(self, row: Any) -> list[str]:
        return sorted(domain.name for domain in row.domains.all())


class HeldRole(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Names the role in POST /sessions/; null: the first role.")
    role = serializers.ChoiceField(choices=ADMIN_ROLES)
    customer = serializers.CharField(allow_null=True)
    domains = serializers.ListField(child=serializers.CharField())


def held_roles(admin: Admin, token: Token | None) -> list[dict[str, Any]]:
    """All of one's own roles; of a token that is no session the one that it acts in."""
    if token is None or token.is_session:
        return [{"id": key_of(row), **shown(row, row.domains.all())} for row in roles_of(admin)]
    domains = admin.domain_names() if admin.role in BELOW else []
    limit = token_domains(admin)
    kept = sorted(name for name in domains if not limit or name in limit)
    return [
        {
            "id": admin.appointment_id,
            "role": admin.role,
            "customer": admin.customer.name if admin.customer else None,
            "domains": kept,
        }
    ]


def wanted_of(bodies: list[dict[str, Any]], user: Principal) -> list[Wanted]:
    """The list with objects for names; only what the user sees exists."""
    return [_wanted(body, number, user) for number, body in enumerate(bodies)]


def _wanted(body: dict[str, Any], number: int, user: Principal) -> Wanted:
    place = f"further_roles.{number}"
    customer = getattr(user, "customer", None) if user.role == Role.CUSTOMER_ADMIN else None
    if body.get("customer") is not None:
        customer = named(Customer.objects.visible_to(user), f"{place}.customer", body["customer"])
    domains = domains_named(user, body.get("domains", []), f"{place}.domains")
    return Wanted(body.get("id"), body["role"], customer, domains)


def domains_named(user: Any, wanted: list[str], field: str = "domains") -> list[Domain]:
    """The visible domains of these names; raises 400 about `field` for one that is not there."""
    try:
        keys = {names.to_ascii(name) for name in wanted}
    except ValidationError as error:
        raise ValidationError({field: error}) from None
    found = list(Domain.objects.visible_to(user).filter(name__in=keys))
    if missing := sorted(keys - {domain.name for domain in found}):
        raise bad(field, _("There is no such thing: %(name)s") % {"name": missing[0]}, "unknown")
    return found
