"""Aliases (A7) and group addresses (A8): an address that stands for others."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import names, selectors
from accounts.models import AddressKind, AddressName, Alias, AliasDestination, Domain, Group, GroupMember, MailHost
from accounts.models.addresses import EXPANSION_MAX
from accounts.permissions import require
from accounts.services.common import claim, count
from panel.base import audit, changes
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal


def create_alias(domain: Domain, local_part: str, destinations: Sequence[str], *, acting_user: Principal) -> tuple[Alias, Change]:
    """Raises `ValidationError` (destinations), `Clash`, `LimitReached`."""
    require(acting_user, "alias.write")
    return _create(Alias, domain, local_part, destinations, acting_user)


def change_alias(alias: Alias, destinations: Sequence[str], *, acting_user: Principal) -> tuple[Alias, Change]:
    """Replaces the destinations as a whole."""
    require(acting_user, "alias.write")
    return _change(alias, destinations, acting_user)


def delete_alias(alias: Alias, *, acting_user: Principal) -> Change:
    require(acting_user, "alias.write")
    return _delete(alias, acting_user)


def create_group(domain: Domain, local_part: str, members: Sequence[str], *, acting_user: Principal) -> tuple[Group, Change]:
    """As `create_alias`; only under a plan that has group addresses."""
    require(acting_user, "group.write")
    check_plan_has_groups(domain)
    return _create(Group, domain, local_part, members, acting_user)


def check_plan_has_groups(domain: Domain) -> None:
    """Raises `ValidationError` with the plan's name (contract.md: what a plan does not have is refused with 400)."""
    if not domain.rules.group_addresses:
        text = _("The plan %(plan)s has no group addresses.") % {"plan": domain.plan.title}
        raise ValidationError({"address": ValidationError(text, code="plan")})


def change_group(group: Group, members: Sequence[str], *, acting_user: Principal) -> tuple[Group, Change]:
    """Replaces the members as a whole."""
    require(acting_user, "group.write")
    return _change(group, members, acting_user)


def delete_group(group: Group, *, acting_user: Principal) -> Change:
    require(acting_user, "group.write")
    return _delete(group, acting_user)


T = TypeVar("T", Alias, Group)

# One shape for both: which field the API calls it, which counter, which child rows.
SHAPES: dict[type[Alias | Group], tuple[str, str, AddressKind, type[AliasDestination | GroupMember], str]] = {
    Alias: ("destinations", "aliases", AddressKind.ALIAS, AliasDestination, "alias"),
    Group: ("members", "groups", AddressKind.GROUP, GroupMember, "group"),
}


def _create(model: type[T], domain: Domain, local_part: str, addresses: Sequence[str], user: Principal) -> tuple[T, Change]:
    field, counter, kind, rows, word = SHAPES[model]
    with transaction.atomic():
        hold_host(domain)
        name = claim(domain, local_part, kind)
        wanted = _checked(name.address, addresses, field)
        count(domain, counter, 1, field="local_part")
        row = model.objects.create(name=name, domain=domain)
        _write_children(rows, word, row, wanted)
        audit.record(f"{word}.create", name.address, acting_user=user, domain=domain, after={field: wanted})
        return row, _record(row, user, wanted)


def _write_children(rows: type[AliasDestination | GroupMember], word: str, row: Alias | Group, addresses: list[str]) -> None:
    children: list[Any] = [rows(**{word: row, "address": address}) for address in addresses]
    rows.objects.bulk_create(children)


def _change(row: T, addresses: Sequence[str], user: Principal) -> tuple[T, Change]:
    field, _counter, _kind, rows, word = SHAPES[type(row)]
    with transaction.atomic():
        hold_host(row.domain)
        before: list[str] = row.addresses()
        wanted: list[str] = _checked(row.address, addresses, field)
        rows.objects.filter(**{word: row}).delete()
        _write_children(rows, word, row, wanted)
        type(row).objects.filter(pk=row.pk).update(version=F("version") + 1)
        audit.record(f"{word}.change", row.address, acting_user=user, domain=row.domain, before={field: before}, after={field: wanted})
        fresh: T = type(row).objects.select_related("domain__host", "domain__plan").get(pk=row.pk)
        return fresh, _record(fresh, user, [*before, *wanted])


def _delete(row: Alias | Group, user: Principal) -> Change:
    field, counter, _kind, _rows, word = SHAPES[type(row)]
    with transaction.atomic():
        hold_host(row.domain)
        count(row.domain, counter, -1, field="address")
        audit.record(f"{word}.delete", row.address, acting_user=user, domain=row.domain, before={field: row.addresses()})
        targets = _targets(row, row.addresses())
        AddressName.objects.filter(pk=row.pk).delete()
        return changes.record(targets, acting_user=user)


def hold_host(domain: Domain) -> None:
    """Two edits that close a loop between them must not pass each other: one at a time on a host."""
    MailHost.objects.select_for_update().get(pk=domain.host.pk)


def _record(row: Alias | Group, user: Principal, addresses: Iterable[str]) -> Change:
    return changes.record(_targets(row, addresses), acting_user=user)


def _targets(row: Alias | Group, addresses: Iterable[str]) -> list[changes.Target]:
    """The address itself, and the aliases that lead to it: who may send as them depends on it (P6).

    And the mailboxes that an alias leads to or led to (`addresses`): their auto-replies know every address of theirs.
    """
    host = row.domain.host
    above = selectors.aliases_leading_to([row.address], host)
    below = selectors.mailboxes_reached(addresses, host) if isinstance(row, Alias) else set()
    return [(host.name, TargetKind.ADDRESS, address) for address in [row.address, *sorted(above | below)]]


def _checked(address: str, addresses: Iterable[str], field: str) -> list[str]:
    """The destinations as they are stored; raises for bad ones by position, none, loops and too many."""
    try:
        wanted = parsed(addresses)
        if not wanted:
            raise ValidationError(_("At least one address is needed."), code="required")
        reached = selectors.expanded(wanted)
        if address in reached:
            raise ValidationError(_("The address would lead back to itself."), code="loop")
        if len(reached) > EXPANSION_MAX:
            text = _("At most %(most)d addresses can be reached; these are %(found)d.")
            raise ValidationError(text % {"most": EXPANSION_MAX, "found": len(reached)}, code="too_many")
    except ValidationError as error:
        raise ValidationError({field: error}) from None
    return wanted


def parsed(addresses: Iterable[str]) -> list[str]:
    """Each address once, in A-labels and lower case. Raises `ValidationError`, all bad ones at once."""
    found: dict[str, None] = {}
    bad: list[ValidationError] = []
    for text in addresses:
        try:
            found[names.destination(text)] = None
        except ValidationError as error:
            bad.extend(error.error_list)
    if bad:
        raise ValidationError(bad)
    return list(found)
