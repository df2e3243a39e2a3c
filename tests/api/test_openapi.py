"""The OpenAPI document: valid, committed, readable."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from openapi_spec_validator import validate

from accounts import rules
from panel.base.api import schema

pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh() -> Any:
    """The document made anew, with what drf-spectacular had to say about it."""
    schema.document.cache_clear()
    reset_generator_stats()
    return schema.document()


def test_the_committed_document_is_that_of_the_code() -> None:
    """`manage.py openapi > docs/openapi.yaml` makes it so."""
    committed = Path(settings.BASE_DIR, "docs/openapi.yaml").read_bytes()
    assert committed == schema.as_yaml()


def test_it_is_valid_openapi_3_1(fresh: Any) -> None:
    assert fresh["openapi"].startswith("3.1")
    validate(yaml.safe_load(schema.as_yaml()))


def test_it_is_made_without_warnings(fresh: Any) -> None:
    assert not GENERATOR_STATS, [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]


def test_every_plan_value_is_typed(fresh: Any) -> None:
    typed = fresh["components"]["schemas"]["PlanRules"]["properties"]
    assert list(typed) == rules.enforced()
    assert typed["message_size_mb"]["type"] == "integer"
    assert typed["storage_max_mb"]["type"] == ["integer", "null"]


def test_every_operation_says_what_it_does_and_how_it_fails(fresh: Any) -> None:
    for path, item in fresh["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), (method, path)
            assert "application/problem+json" in operation["responses"]["401"]["content"]


def test_writes_document_their_headers(fresh: Any) -> None:
    made = fresh["paths"]["/api/v1/accounts/"]["post"]
    assert set(made["responses"]["201"]["headers"]) == {"ETag", "Change-Id", "Location"}
    assert "Idempotency-Key" in [p["name"] for p in made["parameters"]]
    changed = fresh["paths"]["/api/v1/accounts/{name}/"]["patch"]
    assert "If-Match" in [p["name"] for p in changed["parameters"]]


def test_tokens_and_sessions_offer_no_idempotency_key(fresh: Any) -> None:
    for path in ("/api/v1/tokens/", "/api/v1/sessions/"):
        assert "Idempotency-Key" not in [p["name"] for p in fresh["paths"][path]["post"].get("parameters", [])]


def test_it_is_served_as_yaml_and_json() -> None:
    as_yaml, as_json = Client().get("/api/v1/schema/"), Client().get("/api/v1/schema/?format=json")
    assert yaml.safe_load(as_yaml.content) == as_json.json()


def test_the_reference_needs_no_script() -> None:
    page = Client().get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"<script" not in page.content
    assert b"style=" not in page.content
    assert b"/api/v1/accounts/{name}/" in page.content
