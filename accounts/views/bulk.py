"""Many accounts by a CSV file: handing it in, and carrying out what the check has shown (A13, A14, A16)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property

from accounts import working
from accounts.forms.bulk import BulkForm
from accounts.forms.mailboxes import ConfirmForm
from accounts.models import Domain, Mailbox
from accounts.permissions import may
from accounts.services import imports
from accounts.views.base import InDomain
from accounts.views.jobs import OnJob
from panel.base.pages import FormPage, add_errors
from panel.base.tenancy import ADMINISTRATORS


class Bulk(InDomain, FormPage):
    """Three kinds of files, each with its explanation and its sample; what is handed in is checked first."""

    template_name = "bulk/page.html"
    form_class = BulkForm

    def get_form_kwargs(self) -> dict[str, Any]:
        length = self.request.META.get("CONTENT_LENGTH") or "0"
        too_large = length.isdecimal() and int(length) > imports.LARGEST
        return {**super().get_form_kwargs(), "too_large": too_large, "may_hash": may(self.user, "import.hashes")}

    def get_initial(self) -> dict[str, Any]:
        return {"kind": self.request.GET.get("kind", "create")}

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        self.domain  # noqa: B018 - a domain that is not there is 404 before the form is looked at
        return super().post(*args, **kwargs)

    def form_valid(self, form: BaseForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        try:
            job = imports.start(self.domain, form.cleaned_data["kind"], file.name, file.read(), acting_user=self.user, preview=True)
        except ValidationError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        return redirect("job-detail", job.pk)

    def perform(self, form: BaseForm) -> None:
        """Done by `form_valid`: the answer is the job's page."""


class CarryOut(OnJob, FormPage):
    """The second step: what is going to happen, and the mailboxes that go, by name."""

    roles = ADMINISTRATORS
    template_name = "jobs/carry_out.html"
    form_class = ConfirmForm

    def admit(self) -> None:
        job = self.job
        if job.kind != imports.JOB or not job.args.get("preview"):
            raise Http404
        self.domain  # noqa: B018

    @cached_property
    def domain(self) -> Domain:
        found = Domain.objects.visible_to(self.user).select_related("plan", "customer").filter(name=self.job.args["domain"]).first()
        if found is None:
            raise Http404
        return found  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        named = self.job.args.get(imports.DELETES, [])
        boxes = Mailbox.objects.visible_to(self.user).filter(domain=self.domain, pk__in=named).select_related("domain__plan")
        lost = boxes.aggregate(bytes=Sum("used_bytes"), messages=Sum("used_messages"))
        result = {"create": 0, "change": 0, "delete": 0, **(self.job.result or {})}
        more = {"chosen": boxes.order_by("pk"), "lost": lost, "rest": max(0, result["delete"] - len(named)), "result": result}
        more["tally"] = working.tally(self.job)
        return super().get_context_data(**{**more, "domain": self.domain, **kwargs})

    def get(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Only for what can be carried out now; the job's page says how it stands."""
        return super().get(*args, **kwargs) if imports.is_open(self.job) else redirect("job-detail", self.job.pk)

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            made = imports.carry_out(self.job, acting_user=self.user)
        except ValidationError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        return redirect("job-detail", made.pk)

    def perform(self, form: BaseForm) -> None:
        """Done by `form_valid`: the answer is the job's page."""
