"""What a domain's admin decides for all its mailboxes: filters, allowed and blocked senders (F9, F10)."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Domain
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services.common import check
from mailsettings.models import DomainFilter, DomainSenders
from mailsettings.services.common import finish_domain, no_such
from mailsettings.services.conditions import checked_conditions, checked_senders
from mailsettings.services.profiles import placed
from mailsettings.shapes import FILTER, PROFILES_MAX, filter_actions
from panel.base.models import Change
from panel.base.tenancy import Principal

EDITABLE = ("name", "match", "conditions", "action", "enabled")


def create_filter(domain: Domain, *, acting_user: Principal, position: int | None = None, **fields: Any) -> tuple[DomainFilter, Change]:
    """`fields`: those of `EDITABLE`. The last one, or at `position`. Raises `ValidationError` per field."""
    require(acting_user, "filter.write")
    with transaction.atomic():
        fresh = _held(domain)
        others = list(fresh.filters.all())
        if len(others) >= PROFILES_MAX:
            raise ValidationError({"action": ValidationError(_("At most %(most)d filters.") % {"most": PROFILES_MAX}, code="too_many")})
        row = DomainFilter(domain=fresh, **fields)
        _check(row)
        row.position = placed(fresh.filters, others, position)
        row.save(force_insert=True)
        return row, finish_domain(fresh, "filter.create", acting_user=acting_user, after=shown(row))


def change_filter(row: DomainFilter, *, acting_user: Principal, **fields: Any) -> tuple[DomainFilter, Change]:
    """Changes the given ones of `EDITABLE`."""
    require(acting_user, "filter.write")
    with transaction.atomic():
        domain = _held(row.domain)
        fresh: DomainFilter = DomainFilter.objects.select_for_update().get(pk=row.pk)
        fresh.domain = domain
        before = shown(fresh)
        for key, value in fields.items():
            setattr(fresh, key, value)
        _check(fresh)
        bump(fresh, **{key: getattr(fresh, key) for key in EDITABLE})
        return fresh, finish_domain(domain, "filter.change", acting_user=acting_user, before=before, after=shown(fresh))


def delete_filter(row: DomainFilter, *, acting_user: Principal) -> Change:
    require(acting_user, "filter.write")
    with transaction.atomic():
        domain = _held(row.domain)
        change = finish_domain(domain, "filter.delete", acting_user=acting_user, before={**shown(row), "position": row.position})
        row.delete()
        return change


def order_filters(domain: Domain, ids: Sequence[int], *, acting_user: Principal) -> Change:
    """Puts the filters in this order; `ids` are exactly the domain's. Raises `ValidationError` about `ids`."""
    require(acting_user, "filter.write")
    with transaction.atomic():
        fresh = _held(domain)
        rows = {row.pk: row for row in fresh.filters.all()}
        if sorted(ids) != sorted(rows):
            raise ValidationError({"ids": ValidationError(_("Name every filter of the domain once."), code="invalid")})
        before = {"order": list(rows)}
        for position, pk in enumerate(ids, start=1):
            rows[pk].position = position
        DomainFilter.objects.bulk_update(rows.values(), ["position"])
        return finish_domain(fresh, "filter.order", acting_user=acting_user, before=before, after={"order": list(ids)})


def senders_of(domain: Domain) -> DomainSenders:
    """The row, or empty lists as a row that is not saved."""
    row: DomainSenders | None = DomainSenders.objects.filter(domain=domain).first()
    return row or DomainSenders(domain=domain, version=0)


def change_senders(domain: Domain, *, acting_user: Principal, **fields: Any) -> tuple[DomainSenders, Change]:
    """`allow` and `block`; the ones not given stay. Raises `ValidationError` per field."""
    require(acting_user, "filter.write")
    with transaction.atomic():
        fresh = _held(domain)
        if not fresh.rules.domain_filters:
            raise no_such(fresh, next(iter(fields), "allow"), _("filters of a whole domain"))
        row = senders_of(fresh)
        before = {"allow": row.allow, "block": row.block}
        after = {**before, **{key: checked_senders(value, key) for key, value in fields.items()}}
        row.allow, row.block = after["allow"], after["block"]
        if row.version == 0:
            row.version = 1
            row.save(force_insert=True)
        else:
            bump(row, allow=row.allow, block=row.block)
        return row, finish_domain(fresh, "senders.change", acting_user=acting_user, before=before, after=after)


def _held(domain: Domain) -> Domain:
    held: Domain = Domain.objects.select_for_update(of=("self",)).select_related("plan", "host", "customer").get(pk=domain.pk)
    return held


def _check(row: DomainFilter) -> None:
    domain = row.domain
    if not domain.rules.domain_filters:
        raise no_such(domain, "action", _("filters of a whole domain"))
    check(row, exclude=("domain", "conditions"))
    if row.action not in filter_actions(domain.rules):
        raise no_such(domain, "action", row.action)
    row.conditions = checked_conditions(row.conditions, FILTER, domain.plan.title)


def shown(row: DomainFilter) -> dict[str, Any]:
    """What the audit trail keeps."""
    return {"id": row.pk, **{key: getattr(row, key) for key in EDITABLE}}
