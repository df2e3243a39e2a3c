"""What all forwarding pages share: profiles of another plan, what a page costs, whose mailbox it is, the manuals' words."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Domain, Plan
from accounts.services import expansions, mailboxes
from mailsettings.models import Profile
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import MakeBox, SignIn
from tests.screens.test_forwarding import make, page

pytestmark = pytest.mark.django_db


def test_profiles_of_another_plan_are_shown_as_not_in_force(make_box: MakeBox, bob: Client) -> None:
    warp = make_box("warp")
    kept = make(warp, "notify", ("from", "vip"), to=("p@example.org",), name="old")
    Domain.objects.filter(pk=warp.domain.pk).update(plan=Plan.objects.get(name="standard"))
    path = f"/mailboxes/{warp}/forwarding/"
    text = page(bob, path)
    assert "Not in force under the plan Standard" in text
    assert "old" in text
    assert bob.get(f"{path}{kept.pk}/").status_code == 404
    bob.post(f"{path}{kept.pk}/delete/")
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("plan", "page_name", "queries"),
    [
        ("standard", "forwarding", 5),  # session, admin, mailbox, notices, profiles
        ("hs", "forwarding", 6),  # and the auto-reply
        ("warp", "forwarding", 5),
        ("warp", "filters", 5),
        ("platinum", "forwarding", 5),
        ("platinum", "filters", 5),
        ("plusmail", "forwarding", 7),  # and aliases with their destinations
        ("standard", "receive", 5),
    ],
)
def test_pages_cost_few_queries_however_many_profiles(
    cast: Cast, make_box: MakeBox, bob: Client, django_assert_num_queries: Any, plan: str, page_name: str, queries: int
) -> None:
    box = make_box(plan)
    path = f"/mailboxes/{box}/{page_name}/"
    if plan == "plusmail":
        for name in ("a", "b", "c"):
            expansions.create_alias(box.domain, name, [box.address], acting_user=SYSTEM)
    else:
        for n in range(5):
            make(box, "forward", ("subject", str(n)), to=("x@example.net",))
    bob.get(path)
    with django_assert_num_queries(queries):
        page(bob, path)


def test_a_mailbox_of_another_contract_does_not_exist(cast: Cast, bob: Client) -> None:
    theirs = make(cast.foreign_box, "forward", to=("x@example.net",))
    for path in ("forwarding/", "forwarding/new/forward/", f"forwarding/{theirs.pk}/", "forwarding/order/forward/", "filters/", "receive/"):
        assert bob.post(f"/mailboxes/{cast.foreign_box}/{path}").status_code in (404, 405)
        assert bob.get(f"/mailboxes/{cast.foreign_box}/{path}").status_code in (404, 405)
    assert bob.get(f"/mailboxes/{cast.mia}/forwarding/{theirs.pk}/").status_code == 404
    assert bob.post(f"/mailboxes/{cast.mia}/forwarding/{theirs.pk}/delete/").status_code == 404
    assert Profile.objects.filter(pk=theirs.pk).exists()


def test_pages_are_in_the_manuals_words(make_box: MakeBox, bob: Client) -> None:
    expected = {
        "standard": ("<h1>転送設定・一覧</h1>",),
        "hs": ("<h1>メールフィルタ設定</h1>", "自動削除する・エラーメールを返す", "転送する"),
        "warp": ("<h1>転送設定</h1>", "ワープメール"),
        "plusmail": ("<h1>転送アカウント(Email Forwarding)</h1>",),
    }
    for plan, words in expected.items():
        text = bob.get(f"/mailboxes/{make_box(plan)}/forwarding/", headers={"accept-language": "ja"}).content.decode()
        for word in words:
            assert word in text


def test_reordering_needs_nothing_of_another_group(make_box: MakeBox, as_user: SignIn) -> None:
    """A user who may not forward still orders the first group of `hs`."""
    hs = make_box("hs")
    Domain.objects.filter(pk=hs.domain.pk).update(overrides={"forwarding_by_user": False})
    make(hs, "forward", to=("x@example.net",))
    a, b = make(hs, "discard", ("subject", "a")), make(hs, "discard", ("subject", "b"))
    mine = as_user(hs)
    assert "x@example.net" not in page(mine, "/me/forwarding/")
    mine.post("/me/forwarding/order/end/", {"ids": [b.pk, a.pk]})
    assert list(Profile.objects.filter(action="discard").values_list("pk", flat=True)) == [b.pk, a.pk]
    assert mine.get("/me/forwarding/new/forward/").status_code == 404
    mailboxes.change_mailbox(hs, user_may_forward=True, acting_user=SYSTEM)
    assert "x@example.net" in page(mine, "/me/forwarding/")
