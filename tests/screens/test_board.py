"""The message board, the status of a mailbox and the overviews, as each role meets them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Customer, Dismissal, Domain, Mailbox, Notice
from accounts.services import board, standing
from mailsettings.models import DnsCheck
from panel.base.models import Change, ChangeTarget, Job, State
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast, make_domain, make_mailbox
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
MIA = "/mailboxes/mia@a.example.com/"
LIST = "/domains/a.example.com/mailboxes/"
NOTHING = "Nothing needs you at the moment."
MB = 1024 * 1024


@pytest.fixture
def operator(cast: Cast, as_user: SignIn) -> Client:
    return as_user(cast.operator)


def text(client: Client, path: str = "/", **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def write(**fields: Any) -> Notice:
    return board.create_notice(acting_user=SYSTEM, **{"title": "Maintenance on Sunday", "audience": "everyone", **fields})


# --- the board


def test_everybody_reads_and_puts_away(cast: Cast, as_user: SignIn) -> None:
    write()
    for who in (cast.alice, cast.bob, cast.wendy, cast.mia):
        client = as_user(who)
        assert "Maintenance on Sunday" in text(client, "/board/")
        client.post(f"/board/{Notice.objects.get().pk}/dismiss/")
        assert "Maintenance on Sunday" not in text(client, "/board/")
        assert "Maintenance on Sunday" in text(client, "/board/", show="dismissed")
    assert Dismissal.objects.count() == 4


def test_the_sidebar_says_how_many_wait(cast: Cast, bob: Client, as_user: SignIn) -> None:
    """A quiet figure, on phones beside the menu too; none where nothing waits."""
    mark = "1 notice on the message board"
    assert mark not in text(bob, LIST)
    write()
    assert mark in text(bob, LIST)
    assert mark in text(as_user(cast.mia), "/me/")
    board.dismiss(Notice.objects.get(), cast.bob)
    assert mark not in text(bob, LIST)


def test_a_foreign_notice_cannot_be_put_away(cast: Cast, bob: Client) -> None:
    notice = write(domain=cast.foreign_domain)
    assert bob.post(f"/board/{notice.pk}/dismiss/").status_code == 404
    assert not Dismissal.objects.exists()


def test_the_board_costs_the_same_for_many(cast: Cast, bob: Client, django_assert_num_queries: Any) -> None:
    for number in range(60):
        write(title=f"Notice {number}", domain=cast.domain)
    bob.get("/board/")
    with django_assert_num_queries(5):  # session, admin, domain, the figure, the page
        page = bob.get("/board/").context["page"]
    assert len(page.rows) == 50
    assert len(bob.get("/board/", {"after": page.after}).context["page"].rows) == 10


def test_the_operator_writes_edits_and_deletes(cast: Cast, operator: Client, bob: Client) -> None:
    given = {"title": "Hello", "body": "See https://a.example/.", "level": "warning", "audience": "admins", "domain": "A.example.com"}
    assert operator.post("/notices/new/", given).status_code == 302
    notice = Notice.objects.get()
    assert (notice.domain, notice.customer, notice.ends_at) == (cast.domain, cast.domain.customer, None)
    assert '<a href="https://a.example/" rel="nofollow">' in text(bob, "/board/")
    operator.post(f"/notices/{notice.pk}/edit/", {**given, "title": "Goodbye", "ends_at": "2040-01-01T12:00"})
    assert "Goodbye" in text(bob, "/board/")
    assert "Goodbye" in text(operator, "/notices/", q="goodb")
    assert "Nothing matches" in text(operator, "/notices/", q="xyz")
    operator.post(f"/notices/{notice.pk}/delete/")
    assert not Notice.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "a\x00b"),
        ("domain", "nowhere.example.net"),
        ("ends_at", "2000-01-01T00:00"),
        ("audience", "x"),
        ("body", "a\x1bb"),
    ],
)
def test_what_is_wrong_with_a_notice_is_said_on_its_field(operator: Client, field: str, value: str) -> None:
    given = {"title": "Hello", "level": "info", "audience": "admins", field: value}
    form = operator.post("/notices/new/", given).context["form"]
    assert list(form.errors) == [field]
    assert not Notice.objects.exists()


def test_the_systems_notices_are_not_edited(cast: Cast, operator: Client) -> None:
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    assert operator.get(f"/notices/{Notice.objects.get().pk}/edit/").status_code == 404
    assert "needs a new password" in text(operator, "/notices/")


def test_hostile_text_is_only_text(cast: Cast, bob: Client) -> None:
    write(title="<script>alert(1)</script>", body='"><img src=x onerror=alert(1)> javascript:alert(1)')
    for path in ("/", "/board/"):
        found = text(bob, path)
        assert "<script>alert" not in found
        assert "<img src=x" not in found
        assert 'href="javascript' not in found


def test_the_list_of_notices_is_a_file_too(cast: Cast, operator: Client) -> None:
    write(title="=1+1")
    lines = b"".join(operator.get("/notices/", {"as": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert "maintenance" not in lines
    assert ",=1+1" not in lines, "no formula runs"


# --- the status


def test_an_admin_suspends_after_being_told_what_it_means(cast: Cast, bob: Client) -> None:
    """A11: red, with what it means and what to do."""
    assert "Nobody can sign in" in text(bob, MIA + "suspend/")
    assert not Mailbox.objects.get(pk=cast.mia.pk).suspended
    bob.post(MIA + "suspend/")
    found = text(bob, MIA)
    assert '<span class="pill bad">Suspended</span>' in found
    assert "Resume it when the reason is gone." in found
    assert '<span class="pill bad">Suspended</span>' in text(bob, LIST)
    bob.post(MIA + "resume/")
    assert '<span class="pill ok">Normal</span>' in text(bob, MIA)


def test_the_user_is_told_what_a_full_mailbox_means(cast: Cast, as_user: SignIn) -> None:
    """A11: to admin and user alike."""
    Mailbox.objects.filter(pk=cast.mia.pk).update(quota_mb=1, used_bytes=2 * MB)
    found = text(as_user(cast.mia), "/me/")
    assert '<span class="pill bad">Over capacity</span>' in found
    assert "Delete mail that you do not need" in found


def test_a_user_is_put_out_and_told_why_at_the_door(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    for bar, words in ((standing.suspend, "suspended"), (None, "must be changed")):
        if bar:
            bar(cast.mia, acting_user=SYSTEM)
        else:
            standing.resume(cast.mia, acting_user=SYSTEM)
            standing.force_password_change([cast.mia], acting_user=SYSTEM)
        assert mine.get("/me/").status_code == 302
        answer = Client().post("/mail/login/", {"login": cast.mia.address, "password": PASSWORD})
        assert words in answer.content.decode()
        wrong = Client().post("/mail/login/", {"login": cast.mia.address, "password": "wrong"})
        assert words not in wrong.content.decode(), "a stranger learns nothing"


def test_the_list_is_filtered_by_status(cast: Cast, bob: Client) -> None:
    rows = {"shut": {"suspended": True}, "full": {"quota_mb": 1, "used_bytes": 2 * MB}, "near": {"quota_mb": 100, "used_bytes": 95 * MB}}
    for local, fields in rows.items():
        Mailbox.objects.filter(pk=make_mailbox(cast.domain, local).pk).update(**fields)

    def found(path: str, state: str) -> list[str]:
        return [row.local_part for row in bob.get(path, {"state": state}).context["page"].rows]

    for path in (LIST, "/mailboxes/"):
        assert found(path, "suspended") == ["shut"]
        assert found(path, "over_capacity") == ["full"]
        assert found(path, "nearly") == ["near"]
        assert found(path, "nonsense") == ["full", "mia", "near", "shut"]
        assert "Nothing is in this state." in text(bob, path, state="password_forced")


def test_the_list_of_all_domains_holds_ones_own_only(cast: Cast, bob: Client, operator: Client) -> None:
    assert "max@b.example.com" not in text(bob, "/mailboxes/")
    assert "max@b.example.com" in text(operator, "/mailboxes/")


def test_the_operator_forces_many_at_once(cast: Cast, operator: Client, bob: Client) -> None:
    """A12, for one or many; the list's selection, shown first."""
    make_mailbox(cast.domain, "ken")
    chosen = {"address": ["mia@a.example.com", "ken@a.example.com", "max@b.example.com"]}
    path = LIST + "force-password/"
    assert "Require new passwords…" in text(operator, LIST)
    assert "Require new passwords…" not in text(bob, LIST)
    assert bob.post(path, {**chosen, "confirmed": "1"}).status_code == 403
    assert "Require new passwords for 2 mailboxes?" in operator.post(path, chosen).content.decode()
    assert not Notice.objects.exists()
    operator.post(path, {**chosen, "confirmed": "1"})
    forced = Mailbox.objects.filter(must_change_password=True).values_list("pk", flat=True)
    assert sorted(forced) == ["ken@a.example.com", "mia@a.example.com"]
    assert "wait for a new password already" in operator.post(path, chosen).content.decode()


def test_the_form_of_a_forced_change_says_what_is_refused(cast: Cast, bob: Client) -> None:
    assert "near copies" not in text(bob, MIA + "password/")
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    assert "near copies" in text(bob, MIA + "password/")
    form = bob.post(MIA + "password/", {"password": PASSWORD + "1"}).context["form"]
    assert form.errors["password"] == ["This is one of the last three passwords with digits or symbols added."]


# --- the overviews


def test_nothing_needs_you_is_said(cast: Cast, as_user: SignIn) -> None:
    for who in (cast.operator, cast.alice, cast.bob, cast.wendy):
        assert NOTHING in text(as_user(who))


def test_an_overview_begins_with_what_needs_whoever_looks(cast: Cast, bob: Client, as_user: SignIn) -> None:
    """Counts by kind, each a link to those it counts."""
    rows = {
        "shut": {"suspended": True},
        "full": {"quota_mb": 1, "used_bytes": 2 * MB},
        "near": {"quota_mb": 100, "used_bytes": 95 * MB},
        "many": {"used_messages": 49_000},
    }
    for local, fields in rows.items():
        Mailbox.objects.filter(pk=make_mailbox(cast.domain, local).pk).update(**fields)
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    found = text(bob)
    for state, count in (("suspended", 1), ("password_forced", 1), ("over_capacity", 1), ("nearly", 2)):
        assert f'href="/mailboxes/?state={state}"' in found
        assert len(bob.get("/mailboxes/", {"state": state}).context["page"].rows) == count
    assert "mia@a.example.com needs a new password" in found
    assert NOTHING not in found
    for outsider in (cast.charlie, cast.wendy):
        assert NOTHING in text(as_user(outsider)), "a web admin learns nothing of mail (R4)"


def test_limits_that_are_nearly_used_up_are_named(cast: Cast, as_user: SignIn, operator: Client, bob: Client) -> None:
    """A17, from 90 % on."""
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"accounts": 10, "aliases": 10, "groups": 0}, accounts_count=9, aliases_count=8)
    assert "Mail accounts of" in text(bob)
    assert "Aliases of" not in text(bob)
    Domain.objects.filter(pk=cast.domain.pk).update(limits={})
    Customer.objects.filter(pk=cast.domain.customer_id).update(limits={"accounts": 9})
    assert NOTHING in text(bob), "the contract is not a mail admin's business"
    for client in (operator, as_user(cast.alice)):
        assert "9 of 9 in use" in text(client)


def test_what_failed_is_shown_to_whoever_caused_it(cast: Cast, bob: Client, as_user: SignIn, operator: Client) -> None:
    change = Change.objects.create(actor=cast.bob.actor)
    for key in ("mia@a.example.com", "info@a.example.com"):
        ChangeTarget.objects.create(change=change, host="mx1", kind="address", key=key, state=State.FAILED, error="no")
    Job.objects.create(kind="import", host="mx1", actor=cast.bob.actor, state="failed")
    for client in (bob, operator):
        found = text(client)
        assert found.count(f"/changes/{change.pk}/mark/") == 1
        assert "job failed in the last seven days" in found
    assert NOTHING in text(as_user(cast.alice))


def test_records_that_are_not_good_need_the_web_admin_too(cast: Cast, as_user: SignIn) -> None:
    """A20, R4."""
    for domain, worst in ((cast.domain, "missing"), (cast.foreign_domain, "good")):
        DnsCheck.objects.create(domain=domain, worst=worst)
    for who in (cast.operator, cast.alice, cast.bob, cast.wendy):
        assert "a.example.com" in text(as_user(who)).partition("</section>")[0].partition("What needs you")[2]
    assert NOTHING in text(as_user(cast.charlie))


def test_administrators_without_the_second_step_are_counted(cast: Cast, as_user: SignIn, operator: Client) -> None:
    """R10, where the operator's policy asks for it."""
    from accounts.models import SignInPolicy

    SignInPolicy.objects.create(pk=1, two_step_roles=["mail_admin", "web_admin"])
    assert ">2</span> administrators have not set up" in text(operator)
    assert ">2</span> administrators have not set up" in text(as_user(cast.alice))
    assert NOTHING in text(as_user(cast.charlie))


@pytest.mark.parametrize("who", ["operator", "alice", "bob", "wendy"])
def test_an_overview_costs_the_same_for_many(cast: Cast, as_user: SignIn, host: Any, who: str, django_assert_num_queries: Any) -> None:
    """Pinned, and the same with more domains, accounts, notices, limits and failures."""
    client = as_user(getattr(cast, who))
    queries = {"operator": 17, "alice": 17, "bob": 14, "wendy": 7}[who]

    def needs(number: int) -> None:
        domain = make_domain(f"d{number}.example.com", "platinum", cast.domain.customer, host)
        cast.bob.domains.add(domain)
        cast.wendy.domains.add(domain)
        Domain.objects.filter(pk=domain.pk).update(limits={"accounts": 1}, accounts_count=1)
        box = make_mailbox(cast.domain, f"u{number}")
        standing.force_password_change([box], acting_user=SYSTEM)
        DnsCheck.objects.create(domain=domain, worst="wrong")
        change = Change.objects.create(actor=getattr(cast, who).actor)
        ChangeTarget.objects.create(change=change, host="mx1", kind="address", key=box.address, state=State.FAILED)
        write(audience="operators" if who == "operator" else "admins")

    Customer.objects.filter(pk=cast.domain.customer_id).update(limits={"domains": 5000})
    needs(0)
    client.get("/")
    with django_assert_num_queries(queries):
        client.get("/")
    for number in range(1, 8):
        needs(number)
    with django_assert_num_queries(queries):
        client.get("/")
