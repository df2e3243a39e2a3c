"""What happens to a mailbox's mail, at a glance on its page and on its user's."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.services.mailboxes import change_mailbox
from mailsettings.glance import cards
from mailsettings.services.profiles import create_profile
from mailsettings.services.replies import set_auto_reply
from mailsettings.services.spam import change_spam
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db


def test_a_fresh_mailbox_stores_and_does_nothing_else(make_box: MakeBox, as_user: SignIn) -> None:
    text = as_user(make_box("standard")).get("/me/").content.decode()
    for said in ("New mail is stored here.", "Spam arrives like any other mail.", "Mail is not answered.", "Mail is not sent on."):
        assert said in text


def test_what_is_set_is_said_with_its_values(make_box: MakeBox, bob: Client) -> None:
    nina = make_box("standard")
    change_spam(nina, tag_subject=True, move_to_folder=True, acting_user=SYSTEM)
    set_auto_reply(nina, body="Away <b>\nuntil Monday", ends_on=timezone.localdate() + timedelta(days=3), acting_user=SYSTEM)
    for word in ("a", "b"):
        condition = {"field": "subject", "operator": "contains", "value": word}
        create_profile(nina, action="forward", conditions=[condition], destinations=["x@example.net"], acting_user=SYSTEM)
    change_mailbox(nina, receive=False, acting_user=SYSTEM)
    text = bob.get(f"/mailboxes/{nina}/").content.decode()
    assert 'Spam is marked with <span class="value">[SPAM]</span> and goes to the folder' in text
    assert "Away &lt;b&gt; until Monday" in text
    assert "Answers until" in text
    assert 'Certain mail goes on to <span class="value">x@example.net</span>' in text
    assert "New mail is not stored here, and thrown away unless a rule sends it on." in text
    assert "new mail that no rule sends on is thrown away" in text


@pytest.mark.parametrize(
    ("plan", "by_admin", "pages"),
    [
        ("platinum", True, ["receive", "spam", "reply", "filters", "forwarding", "explain"]),
        ("platinum", False, ["receive", "reply", "filters", "explain"]),
        ("plusmail", False, ["receive", "forwarding", "explain"]),
        ("warp", False, ["receive", "spam", "reply", "filters", "forwarding", "explain"]),
        ("hs", False, ["receive", "spam", "reply", "forwarding", "explain"]),
    ],
)
def test_only_what_the_plan_has_is_shown(cast: Cast, make_box: MakeBox, plan: str, by_admin: bool, pages: list[str]) -> None:
    nina = cast.mia if plan == "platinum" else make_box(plan)
    assert [card.page for card in cards(nina, by_admin=by_admin)] == pages
