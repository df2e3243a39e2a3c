"""Long work in words: what a job does, how it stands, what came of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.names import to_unicode
from accounts.services import imports
from panel.base import jobs
from panel.base.models import Job, JobState

# What a file of accounts is for (A13, A14, A16).
KINDS = {"create": gettext_lazy("Create"), "edit": gettext_lazy("Edit"), "commands": gettext_lazy("Commands")}


def kind_of(job: Job) -> str:
    """What a file of accounts is for; "" for other work."""
    return str(KINDS[job.args["kind"]]) if job.kind == imports.JOB else ""


def _import(job: Job) -> str:
    text = _("Check of %(file)s") if job.args.get("preview") else _("Carrying out %(file)s")
    return text % {"file": job.args["name"]}


# By kind; apps above this one add theirs.
TITLES: dict[str, Callable[[Job], str]] = {
    imports.JOB: _import,
    "purge": lambda job: _("Emptying %(address)s") % {"address": to_unicode(job.args["address"])},
    "remove_homes": lambda job: _("Removing the mail of deleted mailboxes"),
}


def title(job: Job) -> str:
    """What the job does, in a few words."""
    return TITLES[job.kind](job) if job.kind in TITLES else job.kind


class Standing(NamedTuple):
    """The class of a pill, and its word."""

    css: str
    word: str


def standing(job: Job) -> Standing:
    """How it stands; never by colour alone."""
    words = {
        JobState.QUEUED: Standing("plain", _("waiting")),
        JobState.RUNNING: Standing("plain", _("running")),
        JobState.DONE: Standing("ok", _("checked") if job.args.get("preview") else _("done")),
        JobState.FAILED: Standing("bad", _failed(job)),
        JobState.CANCELLED: Standing("plain", _("cancelled")),
    }
    return words[JobState(job.state)]


def _failed(job: Job) -> str:
    """The errors themselves are not looked at: a list of jobs does not load them."""
    found = _counted(job)
    return (
        ngettext("%(count)s fault", "%(count)s faults", found) % {"count": number_format(found, force_grouping=True)}
        if found
        else _("failed")
    )


def _counted(job: Job) -> int:
    return int(job.result.get("errors", 0)) if isinstance(job.result, dict) else 0


def may_cancel(job: Job) -> bool:
    """Whether it has changed nothing yet, and may be ended (`panel.base.jobs.cancel` has the last word)."""
    if job.kind in jobs.LASTING or jobs.CARRIED_OUT in job.args:
        return False
    return job.state == JobState.QUEUED or (job.state == JobState.RUNNING and job.kind in jobs.AT_ONCE)


def faults(job: Job) -> int:
    """How many things went wrong; a file's may be more than are kept."""
    return _counted(job) or len(job.errors)


def is_over(job: Job) -> bool:
    return job.state not in (JobState.QUEUED, JobState.RUNNING)


class Count(NamedTuple):
    """A figure of a file's result, and what it counts."""

    figure: int
    word: str
    css: str


def tally(job: Job) -> list[Count]:
    """What a file of accounts does, or has done; empty for other work and where it was faulty."""
    result: Any = job.result
    if job.kind != imports.JOB or not isinstance(result, dict) or result.get("errors"):
        return []
    will = job.args.get("preview")
    words = {
        "create": _("will be created") if will else _("created"),
        "change": _("will be changed") if will else _("changed"),
        "delete": _("will be deleted") if will else _("deleted"),
        "passed_over": _("passed over"),
        "unchanged": _("without a change"),
    }
    return [Count(result[key], word, "nil" if not result[key] else "bad" if key == "delete" else "") for key, word in words.items()]
