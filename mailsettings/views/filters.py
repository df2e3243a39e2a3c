"""Filters and senders of a whole domain, before the users' own settings (F9, F10)."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.views.base import AsCsv, ConfirmPage
from mailsettings import sentences
from mailsettings.acts import conditions
from mailsettings.forms.filters import FilterForm
from mailsettings.forms.senders import SendersForm
from mailsettings.models import DomainFilter
from mailsettings.services import filters as services
from mailsettings.shapes import PROFILES_MAX
from mailsettings.views.base import OfDomain
from panel.base import csvfile
from panel.base.models import Change
from panel.base.pages import FormPage, is_htmx, tell


class FilterList(OfDomain, AsCsv):
    template_name = "filters/list.html"

    def csv(self) -> StreamingHttpResponse:
        """The filters in their order; conditions as sentences."""
        rows = self.domain.filters.all()
        lines = ([row.position, row.name, row.enabled, row.match, conditions(row.conditions), row.action] for row in rows)
        return csvfile.response(f"filters-{self.domain.name}", ("position", "name", "enabled", "match", "conditions", "action"), lines)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"rows": list(said(self.domain.filters.all())), "senders": services.senders_of(self.domain), "most": PROFILES_MAX}
        return super().get_context_data(**more, **kwargs)


def said(rows: Any) -> Iterator[tuple[DomainFilter, SafeString, str]]:
    """Each filter with its sentence and what makes it useless ("" = nothing)."""
    taken = False
    for row in rows:
        yield row, sentences.rule(row), _("Never reached: the filter above takes all mail.") if taken else ""
        taken = taken or (row.enabled and not row.conditions)


class FilterOrder(FilterList):
    """The new order: from the script as a part of the page, from the two buttons of a row as a page anew."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            change = services.order_filters(self.domain, self.ids(), acting_user=self.user)
        except ValidationError:  # somebody else added or deleted one meanwhile: the page shows what there is
            change = None
        if is_htmx(request):
            return self.response_class(request, ["filters/_list.html"], self.get_context_data(change=change))
        if change:
            tell(request, _("The order was saved."), change)
        return HttpResponseRedirect(reverse("filter-list", args=[self.domain.name]))

    def ids(self) -> list[int]:
        found = [int(text) for text in self.request.POST.getlist("ids") if text.isdecimal() and len(text) < 19]
        for name, step in (("up", -1), ("down", 1)):
            text = self.request.POST.get(name, "")
            if text.isdecimal() and int(text) in found:
                move(found, found.index(int(text)), step)
        return found


def move(ids: list[int], place: int, step: int) -> None:
    """Swaps with the neighbour, where there is one."""
    other = place + step
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]


class _OfFilters(OfDomain):
    def get_success_url(self) -> str:
        return reverse("filter-list", args=[self.domain.name])


class FilterCreate(_OfFilters, FormPage):
    template_name = "filters/edit.html"
    form_class = FilterForm
    done_message = gettext_lazy("The filter was added.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.domain}

    def get_initial(self) -> dict[str, Any]:
        return FilterForm.values_of(None)

    def perform(self, form: BaseForm) -> Change | None:
        return services.create_filter(self.domain, acting_user=self.user, **form.cleaned_data)[1]


class OnFilter(_OfFilters):
    """A page about one filter of the domain."""

    @cached_property
    def filter(self) -> DomainFilter:
        visible = DomainFilter.objects.visible_to(self.user).filter(domain=self.domain)
        found: DomainFilter = get_object_or_404(visible, pk=self.kwargs["pk"])
        found.domain = self.domain
        return found

    def admit(self) -> None:
        super().admit()
        self.filter  # noqa: B018 - one that is not there is 404 for every verb

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(filter=self.filter, sentence=sentences.rule(self.filter), **kwargs)


class FilterEdit(OnFilter, FilterCreate):
    done_message = gettext_lazy("The filter was saved.")

    def get_initial(self) -> dict[str, Any]:
        return FilterForm.values_of(self.filter)

    def perform(self, form: BaseForm) -> Change | None:
        return services.change_filter(self.filter, acting_user=self.user, **form.cleaned_data)[1]


class FilterDelete(OnFilter, ConfirmPage):
    template_name = "filters/delete.html"
    done_message = gettext_lazy("The filter was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_filter(self.filter, acting_user=self.user)


class DomainSenders(_OfFilters, FormPage):
    """Who is let through and who is not, for every mailbox of the domain."""

    template_name = "filters/senders.html"
    form_class = SendersForm
    done_message = gettext_lazy("The senders were saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        helps = {
            "allow_help": _("Their mail is never treated as spam in this domain."),
            "block_help": _("Their mail goes to the spam folder of every mailbox, before the users' own settings."),
        }
        return {**super().get_form_kwargs(), **helps}

    def get_initial(self) -> dict[str, Any]:
        found = services.senders_of(self.domain)
        return {"allow": found.allow, "block": found.block}

    def perform(self, form: BaseForm) -> Change | None:
        return services.change_senders(self.domain, acting_user=self.user, **form.cleaned_data)[1]
