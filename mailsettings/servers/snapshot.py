"""Rows → states: what the database says of addresses and domains, as the plain values of `states`.

Whatever the number of addresses asked for, the number of queries is constant.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from accounts import selectors
from accounts.models import AddressKind, AddressName, AliasDestination, Domain, GroupMember, Mailbox
from accounts.services.domains import ROLE_NAMES, reserved_destination
from mailsettings.servers import signing, treatment
from mailsettings.servers.desired import Entry, Key, Value, entries_of, wanted_at, wanted_of_domain
from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState, Policy, Signing
from mailsettings.sieve.settings import Script

MAILBOX_COLUMNS = (
    "name_id", "domain_id", "uuid", "password_hash", "quota_mb", "quota_messages", "bare_login__login",
    "receive", "spam_seat", "suspended", "must_change_password",
)  # fmt: skip
BATCH = 5_000


def wanted(host: str, addresses: Collection[str], domains: Collection[str]) -> dict[Key, Value | None]:
    """What every store should say of these addresses and of these domains with their system addresses; None = nothing."""
    system = {f"{local}@{domain}" for domain in domains for local in ROLE_NAMES}
    asked = system | set(addresses)
    states = address_states(host, asked)
    found: dict[Key, Value | None] = {}
    for address in asked:
        found.update(wanted_at(address, states.get(address)))
    existing = {state.name: state for state in domain_states(host, domains)}
    for name in domains:
        found.update(wanted_of_domain(name, existing.get(name)))
    return found


def domain_states(host: str, names: Collection[str] | None = None) -> list[DomainState]:
    """The domains of this host (of these names), with the scripts of their filters."""
    rows = Domain.objects.filter(host__name=host).select_related("plan")
    domains = list(rows if names is None else rows.filter(name__in=names))
    scripts, keys = treatment.domain_scripts_of(domains), signing.of_domains(domains)
    return [
        DomainState(domain.name, script=scripts.get(domain.name), policy=_policy(domain), signing=keys.get(domain.name, Signing()))
        for domain in domains
    ]


def _policy(domain: Domain) -> Policy:
    return Policy(domain.virus_outbound, domain.rules.unpacked_archive_mb)


def address_states(host: str, addresses: Collection[str]) -> dict[str, AddressState]:
    """What these addresses are on this host; the ones that are nothing (or live elsewhere) are missing."""
    kinds: dict[str, list[str]] = {}
    domains: set[int] = set()
    rows = AddressName.objects.filter(pk__in=addresses, domain__host__name=host).values_list("pk", "kind", "domain_id")
    for address, kind, domain in rows:
        kinds.setdefault(kind, []).append(address)
        domains.add(domain)
    by_id = _domains(domains)
    return {state.address: state for state in _states(kinds, by_id, host)}


def _domains(ids: Collection[int]) -> dict[int, Domain]:
    found: dict[int, Domain] = Domain.objects.select_related("plan").in_bulk(list(ids))
    return found


def _states(kinds: dict[str, list[str]], domains: dict[int, Domain], host: str) -> Iterator[AddressState]:
    if names := kinds.get(AddressKind.MAILBOX):
        yield from _mailboxes(names, domains)
    if names := kinds.get(AddressKind.ALIAS):
        yield from _aliases(names, host)
    if names := kinds.get(AddressKind.GROUP):
        children = _children(GroupMember, "group_id", names)
        ours = _hosted(children.values(), host)
        yield from (GroupState(a, *_split(members, ours)) for a, members in children.items())
    if names := kinds.get(AddressKind.RESERVED):
        by_name = {domain.name: domain for domain in domains.values()}
        to = {address: (reserved_destination(by_name[address.rpartition("@")[2]]),) for address in names}
        ours = _hosted(to.values(), host)
        for address, destinations in to.items():
            inside, outside = _split(destinations, ours)
            yield AliasState(address, inside, outside=outside)


def _mailboxes(names: list[str], domains: dict[int, Domain]) -> Iterator[MailboxState]:
    boxes = [_box(row, domains) for row in Mailbox.objects.filter(pk__in=names).values_list(*MAILBOX_COLUMNS)]
    scripts = treatment.scripts_of(box for box, _bare in boxes)
    for box, bare in boxes:
        yield _mailbox(box, bare, scripts.get(box.address))


def _box(row: tuple[Any, ...], domains: dict[int, Domain]) -> tuple[Mailbox, str | None]:
    """The columns as an object, its domain among those that are loaded already."""
    values = dict(zip(MAILBOX_COLUMNS, row, strict=True))
    bare: str | None = values.pop("bare_login__login")
    domain = domains[values.pop("domain_id")]
    return Mailbox(**values, domain=domain), bare


def _mailbox(box: Mailbox, bare: str | None, script: Script | None) -> MailboxState:
    rules = box.domain.rules
    percent = box.address.replace("@", "%") if rules.login_form == "percent" else None
    return MailboxState(
        address=box.address,
        domain=box.domain.name,
        home=box.uuid.hex,
        password=box.password_hash,
        quota_mb=box.quota_mb,
        quota_messages=box.quota_messages or rules.mailbox_messages,
        max_message_mb=rules.message_size_mb,
        other_login=percent or (bare if rules.login_form == "bare" else None),
        forwards=script.forwards if script else (),
        script=script.text if script else None,
        own_script=rules.own_scripts,
        receive=box.receive,
        login=not box.is_barred,
    )


def _aliases(names: list[str], host: str) -> Iterator[AliasState]:
    owners = selectors.senders_as(names)
    children = _children(AliasDestination, "alias_id", names)
    ours = _hosted(children.values(), host)
    for address, destinations in children.items():
        inside, outside = _split(destinations, ours)
        yield AliasState(address, inside, tuple(sorted(owners.get(address, ()))), outside)


def _hosted(lists: Iterable[tuple[str, ...]], host: str) -> set[str]:
    """Which of the addresses' domains this host has."""
    domains = {address.rpartition("@")[2] for addresses in lists for address in addresses}
    return set(Domain.objects.filter(host__name=host, name__in=domains).values_list("name", flat=True))


def _split(addresses: tuple[str, ...], ours: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those inside, those outside."""
    inside = tuple(address for address in addresses if address.rpartition("@")[2] in ours)
    return inside, tuple(address for address in addresses if address not in inside)


def _children(model: type[AliasDestination | GroupMember], by: str, names: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for parent, address in model.objects.filter(**{f"{by}__in": names}).order_by("pk").values_list(by, "address"):
        found.setdefault(parent, []).append(address)
    return {parent: tuple(addresses) for parent, addresses in found.items()}


def addresses_of(host: str, domain: str) -> list[str]:
    """Every name of the domain, if it is on this host."""
    rows = AddressName.objects.filter(domain__name=domain, domain__host__name=host)
    return list(rows.values_list("pk", flat=True))


def everything(host: str) -> Iterator[Entry]:
    """Every entry that the host's stores should hold, in batches of `BATCH` addresses."""
    for state in domain_states(host):
        yield from entries_of(state)
    batch: list[str] = []
    for address in AddressName.objects.filter(domain__host__name=host).values_list("pk", flat=True).order_by("pk").iterator(BATCH):
        batch.append(address)
        if len(batch) == BATCH:
            yield from _entries(host, batch)
            batch = []
    yield from _entries(host, batch)


def _entries(host: str, addresses: list[str]) -> Iterator[Entry]:
    for state in address_states(host, addresses).values():
        yield from entries_of(state)
