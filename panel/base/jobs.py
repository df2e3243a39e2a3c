"""What everybody may ask of long work; what a job does is the business of the app that runs it."""

from django.db.models import Q
from django.utils.translation import gettext as _

from panel.base import audit
from panel.base.errors import Clash
from panel.base.models import ChangeTarget, Job, JobState, State, TargetKind, Upload
from panel.base.tenancy import Principal

# These end something that is done already: cancelling would leave the mail of deleted mailboxes on disk for ever.
LASTING = ("remove_homes",)
# These change nothing until all is done at once: they may be cancelled while they run.
AT_ONCE = ("import",)
CARRIED_OUT = "change"  # in a job's args: what it was about is in the database, under the Change of this id


def cancel(job: Job, *, acting_user: Principal) -> None:
    """Cancels a job that has changed nothing yet, with the change that stands for it; raises `Clash` otherwise.

    The file that it works on is erased with it.
    """
    if job.kind in LASTING:
        raise Clash("state", _("This work cannot be cancelled."), code="lasting")
    may_end = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, kind__in=AT_ONCE)
    rows = Job.objects.filter(may_end, ~Q(args__has_key=CARRIED_OUT), pk=job.pk)
    if not rows.update(state=JobState.CANCELLED):
        raise Clash("state", _("The job has begun or is over."), code="begun")
    if upload := job.args.get("upload"):
        Upload.objects.filter(pk=upload).delete()
    ChangeTarget.objects.filter(kind=TargetKind.JOB, key=str(job.pk)).update(state=State.FAILED, error=_("cancelled"))
    audit.record("job.cancel", str(job.pk), acting_user=acting_user, **audit.own(acting_user), before={"kind": job.kind})
