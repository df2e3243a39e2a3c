"""The REST API without HTTP: commands go through the very same views, so their rules, errors and answers are the API's."""

import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import Resolver404, resolve
from rest_framework.response import Response
from urllib3 import encode_multipart_formdata

from panel.base import audit
from panel.base.tenancy import Principal

BASE = "/api/v1/"
Files = Mapping[str, tuple[str, bytes]]  # field -> file name, content


class NoSuchPlace(Exception):
    """The API has no such address."""


def ask(
    method: str,
    path: str,
    *,
    user: Principal,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    files: Files | None = None,
) -> Response:
    """The API's answer to `user`; `path` is below `/api/v1/`. Raises `NoSuchPlace`. What it does is recorded as done by command."""
    place = BASE + path.strip("/") + "/"
    try:
        match = resolve(place)
    except Resolver404:
        raise NoSuchPlace(place) from None
    request = _request(method, place, query or {}, *_encoded(body, files))
    request._force_auth_user = user  # type: ignore[attr-defined]  # the way of REST framework's own tests
    request.session = {}  # type: ignore[assignment]
    with audit.origin("command", None):
        response: Response = match.func(request, *match.args, **match.kwargs)
        return response.render() if hasattr(response, "render") else response


def _encoded(body: Mapping[str, Any] | None, files: Files | None) -> tuple[bytes, str]:
    if files:
        fields: dict[str, Any] = {**{key: str(value) for key, value in (body or {}).items()}, **files}
        return encode_multipart_formdata(fields)
    return (json.dumps(body).encode(), "application/json") if body is not None else (b"", "")


def _request(method: str, place: str, query: Mapping[str, str], content: bytes, kind: str) -> WSGIRequest:
    known = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": place,
        "SCRIPT_NAME": "",
        "QUERY_STRING": urlencode(query),
        "SERVER_NAME": known[0] if known else "localhost",
        "SERVER_PORT": "443" if settings.SESSION_COOKIE_SECURE else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "https" if settings.SESSION_COOKIE_SECURE else "http",
        "wsgi.input": io.BytesIO(content),
        "CONTENT_LENGTH": str(len(content)),
        "CONTENT_TYPE": kind,
    }
    return WSGIRequest(environ)
