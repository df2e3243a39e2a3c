"""`/aliases/` and `/groups/`: addresses that stand for others."""

from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import BY_DOMAIN, Done, Resource, domain_of
from accounts.models import Alias, AliasDestination, Group, GroupMember, MailHost
from accounts.models.addresses import EXPANSION_MAX
from accounts.services import expansions
from panel.base.api.fields import Strict, Text
from panel.base.api.filters import Filter, exact

KEEPS = {"address": "An address keeps its name."}


def addresses_field(about: str, **more: Any) -> Any:
    return serializers.ListField(child=Text(max_length=320), max_length=EXPANSION_MAX, help_text=about, **more)


class AliasChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = KEEPS
    destinations = addresses_field("Full addresses, inside or outside. Replaces all that were there.", required=False)


class AliasCreation(Strict):
    address = Text(max_length=320)
    destinations = addresses_field("Full addresses, inside or outside.")


class AliasSerializer(serializers.Serializer[Alias]):
    address = serializers.CharField()
    destinations = serializers.ListField(child=serializers.CharField(), source="addresses")


class GroupChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = KEEPS
    members = addresses_field("Full addresses, inside or outside. Replaces all that were there.", required=False)


class GroupCreation(Strict):
    address = Text(max_length=320)
    members = addresses_field("Full addresses, inside or outside.")


class GroupSerializer(serializers.Serializer[Group]):
    address = serializers.CharField()
    members = serializers.ListField(child=serializers.CharField(), source="addresses")


def leading_to(child: Any, word: str) -> Filter:
    """Rows that one of the child rows connects with the address."""

    def apply(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(Exists(child.objects.filter(**{word: OuterRef("pk")}, address=names.destination(value))))

    return Filter(apply, "An address that mail goes on to.")


class Expansions(Resource):
    """What both have in common; the service's functions and the field's name are the subclass's."""

    named_by = "pk"
    field: ClassVar[str]
    orders = {"address": "pk"}
    search_about = "Part of the address."
    reaches_servers = True

    def visible(self) -> QuerySet[Any]:
        return super().visible().select_related("domain__plan", "domain__host", "domain__customer")

    def rows(self) -> QuerySet[Any]:
        return super().visible().prefetch_related(self.field)

    def lockable(self) -> QuerySet[Any]:
        """The services hold the host's row, so that no loop closes behind their back: the same row first, here too."""
        host = self.one(self.visible()).domain.host_id
        MailHost.objects.select_for_update().get(pk=host)
        return self.visible()

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(name__address__contains=text.lower())

    def normalised(self, name: str) -> str:
        return names.normalise(name)


class AliasApi(Expansions):
    """Forwarding addresses: mail to one goes to its destinations, and a login it reaches may send as it."""

    resource = "aliases"
    model = Alias
    field = "destinations"
    serializer_class = AliasSerializer
    body_classes = {"create": AliasCreation, "partial_update": AliasChange}
    acts = {"create": "alias.write", "partial_update": "alias.write", "destroy": "alias.write"}
    filters = {
        "domain": BY_DOMAIN,
        "address": exact("pk", "The whole address.", names.normalise),
        "destinations": leading_to(AliasDestination, "alias"),
    }

    def create(self, request: Request) -> Response:
        """At most 1,000 addresses may be reached in all; a loop is refused."""

        def make(body: dict[str, Any]) -> Done:
            domain, local = domain_of(body["address"], self.principal)
            return Done(*expansions.create_alias(domain, local, body["destinations"], acting_user=self.principal))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        def change(row: Alias, body: dict[str, Any]) -> Done:
            if "destinations" not in body:
                return Done(row)
            return Done(*expansions.change_alias(row, body["destinations"], acting_user=self.principal))

        return self.changed(change)

    def destroy(self, request: Request, name: str) -> Response:
        """Mail to the address is refused once the change is live."""
        return self.deleted(lambda row: expansions.delete_alias(row, acting_user=self.principal))


class GroupApi(Expansions):
    """Group addresses: reach every member. 400 with the plan's name where the plan has none."""

    resource = "groups"
    model = Group
    field = "members"
    serializer_class = GroupSerializer
    body_classes = {"create": GroupCreation, "partial_update": GroupChange}
    acts = {"create": "group.write", "partial_update": "group.write", "destroy": "group.write"}
    filters = {
        "domain": BY_DOMAIN,
        "address": exact("pk", "The whole address.", names.normalise),
        "members": leading_to(GroupMember, "group"),
    }

    def create(self, request: Request) -> Response:
        """At most 1,000 addresses may be reached in all; a loop is refused."""

        def make(body: dict[str, Any]) -> Done:
            domain, local = domain_of(body["address"], self.principal)
            return Done(*expansions.create_group(domain, local, body["members"], acting_user=self.principal))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        def change(row: Group, body: dict[str, Any]) -> Done:
            if "members" not in body:
                return Done(row)
            return Done(*expansions.change_group(row, body["members"], acting_user=self.principal))

        return self.changed(change)

    def destroy(self, request: Request, name: str) -> Response:
        """Mail to the address is refused once the change is live."""
        return self.deleted(lambda row: expansions.delete_group(row, acting_user=self.principal))
