"""A domain's records in DNS: what to publish, and a look at what is published (A20)."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Domain
from mailsettings.discovery import facts
from mailsettings.dns import lookup, records
from mailsettings.dns.judge import WORST_FIRST, Finding, State
from mailsettings.dns.records import HOST, MAIL, Key, Place, Record
from mailsettings.models import DkimKey, DnsCheck, KeyState
from mailsettings.services import dkim

log = logging.getLogger(__name__)
# Domains that wait for a key's record are looked at this often, the others in turn.
SOON = timedelta(minutes=5)
AWAY_AFTER = 2  # domains one after the other of which nothing was answered
IN_TURN = 10


def place_of(domain: Domain) -> Place:
    """`domain` with its plan and host."""
    rules, host = domain.rules, domain.host
    told = facts.facts(domain.name, rules, host)
    return Place(
        domain=domain.name,
        hostname=host.hostname,
        addresses=tuple(address for address in (host.ipv4, host.ipv6) if address),
        panel=panel_name(),
        services=tuple(facts.services(rules, host)),
        names=tuple(dict.fromkeys(name.host for name in told.other_names)) if told else (),
        list_domain=f"{rules.list_subdomain}.{domain.name}" if rules.lists and rules.list_subdomain else "",
    )


def panel_name() -> str:
    """The panel's name on the web, where it has one that DNS could know."""
    names = (name.removeprefix(".").lower() for name in settings.ALLOWED_HOSTS)
    return next((name for name in names if "." in name and "*" not in name and not _is_address(name)), "")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def records_of(domain: Domain, keys: Iterable[DkimKey]) -> tuple[Record, ...]:
    """What the domain should publish, and its host."""
    return records.of(place_of(domain), tuple(Key(key.selector, key.public, key.state) for key in keys))


def check(domain: Domain) -> DnsCheck:
    """Looks now, for 5 s at most, and keeps what was found; keys that wait for their record are told."""
    keys = list(DkimKey.objects.filter(domain=domain).select_related("domain"))
    wanted = records_of(domain, keys)
    pairs = list(zip(wanted, lookup.check(place_of(domain), wanted, settings.DNS_RESOLVERS), strict=True))
    for key in keys:
        states = [one.state for record, one in pairs if record.group == MAIL and record.selector == key.selector]
        if State.UNKNOWN not in states:
            dkim.note_seen(key, states == [State.GOOD])
    values = {"findings": [_kept(*pair) for pair in pairs], "worst": worst(pairs)}
    dkim.settle(domain)
    row: DnsCheck = DnsCheck.objects.update_or_create(domain=domain, defaults={**values, "checked_at": timezone.now()})[0]
    return row


def worst(pairs: Sequence[tuple[Record, Finding]]) -> State:
    """Of what mail needs; what only helps does not count, and neither does the host's own, which is another's business."""
    states = {finding.state for record, finding in pairs if record.needed and record.group != HOST}
    return next((state for state in WORST_FIRST if state in states), State.GOOD)


def _kept(record: Record, finding: Finding) -> dict[str, Any]:
    """As it stands in `DnsCheck.findings`: it holds for exactly this record."""
    about = {"record": record.purpose, "name": record.name, "type": record.kind, "value": record.value}
    return {**about, "state": finding.state, "found": list(finding.found), "why": finding.why, "about": finding.about}


def finding_of(record: Record, look: DnsCheck | None) -> Finding | None:
    """What the last look found of this record; None where it was another one then, or nobody has looked."""
    for row in look.findings if look else ():
        if (row["name"], row["type"], row["value"]) == (record.name, record.kind, record.value):
            return Finding(State(row["state"]), tuple(row["found"]), row["why"], row["about"])
    return None


def check_in_turn() -> int:
    """Looks at the domains that wait for a key's record, and at those that nobody has looked at for longest. How many.

    Stops where name servers are away: each domain would take all of its seconds, and other work waits behind this.
    """
    soon = Q(dkim_keys__state=KeyState.PUBLISHED) & Q(dns_check__checked_at__lt=timezone.now() - SOON)
    rows = Domain.objects.select_related("plan", "host")
    waiting = list(rows.filter(soon).order_by("dns_check__checked_at")[:IN_TURN])
    oldest = list(rows.order_by(F("dns_check__checked_at").asc(nulls_first=True), "pk")[: IN_TURN - len(waiting)])
    looked = silent = 0
    for domain in {row.pk: row for row in (*waiting, *oldest)}.values():
        looked += 1
        try:
            silent = silent + 1 if check(domain).worst == State.UNKNOWN else 0
        except Exception:
            log.exception("the DNS of %s was not looked at", domain.name)
        if silent == AWAY_AFTER:
            break
    return looked
