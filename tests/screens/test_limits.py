"""Delegated limits (A17): shared out by the customer admin, used and left shown wherever somebody creates."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Customer, Domain
from accounts.services import domains
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast, make_domain, make_mailbox
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
LIMITS = "/domains/a.example.com/limits/"
FIELDS = ("accounts", "aliases", "groups", "spam_seats", "storage_mb")


@pytest.fixture
def alice(cast: Cast, as_user: SignIn) -> Client:
    return as_user(cast.alice)


def contract(cast: Cast, **limits: int) -> None:
    Customer.objects.filter(pk=cast.domain.customer.pk).update(limits=limits)


def of_domain(cast: Cast, **limits: int) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(limits=limits)


def text_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_a_customer_admin_shares_the_contracts_numbers_out(cast: Cast, alice: Client) -> None:
    contract(cast, accounts=50)
    of_domain(cast, lists=3)
    answer = alice.post(LIMITS, {"limit_accounts": "30", "limit_aliases": "", "limit_storage_mb": "900000"}, follow=True)
    assert "The limits of a.example.com were saved." in answer.content.decode()
    assert Domain.objects.get(name="a.example.com").limits == {"lists": 3, "accounts": 30, "storage_mb": 900000}
    assert "1 of 50" in answer.content.decode()


def test_more_than_the_contract_has_is_refused_at_its_field(cast: Cast, alice: Client) -> None:
    contract(cast, accounts=50, groups=2)
    form = alice.post(LIMITS, {"limit_accounts": "51", "limit_groups": "3", "limit_aliases": "900"}).context["form"]
    assert form.errors == {
        "limit_accounts": ["Mail accounts: the contract has 50."],
        "limit_groups": ["Group addresses: the contract has 2."],
    }
    assert Domain.objects.get(name="a.example.com").limits == {}


def test_a_number_that_the_contract_has_outgrown_stays_until_it_is_changed(cast: Cast, alice: Client) -> None:
    of_domain(cast, accounts=80)
    contract(cast, accounts=50)
    assert alice.post(LIMITS, {"limit_accounts": "80", "limit_aliases": "7"}).status_code == 302
    assert Domain.objects.get(name="a.example.com").limits == {"accounts": 80, "aliases": 7}


def test_together_domains_may_be_promised_more_and_the_contract_holds(cast: Cast, alice: Client, bob: Client) -> None:
    other = make_domain("a2.example.com", "platinum", cast.domain.customer, cast.domain.host)
    contract(cast, accounts=2)
    for name in ("a.example.com", "a2.example.com"):
        alice.post(f"/domains/{name}/limits/", {"limit_accounts": "2"})
    make_mailbox(other, "otto")
    text = text_of(bob, "/domains/a.example.com/mailboxes/new/")
    assert "2 of 2 in use in the whole contract, 0 left." in text
    assert "Mail accounts: nothing is left." in text
    refused = bob.post("/domains/a.example.com/mailboxes/new/", {"local_part": "nina", "password": PASSWORD, "quota_mb": "5"})
    assert "2 of 2 are in use" in refused.content.decode()


def test_a_mail_admin_sees_them_and_cannot_change_them(cast: Cast, bob: Client) -> None:
    assert (bob.get(LIMITS).status_code, bob.post(LIMITS, {"limit_accounts": "9"}).status_code) == (403, 403)
    assert LIMITS not in text_of(bob, "/domains/a.example.com/")


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/domains/a.example.com/mailboxes/new/", "accounts"),
        ("/domains/a.example.com/aliases/new/", "aliases"),
        ("/domains/a.example.com/groups/new/", "groups"),
        ("/mailboxes/mia@a.example.com/spam/seat/", "spam_seats"),
        ("/mailboxes/mia@a.example.com/edit/", "spam_seats"),
        ("/domains/a.example.com/mailboxes/", "accounts"),
        ("/domains/a.example.com/", "accounts"),
    ],
)
def test_wherever_somebody_creates_used_and_left_are_said(cast: Cast, bob: Client, path: str, limit: str) -> None:
    used = 1 if limit == "accounts" else 0
    of_domain(cast, **{limit: 12})
    assert f"{used} of 12 in use in this domain, {12 - used} left." in text_of(bob, path)
    contract(cast, **{limit: 7})
    assert f"{used} of 7 in use in the whole contract, {7 - used} left." in text_of(bob, path)
    of_domain(cast, **{limit: 3})
    assert f"{used} of 3 in use in this domain, {3 - used} left." in text_of(bob, path)


def test_the_capacity_that_is_left_is_said_with_its_unit(cast: Cast, bob: Client) -> None:
    of_domain(cast, storage_mb=(cast.mia.quota_mb or 0) + 2048)
    assert "2 GB left." in text_of(bob, "/domains/a.example.com/mailboxes/new/")


def test_whoever_makes_a_domain_sees_how_many_each_contract_has_left(cast: Cast, as_user: SignIn) -> None:
    contract(cast, domains=3)
    assert "ours: 1 of 3 domains in use, 2 left" in text_of(as_user(cast.operator), "/domains/new/")


def test_it_costs_one_query_however_many_domains_there_are(cast: Cast, bob: Client) -> None:
    path = "/domains/a.example.com/mailboxes/new/"
    bob.get(path)
    found = []
    for number, limits in enumerate(({}, {"accounts": 50, "groups": 7}, {"accounts": 60, "storage_mb": 10**6})):
        contract(cast, **limits)
        with CaptureQueriesContext(connection) as queries:
            bob.get(path)
        found.append(len(queries))
        make_domain(f"a{number}.example.com", "platinum", cast.domain.customer, cast.domain.host)
    assert found == [found[0], found[0] + 1, found[0] + 1]


def test_a_new_domain_stays_within_the_contract_too(cast: Cast) -> None:
    contract(cast, accounts=5)
    plan, host = cast.domain.plan, cast.domain.host
    customer = Customer.objects.get(pk=cast.domain.customer.pk)
    with pytest.raises(Exception, match="the contract has 5"):
        domains.create_domain(
            "c.example.com",
            customer=customer,
            plan=plan,
            host=host,
            admin_address="x@example.net",
            limits={"accounts": 6},
            acting_user=SYSTEM,
        )


def test_the_overview_says_what_the_contract_has_left(cast: Cast, alice: Client) -> None:
    contract(cast, accounts=50, domains=3)
    text = text_of(alice, "/")
    assert "1 of 50, 49 left" in text
    assert "1 of 3, 2 left" in text
