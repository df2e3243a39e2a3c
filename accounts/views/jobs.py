"""Long work as its owner sees it: the list, each with its progress, its result and what went wrong."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property

from accounts import working
from accounts.services import imports
from accounts.views.base import ListPage
from panel.base import csvfile, jobs
from panel.base.models import Job
from panel.base.pages import Page, ShownPage, is_htmx
from panel.base.tenancy import ADMINISTRATORS, Role

WORKERS: tuple[str, ...] = (*ADMINISTRATORS, Role.MAILBOX_USER)
SHOWN = 200  # faults on the page; all that are kept are in the file
FAULT_COLUMNS = ("line", "column", "field", "code", "message")


class JobList(ListPage):
    roles = WORKERS
    template_name = "jobs/list.html"
    part_template = "jobs/_list.html"
    sorts = {"time": "created_at", "state": "state"}
    default_sort = "-time"
    csv_columns = ("id", "kind", "state", "done", "total", "created_at")

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Job.objects.visible_to(self.user).defer("errors")
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        within = Q(args__name__icontains=text) | Q(args__domain__icontains=text) | Q(args__address__icontains=text)
        return rows.filter(within | Q(kind=text) | Q(actor__icontains=text))


class OnJob(Page):
    """A page under /jobs/<id>/: one's own work; an operator sees all."""

    roles: tuple[str, ...] = WORKERS

    @cached_property
    def job(self) -> Job:
        found: Job = get_object_or_404(Job.objects.visible_to(self.user), pk=self.kwargs["job_id"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"job": self.job, **kwargs})


class JobDetail(OnJob, ShownPage):
    """Asks for itself again while the work goes on; without script the page is loaded again by hand."""

    template_name = "jobs/detail.html"

    def get_template_names(self) -> list[str]:
        return ["jobs/_job.html" if is_htmx(self.request) else "jobs/detail.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        job = self.job
        shown = {
            "errors": job.errors[:SHOWN],
            "has_lines": bool(job.errors) and "line" in job.errors[0],
            "is_part": is_htmx(self.request),
            "is_open": imports.is_open(job),
            "may_cancel": working.may_cancel(job),
            "tally": working.tally(job),
            "delay": self._delay(),
            "faults": working.faults(job),
        }
        return super().get_context_data(**{**shown, **kwargs})

    def _delay(self) -> dict[str, int]:
        """Asks each second at first, after a minute every five: a tab left open costs next to nothing."""
        text = self.request.GET.get("round", "0")
        number = int(text) + 1 if text.isdecimal() and len(text) < 7 else 1
        return {"round": number, "ms": 5000 if number > 60 else 1000}


class JobCancel(OnJob):
    """Only what has changed nothing yet."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        try:
            jobs.cancel(self.job, acting_user=self.user)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("job-detail", self.job.pk)


class JobErrors(OnJob):
    """What went wrong, as a file."""

    def get(self, request: HttpRequest, **where: Any) -> HttpResponseBase:
        rows = ([error.get(name) for name in FAULT_COLUMNS] for error in self.job.errors)
        return csvfile.response(f"errors-{str(self.job.pk)[:8]}", FAULT_COLUMNS, rows)
