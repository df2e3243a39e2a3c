"""Roles as people read them: what somebody is, and where."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import Admin, Appointment
from accounts.names import to_unicode
from accounts.services.people import is_within_reach
from panel.base.tenancy import Principal, Role

SHOWN = 3  # domains that are named


def reach(held: Admin | Appointment) -> str:
    """What a role extends to: "everything", the customer, the domains."""
    if held.role == Role.OPERATOR:
        return _("everything")
    if held.role == Role.CUSTOMER_ADMIN:
        return str(held.customer.name) if held.customer else ""
    names = sorted(to_unicode(domain.name) for domain in held.domains.all())
    if not names:
        return _("no domain")
    text = ("、" if get_language() == "ja" else ", ").join(names[:SHOWN])
    rest = len(names) - SHOWN
    return _("%(names)s and %(rest)d more") % {"names": text, "rest": rest} if rest > 0 else text


def known_roles(admin: Admin, user: Principal) -> list[Any]:
    """Of somebody's roles those that the user may know of, the first at the head; no query where they are prefetched."""
    held: list[Any] = [admin, *admin.appointments.all()]  # type: ignore[attr-defined]
    if admin.actor == user.actor:
        return held
    return [row for row in held if is_within_reach(row.role, row.customer_id, user)]
