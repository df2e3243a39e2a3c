"""What belongs to one account or domain: rules in an order, and settings of which there is one each.

The address names the owner first; one that is not visible is 404, and so is anything of another owner.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import Done, Resource
from accounts.models import Domain, Mailbox
from panel.base.api import etags
from panel.base.api.fields import Number, Strict
from panel.base.api.parsing import is_clean
from panel.base.api.views import change_header
from panel.base.models import Change

RULES_MAX = 1_000  # ids of one order; no owner has as many
ID = "[0-9]{1,18}"  # what every database takes as a key


class Order(Strict):
    ids = serializers.ListField(child=Number(), max_length=RULES_MAX, help_text="Every id once, the first rule first.")


class Owned(Resource):
    """`owner_field`: the model's field that names the owner; `owner_kwarg`: its part of the address."""

    owner_field: ClassVar[str]
    owner_kwarg: ClassVar[str]
    reaches_servers = True

    @abstractmethod
    def owners(self) -> QuerySet[Any]:
        """The mailboxes or domains that the user may see."""

    @abstractmethod
    def owner_key(self, name: str) -> dict[str, str]:
        """The filter that finds the owner of this name; may raise `ValidationError`."""

    def owner(self, *, hold: bool = False) -> Any:
        """The visible mailbox or domain of the address, held until the transaction ends; or 404."""
        name = self.kwargs[self.owner_kwarg]
        rows = self.owners().select_for_update(of=("self",)) if hold else self.owners()
        try:
            found = rows.filter(**self.owner_key(name)).first() if is_clean(name) else None
        except ValidationError:
            found = None
        if found is None:
            raise Http404
        return found


class OfAccount(Owned):
    """Things of a mail account, under its scopes."""

    resource = "accounts"
    owner_field = "mailbox"
    owner_kwarg = "address"

    def owners(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Mailbox.objects.visible_to(self.principal).select_related("domain__plan", "domain__host")
        return found

    def owner_key(self, name: str) -> dict[str, str]:
        return {"pk": names.normalise(name)}


class OfDomain(Owned):
    """Things of a domain, under its scopes."""

    resource = "domains"
    owner_field = "domain"
    owner_kwarg = "domain"

    def owners(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Domain.objects.visible_to(self.principal).select_related("plan", "host")
        return found

    def owner_key(self, name: str) -> dict[str, str]:
        return {"name": names.to_ascii(name)}


class Ordered(Owned):
    """Rules of an owner, in an order that counts."""

    named_by = "pk"
    lookup_url_kwarg = "id"
    lookup_value_regex = ID
    orders = {"position": "position", "name": "name"}
    untagged = ("order",)

    def visible(self) -> QuerySet[Any]:
        return super().visible().filter(**{self.owner_field: self.owner()})

    def lockable(self) -> QuerySet[Any]:
        """The services hold the owner before its rules: the same order here."""
        return super().visible().filter(**{self.owner_field: self.owner(hold=True)})

    def place(self, row: Any) -> Sequence[Any]:
        return [self.kwargs[self.owner_kwarg], row.pk]

    def get_body_class(self) -> Any:
        return Order if self.action == "order" else super().get_body_class()

    @abstractmethod
    def order_of(self, owner: Any, ids: list[int]) -> Change:
        """The service that puts the owner's rules in an order."""

    @extend_schema(request=Order, responses=Order)
    @action(detail=False, methods=["post"], filter_backends=[], pagination_class=None)
    def order(self, request: Request, **where: str) -> Response:
        """Puts the rules in this order. The first one that matches ends the search where the plan says so."""
        owner = self.owner()
        self.allow()
        ids = self.body()["ids"]
        change = self.order_of(owner, ids)
        return Response({"ids": ids}, headers=change_header(change))


class Single(Owned):
    """Settings of which each owner has one set; without a row the defaults hold."""

    @abstractmethod
    def row_of(self, owner: Any) -> Model:
        """The row, or the defaults as a row that is not saved."""

    def retrieve(self, request: Request, **where: str) -> Response:
        row = self.row_of(self.owner())
        return self.shown_unless_known(request, row, self.shown(row))

    def written(self, write: Callable[[Any, dict[str, Any]], Done]) -> Response:
        """200 with the settings after `write(owner, body)`; the owner is held before the ETag is compared."""
        with transaction.atomic():
            owner = self.held()
            done = write(owner, self.body())
        return self.answer(done.row, self.shown(done.row), change=done.change)

    def held(self) -> Any:
        """The owner, held, if `If-Match` still names its settings."""
        owner = self.owner(hold=True)
        self.allow()
        etags.require_match(self.request, self.row_of(owner))
        return owner
