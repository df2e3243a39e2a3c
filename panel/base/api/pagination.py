"""Pages of lists by cursor: `{"results", "next", "previous"}`, with `?count=true` also `count`."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from panel.base.api.problems import bad
from panel.base.paging import SIZE, Keyset, Order, page_of, start_of

LARGEST = 500
PARAMETERS = ("limit", "after", "before", "count", "ordering")


class Cursors(BasePagination):
    """The view's `orders` names what `?ordering=` may be; its first entry is the default, or `default_order`."""

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        query = request.query_params
        self.url = request.build_absolute_uri()
        order, size = order_of(query, view), _size(query)
        _check_cursor(queryset, order, query)
        self.count = queryset.count() if _wants_count(query) else None
        self.page: Keyset = page_of(queryset, order, query, size)
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self._link("after", self.page.after), "previous": self._link("before", self.page.before)}
        count = {} if self.count is None else {"count": self.count}
        return Response({"results": data, **links, **count})

    def _link(self, name: str, cursor: str) -> str | None:
        """The same request with another cursor."""
        if not cursor:
            return None
        bare = remove_query_param(remove_query_param(self.url, "after"), "before")
        return str(replace_query_param(bare, name, cursor))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = [sign + name for name in view.orders for sign in ("", "-")]
        return [
            _parameter("limit", "Rows of a page.", {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": SIZE}),
            _parameter("after", "A cursor, as `next` holds it.", {"type": "string"}),
            _parameter("before", "A cursor, as `previous` holds it.", {"type": "string"}),
            _parameter("ordering", "What to sort by; `-` in front reverses.", {"type": "string", "enum": names, "default": _default(view)}),
            _parameter("count", "Adds `count`, the number of all rows.", {"type": "boolean", "default": False}),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {
            "results": schema,
            "next": {**link, "description": "The next page; null on the last."},
            "previous": {**link, "description": "The page before; null on the first."},
            "count": {"type": "integer", "description": "All rows, with `?count=true` only."},
        }
        return {"type": "object", "required": ["results", "next", "previous"], "properties": properties}


def _parameter(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _default(view: Any) -> str:
    return str(getattr(view, "default_order", "") or next(iter(view.orders)))


def order_of(query: QueryDict, view: Any) -> Order:
    """What `?ordering=` asks for, out of the view's `orders`."""
    orders: dict[str, str] = view.orders
    name = query.get("ordering", _default(view))
    if name.removeprefix("-") not in orders:
        raise bad("ordering", _("Choose one of: %(choices)s") % {"choices": ", ".join(orders)})
    return Order(name, orders[name.removeprefix("-")], name.startswith("-"))


def _size(query: QueryDict) -> int:
    text = query.get("limit", str(SIZE))
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= LARGEST):
        raise bad("limit", _("This is a number from %(low)d to %(high)d.") % {"low": 1, "high": LARGEST})
    return int(text)


def _wants_count(query: QueryDict) -> bool:
    text = query.get("count", "false")
    if text not in ("true", "false"):
        raise bad("count", _("This is true or false."))
    return text == "true"


def _check_cursor(queryset: QuerySet[Any], order: Order, query: QueryDict) -> None:
    given = [name for name in ("after", "before") if name in query]
    if len(given) > 1 or (given and start_of(queryset, order, str(query[given[0]])) is None):
        raise bad(given[0], _("This is no cursor of this list."))
