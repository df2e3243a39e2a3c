"""What every service here needs: checking a row, claiming a name, counting against the contract."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F, Sum
from django.utils.translation import gettext as _

from accounts import names
from accounts.models import AddressKind, AddressName, Customer, Domain
from panel.base.errors import Clash, LimitReached

COUNTERS = {
    "accounts": "accounts_count",
    "aliases": "aliases_count",
    "groups": "groups_count",
    "spam_seats": "spam_seats_count",
    "storage_mb": "promised_mb",
}


def check(row: models.Model, *, exclude: tuple[str, ...] = ()) -> None:
    """The model's own rules, all broken ones at once. Uniqueness is the database's business."""
    check_all(lambda: row.clean_fields(exclude=exclude), row.clean)


def check_all(*rules: Callable[[], None]) -> None:
    """Every rule, so that all that is wrong is said at once. Raises `ValidationError` by field."""
    found: dict[str, Any] = {}
    for rule in rules:
        try:
            rule()
        except ValidationError as error:
            error.update_error_dict(found)
    if found:
        raise ValidationError(found)


def claim(domain: Domain, local_part: str, kind: AddressKind, *, field: str = "local_part", by_grammar: bool = True) -> AddressName:
    """Takes the name for `kind`. Raises `ValidationError` by the plan's grammar, `Clash` saying what holds the name (A6)."""
    local = local_part.lower()
    if by_grammar:
        _check_grammar(domain, local, field)
    address = f"{local}@{domain.name}"
    if len(address) > names.ADDRESS_MAX:
        raise ValidationError({field: ValidationError(_("The whole address is too long."), code="length")})
    try:
        with transaction.atomic():
            name: AddressName = AddressName.objects.create(address=address, domain=domain, kind=kind)
            return name
    except IntegrityError:
        raise taken(address, field) from None


def _check_grammar(domain: Domain, local: str, field: str) -> None:
    rules = domain.rules
    try:
        names.check_local_part(local, shortest=rules.local_part_min, longest=rules.local_part_max, grammar=rules.local_part_grammar)
    except ValidationError as error:
        raise ValidationError({field: error}) from None


def taken(address: str, field: str) -> Clash:
    """Says which kind of object holds the name."""
    holder = AddressName.objects.filter(pk=address).values_list("kind", flat=True).first()
    return Clash(field, taken_text(address, holder))


def taken_text(address: str, holder: str | None) -> str:
    """`holder` = the kind of object that has the name, if that is known."""
    kind = AddressKind(holder).label if holder else _("address")
    return _("%(address)s is taken: there is a %(kind)s of this name.") % {"address": names.to_unicode(address), "kind": kind}


# The field that a limit's refusal names, where it is not the one of the act itself.
FIELDS = {"storage_mb": "quota_mb", "spam_seats": "spam_seat"}


def lock_contract(domain: Domain) -> Customer:
    """Holds the contract's row until the transaction ends, so that limits hold between concurrent requests."""
    customer: Customer = Customer.objects.select_for_update().get(pk=domain.customer_id)  # type: ignore[attr-defined]
    return customer


def count(domain: Domain, what: str, by: int, *, field: str, extra: dict[str, int] | None = None) -> None:
    """Moves a domain's counters; raises `LimitReached` with both figures where domain or contract has no more.

    `extra`: further counters moved in the same statement (`storage_mb` beside `accounts`). Call after `lock_contract`.
    """
    steps = {what: by, **(extra or {})}
    customer = lock_contract(domain)
    for key, step in steps.items():
        if step > 0:
            _check_limit(domain, customer, key, step, field if key == what else FIELDS[key])
    moved = {COUNTERS[key]: F(COUNTERS[key]) + step for key, step in steps.items() if step}
    if moved:
        Domain.objects.filter(pk=domain.pk).update(**moved)


def _check_limit(domain: Domain, customer: Customer, key: str, step: int, field: str) -> None:
    for used, limit in rooms(domain, customer, key):
        if used + step > limit:
            raise LimitReached(field, LABELS[key](), used, limit)


def rooms(domain: Domain, customer: Customer, key: str) -> Iterator[tuple[int, int]]:
    """What is used and the limit, for each limit there is: the domain's, the contract's (A17)."""
    column = COUNTERS[key]
    for limit, scope in ((domain.limits.get(key), Domain.objects.filter(pk=domain.pk)), (customer.limits.get(key), customer.domains.all())):
        if limit is not None:
            yield scope.aggregate(sum=Sum(column))["sum"] or 0, limit


LABELS = {
    "domains": lambda: _("Domains"),
    "accounts": lambda: _("Mail accounts"),
    "aliases": lambda: _("Aliases"),
    "groups": lambda: _("Group addresses"),
    "lists": lambda: _("Mailing lists"),
    "spam_seats": lambda: _("Spam detection (seats)"),
    "storage_mb": lambda: _("Storage (MB)"),
}
