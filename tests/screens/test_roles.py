"""Several roles of one person on the pages: given, changed, taken away, and the switch between one's own (R1 to R4)."""

import pytest
from django.test import Client

from accounts.models import Admin, Appointment
from accounts.services.appointments import appoint, dismiss_appointment
from panel.base.tenancy import SYSTEM, Role
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
BOB = "/admins/bob/"


@pytest.fixture
def alice(cast: Cast, as_user: SignIn) -> Client:
    return as_user(cast.alice)


@pytest.fixture
def elsewhere(cast: Cast) -> Appointment:
    """bob is mail admin of charlie's domain too."""
    return appoint(cast.bob, Role.MAIL_ADMIN, customer=cast.foreign_domain.customer, domains=[cast.foreign_domain], acting_user=SYSTEM)


def act(client: Client, role: Appointment | str) -> str:
    key = role if isinstance(role, str) else str(role.pk)
    assert client.post("/acting/", {"role": key}).status_code == 302
    return client.get("/account/").content.decode()


def test_a_customer_admin_gives_changes_and_takes_a_role(cast: Cast, alice: Client) -> None:
    given = alice.post(BOB + "roles/new/", {"role": "web_admin", "domains": [cast.domain.pk]}, follow=True).content.decode()
    assert "bob has a further role now." in given
    held = Appointment.objects.get(admin=cast.bob)
    assert (held.role, held.customer, list(held.domains.all())) == ("web_admin", cast.alice.customer, [cast.domain])
    assert "domain web admin" in alice.get(BOB + "edit/").content.decode()
    alice.post(f"{BOB}roles/{held.pk}/", {"role": "web_admin", "domains": []})
    assert not held.domains.exists()
    asked = alice.get(f"{BOB}roles/{held.pk}/delete/").content.decode()
    assert "loses it at once" in asked
    alice.post(f"{BOB}roles/{held.pk}/delete/")
    assert not Appointment.objects.exists()


def test_the_role_that_is_there_already_is_not_given_twice(cast: Cast, alice: Client) -> None:
    form = alice.post(BOB + "roles/new/", {"role": "mail_admin", "domains": [cast.domain.pk]}).context["form"]
    assert form.errors == {"role": ["There is this role already: change its domains."]}


def test_a_customer_admin_is_offered_no_role_above_and_no_foreign_domain(cast: Cast, alice: Client) -> None:
    text = alice.get(BOB + "roles/new/").content.decode()
    assert "customer admin</option>" not in text
    assert "b.example.com" not in text
    assert alice.post(BOB + "roles/new/", {"role": "operator"}).context["form"].errors
    assert alice.post(BOB + "roles/new/", {"role": "web_admin", "domains": [cast.foreign_domain.pk]}).context["form"].errors


def test_a_role_elsewhere_is_not_shown_and_the_login_is_out_of_reach(cast: Cast, alice: Client, elsewhere: Appointment) -> None:
    text = alice.get(BOB + "edit/").content.decode()
    assert "theirs" not in text
    assert "b.example.com" not in text
    assert "only an operator changes the login" in text
    assert 'name="password"' not in text
    assert alice.post(BOB + "edit/", {"role": "web_admin", "domains": [], "password": "Another#Word2026"}).status_code == 302
    fresh = Admin.objects.get_queryset().get(pk=cast.bob.pk)
    assert (fresh.role, list(fresh.domains.all()), fresh.check_password(PASSWORD)) == ("web_admin", [], True)
    assert alice.post(BOB + "delete/").status_code == 403
    assert alice.get(f"{BOB}roles/{elsewhere.pk}/").status_code == 404


def test_a_person_from_elsewhere_is_listed_with_the_role_in_ones_own_contract(cast: Cast, as_user: SignIn, elsewhere: Appointment) -> None:
    charlie = as_user(cast.charlie)
    text = charlie.get("/admins/").content.decode()
    assert "bob" in text
    assert "b.example.com" in text
    assert "a.example.com" not in text
    assert charlie.get(f"{BOB}roles/{elsewhere.pk}/").status_code == 200
    assert charlie.post(f"{BOB}roles/{elsewhere.pk}/delete/").status_code == 302
    assert charlie.get(BOB + "edit/").status_code == 404


def test_the_switch_is_there_for_those_with_several_roles(cast: Cast, bob: Client, alice: Client, elsewhere: Appointment) -> None:
    assert "Acting as" not in alice.get("/account/").content.decode()
    text = bob.get("/account/").content.decode()
    assert "Acting as" in text
    assert "b.example.com" in text


def test_in_another_role_one_sees_its_domains_and_no_others(cast: Cast, bob: Client, elsewhere: Appointment) -> None:
    assert "You act as domain mail admin now: b.example.com." in act(bob, elsewhere)
    assert bob.get("/domains/b.example.com/mailboxes/").status_code == 200
    assert bob.get("/mailboxes/mia@a.example.com/").status_code == 404
    act(bob, "")
    assert bob.get("/mailboxes/mia@a.example.com/").status_code == 200
    assert bob.get("/domains/b.example.com/mailboxes/").status_code == 404


def test_in_a_web_admins_role_every_mail_page_is_gone(cast: Cast, bob: Client) -> None:
    """R4: whoever is both acts in one of them."""
    role = appoint(cast.bob, Role.WEB_ADMIN, customer=cast.domain.customer, domains=[cast.domain], acting_user=SYSTEM)
    act(bob, role)
    for path in ("/domains/", "/domains/a.example.com/mailboxes/", "/mailboxes/mia@a.example.com/"):
        assert bob.get(path).status_code == 404, path


@pytest.mark.parametrize("key", ["99999", "x", "-1", ""])
def test_a_role_that_is_not_ones_own_cannot_be_acted_in(cast: Cast, alice: Client, elsewhere: Appointment, key: str) -> None:
    text = act(alice, key or elsewhere)
    assert "This role is not yours any more." in text
    assert alice.get("/domains/b.example.com/").status_code == 404
    assert alice.get("/acting/").status_code == 405


def test_a_role_that_is_taken_away_ends_in_the_open_browser(cast: Cast, bob: Client, elsewhere: Appointment) -> None:
    act(bob, elsewhere)
    dismiss_appointment(elsewhere, acting_user=SYSTEM)
    assert bob.get("/domains/b.example.com/mailboxes/").status_code == 404
    assert bob.get("/domains/a.example.com/mailboxes/").status_code == 200
    assert "This role is not yours any more." in act(bob, elsewhere)


def test_an_operator_puts_somebody_into_another_contract(cast: Cast, as_user: SignIn) -> None:
    operator = as_user(cast.operator)
    body = {"role": "mail_admin", "customer": cast.foreign_domain.customer.pk, "domains": [cast.foreign_domain.pk]}
    assert operator.post(BOB + "roles/new/", body).status_code == 302
    wrong = operator.post(BOB + "roles/new/", {**body, "role": "web_admin", "domains": [cast.domain.pk]}).context["form"]
    assert wrong.errors == {"domains": ["The domains must belong to the admin's customer."]}
    assert operator.get("/admins/operator/roles/new/").status_code == 403
