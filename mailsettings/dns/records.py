"""The records that a domain should publish, from what the panel knows of it. Pure: nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TTL_S = 3600
STRING_MAX = 255  # octets in one string of a TXT record (RFC 1035 3.3)
PREFERENCE = 10

MAIL, PROGRAMS, LIST, HOST = "mail", "programs", "list", "host"


@dataclass(frozen=True, slots=True)
class Place:
    """What the records depend on. Names are A-labels in lower case, without a dot at the end.

    `hostname` = the mail host's ("" = not set yet); `addresses` = those that the operator gave for it; `panel` = the panel's name
    on the web ("" = it has none); `services` = (service, port, target) of SRV records, target "." where it is not offered;
    `names` = further names that mail programs are shown; `list_domain` = where the plan has lists, "" for nowhere else.
    """

    domain: str
    hostname: str = ""
    addresses: tuple[str, ...] = ()
    panel: str = ""
    services: tuple[tuple[str, int, str], ...] = ()
    names: tuple[str, ...] = ()
    list_domain: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A DKIM key as DNS knows it."""

    selector: str
    public: str
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `purpose` tells the judge and the page what it is for, `variant` which of several such (the service
    of a SRV record, the state of a key); `needed`: mail suffers without it.

    `value` as people type it into a form: a TXT's whole text, an MX's `10 host`, a SRV's `0 1 993 host`.
    """

    purpose: str  # mx, spf, dkim, dmarc, autoconfig, srv, client, host_spf
    name: str
    kind: str  # MX, TXT, CNAME, SRV
    value: str
    group: str = MAIL
    needed: bool = True
    selector: str = ""
    variant: str = ""

    @property
    def target(self) -> str:
        """The name at the end of an MX, CNAME or SRV record."""
        return self.value.rpartition(" ")[2]


def of(place: Place, keys: tuple[Key, ...] = ()) -> tuple[Record, ...]:
    """Every record, the most important first. What needs the mail host's name is left out while it has none."""
    return (*_mail(place, keys), *_programs(place), *_lists(place, keys), *_host(place))


def _mail(place: Place, keys: tuple[Key, ...]) -> Iterator[Record]:
    yield from _receiving(place, place.domain, MAIL)
    yield from _signing(place.domain, keys, MAIL)
    yield Record("dmarc", f"_dmarc.{place.domain}", "TXT", dmarc(place.domain))


def _receiving(place: Place, name: str, group: str) -> Iterator[Record]:
    if place.hostname:
        yield Record("mx", name, "MX", f"{PREFERENCE} {place.hostname}", group)
        yield Record("spf", name, "TXT", spf(place.hostname), group)


def spf(hostname: str) -> str:
    """The host by its name: it is what sends, and when it moves to another address this stays right.

    Not `mx`: where mail is received need not be where it is sent. What is forwarded leaves with a sender of the host's own name.
    """
    return f"v=spf1 a:{hostname} -all"


def _signing(name: str, keys: tuple[Key, ...], group: str) -> Iterator[Record]:
    for key in keys:
        # A key that has retired is still looked up by whoever gets mail late; nothing suffers if it has gone early.
        needed = key.state != "retired"
        yield Record("dkim", f"{key.selector}._domainkey.{name}", "TXT", dkim(key.public), group, needed, key.selector, key.state)


def dkim(public: str) -> str:
    """`public` = base64 of the DER key."""
    return f"v=DKIM1; k=rsa; p={public}"


def dmarc(domain: str) -> str:
    """A start: nothing is refused, reports tell who sends in the domain's name.

    To an address of the domain itself: another domain would have to agree in its own DNS (RFC 7489 7.1).
    """
    return f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"


def _programs(place: Place) -> Iterator[Record]:
    if place.panel:
        for name in ("autoconfig", "autodiscover"):
            yield Record("autoconfig", f"{name}.{place.domain}", "CNAME", place.panel, PROGRAMS, needed=False, variant=name)
    for service, port, target in place.services if place.hostname else ():
        yield Record("srv", f"{service}.{place.domain}", "SRV", f"0 {1 if port else 0} {port} {target}", PROGRAMS, False, variant=service)
    for name in place.names if place.hostname else ():
        # No CNAME stands beside a domain's own records (RFC 1034 3.6.2).
        if name != place.domain:
            yield Record("client", name, "CNAME", place.hostname, PROGRAMS, needed=False)


def _lists(place: Place, keys: tuple[Key, ...]) -> Iterator[Record]:
    if place.list_domain:
        yield from _receiving(place, place.list_domain, LIST)
        yield from _signing(place.list_domain, keys, LIST)
        # Without one the domain's own counts (RFC 7489 6.6.3).
        yield Record("dmarc", f"_dmarc.{place.list_domain}", "TXT", dmarc(place.domain), LIST, needed=False)


def _host(place: Place) -> Iterator[Record]:
    """For whoever runs the host: senders that are rewritten when mail is sent on are of its name (SRS)."""
    if place.hostname:
        yield Record("host_spf", place.hostname, "TXT", "v=spf1 a -all", HOST, needed=False)


def zone_text(records: tuple[Record, ...], origin: str) -> str:
    """The records as lines of a zone file, names complete."""
    return f"$ORIGIN {origin}.\n" + "".join(zone_line(record) + "\n" for record in records)


def zone_line(record: Record) -> str:
    """One line as zone files have it: names end in a dot, long texts are cut into strings."""
    return f"{record.name}. {TTL_S} IN {record.kind} {_rdata(record)}"


def _rdata(record: Record) -> str:
    if record.kind == "TXT":
        return " ".join(f'"{piece}"' for piece in strings(record.value))
    return record.value if record.target == "." else f"{record.value}."


def strings(text: str) -> list[str]:
    """A text in pieces that each fit into one string of a TXT record; whoever reads it puts them together again."""
    return [text[at : at + STRING_MAX] for at in range(0, len(text), STRING_MAX)]
