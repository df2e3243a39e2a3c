"""The pages about auto-replies (AR1, AR2, AR4; manual standard 6-1-5, platinum, hs, warp)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Plan
from mailsettings.models import AutoReply
from mailsettings.services import replies
from mailsettings.services.replies import REFUSED, length_cp932
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn, make_live, sign_in

pytestmark = pytest.mark.django_db
MIA = "/mailboxes/mia@a.example.com/auto-reply/"


def given(**changed: str) -> dict[str, str]:
    return {"enabled": "on", "subject": "", "body": "Away.", "interval_days": "7", "starts_on": "", "ends_on": "", **changed}


def test_a_user_writes_an_auto_reply_and_sees_it_on(cast: Cast, as_user: SignIn) -> None:
    mine = as_user(cast.mia)
    answer = mine.post("/me/auto-reply/", given(subject="休暇中", body="ただいま休暇中です。"), follow=True)
    text = answer.content.decode()
    assert "Mail to mia@a.example.com is answered." in text
    assert "Each sender once in 7 days." in text
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in text
    row = AutoReply.objects.get(mailbox=cast.mia)
    assert (row.subject, row.body, row.interval_days, row.enabled) == ("休暇中", "ただいま休暇中です。", 7, True)


def test_an_admin_finds_the_same_page_under_the_mailbox(bob: Client) -> None:
    bob.post(MIA, given())
    assert "Away." in bob.get(MIA).content.decode()


@pytest.mark.parametrize(
    ("starts", "ends", "said"), [(1, None, "Begins later"), (None, -1, "Is over"), (0, 0, "On"), (-3, 3, "On"), (None, None, "On")]
)
def test_the_state_follows_the_days(bob: Client, cast: Cast, starts: int | None, ends: int | None, said: str) -> None:
    def day(distance: int | None) -> str:
        return "" if distance is None else (timezone.localdate() + timedelta(days=distance)).isoformat()

    bob.post(MIA, given(starts_on=day(starts), ends_on=day(ends)))
    assert bob.get(MIA).context["phase"].label == said


def test_the_last_day_is_not_before_the_first(bob: Client) -> None:
    form = bob.post(MIA, given(starts_on="2026-03-02", ends_on="2026-03-01")).context["form"]
    assert form.errors["ends_on"] == ["The last day is before the first."]
    assert not AutoReply.objects.exists()


def test_standard_has_a_text_and_nothing_else_to_switch(make_box: MakeBox, bob: Client) -> None:
    nina = make_box("standard")
    path = f"/mailboxes/{nina}/auto-reply/"
    fields = bob.get(path).context["form"].fields
    assert set(fields) == {"body", "interval_days", "starts_on", "ends_on"}
    bob.post(path, {"body": "ただいま席を外しています。", "interval_days": ""})
    assert AutoReply.objects.get(mailbox=nina).enabled
    bob.post(path, {"body": "", "interval_days": "1"})
    assert not AutoReply.objects.get(mailbox=nina).enabled


def test_standard_names_every_character_that_cannot_be_used(make_box: MakeBox, bob: Client) -> None:
    path = f"/mailboxes/{make_box('standard')}/auto-reply/"
    text = bob.post(path, {"body": f"a{REFUSED}b"}).content.decode()
    for char in REFUSED:
        assert f"“{char}” (U+{ord(char):04X}) cannot be used." in text
    assert "302 of" not in text
    too_long = bob.post(path, {"body": "あ" * 301}).context["form"]
    assert too_long.errors["body"] == ["At most 600 half-width or 300 full-width characters; these count 602."]
    assert bob.post(path, {"body": "あ" * 299 + "~-"}).status_code == 302


def test_warp_names_its_default_subject(make_box: MakeBox, bob: Client) -> None:
    assert "Notification for your mail." in bob.get(f"/mailboxes/{make_box('warp')}/auto-reply/").content.decode()


def test_hs_says_that_nothing_is_forwarded_meanwhile(make_box: MakeBox, bob: Client) -> None:
    assert "nothing is forwarded" in bob.get(f"/mailboxes/{make_box('hs')}/auto-reply/").content.decode()
    assert "nothing is forwarded" not in bob.get(MIA).content.decode()


def test_where_the_plan_has_none_there_is_no_page_and_no_link(make_box: MakeBox, bob: Client, as_user: SignIn) -> None:
    nina = make_box("plusmail")
    for name in ("", "reset/", "delete/"):
        assert bob.get(f"/mailboxes/{nina}/auto-reply/{name}").status_code == 404
        assert bob.post(f"/mailboxes/{nina}/auto-reply/{name}", given()).status_code == 404
    mine = as_user(nina)
    assert mine.get("/me/auto-reply/").status_code == 404
    assert "auto-reply" not in mine.get("/me/").content.decode()
    assert "auto-reply" not in bob.get(f"/mailboxes/{nina}/").content.decode()


def test_the_record_is_cleared_in_two_steps(bob: Client, cast: Cast) -> None:
    assert bob.get(MIA + "reset/").status_code == 404
    bob.post(MIA, given())
    assert "answered again" in bob.get(MIA + "reset/").content.decode()
    assert AutoReply.objects.get().record == 0
    text = bob.post(MIA + "reset/", follow=True).content.decode()
    assert "every sender is answered anew" in text
    assert AutoReply.objects.get().record == 1


def test_deleting_shows_the_text_that_is_lost(bob: Client) -> None:
    bob.post(MIA, given(body="<b>Away</b>"))
    text = bob.get(MIA + "delete/").content.decode()
    assert "&lt;b&gt;Away&lt;/b&gt;" in text
    bob.post(MIA + "delete/")
    assert not AutoReply.objects.exists()


def test_what_is_wrong_is_kept_as_typed(bob: Client) -> None:
    text = bob.post(MIA, given(body="x" * 10_001, subject="kept <i>")).content.decode()
    assert "kept &lt;i&gt;" in text
    assert "Please check what you entered" in text


def test_the_page_costs_few_queries(cast: Cast, bob: Client, as_user: SignIn, django_assert_num_queries: Any) -> None:
    replies.set_auto_reply(cast.mia, body="Away", acting_user=SYSTEM)
    bob.get(MIA)
    with django_assert_num_queries(5):  # session, admin, mailbox, notices, auto-reply
        bob.get(MIA)
    mine = as_user(cast.mia)
    with django_assert_num_queries(4):  # session, mailbox, notices, auto-reply
        mine.get("/me/auto-reply/")


@pytest.mark.parametrize(
    ("plan", "title", "text"),
    [
        ("standard", "自動応答設定", "応答文"),
        ("platinum", "自動返信", "本文"),
        ("hs", "メール自動返信", "本文"),
        ("warp", "自動返信設定", "着信情報の削除"),
    ],
)
def test_each_plan_uses_its_manuals_words(make_box: MakeBox, bob: Client, cast: Cast, plan: str, title: str, text: str) -> None:
    nina = cast.mia if plan == "platinum" else make_box(plan)
    replies.set_auto_reply(nina, body="Away", acting_user=SYSTEM)
    page = bob.get(f"/mailboxes/{nina}/auto-reply/", headers={"accept-language": "ja"}).content.decode()
    assert f"<h1>{title}</h1>" in page
    assert text in page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_walk_through_an_auto_reply(cast: Cast, page: Page) -> None:
    strict = {"auto_reply_subject": False, "auto_reply_bytes_cp932": 600}
    Plan.objects.filter(name="platinum").update(values={**cast.domain.plan.values, **strict})
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.get_by_role("link", name="Auto-reply").first.click()
    field, counter = page.get_by_label("Text"), page.locator(".counter")
    for text in ("", "abc", "ただいま", "ｱｲｳ\nabc", "😀é©", "\n\nx\n"):
        field.fill(text)
        expect(counter.locator("[data-figure]")).to_have_text(str(length_cp932(text.strip("\n"))))
    field.fill("10～12 − ~-")
    expect(counter.locator("li")).to_have_text(["“～” (U+FF5E) cannot be used.", "“−” (U+2212) cannot be used."])
    field.fill("あ" * 301)
    expect(counter).to_have_class("counter over")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("these count 602").first).to_be_visible()
    field.fill("ただいま席を外しています。")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mail to mia@a.example.com is answered.")).to_be_visible()
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the auto-reply").click()
    expect(page.locator(".pill")).to_have_text("Off")
