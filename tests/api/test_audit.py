"""The audit trail by the API: who sees what, filters, pages, CSV, and undoing (RP4)."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Alias, Customer, Domain, Mailbox, Plan
from accounts.services import contracts, domains, expansions, mailboxes, people
from mailsettings.models import DomainFilter, Profile
from mailsettings.services import filters, profiles, replies, spam
from panel.base import csvfile
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, codes_of, under
from tests.conftest import PASSWORD, Cast, make_mailbox

pytestmark = pytest.mark.django_db


def latest(action: str) -> AuditEntry:
    found: AuditEntry = AuditEntry.objects.filter(action=action).latest("pk")
    return found


def ids(answer: Any) -> list[int]:
    return [row["id"] for row in answer.json()["results"]]


def test_an_entry_says_who_when_from_where_before_and_after(cast: Cast, api: As) -> None:
    """RP4, by the API."""
    bob = api(cast.bob)
    assert bob.patch("/accounts/mia@a.example.com/", {"quota_mb": 2048, "comment": "=1+1"}).status_code == 200
    entry = bob.get("/audit/?limit=1").json()["results"][0]
    assert {key: entry[key] for key in ("actor", "via", "remote", "action", "domain", "subject", "undoes", "undone_by")} == {
        "actor": "admin:bob",
        "via": "api",
        "remote": "127.0.0.1",
        "action": "mailbox.change",
        "domain": "a.example.com",
        "subject": "mia@a.example.com",
        "undoes": None,
        "undone_by": None,
    }
    assert entry["before"] == {"quota_mb": cast.mia.quota_mb, "comment": ""}
    assert entry["after"] == {"quota_mb": 2048, "comment": "=1+1"}
    assert entry["undoable"] is True
    assert bob.get(f"/audit/{entry['id']}/").json() == entry


def test_nobody_reads_the_trail_of_others(cast: Cast, api: As) -> None:
    """R2, R3, R5: by the contract and the domains; for web admins and mailbox users there is no trail."""
    mailboxes.change_mailbox(cast.mia, comment="ours", acting_user=cast.bob)
    mailboxes.change_mailbox(cast.foreign_box, comment="theirs", acting_user=cast.charlie)
    theirs = latest("mailbox.change")
    for who in (cast.alice, cast.bob):
        asker = api(who)
        assert {row["domain"] for row in asker.get("/audit/?limit=500").json()["results"]} <= {"a.example.com", ""}
        assert asker.get(f"/audit/{theirs.pk}/").status_code == 404
        assert asker.post(f"/audit/{theirs.pk}/undo/").status_code == 404
        assert asker.get("/audit/?search=max@b").json()["results"] == []
        assert "theirs" not in body(asker.get("/audit/export.csv"))
    for who in (cast.wendy, cast.mia):
        assert [api(who).get(path).status_code for path in ("/audit/", "/audit/export.csv", f"/audit/{theirs.pk}/")] == [404] * 3
    assert theirs.pk in ids(api(cast.operator).get("/audit/?limit=500"))
    limited = api(cast.operator, domains=("a.example.com",))
    assert {row["domain"] for row in limited.get("/audit/?limit=500").json()["results"]} == {"a.example.com"}


def test_whose_contract_a_domain_was_before_is_shown_to_the_operator_only(cast: Cast, api: As) -> None:
    cast.domain.admins.clear()
    domains.change_domain(cast.domain, customer=Customer.objects.get(name="theirs"), acting_user=cast.operator)
    path = f"/audit/{latest('domain.change').pk}/"
    assert api(cast.charlie).get(path).json()["before"] == {}
    assert api(cast.operator).get(path).json()["before"] == {"customer": "ours"}
    assert api(cast.alice).get(path).status_code == 404
    assert "ours" not in body(api(cast.charlie).get("/audit/export.csv?action=domain.change"))


def test_each_filter_narrows(cast: Cast, api: As) -> None:
    AuditEntry.objects.all().delete()
    mailboxes.change_mailbox(cast.mia, comment="1", acting_user=cast.bob)
    mailboxes.set_password(cast.mia, PASSWORD, acting_user=cast.mia, current_password=PASSWORD)
    mailboxes.change_mailbox(cast.foreign_box, comment="2", acting_user=cast.charlie)
    one, two, three = AuditEntry.objects.order_by("pk").values_list("pk", flat=True)
    AuditEntry.objects.filter(pk=one).update(at=timezone.now() - timedelta(days=3), via="csv")
    ask = api(cast.operator).get
    AuditEntry.objects.filter(pk__gt=three).delete()  # the token's own entry
    day = f"{timezone.localdate() - timedelta(days=1):%Y-%m-%d}"
    for query, wanted in {
        "": [three, two, one],
        "ordering=id": [one, two, three],
        "domain=B.example.com": [three],
        "actor=admin:bob": [one],
        "action=mailbox.password": [two],
        "subject=mia@a.example.com": [two, one],
        "via=csv": [one],
        f"since={day}": [three, two],
        f"until={day}": [one],
        "since=2100-01-01": [],
        "until=2000-01-01": [],
        "since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00%2B09:00": [three, two, one],
        "search=MAX@": [three],
        "search=bob": [one],
    }.items():
        assert ids(ask(f"/audit/?{query}")) == wanted, query
        assert [int(row["id"]) for row in rows_of(ask(f"/audit/export.csv?{query}"))] == wanted, query
    for query in ("since=yesterday", "until=2026-13-01", "since=0001-01-01", "via=x", "nonsense=1", "ordering=at"):
        assert [ask(f"/audit/?{query}").status_code, ask(f"/audit/export.csv?{query}").status_code] == [400, 400], query
    assert [ask(f"/audit/export.csv?{name}=1").status_code for name in ("limit", "after", "count")] == [400] * 3


def body(answer: Any) -> str:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(answer.streaming_content).decode("utf-8")


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body(answer).removeprefix(csvfile.BOM), newline="")))


def test_pages_and_export_cost_the_same_however_long_the_trail(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    """Token and its use, then: the page; the export likewise."""
    rows = [AuditEntry(actor="system", via="task", action="x", domain="a.example.com", tenant=1, subject=str(n)) for n in range(2_500)]
    AuditEntry.objects.bulk_create(rows)
    operator = api(cast.operator)
    operator.get("/audit/")
    with django_assert_num_queries(2):
        operator.get("/audit/?limit=500&since=2020-01-01&search=1")
    with django_assert_num_queries(2):
        assert len(rows_of(operator.get("/audit/export.csv"))) >= 2_500


def test_a_password_is_nowhere_in_the_trail(cast: Cast, api: As) -> None:
    api(cast.bob).post("/accounts/", {"address": "neu@a.example.com", "password": "Zwölf#Zeichen1" + "x"})
    api(cast.bob).post("/accounts/neu@a.example.com/password/", {"password": PASSWORD + "y"})
    people.change_admin(cast.bob, password=PASSWORD + "z", acting_user=cast.alice)
    people.create_admin("zoe", password=PASSWORD + "z", role="mail_admin", customer=cast.alice.customer, acting_user=cast.alice)
    text = str(list(AuditEntry.objects.values_list("before", "after")))
    assert PASSWORD not in text
    assert "argon2" not in text.lower()


# What is undone: how it was done, the action of its entry, and how the object looks.
Act = Callable[[Cast], Any]
Look = Callable[[Cast], Any]


def _profile(cast: Cast) -> Profile:
    found: Profile = Profile.objects.get(mailbox=cast.mia, action="forward")
    return found


def _give_profiles(cast: Cast) -> None:
    for to in ("one@example.net", "two@example.net"):
        profiles.create_profile(cast.mia, action="forward", destinations=[to], acting_user=SYSTEM)


def _all_profiles(cast: Cast) -> Any:
    return list(cast.mia.profiles.values_list("destinations", "keep_copy", "name"))


def _first(cast: Cast) -> Profile:
    found: Profile = cast.mia.profiles.all()[0]
    return found


def _give_filters(cast: Cast) -> None:
    for name in ("one", "two"):
        filters.create_filter(cast.domain, action="discard", name=name, conditions=[CONDITION], acting_user=SYSTEM)


def _all_filters(cast: Cast) -> Any:
    return list(cast.domain.filters.values_list("name", "action", "enabled"))


def _first_filter(cast: Cast) -> DomainFilter:
    found: DomainFilter = cast.domain.filters.all()[0]
    return found


CONDITION = {"field": "subject", "operator": "contains", "value": "win"}
NOTHING: Act = lambda cast: None  # noqa: E731
UNDONE: dict[str, tuple[Act, Act, Look]] = {
    "mailbox.change": (
        NOTHING,
        lambda c: mailboxes.change_mailbox(c.mia, comment="x", receive=False, quota_mb=77, acting_user=c.bob),
        lambda c: Mailbox.objects.values_list("comment", "receive", "quota_mb", "search").get(pk=c.mia.pk),
    ),
    "alias.change": (
        lambda c: expansions.create_alias(c.domain, "al", ["a@example.net", "b@example.net"], acting_user=SYSTEM),
        lambda c: expansions.change_alias(Alias.objects.get(pk="al@a.example.com"), ["c@example.net"], acting_user=c.bob),
        lambda c: Alias.objects.get(pk="al@a.example.com").addresses(),
    ),
    "alias.delete": (
        lambda c: expansions.create_alias(c.domain, "al", ["a@example.net"], acting_user=SYSTEM),
        lambda c: expansions.delete_alias(Alias.objects.get(pk="al@a.example.com"), acting_user=c.bob),
        lambda c: [(row.address, row.addresses()) for row in Alias.objects.all()],
    ),
    "group.change": (
        lambda c: expansions.create_group(c.domain, "gr", ["a@example.net"], acting_user=SYSTEM),
        lambda c: expansions.change_group(c.domain.groups.get(), ["c@example.net"], acting_user=c.bob),
        lambda c: c.domain.groups.get().addresses(),
    ),
    "group.delete": (
        lambda c: expansions.create_group(c.domain, "gr", ["a@example.net"], acting_user=SYSTEM),
        lambda c: expansions.delete_group(c.domain.groups.get(), acting_user=c.bob),
        lambda c: [row.addresses() for row in c.domain.groups.all()],
    ),
    "domain.change": (
        NOTHING,
        lambda c: domains.change_domain(c.domain, admin_address="new@example.net", acting_user=c.bob),
        lambda c: Domain.objects.values_list("admin_address", flat=True).get(pk=c.domain.pk),
    ),
    "plan.change": (
        NOTHING,
        lambda c: contracts.change_plan(c.domain.plan, title="X", values={"message_size_mb": 7}, acting_user=c.operator),
        lambda c: Plan.objects.get(pk=c.domain.plan.pk).rules.message_size_mb,
    ),
    "customer.change": (
        NOTHING,
        lambda c: contracts.change_customer(c.domain.customer, limits={"accounts": 9}, acting_user=c.operator),
        lambda c: Customer.objects.get(name="ours").limits,
    ),
    "admin.change": (
        NOTHING,
        lambda c: people.change_admin(c.bob, email="b@example.net", domains=[], is_active=False, acting_user=c.alice),
        lambda c: (*_fresh(c.bob, "email", "is_active"), list(c.bob.domains.all())),
    ),
    "profile.change": (
        _give_profiles,
        lambda c: profiles.change_profile(_first(c), destinations=["x@example.net"], keep_copy=False, name="n", acting_user=c.bob),
        _all_profiles,
    ),
    "profile.delete": (_give_profiles, lambda c: profiles.delete_profile(_first(c), acting_user=c.bob), _all_profiles),
    "profile.order": (
        _give_profiles,
        lambda c: profiles.order_profiles(c.mia, [p.pk for p in c.mia.profiles.all()][::-1], acting_user=c.bob),
        _all_profiles,
    ),
    "auto_reply.set": (
        lambda c: replies.set_auto_reply(c.mia, body="old", starts_on=timezone.localdate(), acting_user=SYSTEM),
        lambda c: replies.set_auto_reply(c.mia, body="new", subject="s", acting_user=c.bob),
        lambda c: type(c.mia.auto_reply).objects.values_list("body", "subject", "starts_on").get(),
    ),
    "auto_reply.delete": (
        lambda c: replies.set_auto_reply(c.mia, body="old", ends_on=timezone.localdate(), acting_user=SYSTEM),
        lambda c: replies.delete_auto_reply(Mailbox.objects.get(pk=c.mia.pk), acting_user=c.bob),
        lambda c: list(Mailbox.objects.values_list("auto_reply__body", "auto_reply__ends_on").filter(pk=c.mia.pk)),
    ),
    "spam.change": (
        lambda c: mailboxes.change_mailbox(c.mia, spam_seat=True, acting_user=SYSTEM),
        lambda c: spam.change_spam(c.mia, move_to_folder=True, allow=["@example.net"], acting_user=c.bob),
        lambda c: spam.shown(spam.settings_of(c.mia)),
    ),
    "filter.change": (
        _give_filters,
        lambda c: filters.change_filter(_first_filter(c), enabled=False, action="quarantine", acting_user=c.bob),
        _all_filters,
    ),
    "filter.delete": (_give_filters, lambda c: filters.delete_filter(_first_filter(c), acting_user=c.bob), _all_filters),
    "filter.order": (
        _give_filters,
        lambda c: filters.order_filters(c.domain, [f.pk for f in c.domain.filters.all()][::-1], acting_user=c.bob),
        _all_filters,
    ),
    "senders.change": (
        lambda c: filters.change_senders(c.domain, allow=["@old.example.net"], acting_user=SYSTEM),
        lambda c: filters.change_senders(c.domain, allow=[], block=["@new.example.net"], acting_user=c.bob),
        lambda c: (filters.senders_of(c.domain).allow, filters.senders_of(c.domain).block),
    ),
}


def _fresh(row: Any, *fields: str) -> tuple[Any, ...]:
    return tuple(type(row)._base_manager.values_list(*fields).get(pk=row.pk))


@pytest.mark.parametrize("action", UNDONE)
def test_undoing_sets_what_was_before_and_can_be_undone(action: str, cast: Cast, api: As) -> None:
    """RP4: by an entry of its own; once; and the other way round again."""
    prepare, act, look = UNDONE[action]
    prepare(cast)
    before = look(cast)
    act(cast)
    after, entry = look(cast), latest(action)
    assert before != after
    operator = api(cast.operator)
    answer = operator.post(f"/audit/{entry.pk}/undo/")
    assert answer.status_code == 200, answer.json()
    assert look(cast) == before
    undoing = answer.json()
    assert (undoing["undoes"], undoing["actor"], undoing["via"]) == (entry.pk, "admin:operator", "api")
    assert ("Change-Id" in answer) == (action not in ("customer.change", "admin.change"))
    assert operator.get(f"/audit/{entry.pk}/").json()["undone_by"] == undoing["id"]
    again = operator.post(f"/audit/{entry.pk}/undo/")
    assert (again.status_code, again.json()["code"]) == (409, "undone")
    if action.endswith(".change"):
        assert operator.post(f"/audit/{undoing['id']}/undo/").status_code == 200
        assert look(cast) == after


def test_undoing_the_first_auto_reply_takes_it_away(cast: Cast, api: As) -> None:
    replies.set_auto_reply(cast.mia, body="text", acting_user=cast.mia)
    assert api(cast.bob).post(f"/audit/{latest('auto_reply.set').pk}/undo/").status_code == 200
    assert not Mailbox.objects.filter(pk=cast.mia.pk, auto_reply__isnull=False).exists()


def test_what_has_been_changed_since_is_not_undone(cast: Cast, api: As) -> None:
    """409, and the fields are named; another field does not matter."""
    mailboxes.change_mailbox(cast.mia, comment="one", acting_user=cast.bob)
    entry, bob = latest("mailbox.change"), api(cast.bob)
    mailboxes.change_mailbox(cast.mia, comment="two", acting_user=cast.alice)
    answer = bob.post(f"/audit/{entry.pk}/undo/")
    assert (answer.status_code, answer.json()["code"]) == (409, "changed")
    assert "comment" in answer.json()["detail"]
    mailboxes.change_mailbox(cast.mia, comment="one", receive=False, acting_user=cast.alice)
    assert bob.post(f"/audit/{entry.pk}/undo/").status_code == 200
    assert _fresh(cast.mia, "comment", "receive") == ("", False)


def test_what_is_gone_or_was_made_anew_is_not_undone(cast: Cast, api: As) -> None:
    mailboxes.change_mailbox(cast.mia, comment="one", acting_user=cast.bob)
    entry, bob = latest("mailbox.change"), api(cast.bob)
    mailboxes.delete_mailboxes([cast.mia], acting_user=cast.bob)
    gone = bob.post(f"/audit/{entry.pk}/undo/")
    assert (gone.status_code, gone.json()["code"]) == (409, "gone")
    mailboxes.change_mailbox(make_mailbox(cast.domain, "mia"), comment="one", acting_user=cast.bob)
    assert bob.post(f"/audit/{entry.pk}/undo/").json()["code"] == "gone"


def test_a_deleted_alias_does_not_come_back_over_a_taken_name(cast: Cast, api: As) -> None:
    alias, _ = expansions.create_alias(cast.domain, "al", ["a@example.net"], acting_user=SYSTEM)
    expansions.delete_alias(alias, acting_user=cast.bob)
    make_mailbox(cast.domain, "al")
    assert api(cast.bob).post(f"/audit/{latest('alias.delete').pk}/undo/").status_code == 409


def test_todays_rules_decide(cast: Cast, api: As) -> None:
    """400 in the rule's own words, and nothing is changed: the plan allows less than before."""
    mailboxes.change_mailbox(cast.mia, quota_mb=5000, acting_user=cast.bob)
    mailboxes.change_mailbox(cast.mia, quota_mb=10, acting_user=cast.bob)
    under(cast.domain, "platinum", storage_max_mb=100)
    answer = api(cast.bob).post(f"/audit/{latest('mailbox.change').pk}/undo/")
    assert answer.status_code == 400
    assert codes_of(answer) == ["plan"]
    assert _fresh(cast.mia, "quota_mb") == (10,)


@pytest.mark.parametrize("action", ["mailbox.password", "mailbox.delete", "mailbox.create", "mailbox.purge", "admin.password"])
def test_passwords_and_mail_do_not_come_back(action: str, cast: Cast, api: As) -> None:
    kind = action.partition(".")[0]
    subject = "mia@a.example.com" if kind == "mailbox" else "bob"
    entry = AuditEntry.objects.create(
        actor="admin:bob", via="page", action=action, domain="a.example.com", tenant=cast.domain.customer.pk, subject=subject
    )
    answer = api(cast.operator).post(f"/audit/{entry.pk}/undo/")
    assert (answer.status_code, codes_of(answer)) == (400, ["not_undoable"])


def test_neither_a_role_nor_a_password_of_an_admin_is_undone(cast: Cast, api: As) -> None:
    people.change_admin(cast.bob, password=PASSWORD + "1", email="x@example.net", acting_user=cast.alice)
    one = latest("admin.change")
    people.change_admin(cast.bob, role="web_admin", acting_user=cast.alice)
    for entry in (one, latest("admin.change")):
        assert api(cast.alice).get(f"/audit/{entry.pk}/").json()["undoable"] is False
        assert codes_of(api(cast.alice).post(f"/audit/{entry.pk}/undo/")) == ["not_undoable"]


def test_undoing_needs_the_role_and_the_scope_of_what_is_changed(cast: Cast, api: As) -> None:
    """R8: a token that may only write the trail changes no account by it; a mail admin undoes nothing of the operator's."""
    mailboxes.change_mailbox(cast.mia, comment="one", acting_user=cast.bob)
    path = f"/audit/{latest('mailbox.change').pk}/undo/"
    for scopes in (("audit:read",), ("audit:read", "audit:write"), ("accounts:write", "audit:read")):
        assert api(cast.bob, scopes=scopes).post(path).status_code == 403, scopes
    assert api(cast.bob, scopes=("audit:write", "accounts:write")).post(path).status_code == 200
    domains.change_domain(cast.domain, limits={"accounts": 5}, acting_user=cast.operator)
    entry = latest("domain.change")
    assert api(cast.bob).get(f"/audit/{entry.pk}/").json()["undoable"] is False
    assert api(cast.bob).post(f"/audit/{entry.pk}/undo/").status_code == 403
    assert api(cast.operator).get(f"/audit/{entry.pk}/").json()["undoable"] is True
