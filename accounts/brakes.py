"""Brakes on guessing (R10): failed sign-ins are counted by account and network, and by network over all accounts.

Ten failures of an account from one network (/24, /64) within 15 minutes, and sign-ins to it from there are refused for 15
minutes, right passwords too; another network gets in. A hundred of one network over all accounts refuse the network. Second
steps are also counted by account alone, at the network's figure: only somebody who has the password gets to guess there.
The figures are settings. What is counted and asked does not depend on whether the account exists.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import ngettext

from accounts import names
from accounts.models import Admin, BareLogin, Mailbox, SignInFailure
from panel.base import audit
from panel.base.client import network_of

Found = TypeVar("Found")
LONGEST = 320  # characters of an account in a key


class Refused(Exception):
    """Too many failures. `seconds`: how long until it may be tried again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        minutes = -(-self.seconds // 60)
        text = ngettext(
            "Too many failed sign-ins. Try again in %(minutes)d minute.",
            "Too many failed sign-ins. Try again in %(minutes)d minutes.",
            minutes,
        )
        return text % {"minutes": minutes}


class Nobody:
    """In the audit trail: somebody who has not signed in."""

    role = ""
    actor = "nobody"


@dataclass(frozen=True, slots=True)
class Source:
    """Who somebody says to be, and where they are."""

    account: str  # "": a passkey tells by itself whose it is
    network: str

    @property
    def mine(self) -> str:
        """The key of the account's failures from this network."""
        return f"{self.account}|{self.network}"

    def limits(self, *, second: bool) -> dict[str, int]:
        """Key → failures at which it refuses."""
        of_account = {self.mine: settings.SIGN_IN_FAILURES} if self.account else {}
        of_second = {f"{self.account}|": settings.SIGN_IN_NETWORK_FAILURES} if second else {}
        return {**of_account, **of_second, self.network: settings.SIGN_IN_NETWORK_FAILURES}


def source(login: str, address: str) -> Source:
    """`login` as people type it: however a mailbox is written, its failures are one count."""
    return Source(_account(login.strip()), network_of(address))


def _account(login: str) -> str:
    if not login:
        return ""
    if "@" not in login and "%" not in login:
        bare = BareLogin.objects.filter(login=login.lower()).values_list("mailbox_id", flat=True)[:2]
        return str(bare[0]) if len(bare) == 1 else login.lower()[:LONGEST]
    try:
        return names.normalise(login if "@" in login else login.replace("%", "@", 1))[:LONGEST]
    except ValidationError:
        return login.lower()[:LONGEST]


def tried(who: Source, verify: Callable[[], Found | None], *, second: bool = False) -> Found | None:
    """What `verify` finds; None is counted as a failure. Raises `Refused` without asking it where the limit is reached.

    Tries at one moment count as if one came after the other: whatever is found once the limit is reached is refused too.
    """
    limits = who.limits(second=second)
    _check(limits)
    found = verify()
    if found is None:
        for key, limit in limits.items():
            _count(key, limit, who)
    _check(limits, beyond=1 if found is None else 0)
    return found


def forgive(who: Source) -> None:
    """After a whole sign-in: what this account failed from this network is forgotten. The network's own count is not."""
    SignInFailure.objects.filter(pk=who.mine).delete()


def _check(limits: dict[str, int], *, beyond: int = 0) -> None:
    """Raises `Refused` for the key that is refused longest. `beyond`: 1 lets the failure pass that has just reached the limit."""
    now = timezone.now()
    rows = SignInFailure.objects.filter(pk__in=limits, until__gt=now)
    if ends := [row.until for row in rows if row.count >= limits[row.key] + beyond]:
        raise Refused(max(1, int((max(ends) - now).total_seconds()) + 1))


def _count(key: str, limit: int, who: Source) -> None:
    """One more, in one statement: of many at once each counts, and exactly one reaches the limit and is in the audit trail."""
    now = timezone.now()
    span = timedelta(minutes=settings.SIGN_IN_MINUTES)
    with transaction.atomic():
        SignInFailure.objects.bulk_create([SignInFailure(key=key, began_at=now, until=now + span)], ignore_conflicts=True)
        row = SignInFailure.objects.filter(pk=key)
        row.update(**_one_more(limit, now, now + span))
        if row.values_list("count", flat=True)[0] == limit:
            _tell(key, limit, who)


def _one_more(limit: int, now: datetime, until: datetime) -> dict[str, Any]:
    """A window that is over begins anew; the failure that reaches the limit begins the time of refusal."""
    over = Q(until__lte=now)
    return {
        "count": Case(When(over, then=Value(1)), default=F("count") + 1),
        "began_at": Case(When(over, then=Value(now)), default=F("began_at")),
        "until": Case(When(over | Q(count=limit - 1), then=Value(until)), default=F("until")),
    }


def _tell(key: str, limit: int, who: Source) -> None:
    after = {"network": who.network, "failures": limit, "minutes": settings.SIGN_IN_MINUTES}
    audit.record("session.refuse", who.account if key != who.network else key, acting_user=Nobody(), **_whose(key, who), after=after)


def _whose(key: str, who: Source) -> dict[str, Any]:
    """Under which domain or contract the trail keeps it; a network is the operator's business."""
    if key == who.network:
        return {}
    if mailbox := Mailbox.objects.select_related("domain").filter(pk=who.account).first():
        return {"domain": mailbox.domain}
    tenant: Iterable[int | None] = Admin.objects.get_queryset().filter(login=who.account).values_list("customer_id", flat=True)
    return {"tenant": next(iter(tenant), None)}


def tidy() -> None:
    """Forgets windows and refusals that are over."""
    SignInFailure.objects.filter(until__lte=timezone.now()).delete()
