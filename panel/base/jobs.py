"""What everybody may ask of long work; what a job does is the business of the app that runs it."""

from django.utils.translation import gettext as _

from panel.base import audit
from panel.base.errors import Clash
from panel.base.models import ChangeTarget, Job, JobState, State, TargetKind
from panel.base.tenancy import Principal

# These end something that is done already: cancelling would leave the mail of deleted mailboxes on disk for ever.
LASTING = ("remove_homes",)


def cancel(job: Job, *, acting_user: Principal) -> None:
    """Cancels a job that nobody has begun, with the change that stands for it; raises `Clash` otherwise."""
    if job.kind in LASTING:
        raise Clash("state", _("This work cannot be cancelled."), code="lasting")
    if not Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(state=JobState.CANCELLED):
        raise Clash("state", _("The job has begun or is over."), code="begun")
    ChangeTarget.objects.filter(kind=TargetKind.JOB, key=str(job.pk)).update(state=State.FAILED, error=_("cancelled"))
    audit.record("job.cancel", str(job.pk), acting_user=acting_user, **audit.own(acting_user), before={"kind": job.kind})
