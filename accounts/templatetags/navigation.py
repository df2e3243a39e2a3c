"""The sidebar as a tag, so that only pages that show it pay its query."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from accounts import navigation as menu
from accounts.names import to_unicode
from accounts.reach import reach
from accounts.services.appointments import key_of, roles_of
from panel.base.tenancy import ADMINISTRATORS, Role

register = template.Library()


@register.inclusion_tag("partials/navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """What the signed-in person finds at the side."""
    request = context["request"]
    user = request.user
    if not user.is_authenticated:
        return {"request": request, "home": "/"}
    owes = getattr(user, "owes_two_step", False)  # until it is set up, nothing else is there
    domain = None if owes else menu.current_domain(request, context.get("domain"))
    is_admin = user.role in ADMINISTRATORS
    roles = own_roles(user) if getattr(user, "has_further_roles", False) else []
    return {
        "roles": roles,
        "acting": next((row for row in roles if row["current"]), None),
        "request": request,
        "home": reverse("me" if user.role == Role.MAILBOX_USER else "dashboard"),
        "domain": domain if is_admin else None,
        "domain_name": to_unicode(domain.name) if domain else "",
        "sections": [] if owes else menu.sections(request, domain if is_admin or user.role == Role.WEB_ADMIN else None),
        "who": to_unicode(user.address) if user.role == Role.MAILBOX_USER else user.login,
        "role": Role(user.role).label,
        "account_url": "" if user.role == Role.MAILBOX_USER or owes else reverse("account"),
    }


def own_roles(user: Any) -> list[dict[str, Any]]:
    """What the switch between one's own roles offers."""
    return [
        {"key": key_of(row), "label": Role(row.role).label, "reach": reach(row), "current": key_of(row) == user.appointment_id}
        for row in roles_of(user)
    ]
