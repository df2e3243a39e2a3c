"""`/tokens/` and `/sessions/`: what one signs in with."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import authenticate, logout
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import signin
from accounts.api.admins import domains_named, names_field
from accounts.api.resource import Resource
from accounts.models import Admin, Mailbox, Token
from accounts.services import people
from panel.base.api.fields import Choice, Moment, Strict, Text
from panel.base.api.permissions import allows, token_of, user_of
from panel.base.api.problems import bad
from panel.base.api.views import Api
from panel.base.errors import Forbidden


class TokenCreation(Strict):
    name = Text(max_length=100, help_text="What it is for.")
    scopes = serializers.ListField(
        child=Choice(choices=people.known_scopes()),
        allow_empty=False,
        max_length=100,
        help_text="`*` for all that its owner may, or `<resource>:read` and `<resource>:write`.",
    )
    domains = names_field("Limits it to these domains; empty = all of its owner's.")
    expires_at = Moment(required=False, allow_null=True, help_text="null = never.")


class TokenSerializer(serializers.Serializer[Token]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    domains = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    created_at = serializers.DateTimeField()


class TokenWithKey(TokenSerializer):
    key = serializers.CharField(help_text="The bearer token: shown in this answer and never again.")


class TokenApi(Resource):
    """One's own API tokens. A token that makes another gives away no more than it has itself."""

    resource = "tokens"
    model = Token
    named_by = "pk"
    serializer_class = TokenSerializer
    body_classes = {"create": TokenCreation}
    acts = {"create": "token.write", "destroy": "token.write"}
    orders = {"id": "pk", "name": "name"}
    remembers = False
    cache_control = "no-store"
    lookup_value_regex = "[0-9]{1,18}"

    def visible(self) -> QuerySet[Any]:
        return super().visible().filter(is_session=False)

    @extend_schema(responses={201: TokenWithKey})
    def create(self, request: Request) -> Response:
        """The only answer that ever holds the key."""
        self.allow()
        body = self.body()
        _check_end(body.get("expires_at"))
        domains = sorted(domain.name for domain in domains_named(self.principal, body.pop("domains", [])))
        self._check_reach(body["scopes"], domains)
        token, key = people.create_token(user_of(request), domains=domains, **body)
        address = request.build_absolute_uri(reverse("api:token-detail", args=[token.pk]))
        return self.answer(token, {**self.shown(token), "key": key}, status=201, location=address)

    def _check_reach(self, scopes: list[str], domains: list[str]) -> None:
        mine = token_of(self.request)
        if mine is None:
            return
        if not all(allows(mine.scopes, *_parts(scope)) for scope in scopes):
            raise Forbidden(_("A token cannot give away scopes that it lacks."))
        if mine.domains and not domains:
            raise Forbidden(_("This token is limited to domains."))

    def destroy(self, request: Request, name: str) -> Response:
        """Revokes it at once."""
        return self.deleted(lambda row: people.delete_token(row, acting_user=self.principal))


def _parts(scope: str) -> tuple[str, str]:
    resource, _colon, verb = scope.partition(":")
    return resource, verb


def _check_end(moment: Any) -> None:
    if moment is not None and moment <= timezone.now():
        raise bad("expires_at", _("This moment is over."), "past")


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
