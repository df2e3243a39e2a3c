"""Several roles of one person: the first stands on the admin, further ones are appointments.

Whoever appoints gives away what they may give anyway, and sees and changes only roles of their own reach.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Admin, Appointment, Customer, Domain
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services.common import check
from accounts.services.people import check_last_operator, check_role, is_within_reach
from panel.base import audit
from panel.base.errors import Forbidden
from panel.base.tenancy import Principal, Role

# Of many admins at once: their further roles with customers and domains, two queries.
FURTHER = Prefetch("appointments", Appointment.objects.select_related("customer").prefetch_related("domains"))


class Wanted(NamedTuple):
    """A further role as a whole list asks for it. `pk` None: a new one."""

    pk: int | None
    role: str
    customer: Customer | None
    domains: Sequence[Domain] = ()


def appoint(
    admin: Admin, role: str, *, acting_user: Principal, customer: Customer | None = None, domains: Sequence[Domain] = ()
) -> Appointment:
    """Gives somebody a further role. Raises `Forbidden` above oneself or into another contract, `ValidationError`."""
    require(acting_user, "admin.write")
    with transaction.atomic():
        fresh = _held(admin, acting_user)
        made = Appointment(admin=fresh, role=role, customer=customer)
        _check(made, domains, acting_user)
        made.save(force_insert=True)
        made.domains.set(domains)
        bump(fresh)
        audit.record("appointment.create", fresh.login, acting_user=acting_user, tenant=_tenant(made), after=shown(made, domains))
    return made


def change_appointment(appointment: Appointment, *, acting_user: Principal, domains: Sequence[Domain] | None = None, **fields: Any) -> None:
    """Changes role, customer and domains: what is given. Sessions and tokens in it have the new reach at once."""
    require(acting_user, "admin.write")
    with transaction.atomic():
        admin = _held(appointment.admin, acting_user)
        fresh = Appointment.objects.select_related("customer").select_for_update(of=("self",)).get(pk=appointment.pk)
        _require_reach(fresh, acting_user)
        before = shown(fresh, fresh.domains.all())
        for key, value in fields.items():
            setattr(fresh, key, value)
        kept = list(fresh.domains.all()) if domains is None else list(domains)
        after = shown(fresh, kept)
        if before == after:
            return
        _check(fresh, kept, acting_user)
        fresh.save(update_fields=["role", "customer"])
        fresh.domains.set(kept)
        bump(admin)
        check_last_operator()
        audit.record("appointment.change", admin.login, acting_user=acting_user, tenant=_tenant(fresh), before=before, after=after)


def dismiss_appointment(appointment: Appointment, *, acting_user: Principal) -> None:
    """Takes the role away: tokens in it end with it, sessions in it go on in the first role."""
    require(acting_user, "admin.write")
    with transaction.atomic():
        admin = _held(appointment.admin, acting_user)
        _require_reach(appointment, acting_user)
        before = shown(appointment, appointment.domains.all())
        audit.record("appointment.delete", admin.login, acting_user=acting_user, tenant=_tenant(appointment), before=before)
        appointment.delete()
        bump(admin)
        check_last_operator()


def set_appointments(admin: Admin, wanted: Sequence[Wanted], *, acting_user: Principal) -> None:
    """Makes these the further roles: changes those that are named, adds those without a key, takes the rest away.

    Roles that the acting user does not see stay as they are.
    """
    with transaction.atomic():
        known = {row.pk: row for row in visible_appointments(admin, acting_user)}
        named = {item.pk for item in wanted}
        for pk, row in known.items():
            if pk not in named:
                dismiss_appointment(row, acting_user=acting_user)
        for number, item in enumerate(wanted):
            try:
                _settle(admin, item, known, acting_user)
            except ValidationError as error:
                raise _at(number, error) from None


def _settle(admin: Admin, item: Wanted, known: dict[int, Appointment], user: Principal) -> None:
    if item.pk is None:
        appoint(admin, item.role, customer=item.customer, domains=item.domains, acting_user=user)
    elif item.pk in known:
        change_appointment(known[item.pk], role=item.role, customer=item.customer, domains=item.domains, acting_user=user)
    else:
        raise ValidationError({"id": ValidationError(_("There is no role %(id)d.") % {"id": item.pk}, code="unknown")})


def _at(number: int, error: ValidationError) -> ValidationError:
    """The refusal under the entry of the list that it is about."""
    return ValidationError({f"further_roles.{number}.{field}": found for field, found in error.error_dict.items()})


def visible_appointments(admin: Admin, user: Principal) -> QuerySet[Appointment]:
    """The further roles that the user may know of: an operator all, oneself one's own, a customer admin the contract's."""
    rows = Appointment.objects.filter(admin=admin).select_related("customer").prefetch_related("domains").order_by("pk")
    if user.role == Role.OPERATOR or admin.actor == user.actor:
        return rows
    return rows.filter(customer=getattr(user, "customer_id", None), role__in=(Role.MAIL_ADMIN, Role.WEB_ADMIN))


def roles_of(admin: Admin) -> list[Admin | Appointment]:
    """All that somebody is, the first role (on a fresh copy of the admin) at the head; four queries."""
    rows = Admin.objects.get_queryset().select_related("customer")
    first: Admin = rows.prefetch_related("domains", FURTHER).get(pk=admin.pk)
    return [first, *first.appointments.all()]  # type: ignore[attr-defined]


def key_of(role: Admin | Appointment) -> int | None:
    """What a session keeps of a role: the appointment's key, None for the first."""
    return role.pk if isinstance(role, Appointment) else None


def _held(admin: Admin, user: Principal) -> Admin:
    """The admin's row, held until the transaction ends; nobody changes their own roles."""
    if admin.actor == user.actor:
        raise Forbidden(_("Nobody changes their own role."))
    fresh: Admin = Admin.objects.get_queryset().select_for_update().get(pk=admin.pk)
    return fresh


def _require_reach(row: Appointment, user: Principal) -> None:
    if not is_within_reach(row.role, row.customer_id, user):  # type: ignore[attr-defined]
        raise Forbidden(_("Your role may not do this."))


def _check(row: Appointment, domains: Iterable[Domain], user: Principal) -> None:
    check_role(row.role, row.customer, domains, user)
    check(row, exclude=("admin",))
    if row.role == Role.OPERATOR and row.customer is not None:
        raise ValidationError({"customer": ValidationError(_("An operator belongs to no customer."), code="role")})
    if row.role != Role.OPERATOR and row.customer is None:
        raise ValidationError({"customer": ValidationError(_("This role belongs to a customer."), code="required")})
    same = {"role": row.role, "customer": row.customer}
    twice = Appointment.objects.filter(admin=row.admin, **same).exclude(pk=row.pk).exists()
    if twice or Admin.objects.get_queryset().filter(pk=row.admin.pk, **same).exists():
        raise ValidationError({"role": ValidationError(_("There is this role already: change its domains."), code="duplicate")})


def _tenant(row: Appointment) -> int | None:
    return row.customer_id  # type: ignore[attr-defined, no-any-return]


def shown(row: Admin | Appointment, domains: Iterable[Domain]) -> dict[str, Any]:
    """What the audit trail keeps."""
    customer = row.customer.name if row.customer else None
    return {"role": row.role, "customer": customer, "domains": sorted(domain.name for domain in domains)}
