"""Django's own error pages: a problem document below /api/, a page everywhere else."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults

from panel.base.api.problems import Problem, plain_response


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return plain_response(Problem(400, _("The request cannot be read."), errors=[]))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return plain_response(Problem(403, _("Your role may not do this.")))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return plain_response(Problem(404, _("There is no such thing, or it is not yours.")))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_api(request):
        return plain_response(Problem(500, _("The fault is ours; it has been logged.")))
    return defaults.server_error(request)
