"""Somebody's roles, as the one who looks may know them."""

from typing import Any

from django import template

from accounts import reach as roles
from accounts.services.people import BELOW
from panel.base.tenancy import Principal

register = template.Library()
register.filter("reach", roles.reach)


@register.filter
def known_roles(admin: Any, user: Principal) -> list[Any]:
    return roles.known_roles(admin, user)


@register.filter
def is_in_hand(admin: Any, user: Principal) -> bool:
    """Whether all of somebody's roles are the user's to give, so that the login is theirs to delete."""
    return len(roles.known_roles(admin, user)) == 1 + len(admin.appointments.all())


@register.filter
def reach_is_empty(held: Any) -> bool:
    """A role over domains that has none."""
    return held.role in BELOW and not held.domains.all()
