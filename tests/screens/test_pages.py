"""The other pages: domains, aliases, groups, plans, customers, admins, and who finds what."""

from typing import Any

import pytest
from django.test import Client

from accounts.forms.tenants import grouped, live_rules
from accounts.models import Admin, Alias, Customer, Domain, Group, Mailbox, Plan
from accounts.rules import enforced
from tests.conftest import PASSWORD, Cast, make_domain
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(cast: Cast, as_user: SignIn) -> Client:
    return as_user(cast.operator)


def test_a_web_admin_sees_server_names_and_no_mail(cast: Cast, as_user: SignIn) -> None:
    wendy = as_user(cast.wendy)
    text = wendy.get("/").content.decode()
    assert "a.example.com" in text
    assert "mx1" in text
    assert "b.example.com" not in text
    for path in (
        "/domains/",
        "/domains/a.example.com/",
        "/domains/a.example.com/mailboxes/",
        "/mailboxes/mia@a.example.com/",
        "/me/",
        "/admins/",
    ):
        assert wendy.get(path).status_code == 404


def test_a_foreign_object_does_not_exist(cast: Cast, as_user: SignIn) -> None:
    for user in (cast.alice, cast.bob):
        client = as_user(user)
        for path in (
            "/domains/b.example.com/",
            "/domains/b.example.com/mailboxes/",
            "/mailboxes/max@b.example.com/",
            "/mailboxes/max@b.example.com/delete/",
        ):
            assert client.get(path).status_code == 404


def test_what_the_role_may_not_do_with_the_own_domain_is_forbidden(cast: Cast, as_user: SignIn) -> None:
    alice = as_user(cast.alice)
    for path in ("/domains/a.example.com/rules/", "/domains/a.example.com/delete/", "/domains/new/"):
        assert alice.get(path).status_code == 403
        assert alice.post(path, {}).status_code == 403


def test_operators_pages_do_not_exist_for_others(cast: Cast, as_user: SignIn) -> None:
    for user in (cast.alice, cast.bob, cast.mia):
        for path in ("/plans/", "/plans/standard/", "/customers/", f"/customers/{cast.alice.customer_id}/"):
            assert as_user(user).get(path).status_code == 404


def test_a_domain_is_made_with_its_name_as_people_write_it(cast: Cast, operator: Client) -> None:
    given = {
        "name": "例え.jp",
        "customer": cast.alice.customer_id,
        "plan": Plan.objects.get(name="standard").pk,
        "host": cast.domain.host_id,
        "admin_address": "a@b.example",
    }
    answer = operator.post("/domains/new/", given, follow=True)
    assert answer.redirect_chain[-1][0] == "/domains/xn--r8jz45g.jp/"
    assert "例え.jp was created." in answer.content.decode()
    assert "xn--" in operator.get("/domains/", {"q": "例え"}).content.decode()


def test_a_mail_admin_changes_the_admin_address_and_nothing_else(cast: Cast, as_user: SignIn) -> None:
    bob = as_user(cast.bob)
    assert list(bob.get("/domains/a.example.com/edit/").context["form"].fields) == ["admin_address"]
    bob.post("/domains/a.example.com/edit/", {"admin_address": "new@example.net", "plan": "1"})
    assert Domain.objects.get(name="a.example.com").admin_address == "new@example.net"


def test_deleting_a_domain_wants_its_name(cast: Cast, operator: Client) -> None:
    assert "This is not the name." in operator.post("/domains/a.example.com/delete/", {"confirm": "b.example.com"}).content.decode()
    operator.post("/domains/a.example.com/delete/", {"confirm": "A.example.com "})
    assert not Domain.objects.filter(name="a.example.com").exists()


def test_own_values_count_only_where_ticked(cast: Cast, operator: Client) -> None:
    page = operator.get("/domains/a.example.com/rules/").context["form"]
    given = {name: "" if page[name].initial is None else page[name].initial for name in page.fields if page[name].initial is not False}
    operator.post("/domains/a.example.com/rules/", {**given, "own_message_size_mb": "on", "message_size_mb": "7", "local_part_max": "9"})
    assert Domain.objects.get(name="a.example.com").overrides == {"message_size_mb": 7}


def test_an_alias_says_which_destination_is_wrong(bob: Client) -> None:
    given = {"local_part": "info", "destinations": "mia@a.example.com\n-x@example.net"}
    form = bob.post("/domains/a.example.com/aliases/new/", given).context["form"]
    assert "-x@example.net" in form.errors["destinations"][0]
    bob.post("/domains/a.example.com/aliases/new/", {**given, "destinations": "mia@a.example.com, x@example.net"})
    assert Alias.objects.get().addresses() == ["mia@a.example.com", "x@example.net"]


def test_the_list_of_aliases_costs_the_same_for_many(bob: Client, django_assert_num_queries: Any) -> None:
    for number in range(3):
        bob.post("/domains/a.example.com/aliases/new/", {"local_part": f"a{number}", "destinations": "x@example.net\ny@example.net"})
    bob.get("/domains/a.example.com/aliases/")
    with django_assert_num_queries(6):  # session, admin, domain, notices, aliases, destinations
        bob.get("/domains/a.example.com/aliases/")
    found = bob.get("/domains/a.example.com/aliases/", {"q": "example.net"}).context["page"].rows
    assert len(found) == 3


def test_groups_exist_where_the_plan_has_them(cast: Cast, operator: Client) -> None:
    assert cast.alice.customer is not None
    make_domain("c.example.com", "standard", cast.alice.customer, cast.domain.host)
    assert operator.get("/domains/c.example.com/groups/").status_code == 404
    assert operator.get("/domains/c.example.com/groups/new/").status_code == 404
    operator.post("/domains/a.example.com/groups/new/", {"local_part": "all", "members": "mia@a.example.com"})
    assert Group.objects.get().addresses() == ["mia@a.example.com"]
    operator.post("/groups/all@a.example.com/delete/")
    assert not Group.objects.exists()


def test_the_plans_word_stands_on_its_screens(cast: Cast, operator: Client) -> None:
    text = operator.get("/domains/a.example.com/mailboxes/", headers={"accept-language": "ja"}).content.decode()
    assert "<h1>ユーザー管理</h1>" in text


def test_a_plan_is_edited_and_reaches_its_domains(cast: Cast, operator: Client) -> None:
    page = operator.get("/plans/platinum/edit/").context["form"]
    given = {name: "" if page[name].value() is None else page[name].value() for name in page.fields if page[name].value() is not False}
    answer = operator.post("/plans/platinum/edit/", {**given, "message_size_mb": "12"}, follow=True)
    assert "live" in answer.content.decode()
    assert Plan.objects.get(name="platinum").rules.message_size_mb == 12
    assert Plan.objects.get(name="platinum").values["imap_folders"] == 300


def test_every_value_that_servers_obey_stands_under_a_legend_once(operator: Client) -> None:
    form = operator.get("/plans/standard/edit/").context["form"]
    drawn = [str(name) for legend, specs in grouped(live_rules()) for name in (spec.name for spec in specs)]
    assert sorted(drawn) == sorted(enforced())
    labels = [label for field in form.fields.values() if hasattr(field, "choices") for key, label in field.choices if str(label) == key]
    assert labels == ["none"]  # every other choice is said in words


def test_a_plan_is_said_in_sentences(operator: Client) -> None:
    text = operator.get("/plans/hs/").content.decode()
    assert 'At most <span class="value">10</span> profiles, with <span class="value">5</span> destinations each' in text
    assert "Nothing is forwarded while it is on." in text
    assert "Users forward only where their admin lets them." in operator.get("/plans/platinum/").content.decode()


def test_a_domain_of_warp_switches_its_virus_check(cast: Cast, make_box: MakeBox, bob: Client, operator: Client) -> None:
    name = make_box("warp").domain.name
    assert "Mail is not checked for viruses" in bob.get(f"/domains/{name}/").content.decode()
    bob.post(f"/domains/{name}/edit/", {"admin_address": "boss@example.net", "virus_check": "on"})
    assert Domain.objects.get(name=name).virus_check
    assert "virus_check" in operator.get(f"/domains/{name}/edit/").context["form"].fields
    assert "virus_check" not in bob.get("/domains/a.example.com/edit/").context["form"].fields


def test_an_admin_gives_seat_and_permission_on_the_mailbox(cast: Cast, bob: Client, make_box: MakeBox) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"spam_seats": 1})
    text = bob.get("/mailboxes/mia@a.example.com/edit/").content.decode()
    assert "0 of 1 in use in this domain, 1 left." in text
    given = {"quota_mb": "10", "user_may_forward": "on", "spam_seat": "on"}
    bob.post("/mailboxes/mia@a.example.com/edit/", given)
    fresh = Mailbox.objects.get(pk=cast.mia.pk)
    assert (fresh.user_may_forward, fresh.spam_seat) == (True, True)
    assert "1 of 1" in bob.get("/domains/a.example.com/").content.decode()
    over = bob.post("/domains/a.example.com/mailboxes/new/", {**given, "local_part": "otto", "password": PASSWORD}).context["form"]
    assert over.errors["spam_seat"] == ["Spam detection (seats): 1 of 1 are in use."]
    assert {"user_may_forward", "spam_seat"}.isdisjoint(bob.get(f"/mailboxes/{make_box('standard')}/edit/").context["form"].fields)


def test_a_contracts_numbers_are_kept_beside_those_that_no_page_shows(cast: Cast, operator: Client) -> None:
    customer = Customer.objects.get(name="ours")
    Customer.objects.filter(pk=customer.pk).update(limits={"lists": 5, "accounts": 10})
    operator.post(f"/customers/{customer.pk}/", {"limit_accounts": "", "limit_aliases": "7"})
    assert Customer.objects.get(name="ours").limits == {"lists": 5, "aliases": 7}


def test_a_limit_that_is_reached_is_said_with_both_figures(cast: Cast, bob: Client) -> None:
    Domain.objects.filter(name="a.example.com").update(limits={"accounts": 1})
    given = {"local_part": "otto", "password": PASSWORD, "quota_mb": "5"}
    text = bob.post("/domains/a.example.com/mailboxes/new/", given).content.decode()
    assert "1 of 1 are in use" in text


def test_a_customer_admin_appoints_for_the_own_domains_only(cast: Cast, as_user: SignIn) -> None:
    alice = as_user(cast.alice)
    given = {"login": "newbie", "role": "mail_admin", "password": PASSWORD, "domains": [cast.domain.pk]}
    assert alice.post("/admins/new/", {**given, "domains": [cast.foreign_domain.pk]}).status_code == 200
    assert alice.post("/admins/new/", {**given, "role": "operator"}).status_code == 200
    assert not Admin.objects.get_queryset().filter(login="newbie").exists()
    assert alice.post("/admins/new/", given).status_code == 302
    assert Admin.objects.get_queryset().get(login="newbie").customer_id == cast.alice.customer_id


def test_nobody_edits_or_deletes_themselves_among_the_others(cast: Cast, operator: Client) -> None:
    assert operator.get("/admins/operator/edit/").status_code == 403
    assert operator.post("/admins/operator/delete/").status_code == 403
    assert operator.get("/admins/alice/edit/").status_code == 200


def test_an_admin_changes_the_own_password_and_stays(cast: Cast, bob: Client) -> None:
    assert bob.post("/account/password/", {"current_password": PASSWORD, "password": "Another#Word2026"}).status_code == 302
    assert bob.get("/account/").status_code == 200


def test_the_own_language_takes_effect_at_once(bob: Client) -> None:
    bob.post("/account/", {"email": "", "language": "ja"})
    assert b'<html lang="ja"' in bob.get("/account/").content


def test_a_form_that_is_too_old_is_explained(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/login/", {"login": "bob", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_nothing_at_an_address_is_explained(bob: Client) -> None:
    answer = bob.get("/nothing/here/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_pages_carry_a_strict_policy_and_no_inline_style_or_script(cast: Cast, operator: Client) -> None:
    for path in (
        "/",
        "/domains/a.example.com/",
        "/domains/a.example.com/mailboxes/",
        "/mailboxes/mia@a.example.com/",
        "/plans/platinum/edit/",
    ):
        answer = operator.get(path)
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        text = answer.content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text
