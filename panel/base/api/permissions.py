"""The API's first question: is somebody there, and does their token reach so far?"""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from panel.base.api.problems import Problem


def user_of(request: Request) -> Any:
    """The `Principal` that asks (REST framework's types know only Django's own kind of user)."""
    return request.user


def token_of(request: Request) -> Any:
    """The bearer token, None in a browser's session."""
    return request.auth


def allows(scopes: Iterable[str], resource: str, verb: str) -> bool:
    """True if `*` or `<resource>:<verb>` is among the scopes; `write` does not include `read`."""
    return "*" in (known := set(scopes)) or f"{resource}:{verb}" in known


class HasScope(BasePermission):
    """401 without credentials; 403 where the token lacks `<resource>:read` or `<resource>:write`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if user_of(request) is None:
            raise NotAuthenticated
        verb = "read" if request.method in SAFE_METHODS or view.only_reads else "write"
        token = token_of(request)
        if token is not None and not allows(token.scopes, view.resource, verb):
            scope = f"{view.resource}:{verb}"
            raise Problem(403, _("The token lacks the scope %(scope)s.") % {"scope": scope}, code="scope")
        return True
