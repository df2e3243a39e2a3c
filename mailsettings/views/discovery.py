"""Automatic set-up of mail programs, for anybody who asks: no session, no password, nothing written.

The mailbox is never looked up: an address that does not exist gets the same answer, in the same time, as one that
does. What is not hosted here is one and the same 404.
"""

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from redis.exceptions import RedisError

from accounts import names
from accounts.models import Domain
from mailsettings.discovery import autoconfig, autodiscover, profile
from mailsettings.discovery.facts import Facts, facts
from mailsettings.discovery.middleware import ASKED
from panel.base.client import network_of
from panel.base.tenancy import SYSTEM

log = logging.getLogger(__name__)
MINUTE = 60  # seconds
MOST_A_MINUTE = 120  # requests of one network; an office's programs ask a handful of times each
PREFIXES = ("autoconfig.", "autodiscover.")
View = Callable[..., HttpResponse]


def braked(view: View) -> View:
    """429 for a network that asks far more than mail programs do. Without its cache it lets everybody pass."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _count(f"discovery:{network_of(request.META.get('REMOTE_ADDR', ''))}") > MOST_A_MINUTE:
            return HttpResponse("Too many requests.\n", content_type="text/plain", status=429, headers={"Retry-After": str(MINUTE)})
        return view(request, *args, **kwargs)

    return asked


def _count(key: str) -> int:
    try:
        cache.add(key, 0, MINUTE)
        return int(cache.incr(key))
    except ValueError:  # it ended between the two
        return 1
    except (RedisError, OSError) as error:
        log.warning("no cache, so automatic set-up is not limited: %s", error)
        return 0


@braked
@require_safe
def thunderbird(request: HttpRequest) -> HttpResponse:
    """`?emailaddress=`; without it the domain of the name that is asked under (`autoconfig.<domain>` or `<domain>`)."""
    found = told(request, request.GET.get("emailaddress", ""))
    return nothing() if found is None else HttpResponse(autoconfig.document(found), content_type=autoconfig.CONTENT_TYPE)


@csrf_exempt
@braked
@require_http_methods(["GET", "HEAD", "POST"])
def outlook(request: HttpRequest) -> HttpResponse:
    """The address is in the XML that is posted; a GET names it by `?emailaddress=` or by the name it asks under."""
    address = request.GET.get("emailaddress", "")
    if request.method == "POST":
        try:
            asked = autodiscover.read(request.read(autodiscover.REQUEST_MAX + 1))
        except autodiscover.Unreadable:
            return _outlook(autodiscover.error(autodiscover.INVALID))
        if asked.schema not in ("", autodiscover.OUTLOOK):
            return _outlook(autodiscover.error(autodiscover.UNKNOWN_SCHEMA))
        address = asked.address
    found = told(request, address)
    return nothing() if found is None else _outlook(autodiscover.settings(found))


def _outlook(answer: bytes) -> HttpResponse:
    return HttpResponse(answer, content_type=autodiscover.CONTENT_TYPE)


@braked
@require_safe
def apple(request: HttpRequest) -> HttpResponse:
    """`?address=`: a profile to install, signed where the operator has set a certificate for it."""
    found = told(request, request.GET.get("address", ""))
    if found is None or found.address is None or found.receiving is None or found.sending is None:
        return nothing()
    made = _signed(profile.document(found, found.address, names.to_unicode(found.address)))
    headers = {"Content-Disposition": 'attachment; filename="mail.mobileconfig"'}
    return HttpResponse(made, content_type=profile.CONTENT_TYPE, headers=headers)


def _signed(made: bytes) -> bytes:
    """A certificate that cannot be read is the operator's to mend; the profile itself works without."""
    if not settings.PROFILE_CERTIFICATE:
        return made
    try:
        return profile.signed(made, Path(settings.PROFILE_CERTIFICATE), Path(settings.PROFILE_KEY))
    except (OSError, ValueError):
        log.exception("profiles are not signed: TEGAMI_PROFILE_CERTIFICATE, TEGAMI_PROFILE_KEY")
        return made


def told(request: HttpRequest, address: str) -> Facts | None:
    """The facts for an address, or for the domain that the request names by its host; one query whatever is asked."""
    try:
        whole, name = (_address(address), "") if address else (None, _domain_asked(request))
        name = name or str(whole).rpartition("@")[2]
    except ValidationError:
        return None
    # Public: what every program may read that has an address of the domain.
    domain = Domain.objects.visible_to(SYSTEM).select_related("plan", "host").filter(name=name).first()
    return None if domain is None else facts(domain.name, domain.rules, domain.host, whole)


def _address(text: str) -> str:
    """Lower case with A-labels, of letters that any address here can have. Raises `ValidationError`."""
    return names.destination(text[: names.ADDRESS_MAX * 2])


def _domain_asked(request: HttpRequest) -> str:
    """The domain of the name that was asked under. Raises `ValidationError` for the panel's own names and for none."""
    host = str(request.META.get(ASKED, "")).lower()
    for prefix in PREFIXES:
        host = host.removeprefix(prefix)
    return names.to_ascii(host)


def nothing() -> HttpResponse:
    """The one answer for all that is not hosted here."""
    return HttpResponse("Not found.\n", content_type="text/plain", status=404)
