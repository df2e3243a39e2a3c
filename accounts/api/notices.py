"""`/notices/`: the message board."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names, notices
from accounts.api.resource import Done, Resource, named
from accounts.models import Customer, Dismissal, Domain, Notice
from accounts.models.board import Audience, Level
from accounts.services import board
from panel.base.api import schema
from panel.base.api.fields import Choice, Line, Moment, Strict, Text
from panel.base.api.filters import Filter, exact
from panel.base.errors import Forbidden
from panel.base.tenancy import Role, token_domains

schema.name_enums(NoticeLevel=Level.choices, NoticeAudience=Audience.choices)


class NoticeChange(Strict):
    elsewhere: ClassVar[dict[str, Any]] = {"code": "Only the system's notices have one."}
    title = Line(required=False, max_length=200)
    text = Text(required=False, allow_blank=True, max_length=5_000, help_text="Plain text; addresses in it become links on the screens.")
    level = Choice(required=False, choices=Level.choices)
    audience = Choice(required=False, choices=Audience.choices, help_text="Whom it is for, within the customer or domain that it names.")
    customer = Text(required=False, allow_null=True, max_length=100, help_text="Only for this contract; null = for all.")
    domain = Text(
        required=False, allow_null=True, max_length=254, help_text="Only for this domain, and so for its customer; null = for all."
    )
    starts_at = Moment(required=False, help_text="Shown from then on. Default: now.")
    ends_at = Moment(required=False, allow_null=True, help_text="Shown until then; null = until it is deleted.")


class NoticeCreation(NoticeChange):
    title = Line(max_length=200)


class NoticeSerializer(serializers.Serializer[Notice]):
    id = serializers.IntegerField()
    code = serializers.CharField(help_text="What the system says by it, e.g. `password_forced`; empty for the operator's own notices.")
    title = serializers.SerializerMethodField(help_text="The system's in the language of the request.")
    text = serializers.SerializerMethodField(help_text="Plain text.")
    level = serializers.ChoiceField(choices=Level.choices)
    audience = serializers.ChoiceField(choices=Audience.choices)
    customer = serializers.CharField(source="customer.name", default=None, allow_null=True)
    domain = serializers.CharField(source="domain.name", default=None, allow_null=True)
    account = serializers.CharField(source="mailbox_id", allow_null=True, help_text="The account that it is about.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    dismissed = serializers.BooleanField(help_text="Put away by who asks.")

    def get_title(self, row: Notice) -> str:
        return notices.said(row).title

    def get_text(self, row: Notice) -> str:
        return notices.said(row).text


def _current(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    shown: QuerySet[Any] = rows.model.objects.current().values("pk")
    return rows.filter(pk__in=shown) if value == "true" else rows.exclude(pk__in=shown)


@contextmanager
def named_as_sent() -> Iterator[None]:
    """What the rules say of the model's `body` is about the field `text` here."""
    try:
        yield
    except ValidationError as error:
        found = error.error_dict
        raise ValidationError({"text" if field == "body" else field: errors for field, errors in found.items()}) from None


class NoticeApi(Resource):
    """The message board. Everybody reads the notices that are for them while they are shown; operators read and write all."""

    resource = "notices"
    model = Notice
    named_by = "pk"
    serializer_class = NoticeSerializer
    body_classes = {"create": NoticeCreation, "partial_update": NoticeChange, "dismiss": Strict}
    acts = {"create": "notice.write", "partial_update": "notice.write", "destroy": "notice.write", "dismiss": "notice.dismiss"}
    orders = {"id": "pk"}
    filters = {
        "level": exact("level", "The kind.", choices=tuple(Level.values)),
        "audience": exact("audience", "Whom it is for.", choices=tuple(Audience.values)),
        "code": exact("code", "The system's code."),
        "customer": exact("customer__name", "Name of a customer."),
        "domain": exact("domain__name", "Name of a domain.", names.to_ascii),
        "dismissed": exact("dismissed", "Put away by who asks, or not.", lambda value: value == "true", ("true", "false")),
        "current": Filter(_current, "Shown now, or not (only operators see others).", ("true", "false")),
    }
    search_about = "Part of the title or the text of the operator's notices, or of what a system notice is about."
    lookup_value_regex = "[0-9]{1,18}"

    def visible(self) -> QuerySet[Any]:
        rows: Any = super().visible()
        found: QuerySet[Any] = rows if self.principal.role == Role.OPERATOR else rows.current()
        return found

    def rows(self) -> QuerySet[Any]:
        put_away = Dismissal.objects.filter(notice=OuterRef("pk"), reader=self.principal.actor)
        found: QuerySet[Any] = self.visible().select_related("customer", "domain").annotate(dismissed=Exists(put_away))
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(title__icontains=text) | Q(body__icontains=text) | Q(topic__icontains=text))

    def allow(self) -> None:
        """Whoever is limited to domains reads and puts away what is theirs, and writes to nobody."""
        if self.action != "dismiss" and token_domains(self.principal):
            raise Forbidden(_("This token is limited to domains."))
        super().allow()

    def create(self, request: Request) -> Response:
        """The operator's: it is on the boards of its readers from `starts_at` on."""

        def make(body: dict[str, Any]) -> Done:
            with named_as_sent():
                return Done(board.create_notice(acting_user=self.principal, **self._resolved(body)))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """Of the operator's own notices; the system's change by themselves. Who has put it away does not see it again."""

        def change(row: Notice, body: dict[str, Any]) -> Done:
            with named_as_sent():
                return Done(board.change_notice(row, acting_user=self.principal, **self._resolved(body)))

        return self.changed(change)

    def _resolved(self, body: dict[str, Any]) -> dict[str, Any]:
        """Names turned into the objects that they name."""
        if "text" in body:
            body["body"] = body.pop("text")
        for field, model in (("customer", Customer), ("domain", Domain)):
            if body.get(field) is not None:
                body[field] = named(
                    model.objects.visible_to(self.principal), field, body[field].lower() if field == "domain" else body[field]
                )
        return body

    def destroy(self, request: Request, name: str) -> Response:
        """Takes it off every board."""
        return self.deleted(lambda row: board.delete_notice(row, acting_user=self.principal))

    @extend_schema(operation_id="notices_dismiss", request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"], filter_backends=[])
    def dismiss(self, request: Request, name: str) -> Response:
        """Puts it away for who asks, for nobody else."""
        row = self.one(self.visible())
        self.allow()
        self.body()
        board.dismiss(row, self.principal)
        row = self.again(row)
        return self.answer(row, self.shown(row))
