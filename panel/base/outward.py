"""Requests to addresses that somebody else chose (webhooks): never to what only this machine or this network can reach.

A name is resolved once, and the address that was judged is the one that is connected to: a name that answers differently
the next moment (DNS rebinding) leads nowhere. No proxy, no redirect, no second try. `TEGAMI_ALLOW_PRIVATE_TARGETS`
takes all of these limits away but the time.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address

PORTS = (443, 8443)
LONGEST = 500  # characters of a URL
TIME_LIMIT = 10.0  # seconds, from the answer of the name server to that of the receiver
READ = 64 * 1024  # bytes of an answer's body that are read, and thrown away
PATH_SAFE = "/%:@!$&'()*+,;=~-._"
HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NUMERIC_END = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")  # what a resolver may read as an address (127.1, 0x7f000001)
GLOBAL_V6 = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: holds an IPv4 address in its last 32 bits


class Unreached(Exception):
    """Nothing was delivered. `code`: `no_address`, `not_allowed`, `no_connection`, `certificate`, `tls`, `timed_out` or `broken`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was judged. `host`: A-labels, or an address without brackets; `path`: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def target_of(url: str) -> Target:
    """The URL, judged by all that can be said without asking a name server. Raises `ValidationError`."""
    if len(url) > LONGEST:
        raise _wrong("length", _("An address has at most %(most)d characters.") % {"most": LONGEST})
    if not url.isprintable() or re.search(r"[\s\\]", url):
        raise _wrong("characters", _("Blanks, control characters and “\\” are not allowed."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong("invalid", _("This is not a web address.")) from None
    private = settings.ALLOW_PRIVATE_TARGETS
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise _wrong("scheme", _("The address must begin with https://."))
    if "@" in parts.netloc:
        raise _wrong("user", _("Leave out user name and password: deliveries are signed."))
    if "#" in url:
        raise _wrong("fragment", _("Leave out “#” and what follows it."))
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    if not (port in PORTS or (private and port)):
        raise _wrong("port", _("The port must be 443 or 8443."))
    path = quote(parts.path or "/", safe=PATH_SAFE) + (f"?{quote(parts.query, safe=PATH_SAFE + '?')}" if parts.query else "")
    return Target(parts.scheme, _host(parts.hostname or ""), port, path)


def _wrong(code: str, message: str) -> ValidationError:
    return ValidationError(message, code=code)


def _host(text: str) -> str:
    private = settings.ALLOW_PRIVATE_TARGETS
    with suppress(ValueError):
        if not (private or is_public(ip_address(text))):
            raise _wrong("not_allowed", _("This address is not on the public internet."))
        return str(ip_address(text))
    try:
        name = idna.encode(text.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise _wrong("host", _("This is not a host name.")) from None
    if not HOST.fullmatch(name) or NUMERIC_END.search(name):
        raise _wrong("host", _("This is not a host name."))
    if "." not in name and not private:
        raise _wrong("not_allowed", _("This address is not on the public internet."))
    return name


def is_public(address: Address) -> bool:
    """False for loopback, private, link-local, shared, multicast, reserved and unspecified, in whatever form they are written."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if inner := address.ipv4_mapped or address.sixtofour:
        return is_public(inner)
    return address in GLOBAL_V6 and address.is_global


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer to a POST. Raises `Unreached`."""
    addresses = _allowed(target)
    ends = time.monotonic() + TIME_LIMIT
    try:
        with _connection(addresses, target.port, ends) as line:
            return _ask(line, target, body, headers)
    except ssl.SSLCertVerificationError as error:
        raise Unreached("certificate") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        code = "timed_out" if time.monotonic() >= ends else "tls" if isinstance(error, ssl.SSLError) else "broken"
        raise Unreached(code) from error


def _allowed(target: Target) -> list[str]:
    """The addresses of the host that may be connected to; the only time that its name is resolved."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreached("no_address") from error
    addresses = [str(place[0]).partition("%")[0] for *_kind, place in found]
    allowed = [text for text in dict.fromkeys(addresses) if settings.ALLOW_PRIVATE_TARGETS or is_public(ip_address(text))]
    if not allowed:
        raise Unreached("not_allowed")
    return allowed


@contextmanager
def _connection(addresses: list[str], port: int, ends: float) -> Iterator[socket.socket]:
    """A connection to the first address that answers; cut when the time is up, however slowly the other end trickles."""
    line = _first(addresses, port, ends)
    with line, line.dup() as handle:
        timer = Timer(max(0.0, ends - time.monotonic()), _cut, (handle,))
        timer.start()
        try:
            yield line
        finally:
            timer.cancel()


def _first(addresses: list[str], port: int, ends: float) -> socket.socket:
    for address in addresses:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=max(0.1, ends - time.monotonic()))
    raise Unreached("timed_out" if time.monotonic() >= ends else "no_connection")


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _ask(line: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    asked = http.client.HTTPConnection(target.host, target.port)
    asked.auto_open = 0  # there is one connection, and it is made
    asked.sock = trust().wrap_socket(line, server_hostname=target.host) if target.scheme == "https" else line
    with asked.sock:
        asked.request("POST", target.path, body, {"Host": target.netloc, **headers})
        answer = asked.getresponse()
        with suppress(OSError, http.client.HTTPException):
            answer.read(READ)
        return answer.status


@cache
def trust() -> ssl.SSLContext:
    """The machine's certificates; `SSL_CERT_FILE` names others."""
    return ssl.create_default_context()
