"""The pages about spam (S2, S3, F4, F9, F10; manual standard 6-1-6, 6-1-7, 6-5; platinum 迷惑メール検知)."""

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Customer, Domain, Mailbox
from accounts.services.mailboxes import change_mailbox
from mailsettings.models import SpamSettings
from mailsettings.services.spam import change_spam
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn, make_live, sign_in

pytestmark = pytest.mark.django_db
MIA = "/mailboxes/mia@a.example.com/spam/"


@pytest.fixture
def seated(cast: Cast) -> Mailbox:
    """mia with a seat of spam detection."""
    return change_mailbox(cast.mia, spam_seat=True, acting_user=SYSTEM)[0]


def test_standard_has_two_switches_each_with_a_sentence_and_a_second_step(make_box: MakeBox, bob: Client) -> None:
    nina = make_box("standard")
    path = f"/mailboxes/{nina}/spam/"
    text = bob.get(path).content.decode()
    assert 'Puts <span class="value">[SPAM]</span> before the subject' in text
    assert text.count('role="switch" aria-checked="false"') == 2
    assert "Turn on" in bob.get(path + "tag/").content.decode()
    assert not SpamSettings.objects.exists()
    done = bob.post(path + "tag/", {"on": "yes"}, follow=True).content.decode()
    assert "Turned on: Mark spam in the subject" in done
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in done
    assert SpamSettings.objects.get(mailbox=nina).tag_subject
    bob.post(path + "tag/", {"on": "no"})
    assert not SpamSettings.objects.get(mailbox=nina).tag_subject


def test_a_switch_that_was_turned_meanwhile_is_not_turned_back(make_box: MakeBox, bob: Client) -> None:
    nina = make_box("standard")
    for _ in range(2):
        bob.post(f"/mailboxes/{nina}/spam/folder/", {"on": "yes"})
    assert SpamSettings.objects.get(mailbox=nina).move_to_folder


@pytest.mark.parametrize(
    ("tag", "folder", "line"), [(False, False, "sorts by header"), (True, False, "sorts by subject only"), (False, True, "IMAP or webmail")]
)
def test_the_advice_marks_the_present_pair(make_box: MakeBox, bob: Client, tag: bool, folder: bool, line: str) -> None:
    nina = make_box("standard")
    change_spam(nina, tag_subject=tag, move_to_folder=folder, acting_user=SYSTEM)
    text = bob.get(f"/mailboxes/{nina}/spam/").content.decode()
    marked = text.partition('class="now"')[2].partition("</tr>")[0]
    assert line in marked
    assert ("misses mail that was judged wrongly" in text) is folder


def test_hs_says_that_the_filter_comes_first(make_box: MakeBox, bob: Client) -> None:
    text = bob.get(f"/mailboxes/{make_box('hs')}/spam/").content.decode()
    assert "no other rule looks at it" in text
    assert "Only webmail shows this folder" in text


def test_platinum_is_one_choice_of_two(cast: Cast, seated: Mailbox, bob: Client) -> None:
    form = bob.get(MIA).context["form"]
    assert '<div id="div_id_treatment"' in bob.get(MIA).content.decode()  # crispy's own context is not in the way
    assert form.initial == {"treatment": "tag_subject", "skip_forwarding": True, "quarantine_empty_sender": False}
    bob.post(MIA, {"treatment": "move_to_folder", "quarantine_empty_sender": "on"})
    row = SpamSettings.objects.get(mailbox=seated)
    assert (row.tag_subject, row.move_to_folder, row.skip_forwarding, row.quarantine_empty_sender) == (False, True, False, True)
    assert bob.post(MIA, {"treatment": "both"}).context["form"].errors
    assert bob.post(MIA + "tag/", {"on": "yes"}).status_code == 404


def test_without_a_seat_an_admin_is_offered_one_and_the_user_has_no_page(cast: Cast, bob: Client, as_user: SignIn) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"spam_seats": 3})
    text = bob.get(MIA).content.decode()
    assert "no seat of spam detection" in text
    assert "0 of 3 in use in this domain, 3 left." in text
    mine = as_user(cast.mia)
    assert mine.get("/me/spam/").status_code == 404
    assert "/me/spam/" not in mine.get("/me/").content.decode()
    assert bob.get(MIA + "senders/").status_code == 404
    bob.post(MIA + "seat/", {"on": "yes"})
    assert "1 of 3 in use in this domain, 2 left." in bob.get(MIA).content.decode()
    assert as_user(cast.mia).get("/me/spam/").status_code == 200
    bob.post(MIA + "seat/", {"on": "no"})
    assert not Mailbox.objects.get(pk=cast.mia.pk).spam_seat


def test_past_the_seats_both_figures_are_said(cast: Cast, bob: Client) -> None:
    Customer.objects.filter(pk=cast.alice.customer_id).update(limits={"spam_seats": 0})
    text = bob.get(MIA).content.decode()
    assert "0 left" in text
    assert "disabled" in text
    assert "Spam detection (seats): 0 of 0 are in use." in bob.post(MIA + "seat/", {"on": "yes"}).content.decode()


def test_a_user_cannot_give_the_own_mailbox_a_seat(cast: Cast, as_user: SignIn) -> None:
    assert as_user(cast.mia).post(MIA + "seat/", {"on": "yes"}).status_code == 404
    assert as_user(cast.mia).post("/me/spam/seat/", {"on": "yes"}).status_code == 404


def test_lists_are_checked_line_by_line_and_kept_as_typed(cast: Cast, seated: Mailbox, as_user: SignIn) -> None:
    mine = as_user(seated)
    typed = "good@example.net\n\n@exa mple.net\nnobody\n*@example.jp"
    form = mine.post("/me/spam/senders/", {"allow": typed, "block": "a@b@c"}).context["form"]
    assert [message.partition(":")[0] for message in form.errors["allow"]] == ["Line 3", "Line 4"]
    assert form.errors["block"][0].startswith("Line 1: ")
    assert form["allow"].value() == typed
    mine.post("/me/spam/senders/", {"allow": "Good@Example.net\n\n*@example.jp\n例え.jp", "block": "@spam.test"})
    row = SpamSettings.objects.get(mailbox=seated)
    assert row.allow == ["good@example.net", "@example.jp", "@xn--r8jz45g.jp"]
    assert row.block == ["@spam.test"]
    assert "@例え.jp" in mine.get("/me/spam/").content.decode()


def test_where_the_plan_has_none_there_is_no_page(make_box: MakeBox, bob: Client, as_user: SignIn) -> None:
    nina = make_box("plusmail")
    for name in ("", "tag/", "folder/", "senders/", "seat/"):
        assert bob.get(f"/mailboxes/{nina}/spam/{name}").status_code == 404
    assert as_user(nina).get("/me/spam/").status_code == 404
    assert "/spam/" not in bob.get(f"/mailboxes/{nina}/").content.decode()


@pytest.mark.parametrize("plan", ["standard", "hs", "warp"])
def test_every_role_turns_the_switches_it_may(make_box: MakeBox, cast: Cast, as_user: SignIn, plan: str) -> None:
    nina = make_box(plan)
    for user in (cast.operator, cast.alice, cast.bob):
        assert as_user(user).get(f"/mailboxes/{nina}/spam/folder/").status_code == 200
        assert as_user(user).get(f"/mailboxes/{nina}/spam/nothing/").status_code == 404
        assert as_user(user).get(f"/mailboxes/{nina}/spam/seat/").status_code == 404
    for stranger in (cast.charlie, cast.wendy, cast.mia):
        assert as_user(stranger).post(f"/mailboxes/{nina}/spam/folder/", {"on": "yes"}).status_code == 404
    assert as_user(nina).post("/me/spam/folder/", {"on": "yes"}).status_code == 302
    assert SpamSettings.objects.get().mailbox_id == nina.pk


def test_the_pages_cost_few_queries(cast: Cast, seated: Mailbox, bob: Client, as_user: SignIn, django_assert_num_queries: Any) -> None:
    change_spam(seated, allow=[f"a{n}@example.net" for n in range(200)], acting_user=SYSTEM)
    bob.get(MIA)
    with django_assert_num_queries(5):  # session, admin, mailbox, notices, spam settings
        text = bob.get(MIA).content.decode()
    assert "and 192 more" in text
    mine = as_user(seated)
    with django_assert_num_queries(4):  # session, mailbox, notices, spam settings
        mine.get("/me/spam/")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("standard", ["スパムメールチェック機能", "スパムメール件名表示", "スパムメール自動振分"]),
        ("platinum", ["迷惑メール検知", "件名に警告文字を挿入する", "迷惑メールフォルダに隔離する", "受信許可リスト"]),
        ("hs", ["迷惑メールフィルタ"]),
        ("warp", ["迷惑メールフィルター"]),
    ],
)
def test_each_plan_uses_its_manuals_words(make_box: MakeBox, seated: Mailbox, bob: Client, plan: str, words: list[str]) -> None:
    nina = seated if plan == "platinum" else make_box(plan)
    text = bob.get(f"/mailboxes/{nina}/spam/", headers={"accept-language": "ja"}).content.decode()
    assert f"<h1>{words[0]}</h1>" in text
    assert all(word in text for word in words)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_walk_through_the_spam_settings(make_box: MakeBox, page: Page) -> None:
    nina = make_box("standard")
    sign_in(page, "bob")
    page.goto(f"/mailboxes/{nina}/spam/")
    switch = page.get_by_role("switch", name="Move spam to the spam folder")
    switch.focus()
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("POP programs do not see this folder")).to_be_visible()
    dialog.get_by_role("link", name="Cancel").click()
    expect(switch).to_be_focused()
    switch.click()
    dialog.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Turned on: Move spam to the spam folder")).to_be_visible()
    expect(page.get_by_role("switch", name="Move spam to the spam folder")).to_have_attribute("aria-checked", "true")
    make_live()
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Always let through").fill("partner@example.net\nnot an address")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errors")).to_contain_text("Line 2")
    page.get_by_label("Always let through").fill("partner@example.net\n@example.jp")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("@example.jp")).to_be_visible()
