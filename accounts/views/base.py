"""What the pages of this app share: the domain of the address, lists, and the second step of a deletion."""

from abc import abstractmethod
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from accounts import navigation
from accounts.forms.mailboxes import ConfirmForm
from accounts.models import Domain
from panel.base import csvfile
from panel.base.pages import FormPage, Page, ShownPage
from panel.base.paging import Keyset, Order, order_from, page_of
from panel.base.tenancy import ADMINISTRATORS, Role

OPERATORS = (Role.OPERATOR,)
CONTRACT = (Role.OPERATOR, Role.CUSTOMER_ADMIN)
ADMINS = (*ADMINISTRATORS, Role.WEB_ADMIN)
COUNTED = 1_000  # matches of a search that are counted; above that it says "more than"


class InDomain(Page):
    """A page under /domains/<domain>/: a domain that the user may not see does not exist."""

    roles = ADMINISTRATORS

    @cached_property
    def domain(self) -> Domain:
        visible = Domain.objects.visible_to(self.user).select_related("plan", "customer", "host")
        found: Domain = get_object_or_404(visible, name=self.kwargs["domain"])
        navigation.remember(self.request, found)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "domain": self.domain})


class AsCsv(ShownPage):
    """A page whose list is also there as a file: `?as=csv`, with the search, filters and order of the address."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return self.csv() if request.GET.get("as") == "csv" else super().get(request, *args, **kwargs)

    @abstractmethod
    def csv(self) -> StreamingHttpResponse:
        """The whole list."""


class ListPage(AsCsv):
    """A list with search, sorting and pages. `sorts`: name in the address → column. `csv_columns`: of the file."""

    part_template = ""  # what htmx swaps: the list without the page round it
    sorts: dict[str, str] = {"name": "name"}
    default_sort = "name"
    csv_columns: tuple[str, ...] = ()

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Everything that the list may show."""

    @abstractmethod
    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Those of the rows that the text is found in."""

    def filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows

    @cached_property
    def text(self) -> str:
        return self.request.GET.get("q", "").replace("\x00", "").strip()[:200]

    def is_narrowed(self) -> bool:
        return bool(self.text)

    def found(self) -> tuple[QuerySet[Any], Order]:
        """All rows that search and filters leave, and the order that the address asks for."""
        rows = self.filtered(self.rows())
        rows = self.search(rows, self.text) if self.text else rows
        return rows, order_from(self.request.GET.get("sort", ""), self.sorts, self.default_sort)

    def csv(self) -> StreamingHttpResponse:
        rows, order = self.found()
        return self.as_csv(rows.order_by(*order.by(False)))

    def as_csv(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """The rows in their order, as they come from the database."""
        lines = (self.cells(row) for row in rows.iterator(chunk_size=csvfile.FETCHED))
        return csvfile.response(self.csv_name(), self.csv_columns, lines)

    def csv_name(self) -> str:
        """The file's name without date and ending: the list, and its domain."""
        match = self.request.resolver_match
        kind = (match.url_name if match else None) or "list"
        return "-".join([kind.removesuffix("-list"), *self.kwargs.values()])

    def cells(self, row: Any) -> list[Any]:
        """One for each of `csv_columns`."""
        return [getattr(row, name) for name in self.csv_columns]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows, order = self.found()
        page = page_of(rows, order, self.request.GET)
        found = {"page": page, "order": order, "q": self.text, "narrowed": self.is_narrowed(), **self._matches(rows, page)}
        return super().get_context_data(**found, **kwargs)

    def _matches(self, rows: QuerySet[Any], page: Keyset) -> dict[str, Any]:
        """How many the search found; counted only where a page does not show them all anyway."""
        if not self.is_narrowed():
            return {}
        single = not page.before and not page.after
        found = len(page.rows) if single else rows.order_by()[: COUNTED + 1].count()
        return {"matches": min(found, COUNTED), "more_matches": found > COUNTED}

    def get_template_names(self) -> list[str]:
        htmx: Any = getattr(self.request, "htmx", None)
        part = htmx and not htmx.history_restore_request and htmx.target == "listing"
        return [self.part_template] if part else [str(self.template_name)]


class ConfirmPage(FormPage):
    """The second step of something that cannot be undone; the page says what goes with it."""

    form_class: Any = ConfirmForm


def none_of(found: bool) -> None:
    """404 unless `found`."""
    if not found:
        raise Http404
