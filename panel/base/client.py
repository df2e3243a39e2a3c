"""Who is at the other end: the client's own address, told by our own proxies and by nobody else."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address = IPv4Address | IPv6Address


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the client behind the proxies of `TEGAMI_PROXIES` (CIDR): the last address they did not add themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.proxies = [ip_network(text) for text in settings.PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        client = parsed(request.META.get("REMOTE_ADDR", ""))
        for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            if client is None or not any(client in network for network in self.proxies):
                break
            client = parsed(hop.strip()) or client
        if client is not None:
            request.META["REMOTE_ADDR"] = str(client)
        return self.get_response(request)


def parsed(text: str) -> Address | None:
    """The address, an IPv4 one out of its IPv6 form; None for what is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def network_of(text: str) -> str:
    """The /24 or /64 that failures are counted by; the text itself where it is no address."""
    found = parsed(text)
    if found is None:
        return text
    return str(ip_network((found, 24 if found.version == 4 else 64), strict=False))
