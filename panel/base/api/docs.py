"""The API's own description: the OpenAPI document, and a page of it that needs no script."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from panel.base.api.schema import as_yaml, document

YAML_TYPE = "application/vnd.oai.openapi"


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """YAML, or JSON by `?format=json` or `Accept`. Open to all: it holds nothing of anybody."""
    wants_json = request.GET.get("format") == "json" or request.get_preferred_type([YAML_TYPE, "application/json"]) == "application/json"
    if wants_json:
        return JsonResponse(document(), content_type="application/vnd.oai.openapi+json")
    return HttpResponse(as_yaml(), content_type=YAML_TYPE, headers={"Content-Disposition": 'inline; filename="openapi.yaml"'})


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    found = document()
    return render(request, "api/reference.html", {"info": found["info"], "tags": _by_tag(found), "schemas": _schemas(found)})


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
        "about": operation.get("description", ""),
        "parameters": [{**p, "kind": p["in"], "type": _type(p["schema"])} for p in operation.get("parameters", [])],
        "body": _name(body),
        "answers": [_answer(code, answer) for code, answer in operation["responses"].items()],
    }


def _answer(code: str, answer: dict[str, Any]) -> dict[str, Any]:
    contents: list[dict[str, Any]] = list(answer.get("content", {}).values())
    schema = contents[0].get("schema", {}) if contents else {}
    return {"code": code, "about": answer.get("description", ""), "schema": _name(schema), "headers": list(answer.get("headers", {}))}


def _schemas(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: list(_fields(schema)) for name, schema in found["components"]["schemas"].items() if "properties" in schema}


def _fields(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    required = set(schema.get("required", []))
    for name, field in schema["properties"].items():
        about = field.get("description", "")
        yield {"name": name, "type": _type(field), "inner": _name(field), "about": about, "required": name in required}


def _name(schema: dict[str, Any]) -> str:
    """The component that a schema refers to, directly or through a list; empty for plain types."""
    for part in (schema, schema.get("items", {}), *schema.get("allOf", []), *schema.get("oneOf", [])):
        if "$ref" in part:
            return str(part["$ref"]).rpartition("/")[2]
    return ""


def _type(schema: dict[str, Any]) -> str:
    """In words: "integer or null, 1 to 64", "one of: en, ja"."""
    if "enum" in schema:
        return "one of: " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    if schema.get("type") == "array":
        return "list of " + (_name(schema) or _type(schema.get("items", {})))
    kinds = schema.get("type", "")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "minimum" in schema and "maximum" in schema:
        words += f", {schema['minimum']} to {schema['maximum']}"
    return words or _name(schema)
