"""Pages about domains."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import BaseForm
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import sentences
from accounts.forms.mailboxes import ConfirmNameForm
from accounts.forms.tenants import AdminAddressForm, DomainCreateForm, DomainForm, DomainLimitsForm, OverridesForm
from accounts.limits import rooms
from accounts.models import Customer, Domain
from accounts.names import to_unicode
from accounts.permissions import may, require
from accounts.services import domains as services
from accounts.services.common import COUNTERS
from accounts.views.base import ConfirmPage, InDomain, ListPage
from accounts.views.mailboxes import totals
from panel.base.models import Change
from panel.base.pages import FormPage, ShownPage
from panel.base.tenancy import ADMINISTRATORS

FOUND = 8  # domains that the switcher offers


class DomainList(ListPage):
    roles = ADMINISTRATORS
    template_name = "domains/list.html"
    part_template = "domains/_list.html"
    sorts = {"name": "name", "mailboxes": "accounts_count", "capacity": "promised_mb"}
    csv_columns = ("name", "customer", "plan", "host", "admin_address", *(f"{key}{end}" for key in COUNTERS for end in ("", "_limit")))

    def cells(self, row: Domain) -> list[Any]:
        figures = [figure for key, column in COUNTERS.items() for figure in (getattr(row, column), row.limits.get(key))]
        return [row.name, row.customer.name, row.plan.name, row.host.name, row.admin_address, *figures]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Domain.objects.visible_to(self.user).select_related("plan", "customer", "host")
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(domain_match(text) | Q(customer__name__icontains=text))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(may_create=may(self.user, "domain.create"), **kwargs)


def domain_match(text: str) -> Q:
    """Domains whose name contains the text; a label typed as people write it is found by its A-label."""
    try:
        return Q(name__contains=text.lower().encode("idna").decode())
    except UnicodeError:
        return Q(name__contains=text.lower())


class DomainSwitch(ShownPage):
    """What the switcher at the side offers: a part of a page."""

    roles = ADMINISTRATORS
    template_name = "domains/_switch.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = self.request.GET.get("q", "").replace("\x00", "").strip()[:200]
        visible = Domain.objects.visible_to(self.user)
        found = visible.filter(domain_match(text)) if text else visible
        return super().get_context_data(found=found[:FOUND], q=text, **kwargs)


class DomainCreate(FormPage):
    roles = ADMINISTRATORS
    template_name = "domains/create.html"
    form_class = DomainCreateForm

    def get_form_kwargs(self) -> dict[str, Any]:
        require(self.user, "domain.create")
        return {**super().get_form_kwargs(), "user": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(has_customers=Customer.objects.visible_to(self.user).exists(), **kwargs)

    def perform(self, form: Any) -> Change | None:
        given = {key: form.cleaned_data[key] for key in ("name", "customer", "plan", "host", "admin_address")}
        self.made, change = services.create_domain(**given, limits=form.limits(), acting_user=self.user)
        return change

    def done_text(self, form: BaseForm) -> str:
        return _("%(name)s was created.") % {"name": to_unicode(self.made.name)}

    def get_success_url(self) -> str:
        return reverse("domain-detail", args=[self.made.name])


class DomainDetail(InDomain, ShownPage):
    template_name = "domains/detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rights = {"may_contract": may(self.user, "domain.contract"), "may_limit": may(self.user, "domain.limits")}
        shown = {"said": sentences.of(self.domain.rules), "rooms": rooms(self.domain)}
        return super().get_context_data(**rights, **shown, **kwargs)


class DomainEdit(InDomain, FormPage):
    """The operator edits the contract's side; a mail admin the admin address only."""

    template_name = "domains/edit.html"

    def is_contract(self) -> bool:
        return may(self.user, "domain.contract")

    def get_form_class(self) -> Any:
        return DomainForm if self.is_contract() else AdminAddressForm

    def get_form_kwargs(self) -> dict[str, Any]:
        more = {"user": self.user} if self.is_contract() else {}
        return {**super().get_form_kwargs(), "domain": self.domain, **more}

    def get_initial(self) -> dict[str, Any]:
        domain = self.domain
        contract = {"customer": domain.customer, "plan": domain.plan}
        return {**contract, "admin_address": to_unicode(domain.admin_address), "virus_check": domain.virus_check}

    def perform(self, form: Any) -> Change | None:
        given = {key: form.cleaned_data[key] for key in ("admin_address", "virus_check") if key in form.fields}
        if self.is_contract():
            given |= {key: form.cleaned_data[key] for key in ("plan", "customer")}
        return services.change_domain(self.domain, acting_user=self.user, **given)[1]

    def done_text(self, form: BaseForm) -> str:
        return _("The settings of %(name)s were saved.") % {"name": to_unicode(self.domain.name)}

    def get_success_url(self) -> str:
        return reverse("domain-detail", args=[self.domain.name])


class DomainRules(InDomain, FormPage):
    """The operator's own values for one domain, over its plan's."""

    template_name = "domains/rules.html"
    form_class = OverridesForm
    done_message = gettext_lazy("The domain's own values were saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        domain = self.domain
        require(self.user, "domain.contract")
        return {**super().get_form_kwargs(), "domain": domain}

    def perform(self, form: Any) -> Change | None:
        return services.change_domain(self.domain, acting_user=self.user, overrides=form.overrides())[1]

    def get_success_url(self) -> str:
        return reverse("domain-detail", args=[self.domain.name])


class DomainLimits(InDomain, FormPage):
    """A domain's share of the contract's numbers: what is used, what is left, what the contract has (A17)."""

    template_name = "domains/limits.html"
    form_class = DomainLimitsForm

    def get_form_kwargs(self) -> dict[str, Any]:
        domain = self.domain
        require(self.user, "domain.limits")
        return {**super().get_form_kwargs(), "domain": domain}

    def perform(self, form: Any) -> Change | None:
        try:
            return services.change_domain(self.domain, acting_user=self.user, limits=form.limits())[1]
        except ValidationError as error:
            raise ValidationError({key.replace("limits.", "limit_"): found for key, found in error.error_dict.items()}) from None

    def done_text(self, form: BaseForm) -> str:
        return _("The limits of %(name)s were saved.") % {"name": to_unicode(self.domain.name)}

    def get_success_url(self) -> str:
        return reverse("domain-limits", args=[self.domain.name])


class DomainDelete(InDomain, ConfirmPage):
    template_name = "domains/delete.html"
    form_class = ConfirmNameForm

    def get_form_kwargs(self) -> dict[str, Any]:
        domain = self.domain
        require(self.user, "domain.delete")
        return {**super().get_form_kwargs(), "name": domain.name}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(lost=totals(self.domain), **kwargs)

    def perform(self, form: BaseForm) -> Change | None:
        self.request.session.pop("domain", None)
        return services.delete_domain(self.domain, acting_user=self.user)

    def done_text(self, form: BaseForm) -> str:
        return _("%(name)s was deleted.") % {"name": to_unicode(self.domain.name)}

    def get_success_url(self) -> str:
        return reverse("domain-list")
