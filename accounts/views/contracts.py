"""Pages about plans and customers, for the operator."""

from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.forms import BaseForm
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import sentences
from accounts.forms.tenants import CustomerForm, PlanCreateForm, PlanForm
from accounts.models import Customer, Plan
from accounts.rules import Rules, enforced
from accounts.services import contracts as services
from accounts.views.base import OPERATORS, AsCsv, ConfirmPage, ListPage
from panel.base import csvfile
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage


class PlanList(AsCsv):
    roles = OPERATORS
    template_name = "plans/list.html"

    def plans(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Plan.objects.visible_to(self.user).annotate(domains_count=Count("domains"))
        return found

    def csv(self) -> StreamingHttpResponse:
        """Every plan with all that servers obey of it."""
        rules = enforced()
        lines = ([plan.name, plan.title, plan.domains_count, *(getattr(plan.rules, key) for key in rules)] for plan in self.plans())
        return csvfile.response("plans", ("name", "title", "domains", *rules), lines)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(plans=self.plans(), **kwargs)


class OnPlan(Page):
    """A page under /plans/<name>/."""

    roles = OPERATORS

    @cached_property
    def plan(self) -> Plan:
        visible = Plan.objects.visible_to(self.user).annotate(domains_count=Count("domains"))
        found: Plan = get_object_or_404(visible, name=self.kwargs["plan"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "plan": self.plan})


class PlanDetail(OnPlan, ShownPage):
    template_name = "plans/detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(said=sentences.of(self.plan.rules), **kwargs)


class PlanEdit(OnPlan, FormPage):
    template_name = "plans/edit.html"
    form_class = PlanForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "rules": self.plan.rules}

    def get_initial(self) -> dict[str, Any]:
        return {"title": self.plan.title}

    def perform(self, form: Any) -> Change | None:
        return services.change_plan(self.plan, title=form.cleaned_data["title"], values=form.values(), acting_user=self.user)[1]

    def done_text(self, form: BaseForm) -> str:
        return _("The plan %(plan)s was saved.") % {"plan": form.cleaned_data["title"]}

    def get_success_url(self) -> str:
        return reverse("plan-detail", args=[self.plan.name])


class PlanCreate(FormPage):
    roles = OPERATORS
    template_name = "plans/create.html"
    form_class = PlanCreateForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "rules": Rules()}

    def perform(self, form: Any) -> Change | None:
        named = {key: form.cleaned_data[key] for key in ("name", "title")}
        self.plan = services.create_plan(**named, values=form.values(), acting_user=self.user)
        return None

    def done_text(self, form: BaseForm) -> str:
        return _("The plan %(plan)s was created.") % {"plan": self.plan.title}

    def get_success_url(self) -> str:
        return reverse("plan-detail", args=[self.plan.name])


class PlanDelete(OnPlan, ConfirmPage):
    template_name = "plans/delete.html"

    def perform(self, form: BaseForm) -> Change | None:
        services.delete_plan(self.plan, acting_user=self.user)
        return None

    def done_text(self, form: BaseForm) -> str:
        return _("The plan %(plan)s was deleted.") % {"plan": self.plan.title}

    def get_success_url(self) -> str:
        return reverse("plan-list")


class CustomerList(ListPage):
    roles = OPERATORS
    template_name = "customers/list.html"
    part_template = "customers/_list.html"
    csv_columns = ("name", *(f"{key}{end}" for key in ("domains", "accounts", "storage_mb") for end in ("", "_limit")))

    def cells(self, row: Any) -> list[Any]:
        used = {"domains": row.domains_count, "accounts": row.accounts_count or 0, "storage_mb": row.promised_mb or 0}
        return [row.name, *(figure for key, value in used.items() for figure in (value, row.limits.get(key)))]

    def rows(self) -> QuerySet[Any]:
        used = {
            "domains_count": Count("domains"),
            "accounts_count": Sum("domains__accounts_count"),
            "promised_mb": Sum("domains__promised_mb"),
        }
        found: QuerySet[Any] = Customer.objects.visible_to(self.user).annotate(**used)
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(name__icontains=text)


class CustomerCreate(FormPage):
    roles = OPERATORS
    template_name = "customers/create.html"
    form_class = CustomerForm
    done_message = gettext_lazy("The customer was created.")

    def perform(self, form: Any) -> Change | None:
        services.create_customer(form.cleaned_data["name"], limits=form.limits(), acting_user=self.user)
        return None

    def get_success_url(self) -> str:
        return reverse("customer-list")


class OnCustomer(Page):
    """A page under /customers/<key>/."""

    roles = OPERATORS

    @cached_property
    def customer(self) -> Customer:
        visible = Customer.objects.visible_to(self.user).annotate(domains_count=Count("domains"))
        found: Customer = get_object_or_404(visible, pk=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "customer": self.customer})

    def get_success_url(self) -> str:
        return reverse("customer-list")


class CustomerEdit(OnCustomer, FormPage):
    template_name = "customers/edit.html"
    form_class = CustomerForm
    done_message = gettext_lazy("The contract was saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "customer": self.customer}

    def perform(self, form: Any) -> Change | None:
        services.change_customer(self.customer, limits=form.limits(), acting_user=self.user)
        return None


class CustomerDelete(OnCustomer, ConfirmPage):
    template_name = "customers/delete.html"
    done_message = gettext_lazy("The customer was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        services.delete_customer(self.customer, acting_user=self.user)
        return None
