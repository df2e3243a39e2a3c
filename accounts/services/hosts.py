"""Mail hosts: what DNS and mail programs are told of them. The servers themselves take their names from the layout."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery

from accounts.models import MailHost
from accounts.models.tenants import PORTS, bump
from accounts.permissions import require
from accounts.services.common import check
from panel.base import audit
from panel.base.models import ChangeTarget, State
from panel.base.tenancy import Principal

FIELDS = ("hostname", "ipv4", "ipv6", "ports")


def change_host(host: MailHost, *, acting_user: Principal, **values: Any) -> MailHost:
    """Any of `hostname` ("" = not set), `ipv4`, `ipv6`, `ports` (by name, None = the registered one, 0 = not offered).

    Of `ports` only what is named changes. Reaches no server.
    """
    require(acting_user, "host.write")
    with transaction.atomic():
        fresh: MailHost = MailHost.objects.select_for_update().get(pk=host.pk)
        before = {name: getattr(fresh, name) for name in FIELDS}
        if "hostname" in values:
            values["hostname"] = values["hostname"].strip().rstrip(".").lower()
        if "ports" in values:
            merged = {**fresh.ports, **values["ports"]}
            values["ports"] = {name: port for name, port in merged.items() if port is not None and port != PORTS.get(name)}
        for name, value in values.items():
            setattr(fresh, name, value)
        check(fresh, exclude=("name",))
        after = {name: getattr(fresh, name) for name in FIELDS}
        if after != before:
            bump(fresh, **{name: after[name] for name in values})
            audit.record("host.change", fresh.name, acting_user=acting_user, before=before, after=after)
    return fresh


def with_health(hosts: QuerySet[Any]) -> QuerySet[Any]:
    """Each with `last_live_at`, and `waiting`, `waiting_since`, `waiting_because` of the changes that wait for it."""
    waiting = ChangeTarget.objects.filter(host=OuterRef("name"), state=State.PENDING).order_by()
    oldest = ChangeTarget.objects.filter(host=OuterRef("name"), state=State.PENDING).order_by("pk")
    live = ChangeTarget.objects.filter(host=OuterRef("name"), state=State.LIVE).order_by("-pk")
    grouped = waiting.values("host")
    found: QuerySet[Any] = hosts.annotate(
        domains_count=Count("domains"),
        last_live_at=Subquery(live.values("live_at")[:1]),
        waiting=Subquery(grouped.annotate(found=Count("pk")).values("found")[:1]),
        waiting_since=Subquery(grouped.annotate(found=Min("change__requested_at")).values("found")[:1]),
        waiting_because=Subquery(oldest.values("error")[:1]),
    )
    return found
