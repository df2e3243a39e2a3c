"""Pages of long lists by keyset: the cost of a page does not grow with its distance from the first.

A cursor is the sort value and key of the row that a page begins after (or ends before); it is no secret.
One that makes no sense gives the first page; the API asks `start_of` first and answers 400.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from django.db.models import F, IntegerField, Q, QuerySet
from django.http import QueryDict

SIZE = 50  # rows of a page


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by. Rows without a value come last, and first when descending."""

    name: str  # as it stands in the address, e.g. "-usage"
    field: str
    descending: bool = False

    def by(self, backwards: bool) -> list[Any]:
        down = self.descending != backwards
        key = F("pk").desc() if down else F("pk").asc()
        if self.field == "pk":
            return [key]
        column = F(self.field)
        return [column.desc(nulls_first=True) if down else column.asc(nulls_last=True), key]

    def beyond(self, value: Any, key: Any, backwards: bool, nullable: bool) -> Q:
        """The rows after (value, key) in this order, or before it when going backwards.

        Only a `nullable` column gets the OR for rows without a value: it keeps the index from giving the start.
        """
        down = self.descending != backwards
        further = Q(pk__lt=key) if down else Q(pk__gt=key)
        if self.field == "pk":
            return further
        if value is None:
            same = Q(**{f"{self.field}__isnull": True}) & further
            return same | Q(**{f"{self.field}__isnull": False}) if down else same
        bound = Q(**{f"{self.field}__lte" if down else f"{self.field}__gte": value})
        strict = Q(**{f"{self.field}__lt" if down else f"{self.field}__gt": value})
        after = bound & (strict | further)
        return after if down or not nullable else after | Q(**{f"{self.field}__isnull": True})


def order_from(name: str, fields: dict[str, str], default: str) -> Order:
    """The order that `?sort=` names ("usage", "-usage"); one that does not exist gives the default."""
    if name.removeprefix("-") not in fields:
        name = default
    return Order(name, fields[name.removeprefix("-")], name.startswith("-"))


@dataclass(slots=True)
class Keyset:
    """The rows of one page, and the cursors of its neighbours ("" = there is none)."""

    rows: list[Any]
    before: str = ""
    after: str = ""


def page_of(queryset: QuerySet[Any], order: Order, query: QueryDict, size: int = SIZE) -> Keyset:
    """The page that `?after=` or `?before=` asks for, in one query."""
    backwards = bool(query.get("before"))
    start = start_of(queryset, order, query.get("before") or query.get("after") or "")
    if start is not None:
        nullable = order.field != "pk" and queryset.model._meta.get_field(order.field).null
        queryset = queryset.filter(order.beyond(*start, backwards, nullable))
    rows = list(queryset.order_by(*order.by(backwards and start is not None))[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards and start is not None:
        rows.reverse()
    return _with_cursors(rows, order, is_start=start is None, backwards=backwards and start is not None, more=more)


def _with_cursors(rows: list[Any], order: Order, *, is_start: bool, backwards: bool, more: bool) -> Keyset:
    if not rows:
        return Keyset(rows)
    has_before = more if backwards else not is_start
    has_after = True if backwards else more
    return Keyset(rows, _encode(rows[0], order) if has_before else "", _encode(rows[-1], order) if has_after else "")


def _encode(row: Any, order: Order) -> str:
    text = json.dumps([getattr(row, order.field), row.pk], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def start_of(queryset: QuerySet[Any], order: Order, cursor: str) -> tuple[Any, Any] | None:
    """The sort value and key that the cursor holds; None where these columns cannot hold such values."""
    try:
        value, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fields = queryset.model._meta
        column = fields.pk if order.field == "pk" else fields.get_field(order.field)
        fits = _fits(fields.pk, key) and (value is None or _fits(column, value))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return None
    return (value, key) if fits else None


def _fits(field: Any, value: Any) -> bool:
    """True if the database can compare the column with the value: text without NUL, a number of 64 bits."""
    if isinstance(field.target_field if field.is_relation else field, IntegerField):
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, str) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
