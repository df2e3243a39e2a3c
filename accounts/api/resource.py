"""The one shape of a resource: list, one object by its name, create, change, delete.

Order of answers: 401 nobody there; 404 the role has no part in it; 403 the token's scope; 404 not visible;
403 the role lacks the verb; 412 stale; 400 bad input; then the service decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts import names, permissions
from accounts.models import Domain
from panel.base.api import etags
from panel.base.api.fields import Strict
from panel.base.api.filters import FieldFilters, Filter
from panel.base.api.pagination import Cursors
from panel.base.api.parsing import is_clean
from panel.base.api.permissions import HasScope, user_of
from panel.base.api.problems import bad
from panel.base.api.views import Api, change_header
from panel.base.errors import Forbidden
from panel.base.models import Change
from panel.base.tenancy import Principal, token_domains


class Done(NamedTuple):
    """What a service made of a request."""

    row: Any
    change: Change | None = None


class HasPart(HasScope):
    """404 for a role that has no part in the resource; then the token's scope."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if user_of(request) is not None and not permissions.has_part(request.user, view.resource):
            raise Http404
        return super().has_permission(request, view)


class Resource(Api, GenericViewSet[Any]):
    """What subclasses say of themselves; `rows` adds what showing needs, so that a list has no query per row."""

    model: ClassVar[Any]
    named_by: ClassVar[str] = "name"  # the model's field that names an object in addresses
    body_classes: ClassVar[Mapping[str, type[Strict] | None]] = {}  # by action
    acts: ClassVar[Mapping[str, str]] = {}  # action -> what `permissions.ACTIONS` calls it
    orders: ClassVar[dict[str, str]] = {"name": "name"}
    filters: ClassVar[dict[str, Filter]] = {}
    search_about: ClassVar[str] = "Part of the name."
    reaches_servers: ClassVar[bool] = False
    holds: ClassVar[tuple[str, ...]] = ("self",)  # what FOR UPDATE locks of `lockable`
    unlimited_only: ClassVar[bool] = False  # no writing with a token that is limited to domains

    permission_classes: Sequence[Any] = [HasPart]
    pagination_class = Cursors
    filter_backends: Sequence[Any] = [FieldFilters]
    lookup_url_kwarg = "name"
    lookup_value_regex = "[^/]+"

    @property
    def principal(self) -> Principal:
        user: Principal = user_of(self.request)
        return user

    # --- what is there

    def visible(self) -> QuerySet[Any]:
        """Every query of a resource begins here."""
        found: QuerySet[Any] = self.model.objects.visible_to(self.principal)
        return found

    def rows(self) -> QuerySet[Any]:
        return self.visible()

    def get_queryset(self) -> QuerySet[Any]:
        return self.rows()

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(name__icontains=text)

    def normalised(self, name: str) -> Any:
        """The name as the database has it; may raise `ValidationError`."""
        return name

    def one(self, rows: QuerySet[Any]) -> Any:
        """The object that the address names, out of `rows`, or 404."""
        asked = self.kwargs[self.lookup_url_kwarg]
        if not re.fullmatch(self.lookup_value_regex, asked):  # an address that no router made
            raise Http404
        try:
            name = self.normalised(asked)
        except ValidationError:
            raise Http404 from None
        if not is_clean(name):
            raise Http404
        found = rows.filter(**{self.named_by: name}).first()
        if found is None:
            raise Http404
        return found

    def locked(self) -> Any:
        """The object, held until the transaction ends, if `If-Match` still names it."""
        row = self.one(self.lockable().select_for_update(of=self.holds))
        self.allow()
        etags.require_match(self.request, row)
        return row

    def lockable(self) -> QuerySet[Any]:
        return self.visible()

    def allow(self) -> None:
        """403 where the role, or a token limited to domains, may not do this to the object at all."""
        if self.unlimited_only and token_domains(self.principal):
            raise Forbidden(_("This token is limited to domains."))
        if act := self.acts.get(self.action):
            permissions.require(self.principal, act)

    # --- what comes in and goes out

    def get_body_class(self) -> Any:
        return self.body_classes.get(self.action, self.serializer_class)

    def body(self) -> dict[str, Any]:
        """The validated body of the present action."""
        serializer: BaseSerializer[Any] = self.get_body_class()(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def shown(self, row: Any) -> Any:
        return self.get_serializer(row).data

    def place(self, row: Any) -> Sequence[Any]:
        """What stands for the object in its address."""
        return [getattr(row, self.named_by)]

    def again(self, row: Any) -> Any:
        """The object as it is after a write, with all that showing needs."""
        return self.rows().get(pk=row.pk)

    # --- the verbs

    def list(self, request: Request, **where: str) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def retrieve(self, request: Request, **where: str) -> Response:
        row = self.one(self.rows())
        return self.shown_unless_known(request, row, self.shown(row))

    def created(self, make: Callable[[dict[str, Any]], Done]) -> Response:
        """201 with the object that `make` made of the body."""
        self.allow()
        done = make(self.body())
        row = self.again(done.row)
        address = reverse(f"api:{self.basename}-detail", args=self.place(row))
        return self.answer(row, self.shown(row), change=done.change, status=201, location=self.request.build_absolute_uri(address))

    def changed(self, change: Callable[[Any, dict[str, Any]], Done]) -> Response:
        """200 with the object after `change(row, body)`; the row is locked before its ETag is compared."""
        with transaction.atomic():
            row = self.locked()
            done = change(row, self.body())
        row = self.again(done.row)
        return self.answer(row, self.shown(row), change=done.change)

    def deleted(self, delete: Callable[[Any], Change | None]) -> Response:
        with transaction.atomic():
            change = delete(self.locked())
        return Response(status=204, headers=change_header(change))


def domain_of(address: str, user: Principal) -> tuple[Domain, str]:
    """The visible domain of an address in a body, and the local part; raises 400 about `address`."""
    try:
        local, name = names.split(address)
    except ValidationError as error:
        raise ValidationError({"address": error}) from None
    domain = Domain.objects.visible_to(user).select_related("plan", "customer", "host").filter(name=name).first()
    if domain is None:
        raise ValidationError({"address": ValidationError(_("There is no domain of this name."), code="domain")})
    return domain, local


def named(rows: QuerySet[Any], field: str, name: str) -> Any:
    """The object that a body refers to by name, out of the visible `rows`; raises 400 about the field."""
    found = rows.filter(name=name).first()
    if found is None:
        raise bad(field, _("There is no such thing: %(name)s") % {"name": name[:100]}, "unknown")
    return found


def in_domain(rows: QuerySet[Any], name: str) -> QuerySet[Any]:
    """Narrowed to one domain by its key, so that the index (domain, name) serves the order too."""
    return rows.filter(domain_id=Domain.objects.filter(name=names.to_ascii(name)).values("pk")[:1])


BY_DOMAIN = Filter(in_domain, "Name of a domain.")
