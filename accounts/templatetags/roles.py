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
def reach_is_empty(held: Any) -> bool:
    """A role over domains that has none."""
    return held.role in BELOW and not held.domains.all()
