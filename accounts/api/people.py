"""`/admins/`, `/tokens/`, `/sessions/`, `/me/`: who, and with what credentials."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth import authenticate, logout
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names, permissions, signin
from accounts.api.resource import Done, HasPart, Resource, named
from accounts.models import Admin, Customer, Domain, Mailbox, Token
from accounts.services import people
from panel.base.api import etags
from panel.base.api.fields import Choice, Flag, Moment, Strict, Text
from panel.base.api.filters import exact
from panel.base.api.permissions import allows, token_of, user_of
from panel.base.api.problems import bad
from panel.base.api.views import Api
from panel.base.errors import Forbidden
from panel.base.tenancy import ADMIN_ROLES, Role, token_domains

LANGUAGES = ("en", "ja")


def names_field(about: str, **more: Any) -> Any:
    return serializers.ListField(child=Text(max_length=253), max_length=1000, required=False, help_text=about, **more)


class AdminChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"login": "An admin keeps the login."}
    email = Text(required=False, allow_blank=True, max_length=254)
    language = Choice(required=False, allow_blank=True, choices=LANGUAGES, help_text="Empty: by the browser.")
    password = Text(
        required=False, max_length=1000, style={"input_type": "password"}, help_text="At least 12 characters. Ends API sessions."
    )
    role = Choice(required=False, choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Every role but the operator belongs to one.")
    domains = names_field("Of mail and web admins: the domains they administer. Replaces all that were there.")
    is_active = Flag(required=False, help_text="false: cannot sign in, and no token works.")


class AdminCreation(AdminChange):
    elsewhere: ClassVar[dict[str, Any]] = {"is_active": "An admin begins active."}
    login = Text(max_length=100)
    password = Text(max_length=1000, style={"input_type": "password"}, help_text="At least 12 characters.")
    role = Choice(choices=ADMIN_ROLES)
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Default for customer admins: their own.")
    is_active = Flag(read_only=True)


class AdminSerializer(serializers.Serializer[Admin]):
    login = serializers.CharField()
    email = serializers.CharField()
    language = serializers.ChoiceField(choices=["", *LANGUAGES])
    role = serializers.ChoiceField(choices=ADMIN_ROLES)
    customer = serializers.CharField(source="customer.name", allow_null=True, default=None)
    domains = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()

    def get_domains(self, row: Admin) -> list[str]:
        return sorted(domain.name for domain in row.domains.all())


class AdminApi(Resource):
    """Admins. A customer admin sees and appoints the contract's mail and web admins, and sees themselves."""

    resource = "admins"
    model = Admin
    named_by = "login"
    serializer_class = AdminSerializer
    body_classes = {"create": AdminCreation, "partial_update": AdminChange}
    acts = {"create": "admin.write", "partial_update": "admin.write", "destroy": "admin.write"}
    orders = {"login": "login", "role": "role"}
    filters = {
        "role": exact("role", "The role.", choices=tuple(role for role, _label in ADMIN_ROLES)),
        "customer": exact("customer__name", "Name of a customer."),
        "domains": exact("domains__name", "Name of a domain.", names.to_ascii),
    }
    search_about = "Part of the login or mail address."
    unlimited_only = True

    def rows(self) -> QuerySet[Any]:
        return self.visible().select_related("customer").prefetch_related("domains")

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(login__contains=text.lower()) | Q(email__icontains=text))

    def normalised(self, name: str) -> str:
        return name.lower()

    def create(self, request: Request) -> Response:
        def make(body: dict[str, Any]) -> Done:
            if self.principal.role == Role.CUSTOMER_ADMIN:
                body.setdefault("customer", user_of(request).customer.name)
            fields = self._resolved(body)
            return Done(people.create_admin(fields.pop("login"), acting_user=self.principal, **fields))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """A new password ends the admin's API sessions."""
        return self.changed(lambda row, body: Done(people.change_admin(row, acting_user=self.principal, **self._resolved(body))))

    def _resolved(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with objects for names; only what the principal sees exists."""
        if body.get("customer") is not None:
            body["customer"] = named(Customer.objects.visible_to(self.principal), "customer", body["customer"])
        if "domains" in body:
            body["domains"] = _domains(self.principal, body["domains"])
        return body

    def destroy(self, request: Request, name: str) -> Response:
        """Nobody deletes themselves."""
        return self.deleted(lambda row: people.delete_admin(row, acting_user=self.principal))


def _domains(user: Any, wanted: list[str]) -> list[Domain]:
    """The visible domains of these names; raises 400 for one that is not there."""
    try:
        keys = {names.to_ascii(name) for name in wanted}
    except ValidationError as error:
        raise ValidationError({"domains": error}) from None
    found = list(Domain.objects.visible_to(user).filter(name__in=keys))
    if missing := sorted(keys - {domain.name for domain in found}):
        raise bad("domains", _("There is no such thing: %(name)s") % {"name": missing[0]}, "unknown")
    return found


class TokenCreation(Strict):
    name = Text(max_length=100, help_text="What it is for.")
    scopes = serializers.ListField(
        child=Choice(choices=people.known_scopes()), allow_empty=False, max_length=100,
        help_text="`*` for all that its owner may, or `<resource>:read` and `<resource>:write`.",
    )  # fmt: skip
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
        domains = sorted(domain.name for domain in _domains(self.principal, body.pop("domains", [])))
        self._check_reach(body["scopes"], domains)
        token, key = people.create_token(user_of(request), domains=domains, **body)
        return self.answer(token, {**self.shown(token), "key": key}, status=201)

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


class MeChange(Strict):
    language = Choice(allow_blank=True, required=False, choices=LANGUAGES, help_text="Empty: by the browser.")


MAY = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string", "enum": ["read", "write"]}}}


class MeSerializer(serializers.Serializer[Any]):
    login = serializers.SerializerMethodField(help_text="An admin's login or the mailbox's address.")
    role = serializers.ChoiceField(choices=Role.choices)
    email = serializers.SerializerMethodField()
    language = serializers.ChoiceField(choices=["", *LANGUAGES])
    customer = serializers.SerializerMethodField(allow_null=True)
    domains = serializers.SerializerMethodField(help_text="What one is bound to; empty for operators, who have all.")
    may = serializers.SerializerMethodField(help_text="By resource: `read`, `write`; less what the token leaves out.")
    actions = serializers.SerializerMethodField(help_text="What the role may do, e.g. `mailbox.create`.")

    def get_login(self, user: Any) -> str:
        return str(user.login if isinstance(user, Admin) else user.address)

    def get_email(self, user: Any) -> str:
        return str(user.email if isinstance(user, Admin) else user.address)

    def get_customer(self, user: Any) -> str | None:
        return user.customer.name if isinstance(user, Admin) and user.customer else None

    def get_domains(self, user: Any) -> list[str]:
        limit = token_domains(user)
        return sorted(name for name in _own_domains(user) if not limit or name in limit)

    @extend_schema_field(MAY)
    def get_may(self, user: Any) -> dict[str, list[str]]:
        token = token_of(self.context["request"])
        scopes = ["*"] if token is None else token.scopes
        return {name: verbs for name in permissions.RESOURCES if (verbs := _verbs(user, name, scopes))}

    def get_actions(self, user: Any) -> list[str]:
        return sorted(act for act in permissions.ACTIONS if permissions.may(user, act))


def _own_domains(user: Any) -> list[str]:
    if isinstance(user, Mailbox):
        return [user.domain.name]
    if user.role == Role.OPERATOR:
        return []
    rows = Domain.objects.web_of(user) if user.role == Role.WEB_ADMIN else Domain.objects.visible_to(user)
    return list(rows.values_list("name", flat=True))


def _verbs(user: Any, resource: str, scopes: list[str]) -> list[str]:
    read, write = permissions.RESOURCES[resource]
    rights = {"read": user.role in read, "write": user.role in write}
    return [verb for verb, has in rights.items() if has and allows(scopes, resource, verb)]


class MeApi(Api):
    """Who am I, what may I."""

    resource = "me"
    serializer_class = MeSerializer
    permission_classes: Sequence[Any] = [HasPart]

    def get_body_class(self) -> Any:
        return MeChange

    def _shown(self, request: Request) -> Any:
        return MeSerializer(request.user, context={"request": request}).data

    @extend_schema(operation_id="me_retrieve", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return self.shown_unless_known(request, user_of(request), self._shown(request))

    @extend_schema(operation_id="me_update", responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Changes the language of one's own screens and mail."""
        user = user_of(request)
        etags.require_match(request, user)
        body = MeChange(data=request.data)
        body.is_valid(raise_exception=True)
        if "language" in body.validated_data:
            people.change_own_language(user, body.validated_data["language"])
        return self.answer(user, self._shown(request))
