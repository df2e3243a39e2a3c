"""The API's own description: the OpenAPI document, and a page of it that needs no script."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from panel.base.api.problems import Problem, plain_response
from panel.base.api.schema import as_yaml, document

YAML_TYPE = "application/vnd.oai.openapi"
SAFE = ("GET", "HEAD")


def openapi(request: HttpRequest) -> HttpResponse:
    """YAML, or JSON by `?format=json` or `Accept`. Open to all: it holds nothing of anybody."""
    if request.method not in SAFE:
        return _not_allowed()
    wants_json = request.GET.get("format") == "json" or request.get_preferred_type([YAML_TYPE, "application/json"]) == "application/json"
    if wants_json:
        return JsonResponse(document(), content_type="application/vnd.oai.openapi+json")
    return HttpResponse(as_yaml(), content_type=YAML_TYPE, headers={"Content-Disposition": 'inline; filename="openapi.yaml"'})


def reference(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    if request.method not in SAFE:
        return _not_allowed()
    found = document()
    about = list(_paragraphs(found["info"]["description"]))
    return render(
        request, "api/reference.html", {"info": found["info"], "about": about, "tags": _by_tag(found), "schemas": _schemas(found)}
    )


def _not_allowed() -> HttpResponse:
    return plain_response(Problem(405, _("This can only be read."), headers={"Allow": HttpResponseNotAllowed(SAFE)["Allow"]}))


def _paragraphs(text: str) -> Iterator[dict[str, Any]]:
    """The little of Markdown that our texts use: paragraphs, lists with `*`, code in backticks."""
    lines = text.replace("\n  ", " ").splitlines()
    for is_list, group in groupby([line for line in lines if line], lambda line: line.startswith("* ")):
        yield {"is_list": is_list, "lines": [_marked(line.removeprefix("* ")) for line in group]}


def _marked(text: str) -> SafeString:
    pieces = (format_html("<code>{}</code>", piece) if n % 2 else piece for n, piece in enumerate(text.split("`")))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _by_tag(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, item in found["paths"].items():
        for method, operation in item.items():
            row = {"method": method.upper(), "path": path, **_operation(operation)}
            tags.setdefault(operation["tags"][0], []).append(row)
    return dict(sorted(tags.items()))


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return {
        "id": operation["operationId"],
        "about": _marked(operation.get("description", "")),
        "parameters": [_parameter(parameter) for parameter in operation.get("parameters", [])],
        "body": _name(body),
        "answers": [_answer(code, answer) for code, answer in operation["responses"].items()],
    }


def _parameter(found: dict[str, Any]) -> dict[str, Any]:
    return {"name": found["name"], "kind": found["in"], "type": _type(found["schema"]), "about": _marked(found.get("description", ""))}


def _answer(code: str, answer: dict[str, Any]) -> dict[str, Any]:
    contents: list[dict[str, Any]] = list(answer.get("content", {}).values())
    schema = contents[0].get("schema", {}) if contents else {}
    return {
        "code": code,
        "about": _marked(answer.get("description", "")),
        "schema": _name(schema),
        "headers": list(answer.get("headers", {})),
    }


def _schemas(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: list(_fields(schema)) for name, schema in found["components"]["schemas"].items() if "properties" in schema}


def _fields(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    required = set(schema.get("required", []))
    for name, field in schema["properties"].items():
        about = _marked(field.get("description", ""))
        yield {"name": name, "type": _type(field), "inner": _name(field), "about": about, "required": name in required}


def _references(schema: dict[str, Any]) -> list[str]:
    """The components that a schema refers to, directly or through a list."""
    parts = (schema, schema.get("items", {}), *schema.get("allOf", []), *schema.get("oneOf", []))
    return [str(part["$ref"]).rpartition("/")[2] for part in parts if "$ref" in part]


def _name(schema: dict[str, Any]) -> str:
    """The object that a schema refers to; empty for plain types and lists of choices."""
    components = document()["components"]["schemas"]
    return next((name for name in _references(schema) if "properties" in components[name]), "")


def _choices(schema: dict[str, Any]) -> list[str]:
    components = document()["components"]["schemas"]
    parts = [schema, *(components[name] for name in _references(schema))]
    return [str(value) for part in parts for value in part.get("enum", []) if value not in (None, "")]


def _type(schema: dict[str, Any]) -> str:
    """In words: "integer or null, 1 to 64", "one of: en, ja"."""
    if choices := _choices(schema):
        return ("list of: " if schema.get("type") == "array" else "one of: ") + ", ".join(choices)
    if schema.get("type") == "array":
        return "list of " + (_name(schema) or _type(schema.get("items", {})))
    kinds = schema.get("type", "")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "minimum" in schema and "maximum" in schema:
        words += f", {schema['minimum']} to {schema['maximum']}"
    return words or _name(schema)
