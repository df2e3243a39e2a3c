"""Open sessions (R10): the rows that stand for browsers and programs that are signed in.

A browser's Django session counts only as long as its row is there, so that it can be ended from elsewhere.
"""

import re
import time
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Exists, F, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Admin, Mailbox, OpenSession, Token
from accounts.models.access import OpenSessionQuerySet

CONFIRMED = "confirmed_at"  # in the session: when who they are was last proven, in seconds since the epoch
RECENT = 600  # seconds for which that is good enough to change how one signs in
SEEN_EVERY = timedelta(minutes=1)  # how exact `seen_at` is: not every request writes

# What a browser calls itself, and what people call it: the first that is found (each names its ancestors too).
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,29}")


def open_browser(request: HttpRequest, owner: Admin | Mailbox) -> None:
    """For the session that has just begun; its key is the one that it has now."""
    confirm(request)
    OpenSession.objects.create(session_key=request.session.session_key, **_owner(owner), **_from(request))


def open_program(request: HttpRequest, token: Token) -> None:
    OpenSession.objects.create(token=token, **_owner(token.owner), **_from(request))


def _owner(owner: Admin | Mailbox) -> dict[str, Any]:
    return {"admin_id": owner.pk} if isinstance(owner, Admin) else {"mailbox_id": owner.pk}


def _from(request: HttpRequest) -> dict[str, Any]:
    agent = request.META.get("HTTP_USER_AGENT", "").encode("utf-8", "replace").decode().replace("\0", "")
    return {"remote": request.META.get("REMOTE_ADDR") or None, "agent": agent[:300]}


def close_browser(request: HttpRequest) -> None:
    OpenSession.objects.filter(session_key=request.session.session_key).delete()


def note_seen(request: HttpRequest, pk: int, seen_at: Any) -> None:
    """Writes at most once a minute, however many requests come at once."""
    now = timezone.now()
    if seen_at <= now - SEEN_EVERY:
        OpenSession.objects.filter(pk=pk, seen_at=seen_at).update(seen_at=now, remote=request.META.get("REMOTE_ADDR") or None)


def end_all(owner: Admin | Mailbox) -> None:
    """Every browser and every program of theirs is signed out; lasting tokens stay. A new password does this."""
    owner.open_sessions.all().delete()
    owner.tokens.filter(is_session=True).delete()


def confirm(request: HttpRequest) -> None:
    """They have just proven who they are."""
    request.session[CONFIRMED] = time.time()


def is_recent(request: HttpRequest) -> bool:
    """Whether they have proven who they are within the last ten minutes."""
    return bool(time.time() - request.session.get(CONFIRMED, 0) < RECENT)


def listed(user: Admin | Mailbox) -> OpenSessionQuerySet:
    """One's own that still count, with `last_used_at` of programs; the query that pages and API begin with."""
    now = timezone.now()
    alive = Exists(Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now))
    mine: OpenSessionQuerySet = OpenSession.objects.visible_to(user)
    open_now = alive | Q(token__expires_at__gt=now)
    return mine.filter(open_now).select_related("token").annotate(token_used_at=F("token__last_used_at"))  # type: ignore[no-any-return]


def seen(row: Any) -> Any:
    """When a row of `listed` was last heard of."""
    return row.token_used_at or row.seen_at


def is_current(row: OpenSession, request: Any) -> bool:
    """Whether the row is the session that the request came with."""
    token = getattr(request, "auth", None)
    return row.token_id == token.pk if token is not None else row.session_key == request.session.session_key  # type: ignore[attr-defined, no-any-return]


def program_of(agent: str) -> str:
    """A browser in plain words: "Firefox, Windows". The text is whatever the other side sent."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    if browser and system:
        return _("%(browser)s, %(system)s") % {"browser": browser, "system": system}
    if browser or system:
        return browser or system
    named = PROGRAM.match(agent)
    return named[0] if named else _("Unknown program")


def tidy() -> None:
    """Forgets sessions of browsers that have ended by themselves, and tokens of programs that have."""
    now = timezone.now()
    Token.objects.filter(is_session=True, expires_at__lte=now).delete()
    Session.objects.filter(expire_date__lte=now).delete()
    gone = ~Exists(Session.objects.filter(session_key=OuterRef("session_key")))
    OpenSession.objects.filter(gone, session_key__isnull=False).delete()
