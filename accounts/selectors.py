"""What pages, the API and services read together with others."""

from collections.abc import Iterable

from accounts.models import AliasDestination, Domain, GroupMember, Mailbox, MailHost
from accounts.models.addresses import EXPANSION_MAX


def expanded(addresses: Iterable[str]) -> set[str]:
    """Every address that is reached through aliases and groups, these included.

    One round of two queries for each level of nesting; stops early once `EXPANSION_MAX` is passed.
    """
    reached: set[str] = set()
    frontier = set(addresses)
    while frontier and len(reached) <= EXPANSION_MAX:
        reached |= frontier
        found = _next(AliasDestination, "alias__in", frontier) | _next(GroupMember, "group__in", frontier)
        frontier = found - reached
    return reached


def _next(model: type[AliasDestination | GroupMember], by: str, names: set[str]) -> set[str]:
    return set(model.objects.filter(**{by: names}).values_list("address", flat=True))


def aliases_leading_to(addresses: Iterable[str], host: MailHost) -> set[str]:
    """The aliases on the host that deliver to one of these, over any number of aliases (not groups), these excluded."""
    start = frontier = set(addresses)
    reached: set[str] = set()
    while frontier:
        rows = AliasDestination.objects.filter(address__in=frontier, alias__domain__host=host)
        frontier = set(rows.values_list("alias_id", flat=True)) - reached - start
        reached |= frontier
    return reached


def aliases_of(addresses: Iterable[str]) -> dict[str, set[str]]:
    """For each address the aliases that lead to it over aliases alone; addresses without any are left out."""
    above: dict[str, set[str]] = {}
    frontier = set(addresses)
    asked = set(frontier)
    while frontier:
        rows = list(AliasDestination.objects.filter(address__in=frontier).values_list("address", "alias_id"))
        for address, alias in rows:
            above.setdefault(address, set()).add(alias)
        frontier = {alias for _address, alias in rows} - set(above)
    return {address: _closure(address, above) for address in asked if address in above}


def leading_into(domain: str, host: MailHost) -> list[str]:
    """Aliases and groups on the host that name an address in the domain as one of theirs; in order."""
    found: set[str] = set()
    for model, by in ((AliasDestination, "alias"), (GroupMember, "group")):
        rows = model.objects.filter(address__endswith=f"@{domain}", **{f"{by}__domain__host": host})
        found |= set(rows.values_list(f"{by}_id", flat=True))
    return sorted(found)


def mailboxes_reached(addresses: Iterable[str], host: MailHost) -> set[str]:
    """The host's mailboxes among these and behind the aliases among these (not through groups)."""
    start = set(addresses)
    reached = start.union(*owners(start).values())
    return set(Mailbox.objects.filter(pk__in=reached, domain__host=host).values_list("pk", flat=True))


def owners(aliases: Iterable[str]) -> dict[str, set[str]]:
    """For each alias the addresses that it delivers to over aliases alone: those of them that log in may send as it (P6)."""
    direct = _destinations(set(aliases))
    known = dict(direct)
    frontier = {d for ds in direct.values() for d in ds} - set(known)
    while frontier:
        more = _destinations(frontier)
        known.update(more)
        frontier = {d for ds in more.values() for d in ds} - set(known)
    return {alias: _closure(alias, known) for alias in direct}


def senders_as(aliases: Iterable[str]) -> dict[str, set[str]]:
    """`owners` without the mailboxes that nobody may sign in to: who is signed in already sends nothing more."""
    found = owners(aliases)
    barred = set(Mailbox.objects.barred().filter(pk__in=set().union(*found.values())).values_list("pk", flat=True))
    return {alias: logins - barred for alias, logins in found.items()}


def _destinations(aliases: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for alias, address in AliasDestination.objects.filter(alias__in=aliases).values_list("alias_id", "address"):
        found.setdefault(alias, set()).add(address)
    return found


def _closure(alias: str, known: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    frontier = set(known[alias])
    while frontier:
        reached |= frontier
        frontier = {d for address in frontier for d in known.get(address, ())} - reached
    return reached


def used(domain: Domain) -> dict[str, int]:
    """What the domain uses of its limits (A17), from its counters."""
    return {
        "accounts": domain.accounts_count,
        "aliases": domain.aliases_count,
        "groups": domain.groups_count,
        "spam_seats": domain.spam_seats_count,
        "storage_mb": domain.promised_mb,
    }
