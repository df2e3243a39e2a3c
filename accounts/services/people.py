"""Admins and API tokens."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import passwords, sessions
from accounts.models import Admin, Appointment, Customer, Domain, Mailbox, Token
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services.common import check
from panel.base import audit
from panel.base.errors import Clash, Forbidden
from panel.base.tenancy import Principal, Role

SESSION_HOURS = 12
OF_LOGIN = {"email", "language", "is_active"}  # of an admin's fields: beside the password what all roles share
BELOW = (Role.MAIL_ADMIN, Role.WEB_ADMIN)  # what a customer admin appoints


def create_admin(
    login: str,
    *,
    password: str,
    role: str,
    acting_user: Principal,
    email: str = "",
    language: str = "",
    customer: Customer | None = None,
    domains: Sequence[Domain] = (),
) -> Admin:
    """A customer admin appoints mail and web admins of the own contract's domains (R2)."""
    require(acting_user, "admin.write")
    admin = Admin(login=login.lower(), email=email, language=language, role=role, customer=customer)
    _check_appointment(admin, domains, acting_user)
    check(admin, exclude=("password",))
    check_admin_password(password, admin.login)
    admin.set_password(password)
    with transaction.atomic():
        _insert(admin)
        admin.domains.set(domains)
        audit.record("admin.create", admin.login, acting_user=acting_user, tenant=tenant_of(admin), after=shown(admin, domains))
    return admin


def _insert(admin: Admin) -> None:
    try:
        with transaction.atomic():
            admin.save(force_insert=True)
    except IntegrityError:
        raise Clash("login", _("This login is taken.")) from None


def _check_appointment(admin: Admin, domains: Iterable[Domain], user: Principal) -> None:
    """As `check_role`; a customer admin keeps the own first role, which they could not give to others."""
    if admin.pk is None or admin.pk != getattr(user, "pk", None):
        check_role(admin.role, admin.customer, domains, user)
    else:
        _check_own_contract(admin.customer, user)
        _check_domains(admin.role, admin.customer, domains)


def check_role(role: str, customer: Customer | None, domains: Iterable[Domain], user: Principal) -> None:
    """Nobody appoints above themselves, nor into another contract (R1, R2). Raises `Forbidden`, `ValidationError`."""
    if user.role == Role.CUSTOMER_ADMIN and role not in BELOW:
        raise Forbidden(_("You may appoint domain mail admins and domain web admins."))
    _check_own_contract(customer, user)
    _check_domains(role, customer, domains)


def _check_own_contract(customer: Customer | None, user: Principal) -> None:
    if user.role == Role.CUSTOMER_ADMIN and (customer.pk if customer else None) != getattr(user, "customer_id", None):
        raise Forbidden(_("The customer must be your own."))


def _check_domains(role: str, customer: Customer | None, domains: Iterable[Domain]) -> None:
    if role in (Role.OPERATOR, Role.CUSTOMER_ADMIN) and domains:
        raise ValidationError({"domains": ValidationError(_("This role is not bound to single domains."), code="role")})
    key = customer.pk if customer else None
    if any(domain.customer_id != key for domain in domains):  # type: ignore[attr-defined]
        raise ValidationError({"domains": ValidationError(_("The domains must belong to the admin's customer."), code="customer")})


def is_within_reach(role: str, customer: int | None, user: Principal) -> bool:
    """Whether the user may give this role and take it away: operators any, customer admins those below them in the contract."""
    return user.role == Role.OPERATOR or (role in BELOW and customer is not None and customer == getattr(user, "customer_id", None))


def has_login_in_hand(admin: Admin, user: Principal) -> bool:
    """Whether every role of the person is within reach: else a new password would open doors that are not the user's."""
    roles = [(admin.role, admin.customer_id), *admin.appointments.values_list("role", "customer_id")]  # type: ignore[attr-defined]
    return all(is_within_reach(role, customer, user) for role, customer in roles)


def _require_login(admin: Admin, user: Principal) -> None:
    if admin.actor != user.actor and not has_login_in_hand(admin, user):
        raise Forbidden(_("This person has further roles that are not yours to give: only an operator changes the login."))


def _require_role(admin: Admin, user: Principal) -> None:
    if admin.actor != user.actor and not is_within_reach(admin.role, admin.customer_id, user):  # type: ignore[attr-defined]
        raise Forbidden(_("Your role may not do this."))


def check_admin_password(password: str, login: str) -> None:
    """Admins' passwords follow the basic rule with at least 12 characters."""
    try:
        passwords.check(password, rule="basic", address=login)
        if len(password) < 12:
            raise ValidationError(_("An admin's password has at least 12 characters."), code="length")
    except ValidationError as error:
        raise ValidationError({"password": error}) from None


def change_admin(
    admin: Admin, *, acting_user: Principal, domains: Sequence[Domain] | None = None, password: str | None = None, **fields: Any
) -> Admin:
    """Changes role, customer, email, language, is_active, domains, password: what is given.

    What concerns the login needs all of the person's roles within reach, the first role only itself.
    """
    require(acting_user, "admin.write")
    with transaction.atomic():
        fresh: Admin = Admin.objects.get_queryset().select_for_update().get(pk=admin.pk)
        if password is not None or OF_LOGIN & set(fields):
            _require_login(fresh, acting_user)
        _require_role(fresh, acting_user)
        before = shown(fresh, fresh.domains.all())
        if fresh.actor == acting_user.actor and fields.get("role", fresh.role) != fresh.role:
            raise Forbidden(_("Nobody changes their own role."))
        for key, value in fields.items():
            setattr(fresh, key, value)
        kept = list(fresh.domains.all()) if domains is None else list(domains)
        _check_appointment(fresh, kept, acting_user)
        check(fresh, exclude=("password",))
        if password is not None:
            check_admin_password(password, fresh.login)
            fresh.set_password(password)
            sessions.end_all(fresh)
        bump(fresh, password=fresh.password, **fields)
        fresh.domains.set(kept)
        check_last_operator()
        after = {**shown(fresh, kept), **({"password": "changed"} if password is not None else {})}
        audit.record("admin.change", fresh.login, acting_user=acting_user, tenant=tenant_of(fresh), before=before, after=after)
    return fresh


def check_last_operator() -> None:
    """Raises where the change just made leaves no one who is an operator, in the first role or a further one."""
    is_operator = Q(role=Role.OPERATOR) | Q(appointments__role=Role.OPERATOR)
    if not Admin.objects.get_queryset().filter(is_operator, is_active=True).exists():
        raise ValidationError({"role": ValidationError(_("The last operator must stay."), code="last")})


def change_own_account(admin: Admin, *, email: str, language: str) -> Admin:
    """What every admin may change of themselves; the role stays what it is."""
    with transaction.atomic():
        before = {"email": admin.email, "language": admin.language}
        admin.email, admin.language = email, language
        check(admin, exclude=("password",))
        bump(admin, email=email, language=language)
        after = {"email": email, "language": language}
        audit.record("admin.change", admin.login, acting_user=admin, tenant=tenant_of(admin), before=before, after=after)
    return admin


def change_own_language(user: Admin | Mailbox, language: str) -> None:
    """The language of one's own screens; empty = the browser's."""
    with transaction.atomic():
        before = {"language": user.language}
        bump(user, language=language)
        kind, _colon, name = user.actor.partition(":")
        audit.record(f"{kind}.change", name, acting_user=user, **_whose(user), before=before, after={"language": language})


def change_own_password(admin: Admin, *, current_password: str, password: str) -> Admin:
    """Needs the current one; ends every session of the admin (the page goes on with a new one)."""
    if not admin.check_password(current_password):
        raise ValidationError({"current_password": ValidationError(_("This is not the current password."), code="wrong")})
    check_admin_password(password, admin.login)
    admin.set_password(password)
    with transaction.atomic():
        bump(admin, password=admin.password)
        sessions.end_all(admin)
        audit.record("admin.password", admin.login, acting_user=admin, tenant=tenant_of(admin))
    return admin


def delete_admin(admin: Admin, *, acting_user: Principal) -> None:
    require(acting_user, "admin.write")
    if admin.actor == acting_user.actor:
        raise Forbidden(_("You cannot delete yourself."))
    _require_login(admin, acting_user)
    with transaction.atomic():
        audit.record(
            "admin.delete", admin.login, acting_user=acting_user, tenant=tenant_of(admin), before=shown(admin, admin.domains.all())
        )
        admin.delete()


def tenant_of(admin: Admin) -> int | None:
    """Key of the customer that the admin works for; None for operators."""
    return admin.customer_id  # type: ignore[attr-defined, no-any-return]


def _whose(user: Admin | Mailbox) -> dict[str, Any]:
    """Under which domain or contract the trail keeps what somebody did with their own account."""
    return {"domain": user.domain} if isinstance(user, Mailbox) else {"tenant": tenant_of(user)}


def shown(admin: Admin, domains: Iterable[Domain]) -> dict[str, Any]:
    """What the audit trail keeps."""
    return {
        "role": admin.role,
        "customer": admin.customer.name if admin.customer else None,
        "domains": sorted(domain.name for domain in domains),
        "email": admin.email,
        "language": admin.language,
        "is_active": admin.is_active,
    }


def open_api_session(owner: Admin | Mailbox, role: Appointment | None = None) -> tuple[Token, str]:
    """A token of `SESSION_HOURS` with every scope of its owner, in the further role that is named (POST /sessions/)."""
    key = Token.new_key()
    ends = timezone.now() + timedelta(hours=SESSION_HOURS)
    token = Token(name="session", scopes=["*"], is_session=True, expires_at=ends, digest=Token.digest_of(key), appointment=role)
    token.admin, token.mailbox = (owner, None) if isinstance(owner, Admin) else (None, owner)
    token.save(force_insert=True)
    return token, key
