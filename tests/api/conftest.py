"""The API as an integrator uses it: one line for a request as somebody."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Admin, Domain, Mailbox, Plan
from accounts.services import tokens

Owner = Admin | Mailbox


class Asker:
    """Requests with one token. `get("/accounts/")` is below /api/v1; bodies are JSON."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"} if key else None)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        address = path if path.startswith(("http", "/api/")) else "/api/v1" + path
        return self.client.generic(method, address, content, content_type="application/json", headers=names)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.ask("DELETE", path, **headers)


As = Callable[..., Asker]


@pytest.fixture
def api(db: None) -> As:
    """`api(cast.bob)`: bob with a token of every scope; `api()`: nobody."""

    def make(owner: Owner | None = None, scopes: tuple[str, ...] = ("*",), domains: tuple[str, ...] = ()) -> Asker:
        if owner is None:
            return Asker()
        _token, key = tokens.create_token(owner, "test", scopes=scopes, domains=domains)
        return Asker(key)

    return make


def under(domain: Domain, plan: str, **overrides: Any) -> None:
    """Puts the domain under another preset; its rows stay as they are."""
    Domain.objects.filter(pk=domain.pk).update(plan=Plan.objects.get(name=plan), overrides=overrides)


def fields_of(response: Any) -> list[str]:
    """The fields that a problem names."""
    return [row["field"] for row in response.json()["errors"]]


def codes_of(response: Any) -> list[str]:
    return [row["code"] for row in response.json()["errors"]]
