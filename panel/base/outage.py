"""What a request gets while the database is away: 503 with Retry-After, as a page or as a problem."""

from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

RETRY_AFTER = 5  # seconds


class DatabaseAwayMiddleware:
    """Turns a lost database connection into an honest answer. Mail itself never waits for the panel."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        except (OperationalError, InterfaceError):
            return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, OperationalError | InterfaceError):
            return self.answer(request)
        return None

    def answer(self, request: HttpRequest) -> HttpResponse:
        connection.close()
        response: HttpResponse
        if request.path.startswith("/api/"):
            problem = {
                "type": "about:blank",
                "title": _("The database is away"),
                "status": 503,
                "detail": _("Mail goes on. Please try again in a moment."),
            }
            response = JsonResponse(problem, status=503, content_type="application/problem+json")
        else:
            response = HttpResponse(render_to_string("503.html"), status=503)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
