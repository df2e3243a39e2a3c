"""`/me/`: who am I, what may I."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.admins import LANGUAGES
from accounts.api.resource import HasPart
from accounts.api.roles import HeldRole, held_roles
from accounts.models import Admin, Domain, Mailbox
from accounts.services import people
from panel.base.api import etags
from panel.base.api.fields import Choice, Strict
from panel.base.api.permissions import allows, token_of, user_of
from panel.base.api.views import Api
from panel.base.tenancy import Role, token_domains


class MeChange(Strict):
    language = Choice(allow_blank=True, required=False, choices=LANGUAGES, help_text="Empty: by the browser.")


MAY = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string", "enum": ["read", "write"]}}}


class MeSerializer(serializers.Serializer[Any]):
    login = serializers.SerializerMethodField(help_text="An admin's login or the mailbox's address.")
    role = serializers.ChoiceField(choices=Role.choices)
    acting = serializers.IntegerField(
        source="appointment_id", allow_null=True, default=None, help_text="The further role one acts in; null: the first."
    )
    roles = serializers.SerializerMethodField(help_text="All of an admin's roles, the first at the head; of a token its own alone.")
    email = serializers.SerializerMethodField()
    language = serializers.ChoiceField(choices=["", *LANGUAGES])
    customer = serializers.SerializerMethodField(allow_null=True)
    domains = serializers.SerializerMethodField(help_text="What one is bound to; empty for operators, who have all.")
    may = serializers.SerializerMethodField(help_text="By resource: `read`, `write`; less what the token leaves out.")
    actions = serializers.SerializerMethodField(help_text="What the role may do, e.g. `mailbox.create`.")

    def get_login(self, user: Any) -> str:
        return str(user.login if isinstance(user, Admin) else user.address)

    @extend_schema_field(HeldRole(many=True))
    def get_roles(self, user: Any) -> Any:
        return held_roles(user, token_of(self.context["request"])) if isinstance(user, Admin) else []

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
        with transaction.atomic():
            etags.require_match(request, user._meta.model._base_manager.select_for_update().get(pk=user.pk))
            body = MeChange(data=request.data)
            body.is_valid(raise_exception=True)
            if "language" in body.validated_data:
                people.change_own_language(user, body.validated_data["language"])
        return self.answer(user, self._shown(request))
