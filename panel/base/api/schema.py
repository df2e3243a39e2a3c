"""The OpenAPI document: what drf-spectacular finds in the views, with our headers and problems.

`document()` is served at /api/v1/schema/ and committed as docs/openapi.yaml (`manage.py openapi` prints it).
"""

from functools import cache
from typing import Any

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from panel.base.api.problems import CONTENT_TYPE
from panel.base.models import JobState, State
from panel.base.tenancy import ADMIN_ROLES, Role

ABOUT = """\
Tegami's control panel by REST: JSON in snake_case, `Authorization: Bearer <token>` or the browser's session with CSRF token.

* Objects are named by what people know them by: domains, plans, customers and hosts by name, admins by login,
  accounts, aliases and groups by address. International domains are A-labels here; U-labels are understood in addresses of objects.
* Errors are `application/problem+json` (RFC 9457). What is not there and what is not yours are both 404.
* A write that concerns mail servers answers with `Change-Id`; `GET /changes/<id>/?wait=5` says when it is live.
* `PATCH` changes only what is sent. A field that does not exist is refused with 400, never ignored.
* Every single object has an `ETag`. `If-Match` on PUT, PATCH and DELETE is 412 once somebody else has changed it.
* What belongs to an account or a domain (profiles, filters, settings) goes by the scopes `accounts` and `domains`.
* `Idempotency-Key` on POST is honoured for 24 hours.
* Sizes: 1 MB = 1,048,576 bytes. Moments are RFC 3339 with a time zone.
"""
SETTINGS: dict[str, Any] = {
    "TITLE": "Tegami",
    "VERSION": "1",
    "DESCRIPTION": ABOUT,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_PATCH": False,  # bodies of PATCH are serializers of their own
    "ENUM_NAME_OVERRIDES": {
        "ChangeState": State.choices,
        "JobState": JobState.choices,
        "Role": Role.choices,
        "AdminRole": ADMIN_ROLES,
    },
}
WHY = {
    400: "Bad input, field by field.",
    401: "No or bad credentials.",
    403: "Not this verb, field or scope.",
    404: "Not there, or not yours.",
    409: "A clash with what is there, or `limit_reached` with `used` and `limit`.",
    412: "`If-Match` is stale.",
    429: "Too fast, or too many failed sign-ins; `Retry-After` says when to ask again.",
    503: "Nobody there who could answer; `Retry-After` says when to ask again.",
}


def name_enums(**choices: Any) -> None:
    """What an app calls lists of choices that stand in several of its bodies, so that they are one component."""
    SETTINGS["ENUM_NAME_OVERRIDES"].update(choices)


class FieldError(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="The field, dotted for inner ones; empty for the whole.")
    code = serializers.CharField(help_text="The broken rule, for programs.")
    message = serializers.CharField(help_text="The broken rule, for people, in the language of the request.")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField(help_text="`about:blank` or `urn:tegami:problem:<code>`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(required=False, help_text="`limit_reached`, `clash`, `stale`, `scope`, …")
    errors = FieldError(many=True, required=False)  # type: ignore[assignment]  # the name is the contract's
    used = serializers.IntegerField(required=False, help_text="With `limit_reached`: how many there are.")
    limit = serializers.IntegerField(required=False, help_text="With `limit_reached`: how many there may be.")


class TegamiSchema(AutoSchema):
    """Adds to each operation the headers and problems that every view of ours has."""

    view: Any

    def get_operation_id(self) -> str:
        found = super().get_operation_id().replace("destroy", "delete")
        if self.method == "POST" and getattr(self.view, "action", "create") != "create":
            return found.removesuffix("_create")
        return found.replace("_update", "_replace") if self.method == "PUT" else found.replace("partial_update", "update")

    def get_request_serializer(self) -> Any:
        body = getattr(self.view, "get_body_class", None)
        return body() if body and self.method in ("POST", "PUT", "PATCH") else super().get_request_serializer()

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *self._sent(), *self._answered()]

    def _is_single(self) -> bool:
        action = getattr(self.view, "action", self.method.lower())
        return not self._is_list_view() and action not in self.view.untagged

    def _sent(self) -> list[OpenApiParameter]:
        headers = []
        if self.method == "POST" and self.view.remembers:
            headers.append(("Idempotency-Key", "Sent twice with one key, the request is done once; kept for 24 hours."))
        if self.method in ("PUT", "PATCH", "DELETE") and self._is_single():
            headers.append(("If-Match", "The ETag that was read; 412 if the object was changed since."))
        if self.method == "GET" and self._is_single():
            headers.append(("If-None-Match", "The ETag at hand; 304 if nothing has changed."))
        return [OpenApiParameter(name, str, OpenApiParameter.HEADER, description=about) for name, about in headers]

    def _answered(self) -> list[OpenApiParameter]:
        headers = []
        if self.method != "DELETE" and self._is_single():
            headers.append(("ETag", "Names this state of the object.", [200, 201]))
        if getattr(self.view, "reaches_servers", False) and self.method != "GET" and not self.view.only_reads:
            headers.append(("Change-Id", "The change on its way to the mail servers, if they are concerned.", [200, 201, 202, 204]))
        if self._is_create_operation():
            headers.append(("Location", "Where the new object is.", [201]))
        return [OpenApiParameter(n, str, OpenApiParameter.HEADER, description=about, response=codes) for n, about, codes in headers]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if self.method == "GET" and self._is_single():
            bodies["304"] = {"description": "Nothing has changed since the ETag sent."}
        for code in self._problems():
            found = OpenApiResponse(ProblemSerializer, WHY[code])
            bodies[str(code)] = self._get_response_for_code(found, str(code), (CONTENT_TYPE,), direction)  # type: ignore[no-untyped-call]
        return bodies

    def _problems(self) -> list[int]:
        codes = [401, 403, 404, 429]
        if self.method != "DELETE":
            codes.append(400)
        if self.method != "GET" and not self.view.only_reads:
            codes.append(409)
        if self.method in ("PUT", "PATCH", "DELETE") and self._is_single():
            codes.append(412)
        return sorted(codes)


@cache
def document() -> dict[str, Any]:
    """The whole document, in English: it is a reference, the same for everyone. Takes a moment, hence kept."""
    with patched_settings(SETTINGS), translation.override("en"):
        found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def as_yaml() -> bytes:
    """The document as it stands in docs/openapi.yaml."""
    rendered: bytes = OpenApiYamlRenderer().render(document(), renderer_context={})  # type: ignore[no-untyped-call]
    return rendered
