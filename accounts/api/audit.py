"""`/audit/`: who changed what, from where, before and after; and undoing it."""

from datetime import UTC, datetime, time
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import get_current_timezone, is_naive
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import Resource
from accounts.services import history
from panel.base.api.exports import Exported, described
from panel.base.api.fields import Strict
from panel.base.api.filters import Filter, exact
from panel.base.api.permissions import allows, token_of
from panel.base.api.problems import Problem
from panel.base.models import AuditEntry

VIAS = ("page", "api", "csv", "command", "task")
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class AuditSerializer(serializers.Serializer[AuditEntry]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="`admin:LOGIN`, `mailbox:ADDRESS`, or `system`.")
    via = serializers.ChoiceField(choices=VIAS)
    remote = serializers.IPAddressField(allow_null=True, help_text="Where the request came from.")
    action = serializers.CharField(help_text="What was done, e.g. `mailbox.change`.")
    domain = serializers.CharField(help_text="The domain concerned; empty where it was none.")
    subject = serializers.CharField(help_text="What it was done to: an address, a login, a name.")
    before = serializers.SerializerMethodField(help_text="What differed, before; never a password.")
    after = serializers.SerializerMethodField(help_text="What differed, afterwards.")
    undoes = serializers.IntegerField(source="undoes_id", allow_null=True, help_text="The entry that this one undid.")
    undone_by = serializers.SerializerMethodField(help_text="The entry that undid this one; null = it stands.")
    undoable = serializers.SerializerMethodField(help_text="Whether undoing it is offered to you; what has changed since is asked then.")

    def _seen(self, values: dict[str, Any]) -> dict[str, Any]:
        return history.shown_to(values, self.context["view"].principal)

    def get_before(self, row: AuditEntry) -> dict[str, Any]:
        return self._seen(row.before)

    def get_after(self, row: AuditEntry) -> dict[str, Any]:
        return self._seen(row.after)

    def get_undone_by(self, row: AuditEntry) -> int | None:
        return row.undone_by.pk if hasattr(row, "undone_by") else None

    def get_undoable(self, row: AuditEntry) -> bool:
        return history.is_undoable(row, self.context["view"].principal)


def moment(text: str) -> datetime:
    """An RFC 3339 moment, or a day, which begins at midnight of the service's time zone. Raises `ValidationError`."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.min) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is not None:
        found = found.replace(tzinfo=get_current_timezone()) if is_naive(found) else found
    if found is None or not FIRST < found < LAST:
        raise ValidationError(_("This is a moment as 2026-01-31T09:00:00+09:00, or a day as 2026-01-31."))
    return found


class AuditApi(Resource):
    """The audit trail, newest first. Admins see what concerned their contract or domains at the time."""

    resource = "audit"
    model = AuditEntry
    named_by = "pk"
    serializer_class = AuditSerializer
    body_classes = {"undo": Strict}
    acts: ClassVar[dict[str, str]] = {"undo": "audit.undo"}
    orders = {"id": "pk"}
    default_order = "-id"
    filters = {
        "domain": exact("domain", "Name of a domain.", names.to_ascii),
        "actor": exact("actor", "`admin:LOGIN`, `mailbox:ADDRESS` or `system`."),
        "action": exact("action", "What was done, e.g. `mailbox.change`."),
        "subject": exact("subject", "The whole address, login or name that it was done to."),
        "via": exact("via", "How it was done.", choices=VIAS),
        "since": Filter(lambda rows, text: rows.since(moment(text)), "From this moment or day on."),  # type: ignore[attr-defined]
        "until": Filter(lambda rows, text: rows.until(moment(text)), "Before this moment or day."),  # type: ignore[attr-defined]
    }
    search_about = "Part of the subject or the actor."
    lookup_value_regex = "[0-9]{1,18}"
    reaches_servers = True

    def rows(self) -> QuerySet[Any]:
        return self.visible().select_related("undone_by")

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.holding(text)  # type: ignore[attr-defined, no-any-return]

    @extend_schema(request=None, responses=AuditSerializer)
    @action(detail=True, methods=["post"], filter_backends=[])
    def undo(self, request: Request, name: str) -> Response:
        """Sets what was before, by today's rules; answers with the entry of the undoing.

        Needs the scope to write what was changed, too. 400 for what cannot be undone or what today's rules refuse; 409
        where it has been undone (`undone`), has been changed since (`changed`) or is not there any more (`gone`).
        """
        row = self.one(self.rows())
        self.allow()
        self._require_scope(history.resource_of(row))
        self.body()
        made, change = history.undo(row, acting_user=self.principal)
        made = self.again(made)
        return self.answer(made, self.shown(made), change=change)

    def _require_scope(self, resource: str) -> None:
        token = token_of(self.request)
        if token is not None and resource and not allows(token.scopes, resource, "write"):
            scope = f"{resource}:write"
            raise Problem(403, _("The token lacks the scope %(scope)s.") % {"scope": scope}, code="scope")


class AuditExportApi(Exported, AuditApi):
    """The audit trail as CSV."""

    def rows(self) -> QuerySet[Any]:
        return self.visible()

    @described("audit_export", AuditApi.orders)
    def export(self, request: Request) -> StreamingHttpResponse:
        """With the filters of the list. UTF-8 with BOM; `before` and `after` are JSON."""
        return self.as_csv("audit", history.COLUMNS, lambda rows: history.lines(rows, self.principal))
