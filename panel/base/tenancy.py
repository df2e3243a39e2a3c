"""Who is asking, and what a request may reach.

Every queryset that a request reaches begins with `visible_to(user)`; what is not in it is 404.
"""

from collections.abc import Iterable
from typing import Any, Protocol, Self, runtime_checkable

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """The roles R1 to R5."""

    OPERATOR = "operator", _("operator")
    CUSTOMER_ADMIN = "customer_admin", _("customer admin")
    MAIL_ADMIN = "mail_admin", _("domain mail admin")
    WEB_ADMIN = "web_admin", _("domain web admin")
    MAILBOX_USER = "mailbox_user", _("end user")


ADMIN_ROLES = [choice for choice in Role.choices if choice[0] != Role.MAILBOX_USER]
ADMINISTRATORS = (Role.OPERATOR, Role.CUSTOMER_ADMIN, Role.MAIL_ADMIN)


@runtime_checkable
class Principal(Protocol):
    """An admin or a mailbox user, as services and querysets see them."""

    @property
    def role(self) -> str: ...

    @property
    def actor(self) -> str:
        """How the audit trail names them: `admin:LOGIN` or `mailbox:ADDRESS`."""


class System:
    """The program itself: commands and tasks act as an operator named `system`."""

    role: str = Role.OPERATOR
    actor: str = "system"
    is_authenticated = True


SYSTEM = System()


class TenantQuerySet(models.QuerySet[Any]):
    """A queryset that knows what a principal may see: what the role may, less what a token leaves out."""

    def visible_to(self, user: Principal) -> Self:
        seen = self.all() if user.role == Role.OPERATOR else self.narrowed(user)
        limit = token_domains(user)
        return seen.in_domains(limit) if limit else seen

    def narrowed(self, user: Principal) -> Self:
        """What everyone but an operator sees; nothing unless a subclass says so."""
        return self.none()

    def in_domains(self, domains: Iterable[str]) -> Self:
        """What belongs to the named domains; nothing where a model has no domain."""
        return self.none()


def token_domains(user: Principal) -> tuple[str, ...]:
    """Names of the domains that the request's token is limited to; empty = not limited."""
    return tuple(getattr(user, "token_domains", ()))
