"""Pages about mailboxes."""

from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from accounts.models import AddressName, Domain, Mailbox
from accounts.models.addresses import MB
from panel.base.models import Change
from tests.conftest import PASSWORD, Cast, make_mailbox
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
LIST = "/domains/a.example.com/mailboxes/"


def many(domain: Domain, count: int) -> None:
    """Rows without the cost of a hash each."""
    addresses = [f"user{number:03}@{domain.name}" for number in range(count)]
    AddressName.objects.bulk_create([AddressName(address=a, domain=domain, kind="mailbox") for a in addresses])
    rows = [
        Mailbox(name_id=a, domain=domain, password_hash="x", quota_mb=1 + n % 3, used_bytes=n * 1000, search=a)
        for n, a in enumerate(addresses)
    ]
    Mailbox.objects.bulk_create(rows)
    Domain.objects.filter(pk=domain.pk).update(accounts_count=F("accounts_count") + count)


def test_an_empty_list_explains_mailboxes_and_offers_the_first(cast: Cast, as_user: SignIn) -> None:
    Mailbox.objects.filter(domain=cast.domain).delete()
    text = as_user(cast.bob).get(LIST).content.decode()
    assert "No mailbox yet" in text
    assert reverse("mailbox-create", args=["a.example.com"]) in text


def test_a_search_without_a_match_offers_the_way_back(bob: Client) -> None:
    text = bob.get(LIST, {"q": "zzz"}).content.decode()
    assert "Nothing matches" in text
    assert "No mailbox yet" not in text


def test_the_list_searches_address_and_comment(cast: Cast, bob: Client) -> None:
    bob.post("/mailboxes/mia@a.example.com/edit/", {"comment": "営業部", "quota_mb": "10"})
    make_mailbox(cast.domain, "otto")
    text = bob.get(LIST, {"q": "営業"}).content.decode()
    assert "mia" in text
    assert "otto" not in text


@pytest.mark.parametrize("sort", ["address", "-address", "usage", "-usage", "capacity", "-capacity"])
def test_the_pages_of_a_list_show_every_row_once(cast: Cast, bob: Client, sort: str) -> None:
    many(cast.domain, 120)
    Mailbox.objects.filter(pk__in=[f"user{n:03}@a.example.com" for n in range(0, 120, 7)]).update(quota_mb=None)
    seen, query = [], {"sort": sort}
    for _ in range(4):
        page = bob.get(LIST, query).context["page"]
        seen += [row.pk for row in page.rows]
        query = {"sort": sort, "after": page.after}
        if not page.after:
            break
    assert len(seen) == len(set(seen)) == 121


def test_previous_leads_back_to_the_same_rows(cast: Cast, bob: Client) -> None:
    many(cast.domain, 120)
    first = bob.get(LIST).context["page"]
    second = bob.get(LIST, {"after": first.after}).context["page"]
    back = bob.get(LIST, {"before": second.before}).context["page"]
    assert [row.pk for row in back.rows] == [row.pk for row in first.rows]
    assert back.before == ""


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA", "WzEsMl0", "W3t9LCJ4Il0", "WyJ4Iiwg", "\x00"])
def test_a_cursor_that_makes_no_sense_does_no_harm(bob: Client, cursor: str) -> None:
    for sort in ("address", "usage", "capacity"):
        assert bob.get(LIST, {"after": cursor, "sort": sort}).status_code == 200


def test_the_list_costs_the_same_for_few_and_for_many(cast: Cast, bob: Client, django_assert_num_queries: Any) -> None:
    bob.get(LIST)
    with django_assert_num_queries(5):  # session, admin, domain, notices, one page
        bob.get(LIST)
    many(cast.domain, 120)
    with django_assert_num_queries(5):
        bob.get(LIST)
    with django_assert_num_queries(6):  # and the matches of the search
        bob.get(LIST, {"q": "user"})


def test_only_the_list_is_sent_to_htmx(bob: Client) -> None:
    part = bob.get(LIST, headers={"HX-Request": "true", "HX-Target": "listing"}).content.decode()
    assert "<html" not in part
    whole = bob.get(LIST, headers={"HX-Request": "true", "HX-History-Restore-Request": "true", "HX-Target": "listing"})
    assert "<html" in whole.content.decode()


def test_creating_shows_a_message_with_its_change(bob: Client) -> None:
    given = {"local_part": "New.One", "password": PASSWORD, "quota_mb": "500", "comment": "", "mobile_address": ""}
    answer = bob.post(LIST + "new/", given, follow=True)
    assert answer.redirect_chain[-1][0] == "/mailboxes/new.one@a.example.com/"
    text = answer.content.decode()
    assert "new.one@a.example.com was created." in text
    assert reverse("change-mark", args=[Change.objects.latest("requested_at").pk]) in text


def test_everything_that_is_wrong_is_said_at_once_and_kept(bob: Client) -> None:
    given = {"local_part": "-x", "password": "short", "quota_mb": "500", "comment": "kept"}
    text = bob.post(LIST + "new/", given).content.decode()
    assert "Please check what you entered" in text
    assert 'href="#id_local_part"' in text
    assert 'href="#id_password"' in text
    assert 'value="kept"' in text
    assert "short" not in text.replace("shorter", "")


def test_a_taken_name_is_said_on_its_field(bob: Client) -> None:
    given = {"local_part": "mia", "password": PASSWORD, "quota_mb": "500"}
    form = bob.post(LIST + "new/", given).context["form"]
    assert "is taken" in form.errors["local_part"][0]


def test_a_mailbox_page_costs_the_same_with_many_aliases(cast: Cast, bob: Client, django_assert_num_queries: Any) -> None:
    bob.get("/mailboxes/mia@a.example.com/")
    with django_assert_num_queries(8):  # session, admin, mailbox, notices, aliases, groups, treatment, profiles
        bob.get("/mailboxes/mia@a.example.com/")


def test_capacity_is_a_sentence(bob: Client) -> None:
    text = bob.get("/mailboxes/mia@a.example.com/").content.decode()
    assert 'Above <span class="value">10 GB</span> new mail is refused' in text
    assert 'or as <span class="value">mia%a.example.com</span>' in text


def test_an_admin_sets_a_password_without_knowing_the_old_one(cast: Cast, bob: Client) -> None:
    before = Mailbox.objects.get(pk="mia@a.example.com").password_hash
    bob.post("/mailboxes/mia@a.example.com/password/", {"password": "Another#Word2026"})
    assert Mailbox.objects.get(pk="mia@a.example.com").password_hash != before


def test_no_page_repeats_a_password(bob: Client) -> None:
    text = bob.post("/mailboxes/mia@a.example.com/password/", {"password": "mia"}).content.decode()
    assert 'value="mia"' not in text


def test_deleting_names_what_is_lost_and_asks_first(cast: Cast, bob: Client) -> None:
    Mailbox.objects.filter(pk="mia@a.example.com").update(used_bytes=340 * MB, used_messages=812)
    bob.post("/domains/a.example.com/aliases/new/", {"local_part": "info", "destinations": "mia@a.example.com"})
    text = bob.get("/mailboxes/mia@a.example.com/delete/").content.decode()
    assert "812 mails, 340 MB" in text
    assert "info@a.example.com" in text
    assert Mailbox.objects.filter(pk="mia@a.example.com").exists()
    bob.post("/mailboxes/mia@a.example.com/delete/")
    assert not Mailbox.objects.filter(pk="mia@a.example.com").exists()


def test_deleting_many_shows_them_first(cast: Cast, bob: Client) -> None:
    make_mailbox(cast.domain, "otto")
    chosen = {"address": ["mia@a.example.com", "otto@a.example.com", "max@b.example.com"]}
    text = bob.post(LIST + "delete/", chosen).content.decode()
    assert "Delete 2 mailboxes?" in text
    assert "max@b.example.com" not in text
    assert Mailbox.objects.count() == 3
    bob.post(LIST + "delete/", {**chosen, "confirmed": "1"})
    assert list(Mailbox.objects.values_list("pk", flat=True)) == ["max@b.example.com"]


def test_deleting_nothing_says_so(bob: Client) -> None:
    assert "Nothing is selected" in bob.post(LIST + "delete/", {"confirmed": "1"}).content.decode()


def test_what_people_type_is_escaped(cast: Cast, bob: Client) -> None:
    bob.post("/mailboxes/mia@a.example.com/edit/", {"comment": "<script>alert(1)</script>{x}", "quota_mb": "10"})
    for path in (LIST, "/mailboxes/mia@a.example.com/", "/mailboxes/mia@a.example.com/delete/", LIST + "?q=<script>"):
        assert "<script>alert" not in bob.get(path).content.decode()


def test_the_user_changes_the_own_password_with_the_current_one(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    wrong = mine.post("/me/password/", {"current_password": "wrong", "password": "Another#Word2026"})
    assert "This is not the current password." in wrong.content.decode()
    assert mine.post("/me/password/", {"current_password": PASSWORD, "password": "Another#Word2026"}).status_code == 302


def test_a_users_page_costs_few_queries(cast: Cast, as_user: SignIn, django_assert_num_queries: Any) -> None:
    mine = as_user(cast.mia)
    with django_assert_num_queries(5):  # session, mailbox, notices, treatment, profiles
        assert mine.get("/me/").status_code == 200
