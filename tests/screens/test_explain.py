""" "What happens to this mail?" on screens: the question is asked of the service, its answer is words, and every word is hostile."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from mailsettings.services import explanation
from tests.conftest import Cast
from tests.screens.conftest import SignIn, sign_in

pytestmark = pytest.mark.django_db
MIA = "/mailboxes/mia@a.example.com/explain/"
HTMX = {"HX-Request": "true"}
ANSWER: dict[str, Any] = {
    "steps": [
        {"rule": "", "matched": False, "text": "Not spam."},
        {"rule": "VIP", "matched": False, "text": "Rule 1 does not match."},
        {"rule": "archive", "matched": True, "text": "Rule 2 matches."},
    ],
    "stored": [{"folder": "INBOX", "subject": "お見積もりの件"}],
    "sent": [{"to": "archive@example.net", "kind": "forward"}, {"to": "client@example.net", "kind": "auto_reply"}],
    "never_reached": ["Rule 3"],
}


class Host:
    """What the service was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] | Exception = ANSWER

    def explain(self, mailbox: Any, **question: Any) -> dict[str, Any]:
        self.asked.append({"mailbox": mailbox.address, **question})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def host_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host()
    monkeypatch.setattr(explanation, "explain", host.explain)
    yield host


def given(**changed: str) -> dict[str, str]:
    return {"sender": "client@example.net", "subject": "お見積もりの件", "importance": "high", "attachment": "on", **changed}


def test_the_page_asks_nothing_before_it_is_told_to(host_asked: Host, bob: Client) -> None:
    assert "Ask about a mail" in bob.get(MIA).content.decode()
    assert host_asked.asked == []


def test_a_described_mail_goes_to_the_service_as_the_contract_names_it(cast: Cast, host_asked: Host, bob: Client) -> None:
    bob.post(MIA, given(header_name="X-Mailer:", header_value="x"))
    (asked,) = host_asked.asked
    assert asked["acting_user"].login == "bob"
    assert asked["mailbox"] == "mia@a.example.com"
    assert asked["fields"] == {
        "from": "client@example.net",
        "to": "mia@a.example.com",
        "subject": "お見積もりの件",
        "header": {"X-Mailer": "x"},
        "attachment": True,
        "spam": False,
        "importance": "high",
    }


def test_a_pasted_message_goes_as_it_is(host_asked: Host, cast: Cast, as_user: SignIn) -> None:
    message = "From: a@b.test\r\nSubject: x\r\n\r\n  hello\r\n"
    as_user(cast.mia).post("/me/explain/?by=message", {"message": message})
    assert host_asked.asked[0]["message"] == message
    assert "fields" not in host_asked.asked[0]


def test_the_answer_is_words(host_asked: Host, bob: Client) -> None:
    text = bob.post(MIA, given()).content.decode()
    assert "It is stored in the inbox." in text
    assert "Subject: お見積もりの件" in text
    assert 'It is forwarded to <span class="value">archive@example.net</span>.' in text
    assert '<span class="value">client@example.net</span> gets the auto-reply.' in text
    assert text.count('class="step no"') == 2
    assert text.count('class="step never"') == 1
    assert text.index("Rule 1 does not match.") < text.index("Rule 2 matches.") < text.index("Rule 3")


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ([], "It is not stored."),
        ([{"folder": "Junk", "subject": "x"}], "It is stored in the spam folder"),
        ([{"folder": "Refused", "subject": "x"}], "Only its header is kept"),
        ([{"folder": "Work", "subject": "x"}], 'It is stored in the folder <span class="value">Work</span>.'),
    ],
)
def test_every_place_has_its_words(host_asked: Host, bob: Client, stored: list[dict[str, str]], said: str) -> None:
    host_asked.answer = {**ANSWER, "stored": stored}
    assert said in bob.post(MIA, given()).content.decode()


HOSTILE = "<script>alert(1)</script>\"'{{ 7|add:1 }}{x}%(a)s<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_a_mail_holds_is_escaped_everywhere(host_asked: Host, bob: Client, headers: dict[str, str]) -> None:
    host_asked.answer = {
        "steps": [{"rule": HOSTILE, "matched": True, "text": f"{HOSTILE}!"}, {"rule": HOSTILE, "matched": False, "text": "x"}],
        "stored": [{"folder": HOSTILE, "subject": HOSTILE}],
        "sent": [{"to": HOSTILE, "kind": kind} for kind in ("forward", "notify", "auto_reply", "bounce")],
        "never_reached": [HOSTILE],
    }
    for path, question in ((MIA, given(sender=HOSTILE, subject=HOSTILE)), (MIA + "?by=message", {"message": HOSTILE})):
        text = bob.post(path, question, headers=headers).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert "{x}%(a)s" in text


def test_a_host_that_is_away_is_said_plainly(host_asked: Host, bob: Client) -> None:
    host_asked.answer = explanation.NoAnswer("no mail servers <here>")
    answer = bob.post(MIA, given(subject="kept"))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "The mail host does not answer" in text
    assert "no mail servers &lt;here&gt;" in text
    assert 'value="kept"' in text


def test_what_is_wrong_is_said_and_nothing_is_asked(host_asked: Host, bob: Client) -> None:
    for headers in ({}, HTMX):
        text = bob.post(MIA, given(header_name="bad name"), headers=headers).content.decode()
        assert "This is not the name of a header." in text
    assert "This field is required." in bob.post(MIA + "?by=message", {"message": ""}).content.decode()
    assert host_asked.asked == []


def test_only_the_answer_is_sent_to_the_script(host_asked: Host, bob: Client) -> None:
    text = bob.post(MIA, given(), headers=HTMX).content.decode()
    assert "<html" not in text
    assert "What becomes of it" in text


def test_every_plan_has_the_page(make_box: Any, host_asked: Host, bob: Client) -> None:
    for plan in ("plusmail", "standard", "hs", "warp"):
        assert bob.post(f"/mailboxes/{make_box(plan)}/explain/", given()).status_code == 200


def test_the_page_costs_few_queries(cast: Cast, host_asked: Host, bob: Client, as_user: SignIn, django_assert_num_queries: Any) -> None:
    bob.get(MIA)
    with django_assert_num_queries(4):  # session, admin, mailbox, notices
        bob.post(MIA, given())
    mine = as_user(cast.mia)
    with django_assert_num_queries(3):  # session, mailbox, notices
        mine.post("/me/explain/", given())


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_walk_through_a_question(cast: Cast, host_asked: Host, page: Page) -> None:
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.get_by_role("link", name="What happens to a mail?").first.click()
    page.get_by_label("From").fill("client@example.net")
    page.get_by_label("Subject").fill("お見積もりの件")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is stored in the inbox.")).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("お見積もりの件")
    assert page.evaluate("window.scrollY") == 0  # side by side nothing moves
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Show what happens").click()
    expect(page.get_by_text("It is stored in the inbox.")).to_be_in_viewport()
    page.get_by_label("Its value").fill("x")
    page.get_by_label("One more header").fill("bad name")
    page.get_by_role("button", name="Show what happens").click()
    expect(page.get_by_text("This is not the name of a header.")).to_be_visible()
    page.get_by_role("link", name="Paste a message").click()
    page.get_by_label("The whole message").fill("From: a@b.test\n\nhello")
    host_asked.answer = explanation.NoAnswer()
    page.get_by_role("button", name="Show what happens").click()
    expect(page.get_by_text("The mail host does not answer")).to_be_visible()
