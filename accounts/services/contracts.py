"""Plans and customers: the operator's side of a contract."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts import rules
from accounts.models import Customer, Plan
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services.common import check
from panel.base import audit, changes
from panel.base.errors import Clash
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal


def create_plan(name: str, *, title: str, values: dict[str, Any], acting_user: Principal) -> Plan:
    """`values`: any of the enforced plan values; the rest keep their defaults."""
    require(acting_user, "plan.write")
    plan = Plan(name=name, title=title, values=_merged({}, values))
    check(plan, exclude=("values",))  # `_merged` has checked them; none at all is right
    if name == "new":  # /plans/new/ is the form
        raise ValidationError({"name": ValidationError(_("This name is taken by a page."), code="reserved")})
    with transaction.atomic():
        _insert(plan, _("There is a plan of this name."))
        audit.record("plan.create", plan.name, acting_user=acting_user, after={"title": title, **values})
    return plan


def change_plan(
    plan: Plan, *, acting_user: Principal, title: str | None = None, values: dict[str, Any] | None = None
) -> tuple[Plan, Change | None]:
    """A change of values reaches every domain under the plan; system addresses settle at each."""
    from accounts.services.domains import settle_system_addresses

    require(acting_user, "plan.write")
    with transaction.atomic():
        fresh = Plan.objects.select_for_update().get(pk=plan.pk)
        before = {"title": fresh.title, **rules.as_json(fresh.rules)}
        fresh.title = fresh.title if title is None else title
        fresh.values = _merged(fresh.values, values or {})
        fresh.__dict__.pop("rules", None)
        check(fresh, exclude=("values",))
        bump(fresh, title=fresh.title, values=fresh.values)
        after = {"title": fresh.title, **rules.as_json(fresh.rules)}
        audit.record("plan.change", fresh.name, acting_user=acting_user, before=before, after=after)
        domains = list(fresh.domains.select_related("host", "plan", "customer"))
        if not domains or {**before, "title": ""} == {**after, "title": ""}:
            return fresh, None
        for domain in domains:
            settle_system_addresses(domain)
        return fresh, changes.record([(d.host.name, TargetKind.DOMAIN_ALL, d.name) for d in domains], acting_user=acting_user)


def delete_plan(plan: Plan, *, acting_user: Principal) -> None:
    require(acting_user, "plan.write")
    with transaction.atomic():
        before = {"title": plan.title, **rules.as_json(plan.rules)}
        audit.record("plan.delete", plan.name, acting_user=acting_user, before=before)
        _delete(plan, _("Domains use this plan."))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old values with the new on top; only what servers obey can be set. Raises under the field `rules`."""
    unknown = sorted(set(new) - set(rules.enforced()))
    if unknown:
        text = _("There is no plan value “%(key)s”.") % {"key": unknown[0]}
        raise ValidationError({"rules": ValidationError(text, code="unknown")})
    merged = {**old, **new}
    try:
        found = rules.Rules.of(merged)
    except ValidationError as error:
        texts = [ValidationError(f"{key}: {e.message}", code=e.code) for key, es in error.error_dict.items() for e in es]
        raise ValidationError({"rules": texts}) from None
    if found.local_part_min > found.local_part_max:
        raise ValidationError({"rules": ValidationError(_("local_part_min is above local_part_max."), code="invalid")})
    return merged


def create_customer(name: str, *, limits: dict[str, Any], acting_user: Principal) -> Customer:
    """`limits`: by the names in `tenants.LIMITS`; null or absent = unlimited."""
    require(acting_user, "customer.write")
    customer = Customer(name=name, limits=limits)
    check(customer)
    with transaction.atomic():
        _insert(customer, _("There is a customer of this name."))
        audit.record("customer.create", name, acting_user=acting_user, tenant=customer.pk, after={"limits": limits})
    return customer


def change_customer(customer: Customer, *, acting_user: Principal, limits: dict[str, Any]) -> Customer:
    """A limit below what is used stops further creation and removes nothing."""
    require(acting_user, "customer.write")
    with transaction.atomic():
        fresh: Customer = Customer.objects.select_for_update().get(pk=customer.pk)
        before = dict(fresh.limits)
        fresh.limits = limits
        check(fresh)
        bump(fresh, limits=limits)
        audit.record(
            "customer.change",
            fresh.name,
            acting_user=acting_user,
            tenant=fresh.pk,
            before={"limits": before},
            after={"limits": limits},
        )
    return fresh


def delete_customer(customer: Customer, *, acting_user: Principal) -> None:
    require(acting_user, "customer.write")
    with transaction.atomic():
        audit.record(
            "customer.delete", customer.name, acting_user=acting_user, tenant=customer.pk, before={"limits": dict(customer.limits)}
        )
        _delete(customer, _("The customer still has domains or admins."))


def _insert(row: Plan | Customer, message: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Clash("name", message) from None


def _delete(row: Plan | Customer, message: str) -> None:
    try:
        row.delete()
    except ProtectedError:
        raise Clash("name", message, code="in_use") from None
