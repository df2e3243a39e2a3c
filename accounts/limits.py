"""What is used of a contract's numbers and what is left (A17), for every page and answer where somebody creates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts import selectors
from accounts.models import Customer, Domain
from accounts.services.common import COUNTERS, LABELS
from panel.base.templatetags.tegami import FULL, NEAR, size

Figures = dict[str, int]


@dataclass(frozen=True, slots=True)
class Room:
    """One limit of a domain, as domain and contract have it; storage in MB. None = no limit."""

    key: str
    used: int  # in the domain
    limit: int | None  # the domain's own
    contract_used: int  # in all domains of the contract; as `used` where the contract has no number
    contract_limit: int | None

    @property
    def left(self) -> int | None:
        """What may still be created, by whichever is tighter."""
        found = [of - used for of, used in ((self.limit, self.used), (self.contract_limit, self.contract_used)) if of is not None]
        return max(0, min(found)) if found else None

    @property
    def is_by_contract(self) -> bool:
        """Whether the contract, not the domain's own number, ends it."""
        if self.contract_limit is None:
            return False
        return self.limit is None or self.contract_limit - self.contract_used < self.limit - self.used

    @property
    def shown_used(self) -> int:
        return self.contract_used if self.is_by_contract else self.used

    @property
    def shown_limit(self) -> int | None:
        return self.contract_limit if self.is_by_contract else self.limit

    @property
    def low(self) -> float:
        """Where the meter turns to a warning."""
        return (self.shown_limit or 0) * NEAR

    @property
    def high(self) -> float:
        return (self.shown_limit or 0) * FULL

    @property
    def is_full(self) -> bool:
        return self.left == 0

    @property
    def label(self) -> str:
        return _("Storage") if self.key == "storage_mb" else str(LABELS[self.key]())

    def figure(self, value: int | None) -> str:
        """A number of this limit as people read it: storage with its unit, "no limit" for None."""
        if value is None or self.key == "storage_mb":
            return size(value)
        return number_format(value, force_grouping=True)

    def text(self) -> str:
        """ "12 of 50 in use in this domain, 38 left." """
        if self.left is None:
            return _("%(used)s in use in this domain, without a limit.") % {"used": self.figure(self.used)}
        figures = {"used": self.figure(self.shown_used), "limit": self.figure(self.shown_limit), "left": self.figure(self.left)}
        if self.is_by_contract:
            return _("%(used)s of %(limit)s in use in the whole contract, %(left)s left.") % figures
        return _("%(used)s of %(limit)s in use in this domain, %(left)s left.") % figures


def rooms(domain: Domain, keys: Iterable[str] = tuple(COUNTERS)) -> dict[str, Room]:
    """The named limits of the domain; one query where the contract has a number for one of them, none otherwise."""
    limits, wanted = domain.customer.limits, list(keys)
    asked = any(limits.get(key) is not None for key in wanted)
    of_contract = contract_figures([domain.customer.pk]).get(domain.customer.pk, {}) if asked else {}
    return {key: _room(domain, key, of_contract) for key in wanted}


def _room(domain: Domain, key: str, of_contract: Figures) -> Room:
    used = selectors.used(domain)[key]
    return Room(key, used, domain.limits.get(key), of_contract.get(key, used), domain.customer.limits.get(key))


def contract_figures(customers: Iterable[int]) -> dict[int, Figures]:
    """By the customers' keys: what all their domains use together, and how many these are; one query."""
    sums: dict[str, Any] = {key: Sum(column) for key, column in COUNTERS.items()}
    rows = Domain.objects.filter(customer_id__in=set(customers)).order_by().values("customer_id").annotate(domains=Count("pk"), **sums)
    return {row.pop("customer_id"): row for row in rows}


def left_of_domains(domains: Iterable[Domain]) -> dict[int, dict[str, int | None]]:
    """By the domains' keys: what is left of each limit; one query for all of them."""
    rows = list(domains)
    figures = contract_figures(row.customer.pk for row in rows) if any(row.customer.limits for row in rows) else {}
    return {row.pk: {key: _room(row, key, figures.get(row.customer.pk, {})).left for key in COUNTERS} for row in rows}


def left_of_contract(customer: Customer, used: Figures) -> dict[str, int | None]:
    """What is left of each of the contract's numbers, given what is used."""
    limits = {key: customer.limits.get(key) for key in ("domains", *COUNTERS)}
    return {key: None if limit is None else max(0, limit - used[key]) for key, limit in limits.items()}
