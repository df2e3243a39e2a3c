"""Filters of lists by field name, and search. A parameter that the list does not have is 400, never ignored:
a misspelt filter must not answer with everything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from panel.base.api.pagination import PARAMETERS
from panel.base.api.problems import bad

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Filter:
    """One parameter: `apply(rows, value)` narrows the list and may raise `ValidationError`."""

    apply: Callable[[Rows, str], Rows]
    about: str
    choices: tuple[str, ...] = ()


def exact(lookup: str, about: str, parse: Callable[[str], Any] = str, choices: tuple[str, ...] = ()) -> Filter:
    """Rows whose `lookup` equals the value as `parse` reads it."""
    return Filter(lambda rows, value: rows.filter(**{lookup: parse(value)}), about, choices)


def flag(lookup: str, about: str) -> Filter:
    """Rows whose switch is on (`true`) or off (`false`)."""
    return exact(lookup, about, lambda value: value == "true", ("true", "false"))


class FieldFilters(BaseFilterBackend):
    """Applies the view's `filters` and its `search(rows, text)`."""

    def filter_queryset(self, request: Request, queryset: Rows, view: Any) -> Rows:
        query = request.query_params
        _check_known(query, view)
        for name, found in view.filters.items():
            if name in query:
                queryset = _narrowed(queryset, name, found, query[name])
        return view.search(queryset, query["search"]) if query.get("search") else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        if getattr(view, "action", "") not in ("list", "export"):
            return []
        rows = [_described(name, found.about, found.choices) for name, found in view.filters.items()]
        return [_described("search", view.search_about, ()), *rows]


def _check_known(query: QueryDict, view: Any) -> None:
    known = {"search", *getattr(view, "list_parameters", PARAMETERS), *view.filters}
    for name, values in query.lists():
        if name not in known:
            raise bad(name, _("This list has no such parameter; it has: %(names)s") % {"names": ", ".join(sorted(known))}, "unknown")
        if any("\0" in value for value in values):
            raise bad(name, _("The text holds NUL or half a surrogate pair."))


def _narrowed(rows: Rows, name: str, found: Filter, value: str) -> Rows:
    if found.choices and value not in found.choices:
        raise bad(name, _("Choose one of: %(choices)s") % {"choices": ", ".join(found.choices)})
    try:
        return found.apply(rows, value)
    except ValidationError as error:
        raise bad(name, " ".join(error.messages)) from None


def _described(name: str, about: str, choices: tuple[str, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "enum": list(choices)} if choices else {"type": "string"}
    return {"name": name, "in": "query", "description": about, "schema": schema}
