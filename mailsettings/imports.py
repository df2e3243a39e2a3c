"""The job behind a CSV file: read, check, hash, one transaction, live (A13, A14, A16).

A run may be killed at any instruction and two may meet: until the transaction commits, the job's row lacks `change`
and everything is done anew; afterwards it is only waited for. Nothing that a cell holds is logged or kept.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.bulk.applying import Again, apply
from accounts.bulk.faults import Faults, Faulty
from accounts.bulk.hashing import hash_passwords, near_copies
from accounts.bulk.plan import Act, Plan, Verb
from accounts.bulk.sheet import Sheet, open_sheet
from accounts.models import Admin, Appointment, Domain
from accounts.models.board import Audience, Level
from accounts.permissions import may, require
from accounts.services import board, imports
from mailsettings import letters
from mailsettings.servers.layout import Layout
from mailsettings.servers.seam import effect
from panel.base import audit, changes
from panel.base.errors import Forbidden
from panel.base.jobs import CARRIED_OUT
from panel.base.models import Change, Job, JobState, State, Upload
from panel.base.sealing import Unreadable, unseal
from panel.base.tenancy import SYSTEM, Principal

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
WRITING = timedelta(minutes=10)  # for the transaction, in which nothing can be renewed
AGAIN = timedelta(seconds=0.5)  # until somebody may look again whether it is live
TRIES = 10  # runs that ended in the middle; then it says so
RACES = 5  # lost by a moment
NOTICE_DAYS = timedelta(days=14)
NO_RESULT = Plan().result()
Result = dict[str, int] | None


class Stopped(Exception):
    """Cancelled, or another run has carried it out."""


class Refused(Exception):
    """It cannot be done at all: code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def run(layout: Layout | None, job: Job) -> bool:
    """Takes a claimed job on as far as it goes now; True where it waits and is to be asked again soon."""
    with translation.override(job.args.get("language") or "en"), audit.origin("csv", job.args.get("remote")):
        try:
            if CARRIED_OUT not in job.args:
                _carry_out(layout, job)
            return job.state == JobState.RUNNING and _is_waiting(layout, job)
        except Stopped:
            log.info("import %s is stopped, or done by another run", job.pk)
        except DatabaseError as error:
            # Its words may quote a row, hash and all. The lease ends, and the next run begins anew.
            log.warning("import %s: %s", job.pk, type(error).__name__)
        return False


def _carry_out(layout: Layout | None, job: Job) -> None:
    """The job's file, up to the commit; ends the job where that is all, or where it cannot be."""
    try:
        _begin(job)
        user = asker(job)
        sheet = _sheet(job, user)
        plan = sheet.checked(sheet.look())
        if job.args["preview"]:
            deleted = [act.address for act in plan.of(Verb.DELETE)]
            _renew(job, args={**job.args, imports.DELETES: deleted[: imports.NAMED]})
            _end(layout, job, JobState.DONE, plan.result())
            return
        _write(job, sheet, plan, user)
    except Faulty as error:
        _end_faulty(layout, job, error.faults)
    except Refused as error:
        _end(layout, job, JobState.FAILED, None, [{"code": error.code, "message": error.message}])
    except Forbidden as error:
        _end(layout, job, JobState.FAILED, None, [{"code": "forbidden", "message": str(error)}])


def _begin(job: Job) -> None:
    tries = job.args.get("tries", 0) + 1
    if tries > TRIES:
        raise Refused("gave_up", _("It was begun %(tries)d times and never came to its end. Nothing was changed.") % {"tries": TRIES})
    with effect("import.begin"):
        _renew(job, args={**job.args, "tries": tries}, done=0)


def asker(job: Job) -> Any:
    """The `Principal` who handed the file in, as they are today. Raises `Forbidden` where they may not any more."""
    if job.actor == SYSTEM.actor:
        return SYSTEM
    login = job.actor.removeprefix("admin:")
    admin = Admin.objects.get_queryset().filter(login=login, is_active=True).select_related("customer").first()
    role = job.args["appointment"]
    appointment = Appointment.objects.filter(pk=role, admin=admin).select_related("customer").first() if role else None
    if admin is None or (role and appointment is None):
        raise Forbidden(_("Who handed the file in may not do so any more."))
    if appointment is not None:
        admin.act_as(appointment)
    admin.token_domains = tuple(job.args["domains"])
    require(admin, "import.create")
    return admin


def _sheet(job: Job, user: Principal) -> Sheet:
    sheet = _opened(job, user)
    _renew(job, total=len(sheet.table.rows))
    return sheet


def _opened(job: Job, user: Principal) -> Sheet:
    """Raises `Refused` where domain or file are gone, `Faulty` where it cannot be read."""
    domain = Domain.objects.visible_to(user).select_related("plan", "host", "customer").filter(name=job.args["domain"]).first()
    if domain is None:
        raise Refused("domain", _("There is no domain of this name."))
    upload = Upload.objects.filter(pk=job.args["upload"]).first()
    if upload is None:
        raise Refused("erased", _("The file has been erased; hand it in again."))
    try:
        content = unseal(upload.content, imports.PURPOSE)
    except Unreadable:
        raise Refused("unreadable", _("The file cannot be decrypted any more; hand it in again.")) from None
    return open_sheet(content, job.args["kind"], domain, may_hash=may(user, "import.hashes"))


def _write(job: Job, sheet: Sheet, plan: Plan, user: Principal) -> None:
    """Hashes, and then all or nothing; checked anew where somebody was quicker by a moment."""
    if faults := near_copies(sheet, plan):
        raise Faulty(faults)
    hashed: dict[str, str] = {}
    for race in range(RACES):
        hashed |= _hashed(job, [act for act in plan.acts if act.address not in hashed])
        _renew(job, lease=WRITING)
        try:
            with effect("import.commit"):
                apply(sheet, plan, hashed, acting_user=user, mark=lambda done, change: _mark(job, done, change))
        except Again as error:
            log.info("import %s: race %d lost: %s", job.pk, race + 1, type(error.__cause__).__name__)
            plan = sheet.checked(sheet.look())
        else:
            return
    raise Refused("busy", _("Others change the same accounts all the time. Nothing was changed; try again later."))


def _hashed(job: Job, acts: Sequence[Act]) -> dict[str, str]:
    """Address → hash. Rows without a new password count as done at once."""
    quiet = job.total - sum(bool(act.password) for act in acts)

    def report(done: int) -> None:
        with effect("import.hash"):
            _renew(job, done=max(0, quiet) + done)

    return hash_passwords(acts, report)


def _mark(job: Job, plan: Plan, change: Change | None) -> None:
    """In the transaction: from its commit on nobody does it again."""
    args = {**job.args, CARRIED_OUT: str(change.pk) if change else ""}
    with effect("import.mark"):
        _renew(job, args=args, result=plan.result(), done=plan.rows, total=plan.rows)
    Upload.objects.filter(pk=job.args["upload"]).delete()


def _open(job: Job) -> "QuerySet[Job]":
    """The row, as long as the work is to be done and is not."""
    return Job.objects.filter(~Q(args__has_key=CARRIED_OUT), pk=job.pk, state=JobState.RUNNING)


def _renew(job: Job, *, lease: timedelta = LEASE, **values: object) -> None:
    """Holds the lease and notes how far it is. Raises `Stopped`."""
    if not _open(job).update(leased_until=timezone.now() + lease, **values):
        raise Stopped
    for key, value in values.items():
        setattr(job, key, value)


# --- after the commit


def _is_waiting(layout: Layout | None, job: Job) -> bool:
    """Ends the job once the change is live, or has failed; holds no worker meanwhile."""
    state, reason = _fate(job.args[CARRIED_OUT])
    if state == State.PENDING:
        Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(leased_until=timezone.now() + AGAIN)
        return layout is not None  # without servers it takes long: the sweep looks
    with effect("import.end"):
        if state == State.LIVE:
            _end(layout, job, JobState.DONE, job.result)
        else:
            text = _("Everything is written, but the mail servers did not take it: %(reason)s") % {"reason": reason}
            _end(layout, job, JobState.FAILED, job.result, [{"code": "servers", "message": text}])
    return False


def _fate(change: str) -> tuple[str, str]:
    """State of the change, and why it failed; "" = nothing had to reach a server."""
    if not change:
        return State.LIVE, ""
    found = changes.Progress(UUID(change))
    if found.state != State.FAILED:
        return found.state, ""
    hosts = Change.objects.get(pk=change).hosts()
    return State.FAILED, "; ".join(dict.fromkeys(host["error"] for host in hosts if host["error"]))


def _end_faulty(layout: Layout | None, job: Job, faults: Faults) -> None:
    result = Plan(rows=job.total).result(errors=faults.count)
    _end(layout, job, JobState.FAILED, result, [fault.as_json() for fault in faults])


def _end(layout: Layout | None, job: Job, state: JobState, result: Result, errors: Sequence[letters.Error] = ()) -> None:
    """Once, by whoever comes first: state, file and notice together; then the mail, which nothing depends on."""
    is_preview = job.args["preview"]
    domain: Domain | None = Domain.objects.select_related("customer").filter(name=job.args["domain"]).first()
    letter = _letter(job, domain, state, result, errors) if layout and domain and not is_preview else None
    with transaction.atomic():
        done = F("total") if state == JobState.DONE else F("done")
        rows = Job.objects.filter(pk=job.pk, state=JobState.RUNNING)
        if not rows.update(state=state, result=result, errors=list(errors), done=done):
            raise Stopped
        if not (is_preview and state == JobState.DONE):
            Upload.objects.filter(pk=job.args["upload"]).delete()
        if domain and not is_preview:
            _notice(job, domain, state, result)
            _record(job, domain, state, result)
    job.state = state
    if layout and letter:
        letters.send(layout, letter)


def _letter(job: Job, domain: Domain, state: JobState, result: Result, errors: Sequence[letters.Error]) -> letters.Letter:
    return letters.written(job, domain, state, result, lambda language: _errors_in(language, job, errors))


def _errors_in(language: str, job: Job, errors: Sequence[letters.Error]) -> Sequence[letters.Error]:
    """What is wrong with the file, in a language: the job has it in that of who handed the file in."""
    if not errors or "line" not in errors[0] or language == translation.get_language():
        return errors
    with translation.override(language):
        return [fault.as_json() for fault in _faults_anew(job)] or errors


def _faults_anew(job: Job) -> Faults:
    """The same faults in the language that is active now."""
    try:
        sheet = _opened(job, asker(job))
        sheet.checked(sheet.look())
    except Faulty as error:
        return error.faults
    except (Refused, Forbidden):
        pass
    return Faults()


def _record(job: Job, domain: Domain, state: JobState, result: Result) -> None:
    """For the trail, and for webhooks: it is over, whichever way."""
    after = {"job": str(job.pk), "file": job.args["name"], "state": state.value, **(result or {})}
    audit.record("import.done", domain.name, acting_user=SYSTEM, domain=domain, after=after)


def _notice(job: Job, domain: Domain, state: JobState, result: Result) -> None:
    is_done = state == JobState.DONE
    board.post(
        "import_done" if is_done else "import_failed",
        topic=f"import:{job.pk}",
        level=Level.INFO if is_done else Level.PROBLEM,
        audience=Audience.MAIL_ADMINS,
        values={"domain": domain.name, "name": job.args["name"], "job": str(job.pk), **NO_RESULT, **(result or {})},
        domain=domain,
        ends_at=timezone.now() + NOTICE_DAYS,
    )


def forget_uploads(older: timedelta = timedelta(hours=1)) -> None:
    """Erases files that no unfinished work needs: previews that nobody carried out."""
    waiting = Job.objects.filter(kind=imports.JOB, state__in=[JobState.QUEUED, JobState.RUNNING])
    kept = [args["upload"] for args in waiting.values_list("args", flat=True)]
    Upload.objects.filter(created_at__lt=timezone.now() - older).exclude(pk__in=kept).delete()
