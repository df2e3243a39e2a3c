"""Several roles of one person (R1 to R4): appointed, acted in, taken away."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Admin, Appointment, Domain, Token
from accounts.services import people
from accounts.services.appointments import appoint, dismiss_appointment
from accounts.services.domains import change_domain
from accounts.signin import ACTING
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM, Role
from tests.api.conftest import As, Asker, codes_of, fields_of
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def further(cast: Cast, admin: Admin | None = None, role: Role = Role.MAIL_ADMIN, domain: Domain | None = None) -> Appointment:
    """bob looks after charlie's domain too, unless said otherwise."""
    domain = domain or cast.foreign_domain
    bound = [domain] if role in people.BELOW else []
    customer = None if role == Role.OPERATOR else domain.customer
    return appoint(admin or cast.bob, role, customer=customer, domains=bound, acting_user=SYSTEM)


def session(login: str, role: int | None = None) -> Any:
    return Asker().post("/sessions/", {"login": login, "password": PASSWORD, "role": role})


def signed(answer: Any) -> Asker:
    return Asker(answer.json()["token"])


def names(asker: Asker) -> list[str]:
    return [row["name"] for row in asker.get("/domains/").json()["results"]]


def test_a_further_role_reaches_its_own_domains_and_no_others(cast: Cast) -> None:
    role = further(cast)
    first, other = signed(session("bob")), signed(session("bob", role.pk))
    assert (names(first), names(other)) == (["a.example.com"], ["b.example.com"])
    assert other.get("/accounts/mia@a.example.com/").status_code == 404
    assert other.get("/accounts/max@b.example.com/").status_code == 200


def test_me_says_the_roles_and_the_one_that_one_acts_in(cast: Cast, api: As) -> None:
    role = further(cast, role=Role.WEB_ADMIN)
    me = signed(session("bob", role.pk)).get("/me/").json()
    assert (me["acting"], me["role"], me["customer"], me["domains"]) == (role.pk, "web_admin", "theirs", ["b.example.com"])
    assert me["roles"] == [
        {"id": None, "role": "mail_admin", "customer": "ours", "domains": ["a.example.com"]},
        {"id": role.pk, "role": "web_admin", "customer": "theirs", "domains": ["b.example.com"]},
    ]
    assert [row["id"] for row in api(cast.bob).get("/me/").json()["roles"]] == [None]  # a token is in one role, and knows of one
    assert api(cast.mia).get("/me/").json()["roles"] == []


def test_a_role_of_somebody_else_cannot_be_signed_in_to(cast: Cast) -> None:
    role = further(cast)
    for login in ("alice", "mia@a.example.com"):
        assert fields_of(session(login, role.pk)) == ["role"]
    assert session("bob", role.pk + 1).status_code == 400
    assert Token.objects.count() == 0


def test_without_its_role_a_token_is_nobodys_at_once(cast: Cast) -> None:
    role = further(cast)
    other = signed(session("bob", role.pk))
    dismiss_appointment(role, acting_user=SYSTEM)
    assert other.get("/domains/").status_code == 401
    assert names(signed(session("bob"))) == ["a.example.com"]


def test_without_its_role_a_browser_goes_on_in_the_first(cast: Cast, client: Client) -> None:
    role = further(cast, role=Role.OPERATOR)
    client.force_login(cast.bob)
    kept = client.session
    kept[ACTING] = role.pk
    kept.save()
    assert client.get("/plans/").status_code == 200
    dismiss_appointment(role, acting_user=SYSTEM)
    assert client.get("/plans/").status_code == 404
    assert client.get("/domains/a.example.com/").status_code == 200


def test_a_role_in_another_contract_is_the_operators_to_give(cast: Cast, api: As) -> None:
    theirs = {"role": "mail_admin", "customer": "theirs", "domains": ["b.example.com"]}
    answer = api(cast.alice).patch("/admins/bob/", {"further_roles": [theirs]})
    assert (answer.status_code, fields_of(answer)) == (400, ["further_roles.0.customer"])
    assert api(cast.operator).patch("/admins/bob/", {"further_roles": [theirs]}).status_code == 200
    assert AuditEntry.objects.get(action="appointment.create").tenant == cast.foreign_domain.customer.pk


def test_a_customer_admin_gives_changes_and_takes_roles_of_the_own_contract(cast: Cast, api: As) -> None:
    alice = api(cast.alice)
    made = alice.patch("/admins/bob/", {"further_roles": [{"role": "web_admin", "domains": ["a.example.com"]}]}).json()
    key = made["further_roles"][0]["id"]
    assert made["further_roles"] == [{"id": key, "role": "web_admin", "customer": "ours", "domains": ["a.example.com"]}]
    changed = alice.patch("/admins/bob/", {"further_roles": [{"id": key, "role": "web_admin"}]}).json()
    assert changed["further_roles"] == [{"id": key, "role": "web_admin", "customer": "ours", "domains": []}]
    assert alice.patch("/admins/bob/", {"email": "bob@example.net"}).json()["further_roles"] == changed["further_roles"]
    assert alice.patch("/admins/bob/", {"further_roles": []}).json()["further_roles"] == []
    acts = AuditEntry.objects.filter(subject="bob", action__startswith="appointment").order_by("pk")
    assert list(acts.values_list("action", flat=True)) == ["appointment.create", "appointment.change", "appointment.delete"]


def test_nobody_gives_a_role_above_their_own_nor_to_themselves(cast: Cast, api: As) -> None:
    alice = api(cast.alice)
    for role in ("operator", "customer_admin"):
        assert alice.patch("/admins/bob/", {"further_roles": [{"role": role, "customer": None}]}).status_code == 403
    web = {"role": "web_admin", "domains": ["a.example.com"]}
    assert alice.patch("/admins/alice/", {"further_roles": [web]}).status_code == 403
    assert api(cast.operator).patch("/admins/operator/", {"further_roles": [{**web, "customer": "ours"}]}).status_code == 403


def test_an_entry_that_is_wrong_is_named_and_nothing_is_changed(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    good = {"role": "web_admin", "customer": "ours", "domains": ["a.example.com"]}
    for wrong, field in (
        ({**good, "domains": ["b.example.com"]}, "domains"),
        ({**good, "domains": ["nothing.example.com"]}, "domains"),
        ({"role": "customer_admin", "customer": "ours", "domains": ["a.example.com"]}, "domains"),
        ({"role": "web_admin"}, "customer"),
        ({"role": "operator", "customer": "ours"}, "customer"),
        ({"role": "mail_admin", "customer": "ours"}, "role"),  # the first role again
        (good, "role"),  # the entry before again
        ({**good, "id": 99}, "id"),
        ({**good, "role": "mailbox_user"}, "role"),
        ({**good, "pk": 1}, "pk"),
    ):
        answer = operator.patch("/admins/bob/", {"further_roles": [good, wrong]})
        assert (answer.status_code, fields_of(answer)) == (400, [f"further_roles.1.{field}"]), wrong
    assert not Appointment.objects.exists()


def test_a_new_admin_may_begin_with_several_roles(cast: Cast, api: As) -> None:
    body = {"login": "dora", "password": PASSWORD, "role": "mail_admin", "domains": ["a.example.com"]}
    bad = api(cast.alice).post("/admins/", {**body, "further_roles": [{"role": "operator"}]})
    assert bad.status_code == 403
    assert not Admin.objects.get_queryset().filter(login="dora").exists()
    made = api(cast.alice).post("/admins/", {**body, "further_roles": [{"role": "web_admin", "domains": ["a.example.com"]}]})
    assert [row["role"] for row in made.json()["further_roles"]] == ["web_admin"]


def test_a_person_from_elsewhere_is_seen_in_the_own_contract_only(cast: Cast, api: As) -> None:
    """charlie sees that bob works in his domain; what bob is elsewhere he does not see, nor may he touch the login."""
    role, charlie = further(cast), api(cast.charlie)
    seen = charlie.get("/admins/bob/").json()
    assert (seen["role"], seen["customer"], seen["domains"], seen["email"]) == (None, None, [], "")
    assert seen["further_roles"] == [{"id": role.pk, "role": "mail_admin", "customer": "theirs", "domains": ["b.example.com"]}]
    for body in ({"password": PASSWORD}, {"email": "x@example.net"}, {"is_active": False}, {"role": "web_admin"}, {"domains": []}):
        assert charlie.patch("/admins/bob/", body).status_code == 403, body
    assert charlie.delete("/admins/bob/").status_code == 403
    assert api(cast.alice).get("/admins/bob/").json()["further_roles"] == []  # alice sees nothing of charlie's
    assert charlie.patch("/admins/bob/", {"further_roles": []}).status_code == 200
    assert charlie.get("/admins/bob/").status_code == 404


def test_what_a_customer_admin_does_not_see_stays_when_the_list_is_replaced(cast: Cast, api: As) -> None:
    role = further(cast)
    assert api(cast.alice).patch("/admins/bob/", {"further_roles": []}).status_code == 200
    assert list(cast.bob.appointments.all()) == [role]


def test_the_login_of_somebody_with_a_higher_role_is_out_of_reach(cast: Cast, api: As) -> None:
    """Else a customer admin would set bob's password, and sign in as the operator that bob is too."""
    further(cast, role=Role.OPERATOR)
    alice = api(cast.alice)
    assert alice.patch("/admins/bob/", {"password": PASSWORD + "y"}).status_code == 403
    assert alice.delete("/admins/bob/").status_code == 403
    assert session("bob").status_code == 201


def test_what_somebody_is_in_the_own_contract_is_taken_away_whatever_they_are_elsewhere(cast: Cast, api: As) -> None:
    further(cast)
    alice = api(cast.alice)
    assert alice.patch("/admins/bob/", {"domains": []}).json()["domains"] == []
    assert alice.patch("/admins/bob/", {"domains": [], "email": "x@example.net"}).status_code == 403


def test_a_domain_that_moves_leaves_the_further_roles_of_the_old_contract(cast: Cast) -> None:
    role = further(cast, cast.bob)
    other = signed(session("bob", role.pk))
    change_domain(cast.foreign_domain, customer=cast.domain.customer, acting_user=SYSTEM)
    assert names(other) == []
    assert list(role.domains.all()) == []


def test_the_last_operator_stays_in_whatever_role(cast: Cast, api: As) -> None:
    role = further(cast, role=Role.OPERATOR)
    people.change_admin(cast.operator, is_active=False, acting_user=SYSTEM)
    with pytest.raises(Exception, match="last operator"):
        dismiss_appointment(role, acting_user=SYSTEM)
    with pytest.raises(Exception, match="last operator"):
        people.change_admin(cast.bob, is_active=False, acting_user=SYSTEM)


def test_a_stale_list_of_roles_is_refused(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    tag = operator.get("/admins/bob/")["ETag"]
    further(cast)
    answer = operator.patch("/admins/bob/", {"further_roles": []}, If_Match=tag)
    assert answer.status_code == 412
    assert codes_of(operator.patch("/admins/bob/", {"further_roles": [{"role": "x"}]})) == ["invalid_choice"]
