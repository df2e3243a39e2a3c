"""The audit trail as a timeline: sentences, filters, history of one thing, undoing (RP4)."""

import ast
import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from django.utils.html import strip_tags
from playwright.sync_api import Page

from accounts import acts
from accounts.models import Customer, Mailbox
from accounts.services import contracts, domains, expansions, mailboxes, people
from accounts.views.audit import line
from mailsettings.services import filters, profiles, replies, spam
from panel.base import audit
from panel.base.models import AuditEntry, Change
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast
from tests.screens.conftest import SignIn, make_live, sign_in

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert(1)</script>{who} "x" \u202e'


def latest() -> AuditEntry:
    found: AuditEntry = AuditEntry.objects.select_related("undone_by").latest("pk")
    return found


def said(entry: AuditEntry, who: Any = SYSTEM) -> str:
    return unescape(strip_tags(line(entry, who).sentence))


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(strip_tags(answer.content.decode())))


def test_each_act_is_a_plain_sentence(cast: Cast) -> None:
    """In the words of the reader's language, with the values where they are short."""
    mia, bob = "mia@a.example.com", cast.bob
    mailboxes.change_mailbox(cast.mia, quota_mb=1024, acting_user=SYSTEM)
    mailboxes.change_mailbox(cast.mia, quota_mb=2048, acting_user=bob)
    assert said(latest()) == f"bob changed the capacity of {mia} from 1,024 MB to 2,048 MB"
    with translation.override("ja"):
        assert said(latest()) == f"bob が {mia} の設定容量を 1,024 MB から 2,048 MB に変更しました"
    mailboxes.change_mailbox(cast.mia, receive=False, acting_user=cast.mia)
    assert said(latest()) == f"{mia} switched off mail reception for {mia}"
    mailboxes.change_mailbox(cast.mia, receive=True, comment="a", mobile_address="b@example.net", acting_user=bob)
    assert said(latest()) == f"bob changed the comment, mobile address, mail reception of {mia}"
    mailboxes.change_mailbox(cast.mia, comment="a", acting_user=bob)
    assert said(latest()) == f"bob saved {mia} without a change"
    mailboxes.change_mailbox(cast.mia, comment="long " * 20, acting_user=bob)
    assert said(latest()) == f"bob changed the comment of {mia}"
    mailboxes.set_password(cast.mia, PASSWORD + "1", acting_user=cast.alice)
    assert said(latest()) == f"alice set a new password for {mia}"
    alias, _ = expansions.create_alias(cast.domain, "al", ["x@example.net"], acting_user=bob)
    assert said(latest()) == "bob created the alias al@a.example.com"
    expansions.change_alias(alias, ["y@example.net"], acting_user=bob)
    assert said(latest()) == "bob changed the destinations of the alias al@a.example.com"
    contracts.change_plan(cast.domain.plan, values={"message_size_mb": 25}, acting_user=cast.operator)
    assert said(latest()) == "operator changed the largest message (MB) of the plan platinum from 20 to 25"
    replies.set_auto_reply(cast.mia, body="text", acting_user=cast.mia)
    assert said(latest()) == f"{mia} set up the auto-reply of {mia}"
    replies.set_auto_reply(cast.mia, body="other", acting_user=cast.mia)
    assert said(latest()) == f"{mia} changed the text of the auto-reply of {mia} from text to other"
    profiles.create_profile(cast.mia, action="quarantine", acting_user=SYSTEM)
    assert said(latest()) == f"Tegami created a mail rule of {mia}"


def test_every_act_that_the_code_records_has_words() -> None:
    """A new act without a sentence fails here: `accounts.acts` or its app's table."""
    missing = [act for act in recorded() if not has_words(act)]
    assert not missing


def has_words(act: str) -> bool:
    kind, _dot, verb = act.partition(".")
    return kind in acts.KINDS and (act in acts.ACTS or verb in acts.VERBS)


def recorded() -> set[str]:
    """The names of acts that stand in the code as texts."""
    found = set()
    for folder in ("panel", "accounts", "mailsettings"):
        for path in Path(folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in CALLS:
                    texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                    found |= {one for one in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+", one)}
    assert {"mailbox.change", "profile.order", "dkim.switch"} <= found
    return found


CALLS = ("record", "entry", "finish", "finish_domain", "_record")


def test_the_timeline_shows_what_the_reader_may_see(cast: Cast, bob: Client, as_user: SignIn) -> None:
    mailboxes.change_mailbox(cast.mia, comment="ours", acting_user=cast.bob)
    mailboxes.change_mailbox(cast.foreign_box, comment="theirs", acting_user=cast.charlie)
    shown = text(bob.get("/audit/"))
    assert "bob changed the comment of mia@a.example.com from nothing to ours" in shown
    assert "max@b.example.com" not in shown
    assert "max@b.example.com" not in text(as_user(cast.alice).get("/audit/"))
    assert "max@b.example.com" in text(as_user(cast.operator).get("/audit/"))
    assert "max@" not in b"".join(bob.get("/audit/?as=csv").streaming_content).decode()


def test_filters_narrow_and_nonsense_does_no_harm(cast: Cast, as_user: SignIn) -> None:
    AuditEntry.objects.all().delete()
    with audit.origin("page", "203.0.113.5"):
        mailboxes.change_mailbox(cast.mia, comment="old", acting_user=cast.bob)
    AuditEntry.objects.update(at=timezone.now() - timedelta(days=2))
    spam.change_spam(Mailbox.objects.get(pk=_seated(cast).pk), tag_subject=True, acting_user=cast.mia)
    domains.change_domain(cast.foreign_domain, admin_address="x@example.net", acting_user=cast.operator)
    operator = as_user(cast.operator)
    AuditEntry.objects.filter(action="session.create").delete()
    today, before = timezone.localdate(), timezone.localdate() - timedelta(days=2)
    for query, wanted in {
        "q=MIA%40": {"mailbox", "spam"},
        "kind=mailboxes": {"mailbox"},
        "kind=treatment": {"spam"},
        "who=bob": {"mailbox"},
        "who=Mia@a.example.com": {"spam"},
        "domain=b.example.com": {"domain"},
        "subject=b.example.com": {"domain"},
        f"until={before}": {"mailbox"},
        f"since={today}": {"spam", "domain"},
        f"since={before}&until={before}": {"mailbox"},
        "kind=nonsense&since=x&until=9999-99-99&sort=x&after=y": {"mailbox", "spam", "domain"},
        "domain=%00..": set(),
        "who=nobody": set(),
    }.items():
        answer = operator.get(f"/audit/?{query}")
        found = {one.entry.action.partition(".")[0] for _day, lines in answer.context["days"] for one in lines}
        assert found == wanted, query
        rows = b"".join(operator.get(f"/audit/?{query}&as=csv").streaming_content).decode().splitlines()
        assert len(rows) - 1 == len(wanted), query
    assert "Nothing matches" in text(operator.get("/audit/?who=nobody"))


def _seated(cast: Cast) -> Mailbox:
    Mailbox.objects.filter(pk=cast.mia.pk).update(spam_seat=True)
    return cast.mia


def test_typed_text_stays_text(cast: Cast, bob: Client) -> None:
    """Hostile comments, names of rules, keywords and replies: in sentences, details and the question before undoing."""
    mailboxes.change_mailbox(cast.mia, comment=HOSTILE, acting_user=cast.bob)
    condition = {"field": "subject", "operator": "contains", "value": HOSTILE}
    filters.create_filter(cast.domain, action="discard", name="<b>{what}", conditions=[condition], acting_user=cast.bob)
    replies.set_auto_reply(cast.mia, body=HOSTILE + "\n<img src=x onerror=y>", acting_user=cast.mia)
    page = bob.get("/audit/").content.decode()
    entry = AuditEntry.objects.filter(action="mailbox.change").latest("pk")
    for shown in (page, bob.get(f"/audit/{entry.pk}/undo/").content.decode()):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{who}" in shown
        assert "<img src=x" not in shown
    assert "&amp;lt;" not in page


def test_an_entry_of_another_version_is_shown_as_it_is(cast: Cast, bob: Client) -> None:
    """Acts and fields that nobody knows any more, and values of another shape, never break the page."""
    more = {"actor": "robot", "via": "fax", "domain": "a.example.com", "tenant": cast.domain.customer.pk, "subject": "x"}
    AuditEntry.objects.create(action="gadget.spin_up", before={"a": [1]}, after={"a": {"b": None}}, **more)
    AuditEntry.objects.create(action="profile.change", before={"conditions": None}, after={"conditions": [], "limits": 5}, **more)
    shown = text(bob.get("/audit/"))
    assert "robot: spin up x" in shown or "Tegami: spin up x" in shown


def test_a_mailbox_and_a_domain_lead_to_their_history(cast: Cast, bob: Client) -> None:
    assert 'href="/audit/?subject=mia%40a.example.com"' in bob.get("/mailboxes/mia@a.example.com/").content.decode()
    assert 'href="/audit/?domain=a.example.com"' in bob.get("/domains/a.example.com/").content.decode()
    assert "Only about mia@a.example.com" in text(bob.get("/audit/?subject=mia@a.example.com"))


def test_undoing_asks_first_and_says_what_will_be_set(cast: Cast, bob: Client) -> None:
    mailboxes.change_mailbox(cast.mia, quota_mb=77, acting_user=cast.alice)
    entry, path = latest(), f"/audit/{latest().pk}/undo/"
    assert path in bob.get("/audit/").content.decode()
    asked = text(bob.get(path))
    assert "This will be set again" in asked
    assert "capacity77 MB10,240 MB" in asked
    answer = bob.post(path, follow=True)
    assert "It is as it was before." in text(answer)
    assert str(Change.objects.latest("requested_at").pk) in answer.content.decode()
    assert Mailbox.objects.get(pk=cast.mia.pk).quota_mb == 10_240
    assert latest().undoes_id == entry.pk
    shown = text(bob.get("/audit/"))
    assert "undone" in shown
    assert "an undoing" in shown
    assert path not in bob.get("/audit/").content.decode()
    assert "This has been undone already." in text(bob.get(path))
    assert "This has been undone already." in text(bob.post(path))


def test_what_was_changed_since_cannot_be_undone_on_the_page(cast: Cast, bob: Client) -> None:
    mailboxes.change_mailbox(cast.mia, comment="one", acting_user=cast.bob)
    path = f"/audit/{latest().pk}/undo/"
    mailboxes.change_mailbox(cast.mia, comment="two", acting_user=cast.alice)
    for answer in (bob.get(path), bob.post(path)):
        assert "It has been changed since: comment." in text(answer)
    assert Mailbox.objects.get(pk=cast.mia.pk).comment == "two"


def test_undoing_is_offered_to_those_who_may(cast: Cast, bob: Client, as_user: SignIn) -> None:
    domains.change_domain(cast.domain, limits={"accounts": 5}, acting_user=cast.operator)
    path = f"/audit/{latest().pk}/undo/"
    assert path not in bob.get("/audit/").content.decode()
    assert "Your role may not do this." in text(bob.get(path))
    assert bob.post(path).status_code == 403
    assert path in as_user(cast.operator).get("/audit/").content.decode()
    people.change_admin(cast.bob, password=PASSWORD + "2", acting_user=cast.alice)
    assert f"/audit/{latest().pk}/undo/" not in as_user(cast.alice).get("/audit/").content.decode()


def test_a_page_costs_the_same_however_much_there_is(cast: Cast, as_user: SignIn, django_assert_max_num_queries: Any) -> None:
    common = {"actor": "admin:bob", "via": "page", "action": "mailbox.change", "domain": "a.example.com", "tenant": 1}
    AuditEntry.objects.bulk_create(AuditEntry(**common, subject=str(n), after={"comment": "x"}) for n in range(300))
    operator = as_user(cast.operator)
    operator.get("/audit/")
    with django_assert_max_num_queries(8) as few:
        operator.get("/audit/?q=1&since=2020-01-01&kind=mailboxes")
    assert not any("COUNT(" in one["sql"].upper() and "audit" in one["sql"] for one in few.captured_queries)


def test_whose_contract_it_was_is_not_told_to_the_next(cast: Cast, as_user: SignIn) -> None:
    cast.domain.admins.clear()
    domains.change_domain(cast.domain, customer=Customer.objects.get(name="theirs"), acting_user=cast.operator)
    assert "ours" not in text(as_user(cast.charlie).get("/audit/"))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_somebody_finds_a_change_and_undoes_it_by_keyboard(cast: Cast, page: Page) -> None:
    """RP4 in a browser: search, details, the question, the mark that it is live."""
    from axe_playwright_python.sync_playwright import Axe

    mailboxes.change_mailbox(cast.mia, quota_mb=77, acting_user=cast.alice)
    sign_in(page, "bob")
    page.goto("/audit/")
    page.get_by_text("created the domain").wait_for()
    page.get_by_label("Search what or who").fill("mia@")
    page.get_by_text("created the domain").wait_for(state="detached")
    summary = page.locator(".timeline details summary").first
    summary.focus()
    page.keyboard.press("Enter")
    page.get_by_role("cell", name="77 MB").wait_for()
    assert Axe().run(page).response["violations"] == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Undo this?").wait_for()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Undo").press("Enter")
    page.get_by_text("It is as it was before.").wait_for()
    make_live()
    page.get_by_text("Live on mx1").wait_for()
