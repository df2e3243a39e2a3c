"""Many accounts by a CSV file (A13, A14, A16): handing a file in, and carrying out what a preview has shown.

The work itself is a job on the domain's mail host (`mailsettings.imports`): read, check, hash, one transaction, live.
"""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import Domain
from accounts.permissions import require
from panel.base import audit, changes
from panel.base.errors import Clash
from panel.base.models import Job, JobState, Upload
from panel.base.sealing import seal
from panel.base.tenancy import Principal, token_domains

KINDS: Final = ("create", "edit", "commands")
MB = 1_048_576
LARGEST = 20 * MB  # bytes of a file
JOB = "import"
PURPOSE = "upload"
DELETES = "deletes"  # in a preview's args: addresses that the file deletes, `NAMED` of them at most
NAMED = 1_000


def start(domain: Domain, kind: str, name: str, content: bytes, *, acting_user: Principal, preview: bool = False) -> Job:
    """A job that carries the file out, or with `preview` only checks it. The file is kept sealed until the work is over.

    Raises `ValidationError` about `kind` or `file`; what is wrong inside the file is in the job's errors.
    """
    require(acting_user, "import.create")
    _check(kind, content)
    with transaction.atomic():
        shown = _printable(name)
        upload = Upload.objects.create(actor=acting_user.actor, name=shown, content=seal(content, PURPOSE))
        args = {"domain": domain.name, "kind": kind, "name": shown, "upload": str(upload.pk), "preview": preview}
        if not preview:
            _record(domain, args, acting_user)
        return _queued(domain, args, acting_user)


def carry_out(preview_job: Job, *, acting_user: Principal) -> Job:
    """The job that does what a preview has shown; everything is checked again. Once for each preview: `Clash` otherwise."""
    require(acting_user, "import.create")
    with transaction.atomic():
        job: Job = Job.objects.select_for_update().get(pk=preview_job.pk)
        _check_preview(job)
        domain = Domain.objects.visible_to(acting_user).select_related("host").filter(name=job.args["domain"]).first()
        if domain is None:
            raise Clash("state", _("There is no domain of this name."), code="domain")
        args = {key: job.args[key] for key in ("domain", "kind", "name", "upload")} | {"preview": False}
        _record(domain, args, acting_user)
        made = _queued(domain, args, acting_user)
        Job.objects.filter(pk=job.pk).update(args={**job.args, "carried_out": str(made.pk)})
        return made


def is_open(job: Job) -> bool:
    """True for a preview without errors whose file is still there and has not been carried out."""
    done = job.kind == JOB and job.args.get("preview") and job.state == JobState.DONE
    return bool(done) and "carried_out" not in job.args and Upload.objects.filter(pk=job.args["upload"]).exists()


def _check_preview(job: Job) -> None:
    if job.kind != JOB or not job.args.get("preview"):
        raise Clash("state", _("This is no preview."), code="preview")
    if "carried_out" in job.args:
        raise Clash("state", _("This preview has been carried out already."), code="carried_out")
    if job.state != JobState.DONE:
        raise Clash("state", _("Only a preview that found no errors can be carried out."), code="state")
    if not is_open(job):
        raise Clash("state", _("The file has been erased; hand it in again."), code="erased")


def _check(kind: str, content: bytes) -> None:
    if kind not in KINDS:
        text = _("Choose one of: %(choices)s") % {"choices": ", ".join(KINDS)}
        raise ValidationError({"kind": ValidationError(text, code="invalid_choice")})
    if not content:
        raise ValidationError({"file": ValidationError(_("The file is empty."), code="empty")})
    if len(content) > LARGEST:
        text = _("A file has at most %(most)d MB.") % {"most": LARGEST // MB}
        raise ValidationError({"file": ValidationError(text, code="too_large")})


def _printable(name: str) -> str:
    """The file's name for lists and logs: what a header or a terminal could trip over is left out."""
    return "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())[:255]


def _record(domain: Domain, args: dict[str, Any], user: Principal) -> None:
    after = {"kind": args["kind"], "file": args["name"]}
    audit.record("import.start", domain.name, acting_user=user, domain=domain, after=after)


def _queued(domain: Domain, args: dict[str, Any], user: Principal) -> Job:
    """The job takes along who asked, in which role and language, within which domains, from where: the worker asks anew who may what."""
    asked = {
        "appointment": getattr(user, "appointment_id", None),
        "domains": list(token_domains(user)),
        "language": get_language(),
        "remote": audit.current_origin()[1],
    }
    host = domain.host.name
    job = Job.objects.create(kind=JOB, host=host, actor=user.actor, args=args | asked)
    transaction.on_commit(lambda: changes.send({host}))
    return job
