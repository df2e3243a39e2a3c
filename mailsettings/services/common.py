"""What the services here share: the mailbox held, the record and the change written."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Domain, Mailbox
from accounts.permissions import require
from accounts.services.mailboxes import own, target
from panel.base import audit, changes
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal, Role


def may_treat(mailbox: Mailbox, action: str, user: Principal) -> None:
    """Admins treat every mailbox they see, a user the own one. Raises `Forbidden`."""
    require(user, action)
    if user.role == Role.MAILBOX_USER:
        own(mailbox, user)


def no_such(domain: Domain, field: str, what: str) -> ValidationError:
    """What the plan does not have: refused with its name (contract.md)."""
    text = _("The plan %(plan)s does not have this: %(what)s.") % {"plan": domain.plan.title, "what": what}
    return ValidationError({field: ValidationError(text, code="plan")})


def finish(
    mailbox: Mailbox, act: str, *, acting_user: Principal, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> Change:
    """Audit entry and change of one mailbox's treatment."""
    audit.record(act, mailbox.address, acting_user=acting_user, domain=mailbox.domain, before=before, after=after)
    return changes.record([target(mailbox)], acting_user=acting_user)


def finish_domain(
    domain: Domain, act: str, *, acting_user: Principal, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> Change:
    """Audit entry and change of a domain's treatment: its own script, none of its mailboxes'."""
    audit.record(act, domain.name, acting_user=acting_user, domain=domain, before=before, after=after)
    return changes.record([(domain.host.name, TargetKind.DOMAIN, domain.name)], acting_user=acting_user)
