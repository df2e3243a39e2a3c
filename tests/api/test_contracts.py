"""/plans/, /customers/, /mail-hosts/, /domains/, /admins/: the contract's side."""

from typing import Any

import pytest

from accounts import rules
from accounts.models import Admin, Domain, MailHost, Plan
from panel.base.models import ChangeTarget, TargetKind
from tests.api.conftest import As, codes_of, fields_of
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def test_the_presets_are_there_with_what_servers_obey(cast: Cast, api: As) -> None:
    found = api(cast.operator).get("/plans/").json()["results"]
    assert [row["name"] for row in found] == ["hs", "platinum", "plusmail", "standard", "warp"]
    assert all(list(row["rules"]) == rules.enforced() for row in found)


def test_a_plan_is_made_changed_and_deleted(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    made = operator.post("/plans/", {"name": "small", "rules": {"message_size_mb": 5, "storage_max_mb": None}})
    assert (made.status_code, made.json()["title"], made.json()["rules"]["message_size_mb"]) == (201, "small", 5)
    changed = operator.patch("/plans/small/", {"title": "Small", "rules": {"group_addresses": True}})
    assert (changed.json()["title"], changed.json()["rules"]["message_size_mb"]) == ("Small", 5)
    assert operator.delete("/plans/small/").status_code == 204
    assert operator.get("/plans/small/").status_code == 404


def test_a_plans_change_reaches_its_domains(cast: Cast, api: As) -> None:
    answer = api(cast.operator).patch("/plans/platinum/", {"rules": {"message_size_mb": 21}})
    keys = ChangeTarget.objects.filter(change=answer["Change-Id"], kind=TargetKind.DOMAIN_ALL).values_list("key", flat=True)
    assert sorted(keys) == ["a.example.com", "b.example.com"]


def test_a_change_of_rules_keeps_what_is_only_data(cast: Cast, api: As) -> None:
    before = Plan.objects.get(name="platinum").values["recipients_per_message_webmail"]
    api(cast.operator).patch("/plans/platinum/", {"rules": {"message_size_mb": 21}})
    assert Plan.objects.get(name="platinum").values["recipients_per_message_webmail"] == before


@pytest.mark.parametrize(
    "values",
    [
        {"message_size_mb": 0},
        {"message_size_mb": 101},
        {"message_size_mb": None},
        {"login_form": "x"},
        {"pop": True},
        {"group_addresses": 1},
        {"local_part_min": 9, "local_part_max": 8},
        [],
        "x",
        None,
    ],
)
def test_a_bad_rule_is_400(cast: Cast, api: As, values: Any) -> None:
    answer = api(cast.operator).post("/plans/", {"name": "small", "rules": values})
    assert answer.status_code == 400
    assert fields_of(answer)[0].startswith("rules")


def test_what_is_in_use_is_not_deleted(cast: Cast, api: As) -> None:
    for path in ("/plans/platinum/", "/customers/ours/"):
        answer = api(cast.operator).delete(path)
        assert (answer.status_code, codes_of(answer)) == (409, ["in_use"])


def test_a_customer_shows_limits_and_what_is_used(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    operator.patch("/customers/ours/", {"limits": {"accounts": 10}})
    found = operator.patch("/customers/ours/", {"limits": {"domains": 3, "storage_mb": None}}).json()
    assert found["limits"] == {
        "domains": 3,
        "accounts": 10,
        "aliases": None,
        "groups": None,
        "lists": None,
        "spam_seats": None,
        "storage_mb": None,
    }
    promised = cast.mia.quota_mb
    assert found["used"] == {"domains": 1, "accounts": 1, "aliases": 0, "groups": 0, "spam_seats": 0, "storage_mb": promised}
    assert operator.get("/customers/theirs/").json()["used"]["domains"] == 1


def test_a_customer_of_any_name_has_an_address(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    for name in ("株式会社 手紙", "a?b#c&d%", "it's"):
        made = operator.post("/customers/", {"name": name})
        assert made.status_code == 201
        assert operator.get(made["Location"]).json()["name"] == name


def test_what_the_outside_check_makes_a_customer_of(cast: Cast, api: As) -> None:
    limits = {"domains": 10, "accounts": 200000, "lists": 100, "spam_seats": 1000, "storage_mb": 1000000}
    assert api(cast.operator).post("/customers/", {"name": "c-1", "limits": limits}).status_code == 201


def new_domain(api: Any, name: str = "c.example.com", **more: Any) -> Any:
    return api.post("/domains/", {"name": name, "customer": "ours", "plan": "platinum", **more})


def test_a_domain_has_defaults(cast: Cast, api: As, settings: Any) -> None:
    settings.OPERATOR_ADDRESS = "ops@example.net"
    answer = new_domain(api(cast.operator))
    assert answer.status_code == 201
    assert answer.json() == {
        "name": "c.example.com",
        "customer": "ours",
        "plan": "platinum",
        "host": "mx1",
        "admin_address": "ops@example.net",
        "virus_check": False,
        "limits": {"accounts": None, "aliases": None, "groups": None, "lists": None, "spam_seats": None, "storage_mb": None},
        "overrides": {},
        "used": {"accounts": 0, "aliases": 0, "groups": 0, "spam_seats": 0, "storage_mb": 0},
        "left": {"accounts": None, "aliases": None, "groups": None, "spam_seats": None, "storage_mb": None},
    }
    assert "Change-Id" in answer


def test_with_several_hosts_one_is_named(cast: Cast, api: As) -> None:
    MailHost.objects.create(name="mx2")
    answer = new_domain(api(cast.operator))
    assert (answer.status_code, fields_of(answer)) == (400, ["host"])
    assert new_domain(api(cast.operator), host="mx2").json()["host"] == "mx2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "no domain"),
        ("name", "x"),
        ("name", "a.example.com/"),
        ("customer", "none"),
        ("plan", "none"),
        ("host", "none"),
        ("admin_address", "x"),
        ("limits", {"domains": 1}),
        ("overrides", {"pop": True}),
        ("storage_mb", 5),
        ("used", {}),
    ],
)
def test_a_bad_field_of_a_domain_is_named(cast: Cast, api: As, field: str, value: Any) -> None:
    answer = new_domain(api(cast.operator), **{"name": "c.example.com", field: value})
    assert answer.status_code == 400
    assert fields_of(answer)[0].partition(".")[0] == field


def test_a_domain_exists_once(cast: Cast, api: As) -> None:
    answer = new_domain(api(cast.operator), "B.example.com")
    assert (answer.status_code, codes_of(answer)) == (409, ["clash"])


def test_u_labels_are_understood_and_a_labels_shown(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    assert new_domain(operator, "日本語.example.com").json()["name"] == "xn--wgv71a119e.example.com"
    for name in ("日本語.example.com", "XN--WGV71A119E.example.com"):
        assert operator.get(f"/domains/{name}/").status_code == 200


@pytest.mark.parametrize("name", ["none.example.com", "x", "a..b", "a%00.example.com", "%F0%9F%92%A9" * 60])
def test_a_domain_that_is_none_is_404(cast: Cast, api: As, name: str) -> None:
    assert api(cast.operator).get(f"/domains/{name}/").status_code == 404


def test_the_operator_changes_the_contract_and_a_mail_admin_the_admin_address(cast: Cast, api: As) -> None:
    bob, operator = api(cast.bob), api(cast.operator)
    assert bob.patch("/domains/a.example.com/", {"admin_address": "new@example.net"}).json()["admin_address"] == "new@example.net"
    changed = operator.patch("/domains/a.example.com/", {"plan": "hs", "limits": {"accounts": 3}, "overrides": {"message_size_mb": 9}})
    assert (changed.json()["plan"], changed.json()["limits"]["accounts"]) == ("hs", 3)
    assert operator.patch("/domains/a.example.com/", {"limits": {"aliases": 2}}).json()["limits"]["accounts"] == 3
    assert operator.patch("/domains/a.example.com/", {"overrides": {}}).json()["overrides"] == {}


def test_a_domain_that_moves_leaves_its_former_admins(cast: Cast, api: As) -> None:
    assert api(cast.operator).patch("/domains/a.example.com/", {"customer": "theirs"}).status_code == 200
    assert api(cast.bob).get("/domains/a.example.com/").status_code == 404
    assert api(cast.charlie).get("/domains/a.example.com/").status_code == 200


def test_deleting_a_domain_takes_its_addresses(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    answer = operator.delete("/domains/a.example.com/")
    assert (answer.status_code, "Change-Id" in answer) == (204, True)
    assert operator.get("/accounts/mia@a.example.com/").status_code == 404
    assert not Domain.objects.filter(name="a.example.com").exists()


def new_admin(api: Any, **more: Any) -> Any:
    return api.post("/admins/", {"login": "dora", "password": PASSWORD, "role": "mail_admin", **more})


def test_a_customer_admin_appoints_for_the_own_contract(cast: Cast, api: As) -> None:
    answer = new_admin(api(cast.alice), domains=["A.example.com"], email="dora@example.net")
    assert answer.status_code == 201
    assert answer.json() == {
        "login": "dora",
        "email": "dora@example.net",
        "language": "",
        "role": "mail_admin",
        "customer": "ours",
        "domains": ["a.example.com"],
        "is_active": True,
        "further_roles": [],
        "two_step": False,
    }
    assert api(Admin.objects.get_queryset().get(login="dora")).get("/domains/a.example.com/").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domains", ["b.example.com"]),
        ("customer", "theirs"),
        ("password", "short"),
        ("login", "No Good"),
        ("role", "mailbox_user"),
        ("language", "fr"),
        ("email", "x"),
        ("is_active", True),
        ("customer", None),
    ],
)
def test_a_bad_field_of_an_admin_is_named(cast: Cast, api: As, field: str, value: Any) -> None:
    answer = new_admin(api(cast.alice), **{field: value})
    assert answer.status_code in (400, 403)
    if answer.status_code == 400:
        assert set(fields_of(answer)) == {field}


def test_a_new_password_of_an_admin_ends_sessions(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    token = operator.post("/sessions/", {"login": "bob", "password": PASSWORD}).json()["token"]
    assert operator.patch("/admins/bob/", {"password": "Kumo#Asahi71bd"}).status_code == 200
    assert type(operator)(token).get("/me/").status_code == 401


def test_an_admin_is_deactivated_and_deleted(cast: Cast, api: As) -> None:
    alice, bob = api(cast.alice), api(cast.bob)
    assert alice.patch("/admins/BOB/", {"is_active": False}).json()["is_active"] is False
    assert bob.get("/me/").status_code == 401
    assert alice.delete("/admins/bob/").status_code == 204
    assert alice.delete("/admins/alice/").status_code == 403


def test_the_last_operator_stays(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    assert operator.patch("/admins/operator/", {"is_active": False}).status_code == 400
    assert operator.patch("/admins/operator/", {"role": "customer_admin", "customer": "ours"}).status_code == 403
    assert operator.delete("/admins/operator/").status_code == 403


def test_a_customer_admin_sets_a_domains_limits_within_the_contract(cast: Cast, api: As) -> None:
    """A17: 403 for mail admins; plan, customer and overrides stay the operator's."""
    api(cast.operator).patch("/customers/ours/", {"limits": {"accounts": 10}})
    alice, path = api(cast.alice), "/domains/a.example.com/"
    assert alice.patch(path, {"limits": {"accounts": 10, "aliases": 500}}).json()["limits"]["accounts"] == 10
    over = alice.patch(path, {"limits": {"accounts": 11}})
    assert (over.status_code, fields_of(over)) == (400, ["limits.accounts"])
    assert api(cast.bob).patch(path, {"limits": {"accounts": 1}}).status_code == 403
    for field, value in {"plan": "hs", "customer": "ours", "overrides": {}}.items():
        assert alice.patch(path, {field: value}).status_code == 403, field


def test_left_is_by_whichever_is_tighter(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    operator.patch("/customers/ours/", {"limits": {"accounts": 4, "domains": 2}})
    operator.patch("/domains/a.example.com/", {"limits": {"accounts": 4, "aliases": 0}})
    new_domain(operator, "a2.example.com")
    operator.post("/accounts/", {"address": "otto@a2.example.com", "password": "Tegami#Mail2026x"})
    nothing = {"accounts": None, "aliases": None, "groups": None, "spam_seats": None, "storage_mb": None}
    assert operator.get("/domains/a.example.com/").json()["left"] == {**nothing, "accounts": 2, "aliases": 0}
    shown = {row["name"]: row["left"]["accounts"] for row in operator.get("/domains/").json()["results"]}
    assert shown == {"a.example.com": 2, "a2.example.com": 2, "b.example.com": None}
    assert operator.get("/customers/ours/").json()["left"] == {**nothing, "domains": 0, "accounts": 2}
