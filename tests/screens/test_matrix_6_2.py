"""The matrix of manual standard 6-2, cell by cell: what an admin does to every account, and a user to the own one alone (R5, R6).

Each row by page and by API: the admin may, or may not; the user may with the own, and another's does not exist (404).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts import passwords
from accounts.models import Admin, Mailbox
from accounts.services import tokens
from accounts.services.mailboxes import change_mailbox
from mailsettings.models import AutoReply, Profile
from mailsettings.services import replies
from mailsettings.services.profiles import create_profile
from mailsettings.services.spam import change_spam, settings_of
from panel.base.models import Job
from panel.base.tenancy import SYSTEM
from tests.api.conftest import Asker
from tests.conftest import PASSWORD, Cast, make_mailbox
from tests.screens.conftest import MakeBox, SignIn

pytestmark = pytest.mark.django_db
NEW = "Another#Word2026"
AT = "standard.example.com"


def box(address: str) -> Mailbox:
    return Mailbox.objects.select_related("domain__plan").get(pk=address)


def has_password(address: str, password: str) -> bool:
    return passwords.verify(password, box(address).password_hash)


@dataclass(frozen=True)
class Act:
    """One thing done: by a page (path below the mailbox's, form) or by the API (method, path below the account's, body)."""

    page: str
    form: dict[str, Any]
    method: str
    api: str
    body: Any
    happened: Callable[[str], bool]


FORWARD = {"action": "forward", "destinations": ["x@example.net"]}
CONDITION = {"condition": "subject", "keyword": "y", "destinations": ["y@example.net"]}
OTHER = {"conditions": [{"field": "subject", "operator": "contains", "value": "y"}], "destinations": ["y@example.net"]}
REPLY = {"enabled": "on", "body": "Away.", "interval_days": "7", "starts_on": "", "ends_on": ""}


def profiles(address: str) -> list[str]:
    return [to for row in Profile.objects.filter(mailbox_id=address) for to in row.destinations]


# What a user may with the own mailbox; {rule} is a forwarding setting that is there.
OF_BOTH: dict[str, Act] = {
    "spam tag on": Act("spam/tag/", {"on": "yes"}, "PATCH", "spam/", {"tag_subject": True}, lambda a: settings_of(box(a)).tag_subject),
    "spam tag off": Act("spam/tag/", {"on": "no"}, "PATCH", "spam/", {"tag_subject": False}, lambda a: not settings_of(box(a)).tag_subject),
    "spam folder on": Act(
        "spam/folder/", {"on": "yes"}, "PATCH", "spam/", {"move_to_folder": True}, lambda a: settings_of(box(a)).move_to_folder
    ),
    "spam folder off": Act(
        "spam/folder/", {"on": "no"}, "PATCH", "spam/", {"move_to_folder": False}, lambda a: not settings_of(box(a)).move_to_folder
    ),
    "forwarding set": Act(
        "forwarding/new/forward/",
        {"condition": "everything", "destinations": ["x@example.net"]},
        "POST",
        "profiles/",
        FORWARD,
        lambda a: "x@example.net" in profiles(a),
    ),
    "forwarding changed": Act(
        "forwarding/{rule}/", CONDITION, "PATCH", "profiles/{rule}/", OTHER, lambda a: profiles(a) == ["y@example.net"]
    ),
    "forwarding deleted": Act("forwarding/{rule}/delete/", {}, "DELETE", "profiles/{rule}/", None, lambda a: profiles(a) == []),
    "auto-reply set": Act(
        "auto-reply/", REPLY, "PUT", "auto-reply/", {"body": "Away."}, lambda a: AutoReply.objects.get(mailbox_id=a).body == "Away."
    ),
    "auto-reply deleted": Act(
        "auto-reply/delete/", {}, "DELETE", "auto-reply/", None, lambda a: not AutoReply.objects.filter(mailbox_id=a).exists()
    ),
    "receive off": Act("receive/", {"on": "no", "lost": "on"}, "PATCH", "", {"receive": False}, lambda a: not box(a).receive),
    "receive on": Act("receive/", {"on": "yes"}, "PATCH", "", {"receive": True}, lambda a: box(a).receive),
    "mail data deleted": Act("purge/", {}, "POST", "purge/", None, lambda a: Job.objects.filter(kind="purge", args__address=a).exists()),
}
OF_ADMINS: dict[str, Act] = {
    "capacity": Act("edit/", {"quota_mb": "77", "comment": ""}, "PATCH", "", {"quota_mb": 77}, lambda a: box(a).quota_mb == 77),
    "comment": Act(
        "edit/", {"quota_mb": "5", "comment": "desk 7"}, "PATCH", "", {"comment": "desk 7"}, lambda a: box(a).comment == "desk 7"
    ),
    "deletion": Act("delete/", {}, "DELETE", "", None, lambda a: not Mailbox.objects.filter(pk=a).exists()),
}


@pytest.fixture
def nina(make_box: MakeBox) -> str:
    """A user under `standard`, with a colleague ken, whom nobody but admins may touch."""
    made = make_box("standard")
    make_mailbox(made.domain, "ken")
    return made.address


def before(address: str, name: str) -> str:
    """What has to be there for the act, and the forwarding setting's id."""
    if name == "auto-reply deleted":
        replies.set_auto_reply(box(address), body="Away.", acting_user=SYSTEM)
    elif name == "receive on":
        change_mailbox(box(address), receive=False, acting_user=SYSTEM)
    elif name in ("spam tag off", "spam folder off"):
        change_spam(box(address), tag_subject=True, move_to_folder=True, acting_user=SYSTEM)
    elif name in ("forwarding changed", "forwarding deleted"):
        made, _change = create_profile(box(address), action="forward", destinations=["x@example.net"], acting_user=SYSTEM)
        return str(made.pk)
    return ""


def api(owner: Admin | Mailbox) -> Asker:
    """The owner's own token of every scope."""
    return Asker(tokens.create_token(owner, "matrix", scopes=["*"])[1])


def by_page(client: Client, root: str, act: Act, rule: str) -> int:
    return int(client.post(root + act.page.format(rule=rule or 0), act.form).status_code)


def by_api(asker: Asker, address: str, act: Act, rule: str) -> int:
    return int(asker.ask(act.method, f"/accounts/{address}/{act.api.format(rule=rule or 0)}", act.body).status_code)


@pytest.mark.parametrize("name", [*OF_BOTH, *OF_ADMINS])
def test_an_admin_may_with_every_account(cast: Cast, bob: Client, nina: str, name: str) -> None:
    act = {**OF_BOTH, **OF_ADMINS}[name]
    for address, way in ((nina, "page"), (f"ken@{AT}", "api")):
        rule = before(address, name)
        if way == "page":
            assert by_page(bob, f"/mailboxes/{address}/", act, rule) == 302
        else:
            assert by_api(api(cast.bob), address, act, rule) in (200, 201, 202, 204)
        assert act.happened(address), (name, way)


@pytest.mark.parametrize("name", OF_BOTH)
@pytest.mark.parametrize("way", ["page", "api"])
def test_a_user_may_with_the_own_account(as_user: SignIn, nina: str, name: str, way: str) -> None:
    act, rule = OF_BOTH[name], before(nina, name)
    if way == "page":
        assert by_page(as_user(box(nina)), "/me/", act, rule) == 302
    else:
        assert by_api(api(box(nina)), nina, act, rule) in (200, 201, 202, 204)
    assert act.happened(nina)


@pytest.mark.parametrize("name", OF_ADMINS)
def test_a_user_may_not_what_is_an_admins(as_user: SignIn, nina: str, name: str) -> None:
    act = OF_ADMINS[name]
    mine = as_user(box(nina))
    assert by_page(mine, f"/mailboxes/{nina}/", act, "") == 404
    assert by_page(mine, "/me/", act, "") == 404
    assert by_api(api(box(nina)), nina, act, "") == 403
    assert Mailbox.objects.filter(pk=nina).exists()
    assert not act.happened(nina)


@pytest.mark.parametrize("name", [*OF_BOTH, *OF_ADMINS])
def test_anothers_account_does_not_exist_for_a_user(as_user: SignIn, nina: str, name: str) -> None:
    act, ken = {**OF_BOTH, **OF_ADMINS}[name], f"ken@{AT}"
    rule = before(ken, name)
    assert by_page(as_user(box(nina)), f"/mailboxes/{ken}/", act, rule) == 404
    assert by_api(api(box(nina)), ken, act, rule) == 404
    if rule:  # nor by the own address and another's rule
        assert by_page(as_user(box(nina)), "/me/", act, rule) == 404
        assert by_api(api(box(nina)), nina, act, rule) == 404


def test_accounts_are_created_by_admins_only(cast: Cast, bob: Client, as_user: SignIn, nina: str) -> None:
    form = {"local_part": "by-page", "password": PASSWORD, "quota_mb": "5"}
    assert bob.post(f"/domains/{AT}/mailboxes/new/", form).status_code == 302
    body = {"address": f"by-api@{AT}", "password": PASSWORD, "quota_mb": 5}
    assert api(cast.bob).post("/accounts/", body).status_code == 201
    assert as_user(box(nina)).post(f"/domains/{AT}/mailboxes/new/", {**form, "local_part": "no"}).status_code == 404
    assert api(box(nina)).post("/accounts/", {**body, "address": f"no@{AT}"}).status_code == 403
    assert sorted(row.local_part for row in Mailbox.objects.filter(domain__name=AT, is_system=False)) == [
        "by-api",
        "by-page",
        "ken",
        "nina",
    ]


def test_passwords_are_set_by_admins_for_all_and_by_users_for_themselves(cast: Cast, bob: Client, as_user: SignIn, nina: str) -> None:
    ken = f"ken@{AT}"
    assert bob.post(f"/mailboxes/{ken}/password/", {"password": NEW}).status_code == 302
    assert has_password(ken, NEW)
    assert api(cast.bob).post(f"/accounts/{ken}/password/", {"password": PASSWORD}).status_code == 200
    assert has_password(ken, PASSWORD)
    for asked in ({"password": NEW}, {"password": NEW, "current_password": "Wrong#Word2026"}):  # the old one is needed
        assert api(box(nina)).post(f"/accounts/{nina}/password/", asked).status_code == 400
    both = {"password": NEW, "current_password": PASSWORD}
    assert api(box(nina)).post(f"/accounts/{ken}/password/", both).status_code == 404
    assert as_user(box(nina)).post(f"/mailboxes/{ken}/password/", both).status_code == 404
    assert as_user(box(nina)).post("/me/password/", both).status_code == 302
    assert has_password(nina, NEW)
    back = {"password": PASSWORD, "current_password": NEW}
    assert api(box(nina)).post(f"/accounts/{nina}/password/", back).status_code == 200
    assert has_password(nina, PASSWORD)
    assert has_password(ken, PASSWORD)


def test_the_copy_of_mail_data_is_nobodys_yet(cast: Cast, bob: Client, as_user: SignIn, nina: str) -> None:
    """It comes with a later version: for the user alone then (R6). Until then no page and no address holds its place."""
    for client, path in ((bob, f"/mailboxes/{nina}/copies/"), (as_user(box(nina)), "/me/copies/")):
        assert client.get(path).status_code == 404
    for who in (cast.bob, box(nina)):
        assert api(who).post(f"/accounts/{nina}/copies/", {}).status_code == 404


def test_forwarding_by_the_user_only_where_the_admin_lets_them(cast: Cast, bob: Client, as_user: SignIn) -> None:
    """R7 (platinum): page absent, API 403; what is there stays visible to the admin."""
    made = create_profile(cast.mia, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)[0]
    mine, path = as_user(cast.mia), f"/accounts/{cast.mia}/profiles/"
    assert mine.get("/me/forwarding/").status_code == 404
    assert "/me/forwarding/" not in mine.get("/me/").content.decode()
    assert api(cast.mia).post(path, FORWARD).status_code == 403
    assert api(cast.mia).delete(f"{path}{made.pk}/").status_code == 403
    assert "x@example.net" in bob.get(f"/mailboxes/{cast.mia}/forwarding/").content.decode()
    Mailbox.objects.filter(pk=cast.mia.pk).update(user_may_forward=True)
    assert mine.get("/me/forwarding/").status_code == 200
    assert api(cast.mia).post(path, FORWARD).status_code == 201
