"""Networks that a token may be used from: CIDR, IPv4 and IPv6."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from panel.base.client import parsed

MOST = 50
MAPPED = IPv6Network("::ffff:0:0/96")
Network = IPv4Network | IPv6Network


def normalised(texts: Iterable[str]) -> list[str]:
    """`192.0.2.7/24` → `192.0.2.0/24`, `192.0.2.7` → `192.0.2.7/32`, each once. Raises `ValidationError` naming the entry."""
    found = sorted({_network(text) for text in texts}, key=lambda one: (one.version, int(one.network_address), one.prefixlen))
    if len(found) > MOST:
        raise ValidationError(_("At most %(most)d networks.") % {"most": MOST}, code="many")
    return [str(one) for one in found]


def _network(text: str) -> Network:
    """An IPv4 network written as IPv6 (`::ffff:192.0.2.0/120`) is the IPv4 one: so clients' addresses are read, too."""
    try:
        found = ip_network(text.strip().replace("%", " "), strict=False)  # no zone of one machine's: fe80::1%eth0
    except ValueError:
        message = _("“%(text)s” is no network. Write it like 192.0.2.0/24 or 2001:db8::/32.") % {"text": text.strip()[:60]}
        raise ValidationError(message, code="network") from None
    if isinstance(found, IPv6Network) and found.subnet_of(MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def hold(networks: Iterable[str], address: str) -> bool:
    """True if the address lies in one of them."""
    found = parsed(address)
    return found is not None and any(found in ip_network(text) for text in networks)


def within(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """True if each of `inner` lies in one of `outer`; both normalised. Without any `inner` that is everywhere: False."""
    wide = [ip_network(text) for text in outer]
    narrow = [ip_network(text) for text in inner]
    return bool(narrow) and all(any(_lies_in(one, other) for other in wide) for one in narrow)


def _lies_in(one: Network, other: Network) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # of one version
