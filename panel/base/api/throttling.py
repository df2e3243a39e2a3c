"""How fast the API may be asked: so many requests a minute of one credential or, without one, of one address.

Counted in Django's cache, one counter for each minute. A cache that is away never fails a request: then nobody is counted.
"""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _
from redis.exceptions import RedisError
from rest_framework.request import Request

from panel.base import audit
from panel.base.api.problems import Problem
from panel.base.client import network_of

log = logging.getLogger(__name__)
MINUTE = 60  # seconds
PAUSE = 10.0  # seconds for which a cache that was away is not asked again: each try may cost a second
_away_until = 0.0


def count(request: Request, user: Any, token: Any) -> None:
    """Counts the request. Raises `Problem` 429 past the rate, with the seconds until the next minute begins.

    Commands on the machine itself (`panel.base.api.inside`) are nobody's requests.
    """
    if audit.current_origin()[0] == "command":
        return
    if not settings.API_RATE or getattr(token, "digest", None) in settings.API_UNTHROTTLED:
        return
    now = time.time()
    if _counted(f"api:{_who(request, user, token)}:{int(now // MINUTE)}") > settings.API_RATE:
        wait = MINUTE - int(now % MINUTE)
        text = _("Too many requests: at most %(rate)d a minute. Try again in %(wait)d s.") % {"rate": settings.API_RATE, "wait": wait}
        raise Problem(429, text, code="too_many_requests", headers={"Retry-After": str(wait)})


def _who(request: Request, user: Any, token: Any) -> str:
    if token is not None:
        return f"token:{token.pk}"
    if user is not None:
        return f"session:{user.session_id}"
    address = request.META.get("REMOTE_ADDR", "")
    return address if "." in address else network_of(address)


def _counted(key: str) -> int:
    """How many there were in this minute, this one included; 0 while the cache is away."""
    global _away_until
    if time.monotonic() < _away_until:
        return 0
    try:
        cache.add(key, 0, 2 * MINUTE)
        return int(cache.incr(key))
    except ValueError:  # it went between the two
        return 0
    except (RedisError, OSError) as error:
        _away_until = time.monotonic() + PAUSE
        log.warning("cache away, nobody is throttled: %s", error)
        return 0
