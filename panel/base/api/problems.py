"""Errors as RFC 9457 problems: whatever is raised in a view leaves as `application/problem+json`.

`{"type", "title", "status", "detail"}`, for bad input also `errors: [{"field", "code", "message"}]`, and where a
problem has a name of its own `code` (`limit_reached` with `used` and `limit`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.http import Http404, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from panel.base.errors import Clash, Forbidden, LimitReached

CONTENT_TYPE = "application/problem+json"
TYPES = "urn:tegami:problem:"  # followed by the problem's code
TITLES: dict[int, Any] = {
    400: gettext_lazy("Bad input"),
    401: gettext_lazy("Not signed in"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("Not found"),
    405: gettext_lazy("Not offered here"),
    409: gettext_lazy("Conflict"),
    412: gettext_lazy("Changed meanwhile"),
    413: gettext_lazy("Too large"),
    415: gettext_lazy("Another kind of body is expected"),
    429: gettext_lazy("Too many requests"),
    500: gettext_lazy("Something went wrong here"),
    503: gettext_lazy("No answer now"),
}
# What services call a field, and what the API does.
FIELDS = {"local_part": "address", "values": "rules", NON_FIELD_ERRORS: "", "non_field_errors": ""}
Errors = list[dict[str, Any]]


class Problem(Exception):
    """An answer other than the one asked for. `code` names it for programs, `more` are further members."""

    def __init__(
        self,
        status: int,
        detail: Any,
        *,
        code: str = "",
        errors: Errors | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code
        self.errors, self.headers, self.more = errors, dict(headers or {}), more

    def body(self) -> dict[str, Any]:
        """The problem document."""
        found: dict[str, Any] = {
            "type": TYPES + self.code if self.code else "about:blank",
            "title": str(TITLES.get(self.status, TITLES[400])),
            "status": self.status,
            "detail": str(self.detail),
        }
        if self.code:
            found["code"] = self.code
        return found | ({} if self.errors is None else {"errors": self.errors}) | self.more


def bad(field: str, message: Any, code: str = "invalid") -> Problem:
    """400 about one field, parameter or header."""
    return Problem(400, message, errors=[{"field": field, "code": code, "message": str(message)}])


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None lets the error go on: a lost database becomes 503 further up."""
    problem = as_problem(error)
    if problem is None:
        return None
    set_rollback()
    return Response(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def plain_response(problem: Problem) -> JsonResponse:
    """The problem as an answer of Django itself, outside of REST framework's views."""
    return JsonResponse(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def as_problem(error: Exception) -> Problem | None:
    """What `error` means to the client, None when it is no answer but a fault."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        return _refused(error)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, Forbidden | PermissionDenied):
        return Problem(403, str(error) or _("Your role may not do this."))
    if isinstance(error, Http404):
        return Problem(404, _("There is no such thing, or it is not yours."))
    if isinstance(error, RequestDataTooBig):
        return Problem(413, _("The body is too large."))
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return Problem(400, _("The request cannot be read."), errors=[])
    return None


def _refused(error: ValidationError) -> Problem:
    """A service's refusal: a used-up limit, a clash, or broken rules per field."""
    errors = list(_rows(error))
    detail = _summary(errors)
    if isinstance(error, LimitReached):
        return Problem(409, detail, code="limit_reached", errors=errors, used=error.used, limit=error.limit)
    if isinstance(error, Clash):
        return Problem(409, detail, code=errors[0]["code"], errors=errors)
    return Problem(400, detail, errors=errors)


def _rows(error: ValidationError) -> Iterator[dict[str, Any]]:
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    for field, found in by_field.items():
        for one in found:
            yield {"field": FIELDS.get(field, field), "code": one.code or "invalid", "message": "".join(one.messages)}


def _of_framework(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail))
        return Problem(400, _summary(errors), errors=errors)
    if isinstance(error, exceptions.ParseError):
        return Problem(400, error.detail, errors=[])
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code = getattr(error.detail, "code", error.default_code)
    return Problem(error.status_code, error.detail, code="" if code == error.default_code else code, headers=headers)


def _flat(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Serializers' nested errors as rows; an inner value's field is a dotted path: `rules.message_size_mb`, `conditions.0.field`."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            name = FIELDS.get(str(key), str(key))
            yield from _flat(inner, (*path, name) if name else path)
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _flat(inner, (*path, str(number)) if isinstance(inner, Mapping) else path)
    else:
        yield {"field": ".".join(path), "code": getattr(detail, "code", "invalid"), "message": str(detail)}


def _summary(errors: Iterable[Mapping[str, Any]]) -> str:
    """One line that says it all, for people who read logs."""
    return " ".join(f"{row['field']}: {row['message']}" if row["field"] else str(row["message"]) for row in errors)
