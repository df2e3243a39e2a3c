"""schemathesis: whatever the OpenAPI document allows or does not, the running panel answers as the document says, never 5xx."""

import uuid
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.mail import PASSWORD, Refused, World
from tests.stack.conftest import ROOT

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
document = schemathesis.openapi.from_path(ROOT / "docs/openapi.yaml")


class Names:
    """Objects that exist, by the name that an address of the API calls them: made anew once they have been deleted."""

    def __init__(self, world: World) -> None:
        self.world, self.tag = world, uuid.uuid4().hex[:8]
        self.domain = world.domain("platinum")
        self.address, self.alias, self.group = (f"{local}@{self.domain}" for local in ("box", "alias", "everyone"))
        self.admin, self.plan, self.customer = f"bob-{self.tag}", f"plan-{self.tag}", f"customer-{self.tag}"
        self.complete = False

    def make(self) -> None:
        """What is not there (any more)."""
        if self.complete:
            return
        self.complete = True
        self._ensure("/accounts/", {"address": self.address, "password": PASSWORD})
        self._ensure("/aliases/", {"address": self.alias, "destinations": [self.address]})
        self._ensure("/groups/", {"address": self.group, "members": [self.address]})
        self._ensure("/customers/", {"name": self.customer, "limits": {}})
        self._ensure("/plans/", {"name": self.plan, "title": "Tried", "rules": {}})
        body = {"login": self.admin, "password": PASSWORD, "role": "customer_admin", "customer": self.customer}
        self._ensure("/admins/", body)

    def _ensure(self, resource: str, body: dict[str, Any]) -> None:
        try:
            self.world.call("POST", resource, body)
        except Refused as refused:
            assert refused.status in (400, 409), refused

    def of(self, path: str, parameter: str) -> str | None:
        """The name that stands for the parameter of an address, None where nothing of ours does."""
        by_place = {
            "accounts": self.address,
            "aliases": self.alias,
            "groups": self.group,
            "admins": self.admin,
            "plans": self.plan,
            "customers": self.customer,
            "domains": self.domain,
            "mail-hosts": self.world.layout.host,
        }
        return by_place.get(path.split("/")[3]) if parameter in ("name", "address", "domain") else None


@pytest.fixture(scope="module")
def names(world: World) -> Names:
    return Names(world)


@document.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def test_every_operation_answers_as_the_document_says(case: Any, names: Names) -> None:
    """Half of the cases are about objects that exist: without them nearly everything would be 404."""
    if case.method == "DELETE" and "/domains/" in case.path and case.path.count("/") == 5:
        case.path_parameters = {"name": "nobody.example"}  # the domain that all others need
    elif hash(str(case.body) + str(case.query)) % 4:
        names.make()
        case.path_parameters = {key: names.of(case.path, key) or value for key, value in (case.path_parameters or {}).items()}
    response = case.call(base_url=names.world.layout.panel_url, headers={"Authorization": f"Bearer {names.world.token}"})
    names.complete &= case.method != "DELETE"
    case.validate_response(response, checks=CHECKS)
