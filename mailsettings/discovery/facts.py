"""Where a mail program finds a domain's mail, and as whom it signs in there. Pure: nothing is looked up.

Programs are always given the server's own name, whatever names the plan shows: it is the only one that the
certificate covers before a domain has one of its own (A19), and login without TLS does not exist. The plan's
names stand beside it on the page, with that said.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from accounts.rules import Rules

TLS, STARTTLS = "tls", "starttls"  # from the first byte; after a command in the clear (RFC 8314 prefers the first)
# Protocol, name in `MailHost.ports`, security: the best first.
INCOMING = (("imap", "imaps", TLS), ("imap", "imap", STARTTLS), ("pop3", "pop3s", TLS), ("pop3", "pop3", STARTTLS))
OUTGOING = (("smtp", "submissions", TLS), ("smtp", "submission", STARTTLS))
# RFC 6186 and RFC 8314 5.1: service in DNS → name in `MailHost.ports`. What a plan does not offer has the target ".".
SRV = {"_imaps._tcp": "imaps", "_pop3s._tcp": "pop3s", "_submissions._tcp": "submissions"}


class Host(Protocol):
    """A mail host as far as it is told of (`accounts.models.MailHost`)."""

    hostname: str
    ipv4: str | None
    ipv6: str | None

    def port(self, service: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Server:
    protocol: str  # imap, pop3, smtp
    host: str
    port: int
    security: str  # TLS or STARTTLS


@dataclass(frozen=True, slots=True)
class OtherName:
    """A name that the plan shows for a protocol besides the server's."""

    protocol: str
    host: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Of each protocol the best server stands first; `incoming` begins with the recommended protocol."""

    domain: str
    address: str | None
    login_form: str  # rules.LOGIN_FORMS
    incoming: tuple[Server, ...]
    outgoing: tuple[Server, ...]
    other_names: tuple[OtherName, ...]

    @property
    def login(self) -> str | None:
        """The user name in the plan's form; None where nobody is asked about. The whole address signs in too."""
        return None if self.address is None else login_of(self.login_form, self.address)

    @property
    def receiving(self) -> Server | None:
        """The recommended incoming server."""
        return next(iter(self.incoming), None)

    @property
    def sending(self) -> Server | None:
        return next(iter(self.outgoing), None)

    def best(self) -> Iterator[Server]:
        """One server for each protocol, for programs that take no second one."""
        known: set[str] = set()
        for server in (*self.incoming, *self.outgoing):
            if server.protocol not in known:
                known.add(server.protocol)
                yield server


def facts(domain: str, rules: Rules, host: Host, address: str | None = None) -> Facts | None:
    """What is told of `domain` (A-labels) to whoever has the address; None while the host has no name to tell.

    A protocol that the plan's manual does not have (IMAP of `hs` and `plusmail`) is left out.
    """
    if not host.hostname:
        return None
    spoken = {"imap": rules.imap, "pop3": rules.pop}
    return Facts(
        domain=domain,
        address=address,
        login_form=rules.login_form,
        incoming=tuple(_servers(host, [row for row in INCOMING if spoken[row[0]]])),
        outgoing=tuple(_servers(host, OUTGOING)),
        other_names=tuple(_other_names(domain, rules)),
    )


def _servers(host: Host, rows: Iterable[tuple[str, str, str]]) -> Iterator[Server]:
    for protocol, service, security in rows:
        if port := host.port(service):
            yield Server(protocol, host.hostname, port, security)


def _other_names(domain: str, rules: Rules) -> Iterator[OtherName]:
    """By the plan's pattern. The over-SSL name is the server's until a domain can have a certificate (A19)."""
    shown = {
        "pop_smtp": {"imap": "", "pop3": f"pop.{domain}", "smtp": f"smtp.{domain}"},
        "domain": {"imap": domain, "pop3": domain, "smtp": domain},
    }.get(rules.client_host_names, {})
    spoken = {"imap": rules.imap, "pop3": rules.pop, "smtp": True}
    for protocol, name in shown.items():
        if name and spoken[protocol]:
            yield OtherName(protocol, name)


def login_of(form: str, address: str) -> str:
    """The user name of an address under a plan: the address, `user%domain`, or the bare name."""
    local, _at, domain = address.rpartition("@")
    return {"percent": f"{local}%{domain}", "bare": local}.get(form, address)


def services(rules: Rules, host: Host) -> Iterator[tuple[str, int, str]]:
    """`(service, port, target)` for the SRV records of a domain; port 0 and target "." where a service is not there."""
    spoken = {"imaps": rules.imap, "pop3s": rules.pop, "submissions": True}
    for service, name in SRV.items():
        port = host.port(name) if spoken[name] and host.hostname else 0
        yield service, port, host.hostname if port else "."
