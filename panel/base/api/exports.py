"""`…/export.csv`: a list with its filters and order as one CSV file, streamed."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from panel.base import csvfile
from panel.base.api.pagination import order_of

View = TypeVar("View", bound=Callable[..., Any])
Lines = Callable[[QuerySet[Any]], Iterable[Sequence[Any]]]


def described(operation_id: str, orders: Iterable[str]) -> Callable[[View], View]:
    """A decorator: what the OpenAPI document says of an export."""
    names = [sign + name for name in orders for sign in ("", "-")]
    ordering = OpenApiParameter("ordering", str, description="What to sort by; `-` in front reverses.", enum=names)
    responses: Any = {(200, "text/csv"): OpenApiTypes.STR}
    return extend_schema(operation_id, [ordering], responses=responses, filters=True)


class Exported:
    """What a resource adds to have an export: all of the list, so no pages, and no count."""

    untagged: ClassVar[tuple[str, ...]] = ("export",)
    list_parameters: ClassVar[tuple[str, ...]] = ("ordering",)

    def as_csv(self, name: str, columns: Sequence[str], lines: Lines) -> StreamingHttpResponse:
        """The rows that the request asks for; `lines` makes cells of them as they come from the database."""
        view: Any = self
        view.allow()
        rows = view.filter_queryset(view.get_queryset()).order_by(*order_of(view.request.query_params, view).by(False))
        return csvfile.response(name, columns, lines(rows))
