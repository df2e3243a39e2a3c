"""Mail reception on and off (F6; manual standard 6-1-8, 6-2-7)."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Mailbox
from accounts.services.mailboxes import change_mailbox
from mailsettings.models import Profile
from mailsettings.services.profiles import create_profile
from mailsettings.services.replies import set_auto_reply
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db
LOST = "all new mail is thrown away"


@pytest.fixture
def nina(make_box: MakeBox) -> Mailbox:
    return make_box("standard")


def forward(box: Mailbox, *to: str, subject: str = "") -> Profile:
    given = [{"field": "subject", "operator": "contains", "value": subject}] if subject else []
    return create_profile(box, action="forward", conditions=given, destinations=list(to), acting_user=SYSTEM)[0]


def receives(box: Mailbox) -> bool:
    return bool(Mailbox.objects.get(pk=box.pk).receive)


def text_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_off_says_what_happens_and_is_live_at_once(nina: Mailbox, bob: Client) -> None:
    forward(nina, "a@example.net")
    path = f"/mailboxes/{nina}/receive/"
    text = text_of(bob, path)
    assert "is not stored any more" in text
    assert "a@example.net" in text
    assert 'name="lost"' not in text
    done = bob.post(path, {"on": "no"}, follow=True).content.decode()
    assert not receives(nina)
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in done
    assert "thrown away" not in text_of(bob, f"/mailboxes/{nina}/")
    bob.post(path, {"on": "yes"})
    assert receives(nina)


@pytest.mark.parametrize("subject", ["", "x"])
def test_off_without_forwarding_of_all_mail_wants_a_confirmation_of_its_own(nina: Mailbox, bob: Client, subject: str) -> None:
    if subject:
        forward(nina, "a@example.net", subject=subject)
    path = f"/mailboxes/{nina}/receive/"
    assert "thrown away" in text_of(bob, path)
    assert "lost" in bob.post(path, {"on": "no"}).context["form"].errors
    assert receives(nina)
    bob.post(path, {"on": "no", "lost": "on"})
    assert not receives(nina)


def test_that_mail_is_thrown_away_stands_on_every_page_about_it(nina: Mailbox, bob: Client, as_user: SignIn) -> None:
    change_mailbox(nina, receive=False, acting_user=SYSTEM)
    for path in ("", "forwarding/", "receive/"):
        assert LOST in text_of(bob, f"/mailboxes/{nina}/{path}")
    mine = as_user(nina)
    for path in ("/me/", "/me/forwarding/", "/me/receive/"):
        assert LOST in text_of(mine, path)
    forward(nina, "a@example.net", subject="x")
    assert "new mail that no rule sends on is thrown away" in text_of(mine, "/me/")
    forward(nina, "a@example.net")
    assert "thrown away" not in text_of(mine, "/me/")


def test_hs_an_auto_reply_that_stops_forwarding_makes_mail_be_lost(make_box: MakeBox, bob: Client) -> None:
    box = make_box("hs")
    forward(box, "a@example.net")
    change_mailbox(box, receive=False, acting_user=SYSTEM)
    assert "thrown away" not in text_of(bob, f"/mailboxes/{box}/")
    set_auto_reply(box, body="Away", subject="Away", acting_user=SYSTEM)
    assert LOST in text_of(bob, f"/mailboxes/{box}/")


def test_deleting_the_last_forwarding_of_all_mail_while_off_offers_to_turn_it_on(nina: Mailbox, bob: Client) -> None:
    made = forward(nina, "a@example.net", "b@example.net")
    change_mailbox(nina, receive=False, acting_user=SYSTEM)
    path = f"/mailboxes/{nina}/forwarding/{made.pk}/delete/?address="
    assert "Turn mail reception on again" not in text_of(bob, path + "a@example.net")
    bob.post(path + "a@example.net")
    assert "Turn mail reception on again" in text_of(bob, path + "b@example.net")
    bob.post(path + "b@example.net", {"receive": "on"})
    assert receives(nina)
    assert not Profile.objects.exists()


def test_declining_the_offer_leaves_it_off_and_the_warning_stays(nina: Mailbox, bob: Client) -> None:
    made = forward(nina, "a@example.net")
    change_mailbox(nina, receive=False, acting_user=SYSTEM)
    answer = bob.post(f"/mailboxes/{nina}/forwarding/{made.pk}/delete/", {}, follow=True)
    assert not receives(nina)
    assert LOST in answer.content.decode()


@pytest.mark.parametrize("plan", ["standard", "warp"])
def test_a_change_that_ends_forwarding_of_all_mail_while_off_leads_to_the_offer(make_box: MakeBox, bob: Client, plan: str) -> None:
    box = make_box(plan)
    made = forward(box, "a@example.net")
    change_mailbox(box, receive=False, acting_user=SYSTEM)
    path = f"/mailboxes/{box}/forwarding/"
    given: dict[str, Any] = {"destinations": [""]}
    if plan == "standard":
        path, given = f"{path}{made.pk}/", {"condition": "from", "keyword": "x", "destinations": ["a@example.net"]}
    answer = bob.post(path, given, follow=True)
    assert answer.redirect_chain[-1][0] == f"/mailboxes/{box}/receive/"
    assert "Turn mail reception on?" in answer.content.decode()
    assert not receives(box)


def test_a_user_turns_the_own_reception_off_and_nobody_elses(nina: Mailbox, as_user: SignIn) -> None:
    mine = as_user(nina)
    mine.post("/me/receive/", {"on": "no", "lost": "on"})
    assert not receives(nina)
    assert mine.post(f"/mailboxes/{nina}/receive/", {"on": "yes"}).status_code == 404
