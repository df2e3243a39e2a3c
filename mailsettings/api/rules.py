"""`/accounts/<address>/profiles/` and `/domains/<name>/filters/`: rules with conditions, in an order."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.resource import Done
from mailsettings.api.owned import OfAccount, OfDomain, Ordered
from mailsettings.models import NAME_MAX, VALUE_MAX, Action, DomainFilter, Match, Profile
from mailsettings.services import filters, profiles
from mailsettings.shapes import FILTER
from mailsettings.sieve.settings import FIELDS, OPERATORS
from panel.base.api import schema
from panel.base.api.fields import Choice, Flag, Strict, Text
from panel.base.api.filters import exact, flag
from panel.base.models import Change

CONDITIONS_MAX, DESTINATIONS_MAX = 100, 1_000  # beyond every plan: the plan's own numbers are the services'
FILTER_ACTIONS = [choice for choice in Action.choices if choice[0] in FILTER.actions]
schema.name_enums(RuleAction=Action.choices, FilterAction=FILTER_ACTIONS)


class Condition(Strict):
    field = Choice(choices=FIELDS, help_text="`header` is one header by `header_name`, or any.")
    operator = Choice(
        choices=OPERATORS,
        help_text="Letters are compared without case. `body` has contains and not_contains, `attachment` exists and empty, "
        "`importance` and `spam` is, the others all.",
    )
    value = Text(
        required=False,
        allow_blank=True,
        max_length=VALUE_MAX,
        help_text="The keyword; none with `exists` and `empty`. `importance`: high, normal, low. `spam`: yes, no.",
    )
    header_name = Text(required=False, allow_blank=True, max_length=70, help_text="With `header` only; absent = any header.")


class RuleChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"id": "A rule keeps its id.", "position": "Set it by POST …/order/."}
    name = Text(required=False, allow_blank=True, max_length=NAME_MAX)
    match = Choice(required=False, choices=Match.choices, help_text="Default: all.")
    conditions = serializers.ListField(
        child=Condition(), required=False, max_length=CONDITIONS_MAX, help_text="None = all mail. Replaces all that were there."
    )
    action = Choice(required=False, choices=Action.choices, help_text="What the plan has of these.")
    enabled = Flag(required=False, help_text="Default: true.")


class ProfileChange(RuleChange):
    destinations = serializers.ListField(
        child=Text(max_length=320),
        required=False,
        max_length=DESTINATIONS_MAX,
        help_text="Full addresses, for forward and notify. Replaces all that were there.",
    )
    keep_copy = Flag(required=False, help_text="Default: by the plan's manual.")
    strip_attachments = Flag(required=False, help_text="From the forwarded mail; the copy keeps them.")


class ProfileCreation(ProfileChange):
    elsewhere: ClassVar[dict[str, Any]] = {"position": "A new rule is the last; POST …/order/ moves it."}
    action = Choice(choices=Action.choices, help_text="What the plan has of these.")


class FilterChange(RuleChange):
    action = Choice(required=False, choices=FILTER_ACTIONS, help_text="What the plan has of these.")


class FilterCreation(FilterChange):
    elsewhere: ClassVar[dict[str, Any]] = {"position": "A new rule is the last; POST …/order/ moves it."}
    action = Choice(choices=FILTER_ACTIONS, help_text="What the plan has of these.")


class RuleSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    position = serializers.IntegerField(help_text="Rules are tried in this order.")
    name = serializers.CharField()
    match = serializers.ChoiceField(choices=Match.choices)
    conditions = serializers.SerializerMethodField(help_text="None = all mail.")
    action = serializers.ChoiceField(choices=Action.choices)
    enabled = serializers.BooleanField()

    @extend_schema_field(Condition(many=True))
    def get_conditions(self, row: Any) -> list[dict[str, str]]:
        return [_shown(one) for one in row.conditions]


class FilterSerializer(RuleSerializer):
    action = serializers.ChoiceField(choices=FILTER_ACTIONS)


class ProfileSerializer(RuleSerializer):
    destinations = serializers.ListField(child=serializers.CharField())
    keep_copy = serializers.BooleanField()
    strip_attachments = serializers.BooleanField()


def _shown(condition: Mapping[str, str]) -> dict[str, str]:
    """A condition as it was sent: no name of a header where there is none."""
    return {key: value for key, value in condition.items() if key != "header_name" or value}


FILTERS = {
    "action": exact("action", "What it does.", choices=tuple(Action.values)),
    "enabled": flag("enabled", "Rules in use, or out of use."),
    "name": exact("name", "The whole name."),
}


class ProfileApi(OfAccount, Ordered):
    """Profiles of an account, in their order: what is forwarded, refused, thrown away. The plan decides what they may hold."""

    model = Profile
    serializer_class = ProfileSerializer
    body_classes = {"create": ProfileCreation, "partial_update": ProfileChange}
    acts = dict.fromkeys(("create", "partial_update", "destroy", "order"), "profile.write")
    filters = FILTERS

    def create(self, request: Request, **where: str) -> Response:
        """The last in the order. 400 with the plan's name for what the plan lacks; 403 where the user may not forward."""
        mailbox = self.owner()
        return self.created(lambda body: Done(*profiles.create_profile(mailbox, acting_user=self.principal, **body)))

    def partial_update(self, request: Request, **where: str) -> Response:
        """403 for a user who may not forward, where the profile forwards or would."""

        def change(row: Profile, body: dict[str, Any]) -> Done:
            return Done(*profiles.change_profile(row, acting_user=self.principal, **body)) if body else Done(row)

        return self.changed(change)

    def destroy(self, request: Request, **where: str) -> Response:
        """Mail that it treated is treated by the others once the change is live."""
        return self.deleted(lambda row: profiles.delete_profile(row, acting_user=self.principal))

    def order_of(self, owner: Any, ids: list[int]) -> Change:
        return profiles.order_profiles(owner, ids, acting_user=self.principal)

    def lockable(self) -> QuerySet[Any]:
        return super().lockable().select_related("mailbox__domain__plan", "mailbox__domain__host")


class FilterApi(OfDomain, Ordered):
    """Filters of a domain: treat the mail of all its accounts, before the users' own profiles."""

    model = DomainFilter
    serializer_class = FilterSerializer
    body_classes = {"create": FilterCreation, "partial_update": FilterChange}
    acts = dict.fromkeys(("create", "partial_update", "destroy", "order"), "filter.write")
    filters = FILTERS

    def create(self, request: Request, **where: str) -> Response:
        """The last in the order. 400 with the plan's name where the plan has no filters of a domain, or not this action."""
        domain = self.owner()
        return self.created(lambda body: Done(*filters.create_filter(domain, acting_user=self.principal, **body)))

    def partial_update(self, request: Request, **where: str) -> Response:
        """Of the filter only what is sent changes."""

        def change(row: DomainFilter, body: dict[str, Any]) -> Done:
            return Done(*filters.change_filter(row, acting_user=self.principal, **body)) if body else Done(row)

        return self.changed(change)

    def destroy(self, request: Request, **where: str) -> Response:
        """Mail that it treated is treated by the others once the change is live."""
        return self.deleted(lambda row: filters.delete_filter(row, acting_user=self.principal))

    def order_of(self, owner: Any, ids: list[int]) -> Change:
        return filters.order_filters(owner, ids, acting_user=self.principal)

    def lockable(self) -> QuerySet[Any]:
        return super().lockable().select_related("domain__plan", "domain__host")
