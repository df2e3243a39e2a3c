"""Lets programs ask under their own domains' names (`autoconfig.<domain>`) without opening ALLOWED_HOSTS to anybody.

On the few paths of automatic set-up, and on no others, a name that is not the panel's is put aside before Django judges
it: what answers there knows no session, writes nothing and never builds an address from the name.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

AUTOCONFIG, WELL_KNOWN = "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"
AUTODISCOVER = "/autodiscover/autodiscover.xml"
PATHS = frozenset({AUTOCONFIG, WELL_KNOWN, AUTODISCOVER})
ASKED = "tegami.asked_host"  # in request.META: the name that was put aside, "" for the panel's own


class DiscoveryHostMiddleware:
    """Stands before everything that asks for the host. Programs write these paths in any case."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info.lower()
        if path not in PATHS:
            return self.get_response(request)
        request.path_info = path
        asked, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
        if not asked or validate_host(asked, settings.ALLOWED_HOSTS):
            return self.get_response(request)
        request.META[ASKED] = asked
        request.META["HTTP_HOST"] = next(iter(settings.ALLOWED_HOSTS), "localhost").lstrip(".")
        response = self.get_response(request)
        # It would bind the customer's own site under that name.
        response.headers.pop("Strict-Transport-Security", None)
        return response
