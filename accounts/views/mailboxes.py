"""Pages about mailboxes, for administrators."""

from abc import abstractmethod
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import freshness, navigation, status
from accounts.forms.mailboxes import MailboxCreateForm, MailboxPasswordForm, MailboxSettingsForm
from accounts.models import AliasDestination, Domain, GroupMember, Mailbox
from accounts.models.addresses import MB
from accounts.names import to_unicode
from accounts.services import mailboxes as services
from accounts.views.base import ConfirmPage, InDomain, ListPage
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage
from panel.base.tenancy import ADMINISTRATORS

SHOWN = 20  # aliases and groups that a mailbox's page names


class MailboxList(InDomain, ListPage):
    template_name = "mailboxes/list.html"
    part_template = "mailboxes/_list.html"
    sorts = {"address": "pk", "usage": "used_bytes", "capacity": "quota_mb"}
    default_sort = "address"
    csv_columns = (
        *("address", "status", "quota_mb", "quota_messages", "used_mb", "used_messages", "comment", "mobile_address"),
        *("receive", "user_may_forward", "spam_seat"),
    )

    def cells(self, row: Mailbox) -> list[Any]:
        row.domain = self.domain  # one for all: its rules are read once
        found = {"address": row.address, "status": status.of(row).code, "used_mb": round(row.used_bytes / MB, 3)}
        return [found[name] if name in found else getattr(row, name) for name in self.csv_columns]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Mailbox.objects.visible_to(self.user).filter(domain=self.domain)
        return found.select_related("domain__plan").defer("search", "password_hash")

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(search__contains=text.lower())

    @cached_property
    def state(self) -> str:
        return status.known(self.request.GET.get("state", ""))

    def is_narrowed(self) -> bool:
        return super().is_narrowed() or bool(self.state)

    def filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return status.listed(rows, self.state, self.domain) if self.state else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(state=self.state, states=status.CHOICES, **kwargs)


class MailboxCreate(InDomain, FormPage):
    template_name = "mailboxes/create.html"
    form_class = MailboxCreateForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.domain}

    def perform(self, form: BaseForm) -> Change | None:
        self.mailbox, change = services.create_mailbox(self.domain, acting_user=self.user, **form.cleaned_data)
        return change

    def done_text(self, form: BaseForm) -> str:
        return _("%(address)s was created.") % {"address": to_unicode(self.mailbox.address)}

    def get_success_url(self) -> str:
        return reverse("mailbox-detail", args=[self.mailbox.address])


class OnMailbox(Page):
    """A page under /mailboxes/<address>/."""

    roles = ADMINISTRATORS

    @cached_property
    def mailbox(self) -> Mailbox:
        visible = Mailbox.objects.visible_to(self.user).select_related("domain__plan", "domain__customer", "domain__host")
        found: Mailbox = get_object_or_404(visible, pk=self.kwargs["address"])
        navigation.remember(self.request, found.domain)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "mailbox": self.mailbox, "domain": self.mailbox.domain})

    def get_success_url(self) -> str:
        return reverse("mailbox-detail", args=[self.mailbox.address])

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message) % {"address": to_unicode(self.mailbox.address)}  # type: ignore[attr-defined]


class MailboxDetail(OnMailbox, ShownPage):
    template_name = "mailboxes/detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        freshness.looked_at(self.mailbox)
        return super().get_context_data(reached=reached_by(self.mailbox), login=other_login(self.mailbox), **kwargs)


def reached_by(mailbox: Mailbox) -> dict[str, list[str]]:
    """The first of the aliases and groups of the same domain that deliver straight to the mailbox."""
    aliases = AliasDestination.objects.filter(address=mailbox.address, alias__domain=mailbox.domain).order_by("alias_id")
    groups = GroupMember.objects.filter(address=mailbox.address, group__domain=mailbox.domain).order_by("group_id")
    return {
        "aliases": list(aliases.values_list("alias_id", flat=True)[:SHOWN]),
        "groups": list(groups.values_list("group_id", flat=True)[:SHOWN]),
    }


def other_login(mailbox: Mailbox) -> str:
    """What logs in besides the address: `user%domain`, the bare name, or ""."""
    form = mailbox.domain.rules.login_form
    if form == "percent":
        return mailbox.address.replace("@", "%")
    return mailbox.local_part if form == "bare" else ""


class MailboxEdit(OnMailbox, FormPage):
    template_name = "mailboxes/edit.html"
    form_class = MailboxSettingsForm
    done_message = gettext_lazy("The settings of %(address)s were saved.")

    def get_initial(self) -> dict[str, Any]:
        return MailboxSettingsForm.values_of(self.mailbox)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.mailbox.domain}

    def perform(self, form: BaseForm) -> Change | None:
        return services.change_mailbox(self.mailbox, acting_user=self.user, **form.cleaned_data)[1]


class MailboxPassword(OnMailbox, FormPage):
    template_name = "mailboxes/password.html"
    form_class = MailboxPasswordForm
    done_message = gettext_lazy("The password of %(address)s was changed.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "mailbox": self.mailbox}

    def perform(self, form: BaseForm) -> Change | None:
        return services.set_password(self.mailbox, form.cleaned_data["password"], acting_user=self.user)[1]


class MailboxPurge(OnMailbox, ConfirmPage):
    template_name = "mailboxes/purge.html"
    done_message = gettext_lazy("%(address)s is being emptied.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.purge_mailbox(self.mailbox, acting_user=self.user)[1]


class MailboxDelete(OnMailbox, ConfirmPage):
    template_name = "mailboxes/delete.html"
    done_message = gettext_lazy("%(address)s was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_mailboxes([self.mailbox], acting_user=self.user)

    def get_success_url(self) -> str:
        return reverse("mailbox-list", args=[self.mailbox.domain.name])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"reached": reached_by(self.mailbox), "grace_days": settings.DELETE_GRACE_DAYS}
        return super().get_context_data(**more, **kwargs)


class OnChosen(InDomain, ConfirmPage):
    """The selection of the list comes here by POST and is shown; only `confirmed` does it."""

    @cached_property
    def chosen(self) -> list[Mailbox]:
        addresses = self.request.POST.getlist("address")[:1000]
        visible = Mailbox.objects.visible_to(self.user).filter(domain=self.domain, pk__in=addresses)
        return list(visible.select_related("domain__host").order_by("pk"))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.get_form()
        if "confirmed" in request.POST and form.is_valid() and self.eligible():
            return self.form_valid(form)
        return self.render_to_response(self.get_context_data())

    @abstractmethod
    def eligible(self) -> list[Mailbox]:
        """Those of the chosen that it can be done to."""

    def get_success_url(self) -> str:
        return reverse("mailbox-list", args=[self.domain.name])


class MailboxDeleteMany(OnChosen):
    template_name = "mailboxes/delete_many.html"

    def eligible(self) -> list[Mailbox]:
        return [mailbox for mailbox in self.chosen if not mailbox.is_system]

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_mailboxes(self.eligible(), acting_user=self.user)

    def done_text(self, form: BaseForm) -> str:
        return _("%(count)d mailboxes were deleted.") % {"count": len(self.eligible())}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = self.eligible()
        figures = {"bytes": sum(row.used_bytes for row in rows), "messages": sum(row.used_messages for row in rows)}
        kept = [row for row in self.chosen if row.is_system]
        more = {"chosen": rows, "kept": kept, "lost": figures, "grace_days": settings.DELETE_GRACE_DAYS}
        return super().get_context_data(**more, **kwargs)


def totals(domain: Domain) -> dict[str, int]:
    """What the domain's mailboxes hold: bytes and mails, one query."""
    found = domain.mailboxes.aggregate(bytes=Sum("used_bytes"), messages=Sum("used_messages"))
    return {key: value or 0 for key, value in found.items()}
