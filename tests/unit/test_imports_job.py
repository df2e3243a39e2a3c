"""The job behind a file: what may happen between its steps, and the mail about it (A13 to A16)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation

from accounts import passwords
from accounts.bulk import hashing
from accounts.models import Appointment, Domain, Mailbox, Notice
from accounts.services import contracts, imports, mailboxes, standing
from mailsettings import imports as work
from mailsettings import jobs, letters
from panel.base import jobs as asked
from panel.base.errors import Clash
from panel.base.models import AuditEntry, Change, Job, JobState, Upload
from panel.base.tenancy import SYSTEM, Role
from tests.conftest import PASSWORD as OLD
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "Kumo#Asahi71bd"
CREATE = "mail_account,mail_password,mail_capacity,comment\r\n"
EDIT = "mail_account,password,mail_capacity\r\n"
TARO = CREATE + f"taro,{PASSWORD},,\r\n"


def started(cast: Cast, content: str, kind: str = "create", user: Any = None, **more: Any) -> Job:
    return imports.start(cast.domain, kind, "a.csv", content.encode(), acting_user=user or cast.bob, **more)


def worked(job: Job) -> Job:
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def boxes(cast: Cast) -> set[str]:
    return set(cast.domain.mailboxes.values_list("pk", flat=True))


def test_it_waits_without_a_worker_until_the_change_is_live(cast: Cast) -> None:
    """Done includes being live; without mail servers the change stays pending and the job running."""
    job = worked(started(cast, TARO))
    assert (job.state, job.done, job.total) == (JobState.RUNNING, 1, 1)
    assert not Upload.objects.exists()
    Job.objects.update(leased_until=job.created_at)
    assert worked(job).state == JobState.RUNNING
    Change.objects.get(pk=job.args["change"]).targets.update(state="live", live_at=job.created_at)
    Job.objects.update(leased_until=job.created_at)
    assert worked(job).state == JobState.DONE
    assert Notice.objects.get(topic=f"import:{job.pk}").code == "import_done"


def test_what_servers_refuse_is_said_though_all_is_written(cast: Cast) -> None:
    job = worked(started(cast, TARO))
    Change.objects.get(pk=job.args["change"]).targets.update(state="failed", error="no such map")
    Job.objects.update(leased_until=job.created_at)
    (error,) = worked(job).errors
    assert (job.state, error["code"]) == (JobState.FAILED, "servers")
    assert "no such map" in error["message"]
    assert job.result is not None
    assert job.result["create"] == 1


def test_a_file_that_asks_for_nothing_is_done_at_once(cast: Cast) -> None:
    job = worked(started(cast, EDIT + "mia,,\r\nnobody,,\r\n", "edit"))
    assert job.state == JobState.DONE
    assert not Change.objects.filter(actor=cast.bob.actor).exists()


def test_cancelled_while_it_hashes_nothing_is_changed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    job = started(cast, CREATE + "".join(f"box{n},{PASSWORD},,\r\n" for n in range(5)))
    monkeypatch.setattr(hashing, "BATCH", 1)
    real, calls = passwords.hash_password, []

    def hash_and_cancel(password: str) -> str:
        calls.append(password)
        if len(calls) == 2:
            asked.cancel(Job.objects.get(pk=job.pk), acting_user=cast.bob)
        return real(password)

    monkeypatch.setattr(passwords, "hash_password", hash_and_cancel)
    monkeypatch.setattr(hashing, "cores", lambda: 1)
    monkeypatch.setattr(hashing, "ThreadPoolExecutor", Inline)
    assert worked(job).state == JobState.CANCELLED
    assert len(calls) == 2
    assert boxes(cast) == {"mia@a.example.com"}
    assert not Upload.objects.exists()
    assert worked(job).state == JobState.CANCELLED


class Inline:
    """A pool of no threads: SQLite in memory belongs to one connection."""

    def __init__(self, **more: Any) -> None: ...

    def map(self, call: Any, values: Any) -> Any:
        return map(call, values)

    def shutdown(self, **more: Any) -> None: ...


def test_once_it_is_written_it_cannot_be_cancelled(cast: Cast) -> None:
    """Nor when its worker died and it is queued again."""
    job = worked(started(cast, TARO))
    for state in (JobState.RUNNING, JobState.QUEUED):
        Job.objects.update(state=state)
        with pytest.raises(Clash):
            asked.cancel(Job.objects.get(pk=job.pk), acting_user=cast.bob)


@pytest.mark.parametrize("other", ["mailbox", "limit"])
def test_who_is_quicker_by_a_moment_is_seen(cast: Cast, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """Between check and transaction somebody takes the name, or the contract's last account."""
    real = work._hashed

    def and_meanwhile(*given: Any) -> dict[str, str]:
        if other == "mailbox" and not Mailbox.objects.filter(pk="taro@a.example.com").exists():
            make_mailbox(cast.domain, "taro")
        if other == "limit":
            contracts.change_customer(cast.domain.customer, limits={"accounts": 1}, acting_user=SYSTEM)
        return real(*given)

    monkeypatch.setattr(work, "_hashed", and_meanwhile)
    job = worked(started(cast, CREATE + f"jiro,{PASSWORD},,\r\ntaro,{PASSWORD},,\r\n"))
    assert [(error["line"], error["code"]) for error in job.errors] == [(3, "clash") if other == "mailbox" else (2, "limit_reached")]
    assert "jiro@a.example.com" not in boxes(cast)
    assert not AuditEntry.objects.filter(via="csv", actor=cast.bob.actor).exists()


def test_two_runs_of_one_job_do_it_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was taken for dead comes back: the other has done it."""
    real, job = work._hashed, started(cast, TARO)

    def and_another_run(*given: Any) -> dict[str, str]:
        monkeypatch.setattr(work, "_hashed", real)
        Job.objects.update(leased_until=job.created_at)
        jobs.run(job.pk)
        return real(*given)

    monkeypatch.setattr(work, "_hashed", and_another_run)
    assert worked(job).state == JobState.RUNNING
    assert job.errors == []
    assert Domain.objects.get(pk=cast.domain.pk).accounts_count == 2
    assert Change.objects.filter(actor=cast.bob.actor).count() == 1


def test_what_dies_again_and_again_says_so(cast: Cast) -> None:
    job = started(cast, TARO)
    Job.objects.update(args={**job.args, "tries": work.TRIES})
    assert worked(job).errors[0]["code"] == "gave_up"


def test_it_is_done_in_the_role_that_handed_it_in(cast: Cast) -> None:
    """A further role counts as long as it is there; the first one does not stand in for it."""
    role = Appointment.objects.create(admin=cast.wendy, role=Role.MAIL_ADMIN, customer=cast.domain.customer)
    role.domains.add(cast.domain)
    cast.wendy.act_as(role)
    first, second = started(cast, TARO, user=cast.wendy), started(cast, CREATE + f"jiro,{PASSWORD},,\r\n", user=cast.wendy)
    assert worked(first).errors == []
    role.delete()
    assert worked(second).errors[0]["code"] == "forbidden"
    assert "jiro@a.example.com" not in boxes(cast)


def test_a_forced_change_by_a_file_is_no_near_copy_and_lifts_the_force(cast: Cast) -> None:
    """A12 holds for files too."""
    mailboxes.set_password(cast.mia, OLD, acting_user=SYSTEM)
    standing.force_password_change([cast.mia], acting_user=cast.operator)
    job = worked(started(cast, EDIT + f"mia,{OLD}1,\r\n", "edit"))
    assert [(error["line"], error["column"], error["field"], error["code"]) for error in job.errors] == [(2, 2, "password", "added")]
    assert Mailbox.objects.get(pk=cast.mia.pk).must_change_password
    assert worked(started(cast, EDIT + f"mia,{PASSWORD},\r\n", "edit")).errors == []
    assert not Mailbox.objects.get(pk=cast.mia.pk).must_change_password
    assert not Notice.objects.filter(topic=standing.topic(cast.mia)).exists()


def test_the_last_three_passwords_are_remembered(cast: Cast) -> None:
    for number in range(5):
        assert worked(started(cast, EDIT + f"mia,{PASSWORD}{number},\r\n", "edit")).errors == []
    assert cast.mia.former_passwords.count() == 3
    assert passwords.verify(f"{PASSWORD}3", cast.mia.former_passwords.first().password_hash)


# --- the mail


@pytest.fixture
def letter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], letters.Letter | None]:
    """The mail that a run on a mail host sends about the job, if any."""
    sent: list[letters.Letter] = []
    monkeypatch.setattr(letters, "send", lambda layout, found: sent.append(found))

    def run(job: Job) -> letters.Letter | None:
        Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
        host: Any = object()
        work.run(host, Job.objects.get(pk=job.pk))
        assert len(sent) <= 1
        return sent[0] if sent else None

    return run


Letter = Callable[[Job], letters.Letter]


@pytest.mark.parametrize(("language", "subjects"), [("", 2), ("ja", 1), ("en", 1)])
@pytest.mark.parametrize("asked_in", ["en", "ja"])
def test_the_mail_speaks_the_admins_language_or_both(cast: Cast, letter: Letter, language: str, subjects: int, asked_in: str) -> None:
    """A16; the words of the errors too, whatever language the request had."""
    type(cast.bob).objects.get_queryset().filter(pk=cast.bob.pk).update(email="BOSS@example.net", language=language)
    with translation.override(asked_in):
        job = started(cast, CREATE + "mia,short,,\r\n")
    found = letter(job)
    text = "".join(text for _subject, text in found.parts)
    assert (found.to, len(found.parts)) == ("boss@example.net", subjects)
    assert ("A password has 8 to 128 characters." in text) == (language != "ja")
    assert ("2 行目 2 列目 (mail_password): パスワードは" in text) == (language != "en")


def test_the_mails_headers(cast: Cast, letter: Letter) -> None:
    message = letter(started(cast, CREATE + "mia,geheim,,\r\n")).message("mx1.example.com")
    assert message["From"] == "postmaster@mx1.example.com"
    assert message["To"] == "boss@example.net"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "geheim" not in message.get_content()


def test_nobody_is_told_of_a_preview(cast: Cast, letter: Letter) -> None:
    for content in (TARO, CREATE + "mia,short,,\r\n"):
        assert letter(started(cast, content, preview=True)) is None
    assert not Notice.objects.exists()
