"""A PATCH changes what was sent, and nothing else: of every resource that has one, for any mixture of its fields."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from accounts.services import expansions
from mailsettings.services import filters, profiles
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As
from tests.conftest import Cast
from tests.stack.conftest import ROOT

pytestmark = pytest.mark.django_db
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = st.text(LETTERS + " .,!'\"<>=+-日本語", min_size=1, max_size=30).map(str.strip).filter(bool)
FLAG = st.booleans()
ADDRESS = st.text(LETTERS, min_size=1, max_size=8).map(lambda name: f"{name}@example.net")
ADDRESSES = st.lists(ADDRESS, min_size=1, max_size=4, unique=True)
NUMBER = st.integers(1, 9_000)
NOT_RANDOM = "linked with other fields, or not told again; tested by examples"


@dataclass(frozen=True)
class Case:
    """`values` by field; `follows` = fields of the answer that a field moves with it; `apart` = fields left out, with why."""

    path: str
    values: dict[str, SearchStrategy[Any]]
    follows: tuple[str, ...] = ()
    apart: dict[str, str] = field(default_factory=dict)
    merged: tuple[str, ...] = ()  # objects of which only the keys that are sent change


CASES: dict[str, Case] = {
    "/accounts/{name}/": Case(
        "/accounts/mia@a.example.com/",
        {
            "quota_mb": NUMBER,
            "quota_messages": st.none() | NUMBER,
            "comment": st.just("") | WORDS,
            "mobile_address": st.just("") | ADDRESS,
            "receive": FLAG,
            "user_may_forward": FLAG,
            "spam_seat": FLAG,
            "suspended": FLAG,
        },
        follows=("status",),
    ),
    "/accounts/{address}/profiles/{id}/": Case(
        "/accounts/mia@a.example.com/profiles/{profile}/",
        {"name": WORDS, "enabled": FLAG, "destinations": ADDRESSES, "keep_copy": FLAG, "strip_attachments": FLAG},
        apart={"match": NOT_RANDOM, "conditions": NOT_RANDOM, "action": NOT_RANDOM},
    ),
    "/accounts/{address}/spam/": Case(
        "/accounts/sam@s.example.com/spam/",
        {"tag_subject": FLAG, "move_to_folder": FLAG, "allow": ADDRESSES, "block": ADDRESSES},
        apart=dict.fromkeys(("skip_forwarding", "quarantine_empty_sender"), "not in a plan whose two switches are independent"),
    ),
    "/admins/{name}/": Case(
        "/admins/bob/",
        {"email": st.just("") | ADDRESS, "language": st.sampled_from(["", "en", "ja"]), "is_active": FLAG},
        apart=dict.fromkeys(("password", "role", "customer", "domains", "further_roles"), NOT_RANDOM),
    ),
    "/aliases/{name}/": Case("/aliases/info@a.example.com/", {"destinations": ADDRESSES}),
    "/groups/{name}/": Case("/groups/everyone@a.example.com/", {"members": ADDRESSES}),
    "/customers/{name}/": Case(
        "/customers/theirs/",
        {"limits": st.dictionaries(st.sampled_from(["accounts", "aliases", "groups", "storage_mb"]), st.none() | NUMBER, min_size=1)},
        follows=("left",),
        merged=("limits",),
    ),
    "/domains/{name}/": Case(
        "/domains/w.example.com/",
        {
            "admin_address": ADDRESS,
            "virus_check": FLAG,
            "limits": st.dictionaries(st.sampled_from(["accounts", "aliases", "storage_mb"]), st.none() | NUMBER, min_size=1),
            "overrides": st.just({}) | st.fixed_dictionaries({"message_size_mb": st.integers(1, 90)}),
        },
        follows=("left",),
        apart={"customer": NOT_RANDOM, "plan": NOT_RANDOM},
        merged=("limits",),
    ),
    "/domains/{domain}/filters/{id}/": Case(
        "/domains/a.example.com/filters/{filter}/",
        {"name": WORDS, "enabled": FLAG, "action": st.sampled_from(["discard", "quarantine"])},
        apart={"match": NOT_RANDOM, "conditions": NOT_RANDOM},
    ),
    "/domains/{domain}/senders/": Case("/domains/a.example.com/senders/", {"allow": ADDRESSES, "block": ADDRESSES}),
    "/mail-hosts/{name}/": Case(
        "/mail-hosts/mx1/",
        {
            "hostname": st.just("") | st.text(LETTERS, min_size=1, max_size=8).map(lambda name: f"{name}.example.net"),
            "ipv4": st.none() | st.ip_addresses(v=4, network="198.51.100.0/24").map(str),
            "ipv6": st.none() | st.ip_addresses(v=6, network="2001:db8::/32").map(str),
            "ports": st.dictionaries(st.sampled_from(["imaps", "pop3s", "submission"]), st.integers(1, 65_535), min_size=1),
        },
        merged=("ports",),
    ),
    "/me/": Case("/me/", {"language": st.sampled_from(["", "en", "ja"])}),
    "/notices/{name}/": Case(
        "/notices/{notice}/",
        {
            "title": WORDS,
            "text": WORDS,
            "level": st.sampled_from(["info", "warning", "problem"]),
            "audience": st.sampled_from(["admins", "everyone"]),
        },
        apart=dict.fromkeys(("customer", "domain", "starts_at", "ends_at"), NOT_RANDOM),
    ),
    "/plans/{name}/": Case(
        "/plans/hs/",
        {"title": WORDS, "rules": st.fixed_dictionaries({}, optional={"message_size_mb": st.integers(1, 90), "auto_reply": FLAG})},
        merged=("rules",),
    ),
    "/sign-in-policy/": Case(
        "/sign-in-policy/", {"two_step_roles": st.lists(st.sampled_from(["customer_admin", "mail_admin"]), unique=True).map(sorted)}
    ),
    "/webhooks/{name}/": Case(
        "/webhooks/{webhook}/",
        {"enabled": FLAG, "events": st.lists(st.sampled_from(["account.created", "account.deleted"]), min_size=1, unique=True)},
        apart={"url": "resolved when it is set", "secret": "never told again"},
    ),
}  # fmt: skip


@pytest.fixture
def ids(cast: Cast, api: As, settings: Any) -> dict[str, Any]:
    """One of each, and the numbers that some are called by."""
    settings.ALLOW_PRIVATE_TARGETS = True
    asker = api(cast.operator)
    expansions.create_alias(cast.domain, "info", ["mia@a.example.com"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "everyone", ["mia@a.example.com"], acting_user=SYSTEM)
    profile, _ = profiles.create_profile(cast.mia, action="forward", destinations=["x@example.net"], conditions=[], acting_user=SYSTEM)
    conditions = [{"field": "subject", "operator": "contains", "value": "sale"}]
    filter_, _ = filters.create_filter(cast.domain, name="sale", action="discard", conditions=conditions, acting_user=SYSTEM)
    body = {"customer": "ours", "admin_address": "boss@example.net"}
    for name, plan in (("w.example.com", "warp"), ("s.example.com", "standard")):
        assert asker.post("/domains/", {"name": name, "plan": plan, **body}).status_code == 201
    assert asker.post("/accounts/", {"address": "sam@s.example.com", "password": "Tegami#Mail2026x"}).status_code == 201
    notice = asker.post("/notices/", {"title": "Work", "text": "Tonight"}).json()
    hook = asker.post("/webhooks/", {"url": "https://127.0.0.1/told", "events": ["account.created"]}).json()
    return {"profile": profile.pk, "filter": filter_.pk, "notice": notice["id"], "webhook": hook["id"], "asker": asker}


@pytest.mark.parametrize("name", CASES)
def test_a_patch_changes_only_what_was_sent(name: str, ids: dict[str, Any]) -> None:
    case, asker = CASES[name], ids["asker"]
    path = case.path.format(**{key: value for key, value in ids.items() if key != "asker"})

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.fixed_dictionaries({}, optional=case.values))
    def holds(sent: dict[str, Any]) -> None:
        before = asker.get(path).json()
        answer = asker.patch(path, sent)
        assert answer.status_code == 200, answer.content
        after = asker.get(path).json()
        told = answer.json()
        for key in before:
            if key in sent and key in case.merged:
                assert after[key] == {**before[key], **sent[key]}, key
            elif key in sent:
                assert after[key] == sent[key], key
            elif key not in case.follows:
                assert after[key] == before[key], f"{key} moved with {sorted(sent)}"
        assert {key: told[key] for key in sent} == {key: after[key] for key in sent}

    holds()


def test_every_patch_of_the_document_and_every_field_of_it_stands_here() -> None:
    document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    found = {path.removeprefix("/api/v1"): _fields(document, ops["patch"]) for path, ops in document["paths"].items() if "patch" in ops}
    assert found == {name: {*case.values, *case.apart} for name, case in CASES.items()}


def _fields(document: Any, operation: Any) -> set[str]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][schema]["properties"])
