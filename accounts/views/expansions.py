"""Pages about aliases and group addresses: two objects of one shape."""

from abc import abstractmethod
from typing import Any

from django.db.models import Q, QuerySet
from django.forms import BaseForm
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import navigation
from accounts.forms.expansions import AliasCreateForm, ExpansionForm, GroupCreateForm, MembersForm
from accounts.models import Alias, Group
from accounts.names import to_unicode
from accounts.services import expansions as services
from accounts.views.base import ConfirmPage, InDomain, ListPage
from panel.base.models import Change
from panel.base.pages import FormPage, Page
from panel.base.tenancy import ADMINISTRATORS


class ExpansionList(InDomain, ListPage):
    sorts = {"address": "pk"}
    default_sort = "address"
    model: Any
    children: str

    def cells(self, row: Any) -> list[Any]:
        return [row.address, row.addresses()]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = self.model.objects.visible_to(self.user).filter(domain=self.domain).prefetch_related(self.children)
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        # Exists, not a join: an alias with two destinations that match stands once, and the keyset holds.
        child = self.model._meta.get_field(self.children)
        matching = child.related_model.objects.filter(address__icontains=text).values(child.field.attname)
        return rows.filter(Q(name__address__contains=text.lower()) | Q(pk__in=matching))


class AliasList(ExpansionList):
    template_name, part_template = "aliases/list.html", "aliases/_list.html"
    model, children = Alias, "destinations"
    csv_columns = ("address", "destinations")


class GroupList(ExpansionList):
    """Under a plan without group addresses the page exists only while groups are left from another plan."""

    template_name, part_template = "groups/list.html", "groups/_list.html"
    model, children = Group, "members"
    csv_columns = ("address", "members")

    def rows(self) -> QuerySet[Any]:
        if not self.domain.rules.group_addresses and not self.domain.groups_count:
            raise Http404
        return super().rows()


class ExpansionCreate(InDomain, FormPage):
    kind = "alias"

    def get_initial(self) -> dict[str, Any]:
        wanted = self.request.GET.get("to", "")[:254]
        return {"destinations": [wanted]} if wanted else {}

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.domain}

    def done_text(self, form: BaseForm) -> str:
        return _("%(address)s was created.") % {"address": to_unicode(self.row.address)}

    def get_success_url(self) -> str:
        return reverse(f"{self.kind}-list", args=[self.domain.name])

    @abstractmethod
    def make(self, form: Any) -> tuple[Any, Change]:
        """Calls the service; the new object and its Change."""

    def perform(self, form: BaseForm) -> Change | None:
        self.row, change = self.make(form)
        return change


class AliasCreate(ExpansionCreate):
    template_name, form_class = "aliases/create.html", AliasCreateForm

    def make(self, form: Any) -> tuple[Alias, Change]:
        return services.create_alias(self.domain, form.cleaned_data["local_part"], form.addresses(), acting_user=self.user)


class GroupCreate(ExpansionCreate):
    template_name, form_class, kind = "groups/create.html", GroupCreateForm, "group"

    @cached_property
    def domain(self) -> Any:
        found = super().domain
        if not found.rules.group_addresses:
            raise Http404
        return found

    def make(self, form: Any) -> tuple[Group, Change]:
        return services.create_group(self.domain, form.cleaned_data["local_part"], form.addresses(), acting_user=self.user)


class OnExpansion(Page):
    """A page under /aliases/<address>/ or /groups/<address>/."""

    roles = ADMINISTRATORS
    model: Any = Alias
    kind = "alias"
    done_message: Any

    @cached_property
    def row(self) -> Any:
        visible = self.model.objects.visible_to(self.user).select_related("domain__plan", "domain__customer", "domain__host")
        found = get_object_or_404(visible, pk=self.kwargs["address"])
        navigation.remember(self.request, found.domain)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "row": self.row, "domain": self.row.domain})

    def get_success_url(self) -> str:
        return reverse(f"{self.kind}-list", args=[self.row.domain.name])

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message) % {"address": to_unicode(self.row.address)}


class ExpansionEdit(OnExpansion, FormPage):
    done_message = gettext_lazy("%(address)s was saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.row.domain}


class AliasDetail(ExpansionEdit):
    template_name, form_class = "aliases/edit.html", ExpansionForm

    def get_initial(self) -> dict[str, Any]:
        return {"destinations": self.row.addresses()}

    def perform(self, form: Any) -> Change | None:
        return services.change_alias(self.row, form.addresses(), acting_user=self.user)[1]


class GroupDetail(ExpansionEdit):
    template_name, form_class, model, kind = "groups/edit.html", MembersForm, Group, "group"

    def get_initial(self) -> dict[str, Any]:
        return {"members": self.row.addresses()}

    def perform(self, form: Any) -> Change | None:
        return services.change_group(self.row, form.addresses(), acting_user=self.user)[1]


class AliasDelete(OnExpansion, ConfirmPage):
    template_name = "aliases/delete.html"
    done_message = gettext_lazy("%(address)s was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_alias(self.row, acting_user=self.user)


class GroupDelete(OnExpansion, ConfirmPage):
    template_name, model, kind = "groups/delete.html", Group, "group"
    done_message = gettext_lazy("%(address)s was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_group(self.row, acting_user=self.user)
