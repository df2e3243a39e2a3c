"""`/sessions/`: signing in by login and password, and where one is signed in. `/sign-in-policy/`: what that takes."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import brakes, sessions, signin, two_step
from accounts.api.resource import HasPart, Resource
from accounts.models import Admin, Appointment, Mailbox, OpenSession, SignInPolicy, Token
from accounts.permissions import require
from accounts.services import people
from accounts.services import two_step as services
from panel.base.api import etags
from panel.base.api.fields import Choice, Number, Strict, Text
from panel.base.api.permissions import token_of, user_of
from panel.base.api.problems import Problem, bad
from panel.base.api.views import Api
from panel.base.errors import Forbidden
from panel.base.tenancy import ADMIN_ROLES

KINDS = ("browser", "program")


class SignIn(Strict):
    login = Text(max_length=320, help_text="An admin's login, or a mailbox's address (`user%domain` or bare name where its plan has them).")
    password = Text(max_length=1000, style={"input_type": "password"})
    otp = Text(required=False, max_length=100, help_text="Of an admin with two-step login: the app's present code, or a recovery code.")
    role = Number(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1, help_text="One of an admin's further roles, by its id in /me/."
    )


class SessionSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="The bearer token of the session.")
    expires_at = serializers.DateTimeField()


class OpenSessionSerializer(serializers.Serializer[OpenSession]):
    id = serializers.IntegerField()
    kind = serializers.SerializerMethodField(help_text="`browser`: signed in on the pages; `program`: by POST /sessions/.")
    address = serializers.IPAddressField(source="remote", allow_null=True, help_text="Where it was seen last.")
    program = serializers.SerializerMethodField(help_text="The browser or program, in plain words.")
    created_at = serializers.DateTimeField()
    seen_at = serializers.SerializerMethodField(help_text="To the minute.")
    current = serializers.SerializerMethodField(help_text="true: the one that asks.")

    @extend_schema_field(serializers.ChoiceField(choices=KINDS))
    def get_kind(self, row: OpenSession) -> str:
        return "browser" if row.token is None else "program"

    def get_program(self, row: OpenSession) -> str:
        return sessions.program_of(row.agent)

    @extend_schema_field(serializers.DateTimeField())
    def get_seen_at(self, row: OpenSession) -> str:
        return str(serializers.DateTimeField().to_representation(sessions.seen(row)))

    def get_current(self, row: OpenSession) -> bool:
        return sessions.is_current(row, self.context["request"])


class SessionApi(Resource):
    """Where one is signed in; and signing in by login and password: a token with every scope of its owner."""

    resource = "sessions"
    model = OpenSession
    named_by = "pk"
    serializer_class = OpenSessionSerializer
    body_classes = {"create": SignIn}
    orders = {"id": "pk"}
    remembers = False
    untagged = ("create", "leave")
    cache_control = "no-store"
    lookup_value_regex = "[0-9]{1,18}"
    search_about = "Part of the address."

    def rows(self) -> QuerySet[Any]:
        return sessions.listed(user_of(self.request))

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(remote__icontains=text)

    def get_authenticators(self) -> list[Any]:
        """Signing in asks for no credentials: an old token beside the password does no harm."""
        asked = getattr(self, "request", None)
        signs_in = asked is not None and asked.method == "POST" and not self.kwargs
        return [] if signs_in else super().get_authenticators()

    def get_permissions(self) -> Sequence[Any]:
        """Signing in is everybody's, and ending the session that one came with needs no scope."""
        return [AllowAny()] if self.action in ("create", "leave") else super().get_permissions()

    @extend_schema(operation_id="sessions_create", responses={201: SessionSerializer}, auth=[])
    def create(self, request: Request) -> Response:
        """12 hours. The session ends early with a new password.

        401 `otp_required` asks for `otp` as well. 403: `two_step_required` (set it up on the pages first), `suspended`,
        `password_forced`. 429 `too_many_failures`: refused for a while, right passwords too.
        """
        body = self.body()
        role = body.pop("role", None)
        try:
            owner = _signed_in(request, **body)
        except brakes.Refused as refused:
            raise Problem(429, refused, code="too_many_failures", headers={"Retry-After": str(refused.seconds)}) from None
        token, key = people.open_api_session(owner, held_role(owner, role))
        sessions.open_program(request._request, token)
        return Response(SessionSerializer({"token": key, "expires_at": token.expires_at}).data, status=201)

    @extend_schema(operation_id="sessions_leave", responses={204: None})
    def leave(self, request: Request) -> Response:
        """Ends the session that the request came with; a token of /tokens/ is revoked there."""
        token: Token | None = token_of(request)
        if user_of(request) is None:
            self.permission_denied(request)
        if token is None:
            signin.sign_out(request._request)
        elif token.is_session:
            signin.note("session.delete", user_of(request))
            token.delete()
        else:
            raise Forbidden(_("This is no session. Tokens are revoked at /tokens/."))
        return Response(status=204)

    def destroy(self, request: Request, name: str) -> Response:
        """Signs that browser or program out; it notices at its next request."""
        return self.deleted(lambda row: services.end_sessions([row], acting_user=user_of(request)))


def held_role(owner: Admin | Mailbox, role: int | None) -> Appointment | None:
    """The further role of that key; raises 400 where it is not theirs."""
    if role is None:
        return None
    found = owner.appointments.filter(pk=role).first() if isinstance(owner, Admin) else None
    if found is None:
        raise bad("role", _("There is no role %(id)d.") % {"id": role}, "unknown")
    return found


def _signed_in(request: Request, login: str, password: str, otp: str = "") -> Admin | Mailbox:
    """Whose login this is, when all that it takes is there. Raises `Problem`, `brakes.Refused`."""
    who = signin.source(request._request, login)
    owner: Any = brakes.tried(who, lambda: _owner(request, login, password))
    if owner is None:
        raise _not_signed_in(_("Login or password is wrong."))
    if isinstance(owner, Mailbox):
        _check_barred(owner)
        by = "password"
    else:
        by = _second_step(who, owner, otp)
    brakes.forgive(who)
    signin.note("session.create", owner, by=by)
    return owner  # type: ignore[no-any-return]


def _owner(request: Request, login: str, password: str) -> Admin | Mailbox | None:
    """Both kinds are asked in any case: the time tells nothing about which logins exist."""
    admin = authenticate(request._request, username=login, password=password)
    mailbox = signin.mailbox_for(login, password)
    return admin if isinstance(admin, Admin) else mailbox


def _second_step(who: brakes.Source, admin: Admin, otp: str) -> str:
    if not two_step.is_on(admin):
        if two_step.is_asked_of(admin.role):
            raise Problem(403, _("Your role signs in with two steps. Set up the second one on the pages first."), code="two_step_required")
        return "password"
    if not otp:
        raise _not_signed_in(_("The second step is missing: send the present code, or a recovery code, as otp."), "otp_required")
    by = brakes.tried(who, lambda: two_step.verify(admin, otp) or None, second=True)
    if by is None:
        raise _not_signed_in(_("This code is wrong, or was used before."), "otp_wrong")
    return by


def _check_barred(mailbox: Mailbox) -> None:
    try:
        signin.check_barred(mailbox)
    except signin.Barred as barred:
        raise Problem(403, barred, code=barred.code) from None


def _not_signed_in(text: str, code: str = "") -> Problem:
    return Problem(401, text, code=code, headers={"WWW-Authenticate": 'Bearer realm="Tegami"'})


class PolicyBody(Strict):
    two_step_roles = serializers.ListField(
        child=Choice(choices=ADMIN_ROLES), required=False, max_length=10, help_text="Roles that sign in with two steps."
    )


class PolicySerializer(serializers.Serializer[SignInPolicy]):
    two_step_roles = serializers.ListField(child=serializers.ChoiceField(choices=ADMIN_ROLES))


class SignInPolicyApi(Api):
    """What the operator asks of everybody who signs in as an admin. An admin whose role is named and who has set up nothing
    finds only the pages to do so. API tokens keep working.
    """

    resource = "sign-in-policy"
    serializer_class = PolicySerializer
    permission_classes: Sequence[Any] = [HasPart]

    def get_body_class(self) -> Any:
        return PolicyBody

    @extend_schema(operation_id="sign_in_policy_retrieve", responses=PolicySerializer)
    def get(self, request: Request) -> Response:
        policy = SignInPolicy.current()
        return self.shown_unless_known(request, policy, PolicySerializer(policy).data)

    @extend_schema(operation_id="sign_in_policy_update", responses=PolicySerializer)
    def patch(self, request: Request) -> Response:
        require(user_of(request), "policy.write")
        with transaction.atomic():
            policy = SignInPolicy.locked()
            etags.require_match(request, policy)
            body = PolicyBody(data=request.data)
            body.is_valid(raise_exception=True)
            if "two_step_roles" in body.validated_data:
                policy = services.change_policy(acting_user=user_of(request), **body.validated_data)
        return self.answer(policy, PolicySerializer(policy).data)
