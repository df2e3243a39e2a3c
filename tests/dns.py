"""A name server of the tests' own on loopback: answers from a table, and misbehaves where it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mailsettings.dns.records import strings

TTL_S = 60
HOPS = 8  # CNAMEs that an answer follows


@dataclass
class Resolver:
    """`table`: (name, kind) → values as `mailsettings.dns.records` writes them. It may be changed while the server runs.

    `silent`: names that are never answered; `broken`: names that are answered by SERVFAIL. `asked`: every question.
    """

    table: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: tuple[str, int] = ("127.0.0.1", 0)

    def put(self, name: str, kind: str, *values: str) -> None:
        """These values and no others; none: no such record."""
        if values:
            self.table[name, kind] = list(values)
        else:
            self.table.pop((name, kind), None)

    def answer(self, question: bytes) -> bytes | None:
        """The packet that answers this one; None for no answer at all."""
        asked = dns.message.from_wire(question)
        (one,) = asked.question
        name, kind = one.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(one.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        reply = dns.message.make_response(asked, recursion_available=True)
        if name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire(max_size=65_535)
        end = self._follow(reply, name, kind)
        if not any(known == end for known, _kind in self.table):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire(max_size=65_535)

    def _follow(self, reply: dns.message.Message, name: str, kind: str) -> str:
        """Puts the records into the reply, along CNAMEs; the name where it ends."""
        for _hop in range(HOPS):
            if values := self.table.get((name, kind)):
                reply.answer.append(_rows(name, kind, values))
                return name
            if kind == "CNAME" or not (aliases := self.table.get((name, "CNAME"))):
                return name
            reply.answer.append(_rows(name, "CNAME", aliases))
            name = aliases[0]
        return name


def _rows(name: str, kind: str, values: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(f"{name}.", TTL_S, dns.rdataclass.IN, kind, [_rdata(kind, value) for value in values])


def _rdata(kind: str, value: str) -> str:
    if kind == "TXT":
        return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in strings(value))
    return value if kind in ("A", "AAAA") or value.endswith(".") else f"{value}."


@contextlib.contextmanager
def serving(address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Resolver]:
    """A resolver that answers there, or on any free port (then in `address`), until the end."""
    resolver = Resolver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(address)
        resolver.address = server.getsockname()
        server.settimeout(0.1)
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, resolver, over), daemon=True)
        thread.start()
        try:
            yield resolver
        finally:
            over.set()
            thread.join()


def _serve(server: socket.socket, resolver: Resolver, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            packet, client = server.recvfrom(4096)
            if reply := resolver.answer(packet):
                server.sendto(reply, client)
