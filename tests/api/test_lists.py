"""Lists: cursor pages, search, filters, order, and a constant number of queries."""

import base64
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AddressName, Domain, Mailbox
from accounts.services import expansions
from accounts.services.appointments import appoint
from mailsettings.services import filters, profiles
from panel.base.tenancy import SYSTEM, Role
from tests.api.conftest import As, Asker, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def fill(domain: Domain, count: int) -> None:
    """`count` mailboxes u000…, without hashing a password for each."""
    addresses = [f"u{n:03}@{domain.name}" for n in range(count)]
    AddressName.objects.bulk_create([AddressName(address=a, domain=domain, kind="mailbox") for a in addresses])
    boxes = [
        Mailbox(name_id=a, domain=domain, password_hash="x", quota_mb=n % 3 + 1 if n % 4 else None, used_bytes=n % 7, search=a)
        for n, a in enumerate(addresses)
    ]
    Mailbox.objects.bulk_create(boxes)


def walk(asker: Asker, url: str, direction: str = "next") -> list[list[str]]:
    pages: list[list[str]] = []
    while url:
        page = asker.get(url).json()
        pages.append([row["address"] for row in page["results"]])
        url = page[direction]
    return pages


@pytest.mark.parametrize("ordering", ["address", "-address", "usage", "-usage", "quota_mb", "-quota_mb"])
def test_pages_hold_every_row_once_forth_and_back(cast: Cast, api: As, ordering: str) -> None:
    fill(cast.domain, 25)
    bob = api(cast.bob)
    forth = walk(bob, f"/accounts/?limit=7&ordering={ordering}")
    rows = [row for page in forth for row in page]
    assert [len(page) for page in forth] == [7, 7, 7, 5]
    assert sorted(rows) == sorted({*rows})
    last = bob.get(f"/accounts/?limit=7&ordering={ordering}").json()["next"]
    while (page := bob.get(last).json())["next"]:
        last = page["next"]
    back = walk(bob, page["previous"], "previous")
    assert [row for page in reversed(back) for row in page] == rows[:-5]


def test_count_is_there_when_asked_for(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert "count" not in bob.get("/accounts/").json()
    assert bob.get("/accounts/?count=true&limit=1").json()["count"] == Mailbox.objects.filter(domain=cast.domain).count()


def test_the_page_size_is_kept_between_pages(cast: Cast, api: As) -> None:
    fill(cast.domain, 10)
    following = api(cast.bob).get("/accounts/?limit=4&domain=A.example.com&search=U0").json()["next"]
    assert all(part in following for part in ("limit=4", "search=U0", "domain=A.example.com"))


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=-1",
        "limit=1.5",
        "limit=٣",
        "limit=",
        "count=1",
        "count=",
        "ordering=password_hash",
        "ordering=",
        "ordering=address,usage",
        "after=x",
        "after=",
        "before=%00",
        "after=é",
        f"after={cursor(1, 2, 3)}",
        f"after={cursor('a', 5)}",
        f"after={cursor(None, None)}",
        f"after={cursor('x', 'a' + chr(0))}",
        f"after={cursor('x', chr(0xD800))}",
        "after=x&before=y",
        f"ordering=usage&after={cursor('text', 'u@a.example.com')}",
        f"ordering=usage&after={cursor(2**70, 'u@a.example.com')}",
        "qouta=5",
        "domain=%00",
        "domain=..",
        "search=%00",
        "status=sleepy",
        "address=x",
        "domain__name=a",
        "fields=x",
    ],
)
def test_a_malformed_parameter_is_400_and_named(cast: Cast, api: As, query: str) -> None:
    answer = api(cast.bob).get(f"/accounts/?{query}")
    assert answer.status_code == 400
    assert fields_of(answer)[0] == query.partition("=")[0].replace("ordering", fields_of(answer)[0])


def test_search_looks_through_address_and_comment_of_ones_own(cast: Cast, api: As) -> None:
    bob, operator = api(cast.bob), api(cast.operator)
    bob.patch("/accounts/mia@a.example.com/", {"comment": "Front Desk 受付"})
    for text in ("MIA", "front d", "受付"):
        assert [row["address"] for row in bob.get(f"/accounts/?search={text}").json()["results"]] == ["mia@a.example.com"]
    assert bob.get("/accounts/?search=max").json()["results"] == []
    assert operator.get("/accounts/?search=%25").json()["results"] == []
    assert len(operator.get("/accounts/?search=max&domain=b.example.com").json()["results"]) == 1


def test_a_foreign_domain_filters_to_nothing(cast: Cast, api: As) -> None:
    assert api(cast.bob).get("/accounts/?domain=b.example.com").json()["results"] == []
    assert len(api(cast.operator).get("/accounts/?domain=B.EXAMPLE.com").json()["results"]) == 1


def test_filters_by_field_name(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    expansions.create_alias(cast.domain, "sales", ["mia@a.example.com"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "all", ["mia@a.example.com"], acting_user=SYSTEM)

    def found(path: str, key: str) -> list[str]:
        return [row[key] for row in operator.get(path).json()["results"]]

    assert found("/domains/?customer=theirs", "name") == ["b.example.com"]
    assert found("/domains/?plan=hs", "name") == []
    assert found("/domains/?host=mx1&search=a.exam", "name") == ["a.example.com"]
    assert found("/admins/?role=mail_admin", "login") == ["bob"]
    assert found("/admins/?customer=theirs", "login") == ["charlie"]
    assert found("/admins/?domains=a.example.com", "login") == ["bob", "wendy"]
    assert found("/aliases/?destinations=MIA@a.example.com", "address") == ["sales@a.example.com"]
    assert found("/groups/?members=mia@a.example.com&domain=a.example.com", "address") == ["all@a.example.com"]
    assert found("/accounts/?address=MIA@a.example.com", "address") == ["mia@a.example.com"]
    assert found("/customers/?name=ours", "name") == ["ours"]
    assert found("/plans/?search=plat", "name") == ["platinum"]
    assert found("/mail-hosts/", "name") == ["mx1"]


# Token with owner is 1, the page 1; what belongs to the rows (destinations, members, domains) 1 more.
LISTS = {
    "/accounts/": 2,
    "/aliases/": 3,
    "/groups/": 3,
    "/domains/": 2,
    "/admins/": 5,  # with domains, further roles and the domains of these
    "/customers/": 2,
    "/plans/": 2,
    "/mail-hosts/": 2,
    "/tokens/": 2,
    # The account or domain that the address names is 1 more.
    "/accounts/mia@a.example.com/profiles/": 3,
    "/domains/a.example.com/filters/": 3,
}
SINGLE = {
    "/accounts/mia@a.example.com/": 2,
    "/aliases/sales0@a.example.com/": 3,
    "/groups/all0@a.example.com/": 3,
    "/domains/a.example.com/": 2,
    "/admins/bob/": 5,
    "/customers/ours/": 2,
    "/plans/hs/": 2,
    "/mail-hosts/mx1/": 2,
    "/me/": 1,
    "/accounts/mia@a.example.com/auto-reply/": 3,
    "/accounts/mia@a.example.com/spam/": 3,
    "/domains/a.example.com/senders/": 3,
}


@pytest.fixture
def full(cast: Cast, api: As) -> Asker:
    """The operator, with enough of everything, whose token has just been used."""
    fill(cast.domain, 60)
    for n in range(4):
        expansions.create_alias(cast.domain, f"sales{n}", ["x@example.net", "y@example.net"], acting_user=SYSTEM)
        expansions.create_group(cast.domain, f"all{n}", ["x@example.net", "y@example.net"], acting_user=SYSTEM)
        profiles.create_profile(cast.mia, action="forward", destinations=[f"x{n}@example.net"], acting_user=SYSTEM)
        filters.create_filter(cast.domain, action="bounce", acting_user=SYSTEM)
    for admin in (cast.bob, cast.wendy):
        appoint(admin, Role.MAIL_ADMIN, customer=cast.foreign_domain.customer, domains=[cast.foreign_domain], acting_user=SYSTEM)
    operator = api(cast.operator)
    operator.get("/me/")
    return operator


@pytest.mark.parametrize(("path", "queries"), [*LISTS.items(), *SINGLE.items()])
def test_the_number_of_queries_is_pinned(full: Asker, path: str, queries: int) -> None:
    with CaptureQueriesContext(connection) as found:
        assert full.get(path).status_code == 200
    assert len(found) == queries, [query["sql"][:200] for query in found]


def test_a_page_of_fifty_costs_a_mail_admin_as_little(cast: Cast, full: Asker, api: As) -> None:
    bob = api(cast.bob)
    bob.get("/me/")
    with CaptureQueriesContext(connection) as found:
        assert len(bob.get("/accounts/?domain=a.example.com&search=a.example&ordering=-usage").json()["results"]) == 50
    assert len(found) == 2
