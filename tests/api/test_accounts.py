"""/accounts/: mail accounts by address."""

from typing import Any

import pytest

from accounts import passwords
from accounts.models import Domain, Mailbox
from panel.base.models import Change, ChangeTarget, Job, TargetKind
from tests.api.conftest import As, codes_of, fields_of
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
NEW = "Kumo#Asahi71bd"


def create(api: Any, local: str = "info", **more: Any) -> Any:
    return api.post("/accounts/", {"address": f"{local}@a.example.com", "password": PASSWORD, **more})


def test_an_account_is_created_with_the_plans_capacity(cast: Cast, api: As) -> None:
    answer = create(api(cast.bob), comment="front desk")
    assert answer.status_code == 201
    assert answer.json() == {
        "address": "info@a.example.com",
        "quota_mb": cast.domain.rules.storage_default_mb,
        "quota_messages": None,
        "comment": "front desk",
        "mobile_address": "",
        "receive": True,
        "user_may_forward": False,
        "spam_seat": False,
        "suspended": False,
        "must_change_password": False,
        "status": {"code": "normal", "sending": True, "login": True, "receiving": True, "reasons": []},
        "usage": {"storage_mb": 0.0, "messages": 0},
    }
    assert answer["Location"].endswith("/api/v1/accounts/info@a.example.com/")
    target = ChangeTarget.objects.get(change=answer["Change-Id"])
    assert (target.host, target.kind, target.key) == ("mx1", TargetKind.ADDRESS, "info@a.example.com")


def test_quota_null_is_no_limit_of_its_own(cast: Cast, api: As) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(overrides={"storage_max_mb": None})
    assert create(api(cast.bob), quota_mb=None).json()["quota_mb"] is None


@pytest.mark.parametrize("quota", [-1, 0, 1.5, "10", True, 10**30, [], {}])
def test_a_capacity_that_is_none_is_refused(cast: Cast, api: As, quota: Any) -> None:
    answer = create(api(cast.bob), quota_mb=quota)
    assert answer.status_code == 400
    assert fields_of(answer) == ["quota_mb"]


@pytest.mark.parametrize(
    "address",
    [
        "x",
        "@a.example.com",
        "info@",
        "a b@a.example.com",
        "a\r\nb@a.example.com",
        "あい@a.example.com",
        "-x@a.example.com",
        "a@b@a.example.com",
        "info@nowhere.example.com",
        "info@b.example.com",
        "",
    ],
)
def test_a_bad_address_is_refused_by_its_field(cast: Cast, api: As, address: str) -> None:
    answer = api(cast.bob).post("/accounts/", {"address": address, "password": PASSWORD})
    assert answer.status_code == 400
    assert fields_of(answer) == ["address"]
    assert answer["Content-Type"] == "application/problem+json"


def test_every_broken_password_rule_is_named(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/accounts/", {"address": "info@a.example.com", "password": "あ"})
    assert answer.status_code == 400
    assert set(fields_of(answer)) == {"password"}
    assert set(codes_of(answer)) == {"length", "characters"}
    assert "あ" not in answer.content.decode()


def test_a_taken_name_is_a_clash_that_says_what_holds_it(cast: Cast, api: As) -> None:
    answer = create(api(cast.bob), "mia")
    assert answer.status_code == 409
    assert (fields_of(answer), codes_of(answer)) == (["address"], ["clash"])
    assert "mailbox" in answer.json()["detail"]


def test_a_used_up_contract_is_409_with_both_figures(cast: Cast, api: As) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"accounts": 1})
    problem = create(api(cast.bob)).json()
    assert (problem["status"], problem["code"], problem["used"], problem["limit"]) == (409, "limit_reached", 1, 1)


def test_upper_case_and_encoded_addresses_name_the_same_account(cast: Cast, api: As) -> None:
    for name in ("MIA@A.Example.COM", "mia%40a.example.com"):
        assert api(cast.bob).get(f"/accounts/{name}/").json()["address"] == "mia@a.example.com"


def test_u_labels_name_the_same_account_as_a_labels(cast: Cast, api: As) -> None:
    Domain.objects.filter(pk=cast.domain.pk).update(name="xn--wgv71a119e.example.com")
    assert api(cast.bob).post("/accounts/", {"address": "info@日本語.example.com", "password": PASSWORD}).status_code == 201
    answer = api(cast.bob).get("/accounts/info@日本語.example.com/")
    assert answer.json()["address"] == "info@xn--wgv71a119e.example.com"


@pytest.mark.parametrize("name", ["nobody@a.example.com", "nonsense", "a%00b@a.example.com", "@", "%ff@a.example.com", "x@" + "a" * 300])
def test_what_is_not_there_is_404(cast: Cast, api: As, name: str) -> None:
    answer = api(cast.operator).get(f"/accounts/{name}/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_patch_changes_only_what_is_sent(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    bob.patch("/accounts/mia@a.example.com/", {"comment": "left", "quota_messages": 5})
    answer = bob.patch("/accounts/mia@a.example.com/", {"quota_mb": 5})
    assert (answer.json()["comment"], answer.json()["quota_messages"], answer.json()["quota_mb"]) == ("left", 5, 5)
    assert "Change-Id" in answer


def test_a_comment_concerns_no_mail_server(cast: Cast, api: As) -> None:
    before = Change.objects.count()
    assert "Change-Id" not in api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": "x"})
    assert Change.objects.count() == before


@pytest.mark.parametrize("field", ["password", "address", "status", "usage", "pop", "suspended", "is_system"])
def test_patch_refuses_what_it_cannot_change(cast: Cast, api: As, field: str) -> None:
    answer = api(cast.bob).patch("/accounts/mia@a.example.com/", {field: "x"})
    assert (answer.status_code, fields_of(answer)) == (400, [field])


def test_a_refused_patch_changes_nothing(cast: Cast, api: As) -> None:
    assert api(cast.bob).patch("/accounts/mia@a.example.com/", {"comment": "x", "mobile_address": "no address"}).status_code == 400
    assert Mailbox.objects.get(pk="mia@a.example.com").comment == ""


def test_an_admin_sets_a_password_without_knowing_the_old_one(cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/accounts/mia@a.example.com/password/", {"password": NEW})
    assert answer.status_code == 200
    assert "Change-Id" in answer
    assert passwords.verify(NEW, Mailbox.objects.get(pk="mia@a.example.com").password_hash)


def test_a_user_needs_the_current_password(cast: Cast, api: As) -> None:
    mia = api(cast.mia)
    wrong = mia.post("/accounts/mia@a.example.com/password/", {"password": NEW})
    assert (wrong.status_code, fields_of(wrong)) == (400, ["current_password"])
    assert mia.post("/accounts/mia@a.example.com/password/", {"password": NEW, "current_password": PASSWORD}).status_code == 200


def test_emptying_is_a_job(cast: Cast, api: As) -> None:
    answer = api(cast.mia).post("/accounts/mia@a.example.com/purge/")
    assert (answer.status_code, answer.json()["state"], answer.json()["kind"]) == (202, "queued", "purge")
    job = Job.objects.get(pk=answer.json()["id"])
    assert ChangeTarget.objects.get(change=answer["Change-Id"]).key == str(job.pk)
    assert api(cast.mia).get(answer["Location"]).json() == answer.json()


def test_a_deleted_account_is_gone_at_once(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    answer = bob.delete("/accounts/mia@a.example.com/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Change-Id" in answer
    assert bob.get("/accounts/mia@a.example.com/").status_code == 404


def test_a_full_mailbox_says_so(cast: Cast, api: As) -> None:
    Mailbox.objects.filter(pk="mia@a.example.com").update(quota_mb=1, used_bytes=1_572_864, used_messages=7)
    found = api(cast.bob).get("/accounts/mia@a.example.com/").json()
    assert (found["status"]["code"], found["status"]["receiving"], found["status"]["sending"]) == ("over_capacity", False, True)
    assert found["usage"] == {"storage_mb": 1.5, "messages": 7}
    listed = api(cast.bob).get("/accounts/?status=over_capacity").json()["results"]
    assert [row["address"] for row in listed] == ["mia@a.example.com"]


def test_the_state_of_huge_mailboxes_is_found_too(cast: Cast, api: As) -> None:
    Mailbox.objects.filter(pk="mia@a.example.com").update(quota_mb=10_000_000, used_bytes=10_000_000 * 1_048_576)
    assert len(api(cast.bob).get("/accounts/?status=over_capacity").json()["results"]) == 1
    assert api(cast.bob).get("/accounts/?status=normal").json()["results"] == []


def test_a_user_sees_the_own_account_and_no_other(cast: Cast, api: As) -> None:
    create(api(cast.bob))
    assert [row["address"] for row in api(cast.mia).get("/accounts/").json()["results"]] == ["mia@a.example.com"]


def test_no_answer_holds_a_password_or_hash(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    for answer in (create(bob), bob.get("/accounts/"), bob.get("/accounts/mia@a.example.com/")):
        assert "argon2" not in answer.content.decode().lower()
        assert PASSWORD not in answer.content.decode()
