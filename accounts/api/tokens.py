"""`/tokens/`: keys for programs (R8)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import Resource
from accounts.api.roles import names_field
from accounts.models import Domain, Token
from accounts.networks import MOST
from accounts.services import tokens
from panel.base.api.fields import Choice, Line, Moment, Strict, Text
from panel.base.api.permissions import token_of, user_of
from panel.base.api.problems import bad
from panel.base.tenancy import Role


class TokenCreation(Strict):
    name = Line(max_length=100, help_text="What it is for.")
    scopes = serializers.ListField(
        child=Choice(choices=tokens.known_scopes()),
        allow_empty=False,
        max_length=100,
        help_text="`*` for all that its owner may, or `<resource>:read` and `<resource>:write`.",
    )
    domains = names_field("Limits it to these domains; empty = all of its owner's.")
    networks = serializers.ListField(
        child=Text(max_length=60),
        max_length=MOST,
        required=False,
        help_text="From where it may be used, e.g. `192.0.2.0/24`, `2001:db8::/32`; empty = from anywhere.",
    )
    expires_at = Moment(required=False, allow_null=True, help_text="null = never.")


class TokenSerializer(serializers.Serializer[Token]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, source="acts_as", help_text="The role of its owner that it acts in.")
    scopes = serializers.ListField(child=serializers.CharField())
    domains = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    created_at = serializers.DateTimeField()


class TokenWithKey(TokenSerializer):
    key = serializers.CharField(help_text="The bearer token: shown in this answer and never again.")


class TokenApi(Resource):
    """One's own API tokens. A token that makes another gives away no more than it has itself: no further scope, domain
    or network, and no later end."""

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

    def rows(self) -> QuerySet[Any]:
        return self.visible().select_related("admin", "appointment")

    @extend_schema(responses={201: TokenWithKey})
    def create(self, request: Request) -> Response:
        """The only answer that ever holds the key."""
        self.allow()
        body = self.body()
        domains = self._named(body.pop("domains", []))
        token, key = tokens.create_token(user_of(request), domains=domains, made_with=token_of(request), **body)
        address = request.build_absolute_uri(reverse("api:token-detail", args=[token.pk]))
        return self.answer(token, {**self.shown(token), "key": key}, status=201, location=address)

    def _named(self, wanted: list[str]) -> list[str]:
        """The names, if they are domains that the owner has to do with in any way; raises 400 for one that is not."""
        try:
            keys = {names.to_ascii(name) for name in wanted}
        except ValidationError as error:
            raise ValidationError({"domains": error}) from None
        known = Domain.objects.served_for(self.principal).filter(name__in=keys).values_list("name", flat=True)
        if missing := sorted(keys - set(known)):
            raise bad("domains", _("There is no such thing: %(name)s") % {"name": missing[0]}, "unknown")
        return sorted(keys)

    def destroy(self, request: Request, name: str) -> Response:
        """Revokes it at once."""
        return self.deleted(lambda row: tokens.delete_token(row, acting_user=self.principal))
