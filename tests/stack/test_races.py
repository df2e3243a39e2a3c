"""Ten clients at once for the last of a limit (A17): exactly one wins, the others get 409 with both figures. On PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.mail import PASSWORD, Refused, World

CLIENTS = 10
LIMITED = ("accounts", "aliases", "groups", "spam_seats", "storage_mb")


def customer_of(world: World, domain: str) -> str:
    return str(world.call("GET", f"/domains/{domain}/").json["customer"])


def limit(world: World, domain: str, where: str, what: str, most: int) -> None:
    """The domain's own number, or the contract's."""
    path = f"/domains/{domain}/" if where == "domain" else f"/customers/{customer_of(world, domain)}/"
    world.call("PATCH", path, {"limits": {what: most}})


def race(world: World, asks: list[tuple[str, str, dict[str, Any]]]) -> tuple[int, list[Refused]]:
    """How many were answered with success, and what the others were told."""

    def ask(one: tuple[str, str, dict[str, Any]]) -> Refused | None:
        try:
            world.call(*one)
        except Refused as error:
            return error
        return None

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(ask, asks))
    return found.count(None), [error for error in found if error is not None]


def check_one_won(world: World, asks: list[tuple[str, str, dict[str, Any]]], used: int, most: int) -> None:
    won, lost = race(world, asks)
    assert won == 1
    assert [error.status for error in lost] == [409] * (CLIENTS - 1)
    assert {(error.body["code"], error.body["used"], error.body["limit"]) for error in lost} == {("limit_reached", used, most)}


def account(domain: str, name: str, **more: Any) -> dict[str, Any]:
    return {"address": f"{name}@{domain}", "password": PASSWORD, "quota_mb": 5, **more}


def asks_for(world: World, domain: str, what: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Ten requests that each take one of the limit."""
    if what in ("accounts", "storage_mb"):
        return [("POST", "/accounts/", account(domain, f"n{number}")) for number in range(CLIENTS)]
    if what == "aliases":
        return [("POST", "/aliases/", {"address": f"a{n}@{domain}", "destinations": ["x@example.net"]}) for n in range(CLIENTS)]
    if what == "groups":
        return [("POST", "/groups/", {"address": f"g{n}@{domain}", "members": ["x@example.net"]}) for n in range(CLIENTS)]
    for number in range(CLIENTS):
        world.call("POST", "/accounts/", account(domain, f"s{number}"))
    return [("PATCH", f"/accounts/s{number}@{domain}/", {"spam_seat": True}) for number in range(CLIENTS)]


@pytest.mark.parametrize("where", ["domain", "contract"])
@pytest.mark.parametrize("what", LIMITED)
def test_ten_race_for_the_last_one_of_a_limit_and_one_wins(world: World, what: str, where: str) -> None:
    domain = world.domain("platinum")
    asks = asks_for(world, domain, what)
    used, most = (5, 9) if what == "storage_mb" else (1, 1)
    limit(world, domain, where, what, most)
    check_one_won(world, asks, used, most)


def test_ten_race_for_the_last_domain_of_a_contract_and_one_wins(world: World) -> None:
    first = world.domain("platinum")
    customer = customer_of(world, first)
    world.call("PATCH", f"/customers/{customer}/", {"limits": {"domains": 2}})
    body = {"customer": customer, "plan": "platinum", "admin_address": "x@example.net"}
    asks = [("POST", "/domains/", {**body, "name": f"d{number}-{first}"}) for number in range(CLIENTS)]
    check_one_won(world, asks, 2, 2)


def test_two_domains_race_for_what_the_contract_has_left_and_one_wins(world: World) -> None:
    """Each within its own number: the contract's is the one that holds."""
    first = world.domain("platinum")
    customer = customer_of(world, first)
    other = f"other-{first}"
    world.call("POST", "/domains/", {"name": other, "customer": customer, "plan": "platinum", "admin_address": "x@example.net"})
    world.call("PATCH", f"/customers/{customer}/", {"limits": {"accounts": 1}})
    asks = [("POST", "/accounts/", account((first, other)[number % 2], f"n{number}")) for number in range(CLIENTS)]
    check_one_won(world, asks, 1, 1)
