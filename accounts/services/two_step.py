"""What people do with second steps and open sessions (R10), each act in the audit trail."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import sessions, two_step
from accounts.models import Admin, Mailbox, OpenSession, SignInPolicy
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services.people import has_login_in_hand, tenant_of
from panel.base import audit
from panel.base.errors import Forbidden
from panel.base.tenancy import Principal


def set_up_app(admin: Admin, *, secret: str, code: str) -> None:
    """An authenticator app, proven by a code of its own. The first step brings recovery codes with it."""
    step = two_step.time_step(secret, code)
    if step is None:
        raise ValidationError({"code": ValidationError(_("This code does not fit. Is the clock of your device right?"), code="wrong")})
    with transaction.atomic():
        first = not _held(admin)
        two_step.add_app(admin, secret, step)
        _added(admin, first, {"app": True})


def add_passkey(admin: Admin, *, name: str, credential: Any) -> None:
    """Raises `ValidationError` for an answer of the browser that does not fit what was asked."""
    with transaction.atomic():
        first = not _held(admin)
        try:
            two_step.add_passkey(admin, name, credential)
        except ValidationError:
            raise ValidationError(_("This passkey was not accepted."), code="passkey") from None
        _added(admin, first, {"passkey": name})


def _held(admin: Admin) -> bool:
    """Whether they have a second step; the row is held, so that two first steps at once make one set of codes."""
    Admin.objects.get_queryset().select_for_update().get(pk=admin.pk)
    return two_step.is_on(admin)


def _added(admin: Admin, first: bool, after: dict[str, Any]) -> None:
    if first:
        two_step.new_codes(admin)
    _record("two_step.create", admin, admin, after=after)


def remove_step(admin: Admin, *, pk: int) -> None:
    """One of one's own. The last one stays where the role signs in with two steps."""
    with transaction.atomic():
        _held(admin)
        steps = two_step.steps_of(admin)
        if len(steps.passkeys) + (steps.app is not None) == 1 and two_step.is_asked_of(admin.role):
            raise Forbidden(_("Your role signs in with two steps: set up another one before you remove the last."))
        if two_step.remove(admin, pk):
            _record("two_step.delete", admin, admin)


def renew_codes(admin: Admin) -> None:
    """Ten new recovery codes; the old ones are void."""
    with transaction.atomic():
        if not _held(admin):
            raise Forbidden(_("Recovery codes stand in for a second step: set one up first."))
        two_step.new_codes(admin)
        _record("two_step.codes", admin, admin)


def reset_two_step(admin: Admin, *, acting_user: Principal) -> None:
    """Takes every second step of somebody away who has lost their device, and signs them out everywhere.

    A customer admin does it for the admins that are wholly theirs. Nobody does it for themselves.
    """
    require(acting_user, "admin.write")
    if admin.actor == acting_user.actor:
        raise Forbidden(_("You change your own second step under your account."))
    if not has_login_in_hand(admin, acting_user):
        raise Forbidden(_("This person has further roles that are not yours to give: only an operator changes the login."))
    with transaction.atomic():
        if two_step.remove(admin):
            sessions.end_all(admin)
            _record("two_step.reset", admin, acting_user)


def change_policy(*, two_step_roles: Sequence[str], acting_user: Principal) -> SignInPolicy:
    """Which roles sign in with two steps. Whoever has none is led to set it up at the next page."""
    require(acting_user, "policy.write")
    with transaction.atomic():
        fresh = SignInPolicy.locked()
        before = {"two_step_roles": fresh.two_step_roles}
        fresh.two_step_roles = sorted(set(two_step_roles))
        fresh.clean()
        bump(fresh, two_step_roles=fresh.two_step_roles)
        after = {"two_step_roles": fresh.two_step_roles}
        audit.record("policy.change", "sign-in-policy", acting_user=acting_user, before=before, after=after)
    return fresh


def end_sessions(rows: Sequence[OpenSession], *, acting_user: Admin | Mailbox) -> None:
    """Signs these browsers and programs of one's own out; they notice at their next request."""
    with transaction.atomic():
        for row in rows:
            if row.token is not None:
                row.token.delete()
            row.delete()
            subject = acting_user.actor.partition(":")[2]
            ended = {"address": row.remote, "program": sessions.program_of(row.agent)}
            audit.record("session.end", subject, acting_user=acting_user, **_whose(acting_user), before=ended)


def _record(action: str, admin: Admin, user: Principal, **more: Any) -> None:
    audit.record(action, admin.login, acting_user=user, tenant=tenant_of(admin), **more)


def _whose(user: Admin | Mailbox) -> dict[str, Any]:
    return {"domain": user.domain} if isinstance(user, Mailbox) else {"tenant": tenant_of(user)}
