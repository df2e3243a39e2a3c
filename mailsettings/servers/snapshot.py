"""Rows → states: what the database says of addresses and domains, as the plain values of `states`.

Whatever the number of addresses asked for, the number of queries is constant.
"""

from collections.abc import Collection, Iterable, Iterator

from accounts import selectors
from accounts.models import AddressKind, AddressName, AliasDestination, Domain, GroupMember, Mailbox
from accounts.services.domains import ROLE_NAMES, reserved_destination
from mailsettings.servers.desired import Entry, Key, Value, entries_of, wanted_at
from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState

MAILBOX_COLUMNS = ("name_id", "domain_id", "uuid", "password_hash", "quota_mb", "quota_messages", "bare_login__login")
BATCH = 5_000


def wanted(host: str, addresses: Collection[str], domains: Collection[str]) -> dict[Key, Value | None]:
    """What every store should say of these addresses and of these domains with their system addresses; None = nothing."""
    system = {f"{local}@{domain}" for domain in domains for local in ROLE_NAMES}
    asked = system | set(addresses)
    states = address_states(host, asked)
    found: dict[Key, Value | None] = {}
    for address in asked:
        found.update(wanted_at(address, states.get(address)))
    existing = set(Domain.objects.filter(host__name=host, name__in=domains).values_list("name", flat=True))
    for name in domains:
        entries = entries_of(DomainState(name))
        found.update({(e.store, e.key): e.value if name in existing else None for e in entries})
    return found


def address_states(host: str, addresses: Collection[str]) -> dict[str, AddressState]:
    """What these addresses are on this host; the ones that are nothing (or live elsewhere) are missing."""
    kinds: dict[str, list[str]] = {}
    domains: set[int] = set()
    rows = AddressName.objects.filter(pk__in=addresses, domain__host__name=host).values_list("pk", "kind", "domain_id")
    for address, kind, domain in rows:
        kinds.setdefault(kind, []).append(address)
        domains.add(domain)
    by_id = _domains(domains)
    return {state.address: state for state in _states(kinds, by_id)}


def _domains(ids: Collection[int]) -> dict[int, Domain]:
    found: dict[int, Domain] = Domain.objects.select_related("plan").in_bulk(list(ids))
    return found


def _states(kinds: dict[str, list[str]], domains: dict[int, Domain]) -> Iterator[AddressState]:
    if names := kinds.get(AddressKind.MAILBOX):
        yield from _mailboxes(Mailbox.objects.filter(pk__in=names).values_list(*MAILBOX_COLUMNS), domains)
    if names := kinds.get(AddressKind.ALIAS):
        yield from _aliases(names)
    if names := kinds.get(AddressKind.GROUP):
        yield from (GroupState(a, members) for a, members in _children(GroupMember, "group_id", names).items())
    if names := kinds.get(AddressKind.RESERVED):
        by_name = {domain.name: domain for domain in domains.values()}
        yield from (AliasState(a, (reserved_destination(by_name[a.rpartition("@")[2]]),)) for a in names)


def _mailboxes(rows: Iterable[tuple[object, ...]], domains: dict[int, Domain]) -> Iterator[MailboxState]:
    plain = {pk: (d.name, d.rules.mailbox_messages, d.rules.message_size_mb, d.rules.login_form) for pk, d in domains.items()}
    for address, domain_id, home, password, quota_mb, quota_messages, bare in rows:
        name, messages, size, login_form = plain[domain_id]  # type: ignore[index]
        percent = str(address).replace("@", "%") if login_form == "percent" else None
        yield MailboxState(
            address=str(address),
            domain=name,
            home=home.hex,  # type: ignore[attr-defined]
            password=str(password),
            quota_mb=quota_mb,  # type: ignore[arg-type]
            quota_messages=quota_messages or messages,  # type: ignore[arg-type]
            max_message_mb=size,
            other_login=percent or (bare if login_form == "bare" else None),  # type: ignore[arg-type]
        )


def _aliases(names: list[str]) -> Iterator[AliasState]:
    owners = selectors.owners(names)
    for address, destinations in _children(AliasDestination, "alias_id", names).items():
        yield AliasState(address, destinations, tuple(sorted(owners.get(address, ()))))


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
    domains = list(Domain.objects.filter(host__name=host).values_list("name", flat=True))
    for name in domains:
        yield from entries_of(DomainState(name))
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
