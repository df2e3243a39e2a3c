"""`/tokens/` and `/sessions/`: what one signs in with."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import authenticate, logout
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import signin
from accounts.models import Admin, Appointment, Mailbox
from accounts.services import people
from panel.base.api.fields import Number, Strict, Text
from panel.base.api.permissions import token_of, user_of
from panel.base.api.problems import bad
from panel.base.api.views import Api
from panel.base.errors import Forbidden


class SignIn(Strict):
    login = Text(max_length=320, help_text="An admin's login, or a mailbox's address (`user%domain` or bare name where its plan has them).")
    password = Text(max_length=1000, style={"input_type": "password"})


class SessionSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="The bearer token of the session.")
    expires_at = serializers.DateTimeField()


class SessionApi(Api):
    """Signing in by login and password, for admins and mailbox users: a token with every scope of its owner."""

    resource = "sessions"
    serializer_class = SessionSerializer
    remembers = False
    untagged = ("post", "delete")
    cache_control = "no-store"
    permission_classes: Sequence[Any] = [AllowAny]

    def get_body_class(self) -> Any:
        return SignIn

    def get_authenticators(self) -> list[Any]:
        """Signing in asks for no credentials: an old token beside the password does no harm."""
        asked = getattr(self, "request", None)
        return [] if asked is not None and asked.method == "POST" else super().get_authenticators()

    @extend_schema(operation_id="sessions_create", responses={201: SessionSerializer}, auth=[])
    def post(self, request: Request) -> Response:
        """12 hours. The session ends early with a new password."""
        body = SignIn(data=request.data)
        body.is_valid(raise_exception=True)
        owner = _owner(request, **body.validated_data)
        if owner is None:
            raise AuthenticationFailed(_("Login or password is wrong."))
        token, key = people.open_api_session(owner)
        return Response(SessionSerializer({"token": key, "expires_at": token.expires_at}).data, status=201)

    @extend_schema(operation_id="sessions_delete", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Ends the session that the request came with; a token of /tokens/ is revoked there."""
        token = token_of(request)
        if user_of(request) is None:
            self.permission_denied(request)
        if token is None:
            logout(request._request)
        elif token.is_session:
            token.delete()
        else:
            raise Forbidden(_("This is no session. Tokens are revoked at /tokens/."))
        return Response(status=204)


def _owner(request: Request, login: str, password: str) -> Admin | Mailbox | None:
    """Both kinds are asked in any case: the time tells nothing about which logins exist."""
    admin = authenticate(request._request, username=login, password=password)
    mailbox = signin.mailbox_for(login, password)
    return admin if isinstance(admin, Admin) else mailbox
