"""Mail hosts, for the operator: what is told of them, and how they are."""

from datetime import timedelta
from typing import Any

from django.forms import BaseForm
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.forms.hosts import MailHostForm
from accounts.models import MailHost
from accounts.services import hosts as services
from accounts.views.base import OPERATORS
from panel.base.models import Change
from panel.base.pages import FormPage, ShownPage

SILENT = timedelta(minutes=3)  # a worker reports every minute
LATE = timedelta(minutes=1)  # changes are live within a second or so


def health(host: Any) -> tuple[str, str]:
    """A pill: its colour, and what is the matter."""
    now = timezone.now()
    if host.seen_at is None:
        return "plain", _("No worker yet")
    if now - host.seen_at > SILENT:
        return "bad", _("Worker silent")
    if host.waiting and now - host.waiting_since > LATE:
        return "warn", _("Changes wait")
    return "ok", _("Well")


class MailHostList(ShownPage):
    roles = OPERATORS
    template_name = "hosts/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = services.with_health(MailHost.objects.visible_to(self.user))
        return super().get_context_data(hosts=[(host, health(host)) for host in found], **kwargs)


class MailHostEdit(FormPage):
    roles = OPERATORS
    template_name = "hosts/edit.html"
    form_class = MailHostForm

    @cached_property
    def host(self) -> MailHost:
        found: MailHost = get_object_or_404(MailHost.objects.visible_to(self.user), name=self.kwargs["host"])
        return found

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "host": self.host}

    def get_initial(self) -> dict[str, Any]:
        return {name: getattr(self.host, name) for name in ("hostname", "ipv4", "ipv6")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "host": self.host})

    def perform(self, form: Any) -> Change | None:
        services.change_host(self.host, acting_user=self.user, **form.values())
        return None

    def done_text(self, form: BaseForm) -> str:
        return _("%(name)s was saved.") % {"name": self.host.name}

    def get_success_url(self) -> str:
        return reverse("mail-host-list")
