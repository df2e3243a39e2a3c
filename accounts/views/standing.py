"""Pages about the standing of mailboxes: suspend, resume, force a new password; and the accounts of all domains by status."""

from typing import Any

from django.db.models import QuerySet
from django.forms import BaseForm
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy, ngettext

from accounts import status
from accounts.models import Mailbox
from accounts.permissions import require
from accounts.services import standing
from accounts.views.base import ConfirmPage, ListPage
from accounts.views.mailboxes import OnChosen, OnMailbox
from panel.base.models import Change
from panel.base.tenancy import ADMINISTRATORS


class MailboxSuspend(OnMailbox, ConfirmPage):
    template_name = "mailboxes/suspend.html"
    done_message = gettext_lazy("%(address)s was suspended.")

    def perform(self, form: BaseForm) -> Change | None:
        return standing.suspend(self.mailbox, acting_user=self.user)[1]


class MailboxResume(OnMailbox, ConfirmPage):
    template_name = "mailboxes/resume.html"
    done_message = gettext_lazy("%(address)s is no longer suspended.")

    def perform(self, form: BaseForm) -> Change | None:
        return standing.resume(self.mailbox, acting_user=self.user)[1]


class MailboxForce(OnMailbox, ConfirmPage):
    """The operator's (A12)."""

    template_name = "mailboxes/force.html"
    done_message = gettext_lazy("%(address)s needs a new password now.")

    def admit(self) -> None:
        require(self.user, "mailbox.force_password" if self.mailbox else "")

    def perform(self, form: BaseForm) -> Change | None:
        return standing.force_password_change([self.mailbox], acting_user=self.user)


class MailboxForceMany(OnChosen):
    """The operator's, for the list's selection."""

    template_name = "mailboxes/force_many.html"

    def admit(self) -> None:
        require(self.user, "mailbox.force_password" if self.domain else "")

    def eligible(self) -> list[Mailbox]:
        return [mailbox for mailbox in self.chosen if not mailbox.must_change_password]

    def perform(self, form: BaseForm) -> Change | None:
        return standing.force_password_change(self.eligible(), acting_user=self.user)

    def done_text(self, form: BaseForm) -> str:
        count = len(self.eligible())
        text = ngettext("%(count)d mailbox needs a new password now.", "%(count)d mailboxes need a new password now.", count)
        return text % {"count": count}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        waiting = [row for row in self.chosen if row.must_change_password]
        return super().get_context_data(chosen=self.eligible(), waiting=waiting, **kwargs)


class MailboxesEverywhere(ListPage):
    """The mailboxes of all domains that somebody administers, by status: where the overview leads to."""

    roles = ADMINISTRATORS
    template_name = "mailboxes/everywhere.html"
    part_template = "mailboxes/_everywhere.html"
    sorts = {"address": "pk", "usage": "used_bytes"}
    default_sort = "address"
    csv_columns = ("address", "comment", "used_bytes", "used_messages", "quota_mb", "status")

    def cells(self, row: Mailbox) -> list[Any]:
        return [row.address, row.comment, row.used_bytes, row.used_messages, row.quota_mb, status.of(row).code]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Mailbox.objects.visible_to(self.user)
        return found.select_related("domain__plan").defer("search", "password_hash")

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(search__contains=text.lower())

    @cached_property
    def state(self) -> str:
        return status.known(self.request.GET.get("state", ""))

    def is_narrowed(self) -> bool:
        return super().is_narrowed() or bool(self.state)

    def filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return status.listed(rows, self.state) if self.state else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(state=self.state, states=status.CHOICES, **kwargs)
