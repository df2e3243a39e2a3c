"""Credentials of the API: a bearer token, or the browser's session with its CSRF token."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.models import Admin, Mailbox, Token
from accounts.networks import hold

USED_EVERY = timedelta(minutes=1)  # how exact `last_used_at` is: not every request writes


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <key>`: one query finds the token with its owner, who never gets more than they may."""

    def authenticate(self, request: Request) -> tuple[Admin | Mailbox, Token] | None:
        scheme, _blank, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = _token(key.strip())
        if token is None:
            raise AuthenticationFailed(_("This token does not exist, has ended or is nobody's any more."))
        if token.networks and not hold(token.networks, request.META.get("REMOTE_ADDR", "")):
            raise AuthenticationFailed(_("This token may not be used from your network."), code="network")
        _note_use(token)
        owner = token.owner
        if token.appointment is not None:
            token.admin.act_as(token.appointment)  # type: ignore[union-attr]
        owner.token_domains = tuple(token.domains)  # type: ignore[union-attr]
        return owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Tegami"'


def _token(key: str) -> Token | None:
    tokens = Token.objects.select_related("admin__customer", "appointment__customer", "mailbox__domain__plan", "mailbox__domain__host")
    current = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    owned = Q(mailbox__suspended=False, mailbox__must_change_password=False) | Q(admin__is_active=True)
    try:
        found: Token | None = tokens.filter(current, owned, digest=Token.digest_of(key)).first()
    except UnicodeEncodeError:
        return None
    return found


def _note_use(token: Token) -> None:
    """In one statement that writes at most once a minute, however many requests come at once."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)


class SessionAuthentication(authentication.SessionAuthentication):
    """Who is signed in on the pages, admin or mailbox user; writing needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        asked: HttpRequest = request._request
        if not asked.user.is_authenticated:
            return None
        if getattr(asked.user, "owes_two_step", False):
            text = _("Your role signs in with two steps. Set up the second one on the pages first.")
            raise PermissionDenied(text, code="two_step_required")
        self.enforce_csrf(request)
        return asked.user, None


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token of /tokens/ or a session of /sessions/."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SessionAuthentication
    name = "browser"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        about = "The browser's session; a write also needs the header X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": about}
