"""`/domains/<name>/server-information/`: what to enter in a mail program (A18)."""

from typing import Any

import pytest

from accounts.models import MailHost
from tests.api.conftest import As, fields_of, under
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/domains/a.example.com/server-information/"


@pytest.fixture(autouse=True)
def named_host(cast: Cast) -> None:
    MailHost.objects.update(hostname="mail.example.net", ipv4="192.0.2.10")


def test_it_names_servers_ports_and_encryption(cast: Cast, api: As) -> None:
    found = api(cast.bob).get(PATH).json()
    assert (found["domain"], found["hostname"], found["ipv4"], found["ipv6"]) == ("a.example.com", "mail.example.net", "192.0.2.10", None)
    assert found["incoming"][0] == {"protocol": "imap", "host": "mail.example.net", "port": 993, "security": "tls"}
    assert found["outgoing"][0] == {"protocol": "smtp", "host": "mail.example.net", "port": 465, "security": "tls"}
    assert {row["port"] for row in (*found["incoming"], *found["outgoing"])} == {993, 143, 995, 110, 465, 587}
    assert (found["login_form"], found["address"], found["user_name"]) == ("percent", None, None)


def test_an_address_brings_its_user_name_unseen(cast: Cast, api: As) -> None:
    """Whether it exists is not looked up."""
    bob = api(cast.bob)
    for local in ("mia", "nobody"):
        assert bob.get(f"{PATH}?address={local}@A.example.com").json()["user_name"] == f"{local}%a.example.com"


@pytest.mark.parametrize("address", ["mia", "mia@b.example.com", "@a.example.com", "mi a@a.example.com", "%00@a.example.com"])
def test_an_address_of_elsewhere_is_400(address: str, cast: Cast, api: As) -> None:
    answer = api(cast.bob).get(f"{PATH}?address={address}")
    assert (answer.status_code, fields_of(answer)) == (400, ["address"])


def test_a_mailbox_user_gets_the_own_one(cast: Cast, api: As) -> None:
    found = api(cast.mia).get(PATH).json()
    assert (found["address"], found["user_name"]) == ("mia@a.example.com", "mia%a.example.com")


def test_a_web_admin_has_a_part_in_it_and_in_nothing_of_mail(cast: Cast, api: As) -> None:
    """R4."""
    wendy = api(cast.wendy)
    assert wendy.get(PATH).status_code == 200
    assert wendy.get("/domains/b.example.com/server-information/").status_code == 404
    assert wendy.get("/domains/a.example.com/").status_code == 404


@pytest.mark.parametrize(
    ("plan", "names"), [("hs", {"pop.a.example.com", "smtp.a.example.com"}), ("plusmail", {"a.example.com"}), ("warp", set())]
)
def test_the_plan_decides_names_and_protocols(plan: str, names: set[str], cast: Cast, api: As) -> None:
    under(cast.domain, plan)
    found = api(cast.bob).get(PATH).json()
    assert {row["host"] for row in found["other_names"]} == names
    assert ({row["protocol"] for row in found["incoming"]} == {"pop3"}) == (plan != "warp")


def test_a_domains_own_value_counts(cast: Cast, api: As) -> None:
    under(cast.domain, "platinum", client_host_names="domain")
    assert {row["host"] for row in api(cast.bob).get(PATH).json()["other_names"]} == {"a.example.com"}


def test_without_a_host_name_there_is_nothing_to_enter(cast: Cast, api: As) -> None:
    MailHost.objects.update(hostname="")
    found = api(cast.bob).get(PATH).json()
    assert (found["hostname"], found["incoming"], found["outgoing"], found["user_name"]) == ("", [], [], None)


def test_the_scope_is_its_own(cast: Cast, api: As) -> None:
    assert api(cast.bob, scopes=("server-information:read",)).get(PATH).status_code == 200
    assert api(cast.bob, scopes=("domains:read",)).get(PATH).status_code == 403


def test_a_token_for_another_domain_does_not_reach_it(cast: Cast, api: As) -> None:
    for who in (cast.operator, cast.wendy):
        assert api(who, domains=("a.example.com",)).get("/domains/b.example.com/server-information/").status_code == 404


def test_it_costs_one_query_beside_the_token(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    bob = api(cast.bob)
    known = bob.get(PATH)["ETag"]
    with django_assert_num_queries(2):
        bob.get(PATH)
    assert bob.get(PATH, If_None_Match=known).status_code == 304
