"""The audit trail as a timeline, and undoing (RP4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts import acts, names
from accounts.services import history
from accounts.views.base import ConfirmPage, ListPage
from panel.base import csvfile
from panel.base.models import AuditEntry, Change
from panel.base.paging import Keyset
from panel.base.tenancy import ADMINISTRATORS, Principal

LAST_DAY = date(8999, 12, 30)  # of what people may ask for


@dataclass(frozen=True, slots=True)
class Line:
    """One act as the page shows it."""

    entry: AuditEntry
    icon: str
    sentence: SafeString
    differences: list[acts.Difference]
    via: str
    is_undone: bool
    is_undoable: bool


def line(entry: AuditEntry, user: Principal, *, linked: bool = True) -> Line:
    """`entry` with `undone_by` loaded; no query."""
    before, after = history.shown_to(entry.before, user), history.shown_to(entry.after, user)
    href = f"{reverse('audit-list')}?{urlencode({'subject': entry.subject})}" if linked else ""
    return Line(
        entry,
        acts.icon(entry),
        acts.sentence(entry, before, after, href),
        list(acts.differences(entry, before, after)),
        str(acts.VIAS.get(entry.via, entry.via)),
        hasattr(entry, "undone_by"),
        history.is_undoable(entry, user),
    )


def by_day(entries: Iterable[AuditEntry], user: Principal) -> list[tuple[date, list[Line]]]:
    """The lines under their days, in the service's time zone."""
    days = groupby(entries, key=lambda entry: timezone.localdate(entry.at))
    return [(day, [line(entry, user) for entry in found]) for day, found in days]


class AuditTrail(ListPage):
    """Newest first. Nothing is counted, and every filter has an index: it goes on with millions of entries."""

    roles = ADMINISTRATORS
    template_name = "audit/list.html"
    part_template = "audit/_list.html"
    sorts = {"at": "pk"}
    default_sort = "-at"

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = AuditEntry.objects.visible_to(self.user).select_related("undone_by")
        return found

    def asked(self, name: str) -> str:
        return self.request.GET.get(name, "").replace("\x00", "").strip()[:320]

    @cached_property
    def wanted(self) -> dict[str, str]:
        """What the filters hold; what makes no sense is left out."""
        found = {name: self.asked(name) for name in ("subject", "who", "domain")}
        found |= {name: text for name in ("since", "until") if _day(text := self.asked(name))}
        kind = self.asked("kind")
        found["kind"] = kind if kind in acts.GROUPS else ""
        return {name: text for name, text in found.items() if text}

    def is_narrowed(self) -> bool:
        return super().is_narrowed() or bool(self.wanted)

    def filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        for name, text in self.wanted.items():
            rows = getattr(self, f"by_{name}")(rows, text)
        return rows

    def by_subject(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(subject=text)

    def by_who(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        login = text.lower()
        return rows.filter(actor__in=[login, f"admin:{login}", f"mailbox:{login}"])

    def by_domain(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        try:
            return rows.filter(domain=names.to_ascii(text))
        except ValidationError:
            return rows.none()

    def by_kind(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(action__in=acts.actions_of(text))

    def by_since(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.since(_midnight(_day(text)))  # type: ignore[attr-defined, no-any-return]

    def by_until(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """The day itself included."""
        return rows.until(_midnight(_day(text), 1))  # type: ignore[attr-defined, no-any-return]

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.holding(text)  # type: ignore[attr-defined, no-any-return]

    def _matches(self, rows: QuerySet[Any], page: Keyset) -> dict[str, Any]:
        return {}

    def as_csv(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        return csvfile.response("audit", history.COLUMNS, history.lines(rows.select_related(None), self.user))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = super().get_context_data(wanted=self.wanted, groups=acts.GROUPS, **kwargs)
        return {**found, "days": by_day(found["page"].rows, self.user), "today": timezone.localdate()}


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and date(1900, 1, 1) <= found < LAST_DAY else None


def _midnight(day: date | None, later: int = 0) -> datetime:
    assert day is not None  # noqa: S101 - `wanted` holds days only
    return datetime.combine(day + timedelta(days=later), time.min, timezone.get_current_timezone())


class AuditUndo(ConfirmPage):
    """The second step: what will be set, or why it cannot be."""

    roles = ADMINISTRATORS
    template_name = "audit/undo.html"

    @cached_property
    def entry(self) -> AuditEntry:
        visible = AuditEntry.objects.visible_to(self.user).select_related("undone_by")
        found: AuditEntry = get_object_or_404(visible, pk=self.kwargs["pk"])
        return found

    def admit(self) -> None:
        self.entry  # noqa: B018 - one that is not there is 404 for every verb

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        why = history.hindrance(self.entry, self.user)
        return super().get_context_data(line=line(self.entry, self.user, linked=False), why=why, **kwargs)

    def perform(self, form: BaseForm) -> Change | None:
        return history.undo(self.entry, acting_user=self.user)[1]

    def done_text(self, form: BaseForm) -> str:
        return _("It is as it was before.")

    def get_success_url(self) -> str:
        return f"{reverse('audit-list')}?{urlencode({'subject': self.entry.subject})}"
