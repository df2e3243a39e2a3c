"""The status of accounts (A11) as people set it, and the forced change of passwords (A12), by the API."""

from typing import Any

import pytest

from accounts import passwords
from accounts.models import Alias, FormerPassword, Mailbox, Notice
from accounts.services import expansions, standing
from panel.base.models import AuditEntry, ChangeTarget
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, Asker, codes_of, fields_of
from tests.conftest import PASSWORD, Cast, make_mailbox

pytestmark = pytest.mark.django_db
MIA = "/accounts/mia@a.example.com/"
NEW = "Kumo#Asahi71bd"


def status(api: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.get(MIA).json()["status"]
    return found


def keys_of(answer: Any) -> list[str]:
    return list(ChangeTarget.objects.filter(change=answer["Change-Id"]).order_by("pk").values_list("key", flat=True))


@pytest.mark.parametrize("who", ["operator", "alice", "bob"])
def test_an_admin_suspends_and_resumes_an_account(cast: Cast, api: As, who: str) -> None:
    """contract.md: suspended = no login, no sending, mail is received."""
    admin = api(getattr(cast, who))
    answer = admin.patch(MIA, {"suspended": True})
    assert answer.status_code == 200
    assert answer.json()["suspended"] is True
    found = answer.json()["status"]
    assert (found["code"], found["sending"], found["login"], found["receiving"]) == ("suspended", False, False, True)
    assert len(found["reasons"]) == 1
    assert keys_of(answer) == ["mia@a.example.com"]
    answer = admin.patch(MIA, {"suspended": False})
    assert answer.json()["status"] == {"code": "normal", "sending": True, "login": True, "receiving": True, "reasons": []}
    entries = AuditEntry.objects.filter(subject="mia@a.example.com", actor=f"admin:{who}").order_by("pk")
    assert [(row.action, row.before, row.after) for row in entries] == [
        ("mailbox.suspend", {"suspended": False}, {"suspended": True}),
        ("mailbox.resume", {"suspended": True}, {"suspended": False}),
    ]


def test_what_is_so_already_is_no_change(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert "Change-Id" not in bob.patch(MIA, {"suspended": False})
    assert not AuditEntry.objects.filter(action__startswith="mailbox.resume").exists()


def test_suspending_goes_with_other_fields_in_one_request(cast: Cast, api: As) -> None:
    answer = api(cast.bob).patch(MIA, {"suspended": True, "comment": "left us", "quota_mb": 50})
    assert answer.status_code == 200
    assert (answer.json()["suspended"], answer.json()["comment"], answer.json()["quota_mb"]) == (True, "left us", 50)


def test_a_field_that_is_wrong_leaves_the_account_as_it_was(cast: Cast, api: As) -> None:
    answer = api(cast.bob).patch(MIA, {"suspended": True, "mobile_address": "nonsense"})
    assert answer.status_code == 400
    assert not Mailbox.objects.get(pk=cast.mia.pk).suspended


@pytest.mark.parametrize("body", [{"suspended": True}, {"suspended": False}, {"suspended": "yes"}, {"suspended": True, "receive": True}])
def test_a_mailbox_user_may_not(cast: Cast, api: As, body: dict[str, Any]) -> None:
    assert api(cast.mia).patch(MIA, body).status_code == 403
    assert not Mailbox.objects.get(pk=cast.mia.pk).suspended


def test_suspended_takes_true_and_false_only(cast: Cast, api: As) -> None:
    for value in ("true", 1, None):
        assert fields_of(api(cast.bob).patch(MIA, {"suspended": value})) == ["suspended"]


def test_a_new_account_is_not_born_suspended(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/accounts/", {"address": "new@a.example.com", "password": PASSWORD, "suspended": True})
    assert fields_of(answer) == ["suspended"]


def test_only_the_operator_forces_a_change(cast: Cast, api: As) -> None:
    """A12: the service does it, not the customer."""
    path = MIA + "force-password-change/"
    for who, code in ((cast.alice, 403), (cast.bob, 403), (cast.mia, 403), (cast.wendy, 404), (cast.charlie, 404)):
        assert api(who).post(path).status_code == code, who
    answer = api(cast.operator).post(path)
    assert answer.status_code == 200
    assert answer.json()["must_change_password"] is True
    assert answer.json()["status"]["code"] == "password_forced"
    assert keys_of(answer) == ["mia@a.example.com"]
    assert AuditEntry.objects.get(action="mailbox.force_password").after == {"must_change_password": True}
    assert "Change-Id" not in api(cast.operator).post(path), "twice is once"
    assert Notice.objects.count() == 1


def test_must_change_password_can_only_be_read(cast: Cast, api: As) -> None:
    for who in (cast.operator, cast.bob):
        answer = api(who).patch(MIA, {"must_change_password": False})
        assert (answer.status_code, codes_of(answer)) == (400, ["fixed"])


def test_the_gravest_gives_the_code_and_every_reason_is_named(cast: Cast, api: As) -> None:
    Mailbox.objects.filter(pk=cast.mia.pk).update(suspended=True, must_change_password=True, quota_mb=1, used_bytes=2 * 1024 * 1024)
    found = status(api(cast.bob))
    assert (found["code"], found["sending"], found["login"], found["receiving"]) == ("suspended", False, False, False)
    assert len(found["reasons"]) == 3
    Mailbox.objects.filter(pk=cast.mia.pk).update(suspended=False)
    assert status(api(cast.bob))["code"] == "password_forced"


def test_the_list_is_filtered_by_status(cast: Cast, api: As) -> None:
    """Each account is found under its code, and under no other."""
    for local, fields in {
        "shut": {"suspended": True},
        "both": {"suspended": True, "must_change_password": True},
        "forced": {"must_change_password": True},
        "full": {"quota_mb": 1, "used_bytes": 2 * 1024 * 1024},
    }.items():
        Mailbox.objects.filter(pk=make_mailbox(cast.domain, local).pk).update(**fields)
    bob = api(cast.bob)

    def found(code: str) -> list[str]:
        return [row["address"].partition("@")[0] for row in bob.get(f"/accounts/?status={code}").json()["results"]]

    assert found("suspended") == ["both", "shut"]
    assert found("password_forced") == ["forced"]
    assert found("over_capacity") == ["full"]
    assert found("normal") == ["mia"]
    assert bob.get("/accounts/?status=locked").status_code == 400


@pytest.mark.parametrize("field", ["suspended", "must_change_password"])
def test_a_barred_account_has_no_way_into_the_api(cast: Cast, api: As, field: str) -> None:
    """R8, A11: a mailbox user's token and session stop working, and work again afterwards (the token)."""
    token = api(cast.mia)
    session = Asker(token.post("/sessions/", {"login": cast.mia.address, "password": PASSWORD}).json()["token"])
    assert session.get("/me/").status_code == 200
    act = standing.suspend if field == "suspended" else lambda box, **by: standing.force_password_change([box], **by)
    act(cast.mia, acting_user=SYSTEM)
    assert token.get("/me/").status_code == 401
    assert session.get("/me/").status_code == 401
    assert Asker().post("/sessions/", {"login": cast.mia.address, "password": PASSWORD}).status_code in (401, 403)
    Mailbox.objects.filter(pk=cast.mia.pk).update(suspended=False, must_change_password=False)
    assert token.get("/me/").status_code == 200
    assert session.get("/me/").status_code == 401, "a session that was ended stays ended"


def test_the_aliases_of_a_barred_account_are_told_too(cast: Cast, api: As) -> None:
    """P6: whoever is signed in already must not go on sending as info@."""
    expansions.create_alias(cast.domain, "info", [cast.mia.address], acting_user=SYSTEM)
    expansions.create_alias(cast.domain, "sales", ["info@a.example.com"], acting_user=SYSTEM)
    assert Alias.objects.count() == 2
    bob = api(cast.bob)
    wanted = ["mia@a.example.com", "info@a.example.com", "sales@a.example.com"]
    assert keys_of(bob.patch(MIA, {"suspended": True})) == wanted
    assert keys_of(bob.patch(MIA, {"suspended": False})) == wanted
    assert keys_of(api(cast.operator).post(MIA + "force-password-change/")) == wanted
    assert keys_of(bob.post(MIA + "password/", {"password": NEW})) == wanted


def test_a_new_password_ends_the_forced_change_and_its_notice(cast: Cast, api: As) -> None:
    """A12: the admin sets it; the notice goes, and the account is normal."""
    standing.force_password_change([cast.mia], acting_user=cast.operator)
    answer = api(cast.bob).post(MIA + "password/", {"password": NEW})
    assert answer.status_code == 200
    assert answer.json()["must_change_password"] is False
    assert answer.json()["status"]["code"] == "normal"
    assert not Notice.objects.exists()
    assert api(cast.mia).get("/me/").status_code == 200


def test_a_new_password_does_not_end_a_suspension(cast: Cast, api: As) -> None:
    standing.suspend(cast.mia, acting_user=cast.bob)
    standing.force_password_change([cast.mia], acting_user=cast.operator)
    assert api(cast.bob).post(MIA + "password/", {"password": NEW}).json()["status"]["code"] == "suspended"


def set_in_turn(cast: Cast, api: As, *found: str) -> None:
    for one in found:
        assert api(cast.bob).post(MIA + "password/", {"password": one}).status_code == 200


def test_the_last_three_and_near_copies_are_refused_after_a_forced_change(cast: Cast, api: As) -> None:
    """A12; `PASSWORD` was the first of four and may be had again."""
    set_in_turn(cast, api, "Second#Word72bx", "Third#Word73by", "Fourth#Word74bz")
    standing.force_password_change([cast.mia], acting_user=cast.operator)
    bob = api(cast.bob)
    refused = {
        "Second#Word72bx": "reused",
        "Third#Word73by": "reused",
        "Fourth#Word74bz": "reused",
        "fourth#word74bz": "case",
        "Fourth#Word75bz": "counted",
        "Third#Word73by!": "added",
        "zb47droW#htruoF": "reversed",
    }
    for new, code in refused.items():
        answer = bob.post(MIA + "password/", {"password": new})
        assert answer.status_code == 400, (new, answer.json())
        assert (fields_of(answer), codes_of(answer)) == (["password"], [code]), new
        assert new not in answer.content.decode()
    assert Mailbox.objects.get(pk=cast.mia.pk).must_change_password
    assert bob.post(MIA + "password/", {"password": PASSWORD}).status_code == 200


def test_an_ordinary_change_is_not_compared(cast: Cast, api: As) -> None:
    """A12 speaks of forced changes only; the history is kept all the same, three long."""
    set_in_turn(cast, api, "Tegami#Mail2027x", PASSWORD, NEW, PASSWORD, NEW)
    kept = list(FormerPassword.objects.values_list("password_hash", flat=True))
    assert len(kept) == FormerPassword.KEPT
    assert passwords.verify(PASSWORD, kept[0])


def test_the_history_never_leaves_the_panel(cast: Cast, api: As) -> None:
    set_in_turn(cast, api, NEW)
    shown = api(cast.operator).get(MIA).content.decode()
    assert "argon2" not in shown.lower()
    assert not any("argon2" in str((row.before, row.after)).lower() for row in AuditEntry.objects.all())
