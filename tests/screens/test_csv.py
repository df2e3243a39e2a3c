"""Every filtered list as a file, and the manual's list of accounts (A15): streamed, a constant number of queries."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Mailbox
from accounts.services import board, expansions, mailboxes
from mailsettings.services import filters, profiles, replies, spam
from panel.base import csvfile
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As
from tests.api.conftest import api as api
from tests.api.test_lists import fill
from tests.conftest import Cast, make_mailbox
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db

A15 = "mail_account,mail_password,comment,amount_of_mail_box,spam,forward,auto,pop,mail_capacity"
LISTS = {
    "/domains/": {"name": "a.example.com", "customer": "ours", "plan": "platinum", "host": "mx1", "accounts": "2", "storage_mb_limit": ""},
    "/domains/a.example.com/mailboxes/": {
        "address": "mia@a.example.com",
        "status": "normal",
        "comment": "'=1+1",
        "receive": "1",
        "used_mb": "2.0",
    },
    "/domains/a.example.com/aliases/": {"address": "info@a.example.com", "destinations": "mia@a.example.com x@example.net"},
    "/domains/a.example.com/groups/": {"address": "all@a.example.com", "members": "mia@a.example.com"},
    "/domains/a.example.com/filters/": {
        "position": "1",
        "name": "'@win",
        "conditions": "the subject contains =win <b>",
        "action": "discard",
        "enabled": "1",
    },
    "/customers/": {"name": "ours", "domains": "1", "domains_limit": "", "accounts": "2"},
    "/plans/": {"name": "hs", "domains": "0", "message_size_mb": "30", "unique_on_server": "0", "mailbox_messages": ""},
    "/admins/": {"login": "bob", "role": "mail_admin", "customer": "ours", "domains": "a.example.com", "is_active": "1"},
    "/audit/": {"actor": "system", "action": "mailbox.create", "subject": "amy@a.example.com"},
    "/notices/": {"title": "'+1"},
}


@pytest.fixture
def full(cast: Cast) -> Cast:
    """Something in every list, and text that a spreadsheet would run."""
    make_mailbox(cast.domain, "amy")
    mailboxes.change_mailbox(cast.mia, comment="=1+1", acting_user=SYSTEM)
    Mailbox.objects.filter(pk=cast.mia.pk).update(used_bytes=2 * 1_048_576)
    expansions.create_alias(cast.domain, "info", ["mia@a.example.com", "x@example.net"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "all", ["mia@a.example.com"], acting_user=SYSTEM)
    condition = {"field": "subject", "operator": "contains", "value": "=win <b>"}
    filters.create_filter(cast.domain, action="discard", name="@win", conditions=[condition], acting_user=SYSTEM)
    board.create_notice(title="+1", acting_user=cast.operator)
    return cast


def read(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8")
    assert text.startswith(csvfile.BOM)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix(csvfile.BOM), newline="")))
    assert all(None not in row and None not in row.values() for row in rows), "each row has a cell for each column"
    assert not any(value[:1] in set("=+-@\t\r") for row in rows for value in row.values())
    return rows


@pytest.mark.parametrize("path", LISTS)
def test_each_list_is_there_as_a_file(path: str, full: Cast, as_user: SignIn) -> None:
    """Plain values, A-labels, no formula; the page links to it."""
    operator = as_user(full.operator)
    assert "as=csv" in operator.get(path).content.decode()
    rows = read(operator.get(path + "?as=csv"))
    wanted = LISTS[path].items()
    assert any(wanted <= row.items() for row in rows), rows


def test_search_filter_and_order_of_the_list_are_those_of_the_file(full: Cast, as_user: SignIn) -> None:
    bob, path = as_user(full.bob), "/domains/a.example.com/mailboxes/?as=csv"
    assert [row["address"] for row in read(bob.get(path + "&sort=-address"))] == ["mia@a.example.com", "amy@a.example.com"]
    assert [row["address"] for row in read(bob.get(path + "&q=1%2B1"))] == ["mia@a.example.com"]
    Mailbox.objects.filter(pk="amy@a.example.com").update(suspended=True)
    assert [row["address"] for row in read(bob.get(path + "&state=suspended"))] == ["amy@a.example.com"]
    shown = bob.get("/domains/a.example.com/mailboxes/?q=1%2B1&sort=-usage").content.decode()
    assert "q=1%2B1&amp;sort=-usage&amp;as=csv" in shown
    assert "/domains/a.example.com/mailboxes/export/?q=1%2B1&amp;sort=-usage" in shown


def test_nobody_gets_the_file_of_others(full: Cast, as_user: SignIn) -> None:
    """R3, R4: by CSV no more than by page."""
    bob = as_user(full.bob)
    for path in ("/domains/b.example.com/mailboxes/", "/domains/b.example.com/aliases/", "/domains/b.example.com/filters/", "/plans/"):
        assert bob.get(path + "?as=csv").status_code == 404
    assert bob.get("/domains/b.example.com/mailboxes/export/").status_code == 404
    assert [row["name"] for row in read(bob.get("/domains/?as=csv"))] == ["a.example.com"]
    for who in (full.wendy, full.mia):
        assert as_user(who).get("/domains/a.example.com/mailboxes/export/").status_code == 404
        assert as_user(who).get("/domains/a.example.com/mailboxes/?as=csv").status_code == 404


LONG = ("/domains/a.example.com/mailboxes/?as=csv", "/domains/a.example.com/mailboxes/export/", "/audit/?as=csv")


@pytest.mark.parametrize("path", LONG)
def test_a_file_costs_the_same_queries_however_long_it_is(path: str, full: Cast, as_user: SignIn) -> None:
    bob = as_user(full.bob)
    bob.get(path)
    with CaptureQueriesContext(connection) as few:
        short = read(bob.get(path))
    fill(full.domain, 300)
    common = {"actor": "system", "via": "task", "action": "x.y", "domain": "a.example.com", "tenant": full.domain.customer.pk}
    AuditEntry.objects.bulk_create(AuditEntry(**common, subject=str(n)) for n in range(300))
    with CaptureQueriesContext(connection) as many:
        assert len(read(bob.get(path))) == len(short) + 300
    assert len(many) == len(few)


def test_the_manuals_list_of_accounts(cast: Cast, make_box: MakeBox, as_user: SignIn, api: As) -> None:
    """A15: the columns exactly, flags 0 or 1, a password never, capacity empty where there is no limit."""
    nina = make_box("standard")
    domain = nina.domain
    ken = make_mailbox(domain, "ken")
    mailboxes.change_mailbox(nina, quota_mb=2048, comment='-Front, "desk"', receive=False, acting_user=SYSTEM)
    Mailbox.objects.filter(pk=nina.pk).update(used_bytes=1_572_864, spam_seat=True)
    Mailbox.objects.filter(pk=ken.pk).update(quota_mb=None)
    nina = Mailbox.objects.get(pk=nina.pk)
    spam.change_spam(nina, tag_subject=True, acting_user=SYSTEM)
    profiles.create_profile(nina, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)
    replies.set_auto_reply(nina, body="text", acting_user=SYSTEM)
    profiles.create_profile(ken, action="forward", destinations=["x@example.net"], enabled=False, acting_user=SYSTEM)
    replies.set_auto_reply(ken, body="text", ends_on=timezone.localdate() - timezone.timedelta(days=1), acting_user=SYSTEM)
    bob, wanted = api(cast.bob), f"/accounts/export.csv?domain={domain.name}&ordering=-address"
    answer = bob.get(wanted)
    rows = read(answer)
    assert ",".join(rows[0]) == A15
    found = {row["mail_account"]: list(row.values())[1:] for row in rows}
    assert list(found) == ["postmaster", "nina", "ken"]
    assert found["nina"] == ["", '\'-Front, "desk"', "1.5", "1", "1", "1", "0", "2048"]
    assert found["ken"] == ["", "", "0.0", "0", "0", "0", "1", ""]
    by_page = read(as_user(cast.bob).get(f"/domains/{domain.name}/mailboxes/export/?sort=-address"))
    assert by_page == rows
    assert {row["mail_account"] for row in read(bob.get("/accounts/export.csv"))} >= {nina.address, "mia@a.example.com"}
    assert "max@b.example.com" not in str(read(bob.get("/accounts/export.csv")))
    assert [row["mail_account"] for row in read(bob.get(f"/accounts/export.csv?domain={domain.name}&receive=false"))] == ["nina"]
    assert api(cast.mia).get("/accounts/export.csv").status_code == 403


def test_the_domains_of_an_export_are_read_once(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    """Credentials, and two: the rules of all domains, and the accounts as they come."""
    fill(cast.domain, 200)
    operator = api(cast.operator)
    operator.get("/me/")
    with django_assert_num_queries(3):
        assert len(read(operator.get("/accounts/export.csv"))) >= 200
