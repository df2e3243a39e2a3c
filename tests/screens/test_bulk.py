"""Bulk work on the pages: a file is handed in, checked, and carried out; long work shows how it fares (A13, A14, A16)."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Customer, Domain, Mailbox
from accounts.services import imports, mailboxes
from mailsettings import jobs
from panel.base.models import Change, Job, JobState, Upload
from tests.conftest import PASSWORD, Cast, make_mailbox
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)
BULK = "/domains/a.example.com/bulk/"
CREATE = "mail_account,mail_password,mail_capacity,comment\r\n"
COMMANDS = "command,mail_account,mail_password\r\n"
HTMX = {"HX-Request": "true"}


def hand_in(client: Client, kind: str, content: str, path: str = BULK) -> Any:
    return client.post(path, {"kind": kind, "file": SimpleUploadedFile("staff.csv", content.encode())})


def checked(client: Client, kind: str, content: str) -> Job:
    """The preview, after the worker has had it."""
    answer = hand_in(client, kind, content)
    assert answer.status_code == 302, answer.content.decode()
    job = Job.objects.get(pk=answer["Location"].split("/")[2])
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def carried_out(client: Client, preview: Job) -> Job:
    answer = client.post(f"/jobs/{preview.pk}/carry-out/")
    assert answer.status_code == 302, answer.content.decode()
    job = Job.objects.get(pk=answer["Location"].split("/")[2])
    jobs.run(job.pk)
    return job


def live(job: Job) -> None:
    job.refresh_from_db()
    Change.objects.get(pk=job.args["change"]).targets.update(state="live", live_at=job.created_at)
    Job.objects.filter(pk=job.pk).update(leased_until=job.created_at)
    jobs.run(job.pk)
    job.refresh_from_db()


def text_of(client: Client, path: str, **more: Any) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_page_explains_each_kind_with_its_sample_and_what_is_left(cast: Cast, bob: Client) -> None:
    Customer.objects.filter(name="ours").update(limits={"accounts": 50})
    text = text_of(bob, BULK)
    for name in ("mail-accounts-sample.csv", "mail-password-sample.csv", "mail-commands-sample.csv"):
        assert name in text
    assert "1 of 50 in use in the whole contract, 49 left." in text
    assert "password_hash" not in text
    sample = bob.get("/api/v1/imports/samples/create.csv")
    assert sample["Content-Disposition"] == 'attachment; filename="mail-accounts-sample.csv"'


def test_ready_hashes_are_named_to_the_operator_only(cast: Cast, as_user: SignIn) -> None:
    assert "password_hash" in text_of(as_user(cast.operator), BULK)


def test_a_file_is_checked_and_nothing_is_changed(cast: Cast, bob: Client) -> None:
    job = checked(bob, "create", CREATE + f"nina,{PASSWORD},5,Sales\r\notto,{PASSWORD},,\r\n")
    text = text_of(bob, f"/jobs/{job.pk}/")
    assert "will be created" in text
    assert ">2<" in text
    assert "Nothing has been changed yet." in text
    assert "Carry out…" in text
    assert cast.domain.mailboxes.count() == 1


def test_bad_rows_are_listed_with_line_column_name_and_reason(cast: Cast, bob: Client) -> None:
    job = checked(bob, "create", CREATE + f"nina,{PASSWORD},x,\r\nmia,{PASSWORD},5,\r\n")
    page = bob.get(f"/jobs/{job.pk}/")
    found = [(row["line"], row["column"], row["field"]) for row in page.context["errors"]]
    assert found == [(2, 3, "mail_capacity"), (3, 1, "mail_account")]
    text = page.content.decode()
    assert "2 faults: nothing was changed." in text
    assert "mia@a.example.com is taken" in text
    assert "Carry out…" not in text
    file = bob.get(f"/jobs/{job.pk}/errors.csv")
    lines = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "line,column,field,code,message"
    assert [line[:18] for line in lines[1:]] == ["2,3,mail_capacity,", "3,1,mail_account,c"]


def test_what_was_checked_is_carried_out_after_a_confirmation(cast: Cast, bob: Client) -> None:
    preview = checked(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    assert "All of it happens in a.example.com at once, or nothing does." in text_of(bob, f"/jobs/{preview.pk}/carry-out/")
    job = carried_out(bob, preview)
    text = text_of(bob, f"/jobs/{job.pk}/")
    assert "Everything is written." in text
    assert "change" in text
    assert "Cancel the work" not in text
    live(job)
    text = text_of(bob, f"/jobs/{job.pk}/")
    assert "created" in text
    assert "/domains/a.example.com/mailboxes/export/" in text
    assert "What came of it" in text_of(bob, f"/jobs/{preview.pk}/")
    again = bob.post(f"/jobs/{preview.pk}/carry-out/")
    assert "This preview has been carried out already." in again.content.decode()
    assert Mailbox.objects.filter(pk="nina@a.example.com").exists()


def test_what_is_deleted_is_named_before(cast: Cast, bob: Client) -> None:
    make_mailbox(cast.domain, "otto")
    Mailbox.objects.filter(pk="otto@a.example.com").update(used_messages=7, used_bytes=3 * 1_048_576)
    preview = checked(bob, "commands", COMMANDS + "delete,otto,\r\n")
    text = text_of(bob, f"/jobs/{preview.pk}/carry-out/")
    assert "otto@a.example.com" in text
    assert "7 mails, 3 MB" in text
    assert "Carry out and delete 1 mailbox" in text
    carried_out(bob, preview)
    assert not Mailbox.objects.filter(pk="otto@a.example.com").exists()


def test_what_is_not_checked_yet_cannot_be_carried_out(cast: Cast, bob: Client) -> None:
    hand_in(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    job = Job.objects.get()
    assert bob.get(f"/jobs/{job.pk}/carry-out/")["Location"] == f"/jobs/{job.pk}/"
    assert "Only a preview that found no errors" in bob.post(f"/jobs/{job.pk}/carry-out/").content.decode()
    assert Job.objects.count() == 1


def test_work_is_cancelled_and_its_file_erased(cast: Cast, bob: Client) -> None:
    hand_in(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    job = Job.objects.get()
    assert "Cancel the work" in text_of(bob, f"/jobs/{job.pk}/")
    bob.post(f"/jobs/{job.pk}/cancel/")
    assert "The work was cancelled. Nothing was changed." in text_of(bob, f"/jobs/{job.pk}/")
    assert not Upload.objects.exists()
    text = bob.post(f"/jobs/{job.pk}/cancel/", follow=True).content.decode()
    assert "The job has begun or is over." in text


def test_the_page_asks_again_by_itself_until_the_work_is_over(cast: Cast, bob: Client) -> None:
    hand_in(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    job = Job.objects.get()
    part = text_of(bob, f"/jobs/{job.pk}/", headers=HTMX)
    assert f'hx-get="/jobs/{job.pk}/?round=1"' in part
    assert "load delay:1000ms" in part
    assert "<html" not in part
    assert "Look again" in text_of(bob, f"/jobs/{job.pk}/")  # for whoever has no script
    assert "load delay:5000ms" in text_of(bob, f"/jobs/{job.pk}/?round=99", headers=HTMX)
    Job.objects.update(state=JobState.RUNNING, done=40, total=100)
    part = text_of(bob, f"/jobs/{job.pk}/", headers=HTMX)
    assert "40 of 100" in part
    assert 'value="40"' in part
    Job.objects.update(state=JobState.QUEUED)
    jobs.run(job.pk)
    part = text_of(bob, f"/jobs/{job.pk}/", headers=HTMX)
    assert f'hx-get="/jobs/{job.pk}' not in part
    assert 'hx-swap-oob="true"' in part


@pytest.mark.parametrize(("content", "said"), [("", "The file is empty."), (None, "This field is required.")])
def test_without_a_file_the_form_says_so(cast: Cast, bob: Client, content: str | None, said: str) -> None:
    answer = bob.post(BULK, {"kind": "create"}) if content is None else hand_in(bob, "create", content)
    assert answer.context["form"].errors["file"] == [said]
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_said_to_be(cast: Cast, bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LARGEST", 1000)
    answer = bob.post(BULK, {"kind": "create", "note": "x" * 2000})
    assert answer.context["form"].errors["file"] == ["A file has at most 20 MB."]
    assert hand_in(bob, "create", "x" * 1001).context["form"].errors["file"] == ["A file has at most 0 MB."]


def test_a_kind_that_does_not_exist_is_refused(cast: Cast, bob: Client) -> None:
    assert "kind" in hand_in(bob, "members", CREATE).context["form"].errors


def test_anothers_work_does_not_exist(cast: Cast, bob: Client, as_user: SignIn) -> None:
    job = checked(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    for name in ("alice", "charlie", "mia"):
        other = as_user(getattr(cast, name))
        for path in ("", "errors.csv"):
            assert other.get(f"/jobs/{job.pk}/{path}").status_code == 404
        for path in ("cancel/", "carry-out/"):
            assert other.post(f"/jobs/{job.pk}/{path}").status_code == 404
    assert as_user(cast.operator).get(f"/jobs/{job.pk}/").status_code == 200


def test_whoever_lost_the_domain_carries_nothing_out(cast: Cast, bob: Client) -> None:
    preview = checked(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    cast.bob.domains.clear()
    assert bob.get(f"/jobs/{preview.pk}/carry-out/").status_code == 404
    assert bob.post(f"/jobs/{preview.pk}/carry-out/").status_code == 404
    assert bob.post(BULK, {"kind": "create"}).status_code == 404


def test_the_list_holds_ones_own_work_of_every_kind(cast: Cast, bob: Client, as_user: SignIn) -> None:
    assert "Nothing is being worked on" in text_of(bob, "/jobs/")
    checked(bob, "create", CREATE + f"nina,{PASSWORD},x,\r\n")
    mailboxes.purge_mailbox(cast.mia, acting_user=cast.bob)
    mailboxes.delete_mailboxes([make_mailbox(cast.domain, "otto")], acting_user=cast.bob)
    mailboxes.purge_mailbox(cast.foreign_box, acting_user=cast.charlie)
    text = text_of(bob, "/jobs/")
    for words in ("Check of staff.csv", "Emptying mia@a.example.com", "Removing the mail of deleted mailboxes", "1 fault", "waiting"):
        assert words in text, words
    assert "max@b.example.com" not in text
    assert "max@b.example.com" in text_of(as_user(cast.operator), "/jobs/")
    assert "staff.csv" not in text_of(bob, "/jobs/?q=mia@")
    lasting = Job.objects.get(kind="remove_homes")
    assert "Cancel the work" not in text_of(bob, f"/jobs/{lasting.pk}/")
    assert "This work cannot be cancelled." in bob.post(f"/jobs/{lasting.pk}/cancel/", follow=True).content.decode()


def test_a_mailbox_user_sees_the_own_mailbox_being_emptied(cast: Cast, as_user: SignIn) -> None:
    mailboxes.purge_mailbox(cast.mia, acting_user=cast.mia)
    mine = as_user(cast.mia)
    assert "Emptying mia@a.example.com" in text_of(mine, "/jobs/")
    assert "Emptying" in text_of(mine, f"/jobs/{Job.objects.get().pk}/")


def test_the_list_costs_the_same_for_many(cast: Cast, bob: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        mailboxes.purge_mailbox(cast.mia, acting_user=cast.bob)
    bob.get("/jobs/")
    with django_assert_max_num_queries(6):
        bob.get("/jobs/")


def test_what_the_domain_lost_since_the_check_is_found_again(cast: Cast, bob: Client) -> None:
    """The preview is no promise: everything is checked anew."""
    preview = checked(bob, "create", CREATE + f"nina,{PASSWORD},5,\r\n")
    Domain.objects.filter(pk=cast.domain.pk).update(limits={"accounts": 1})
    job = carried_out(bob, preview)
    text = text_of(bob, f"/jobs/{job.pk}/")
    assert "1 of 1 are in use" in text
    assert "Hand in a mended file" in text
