"""One's own webhooks: where to, what was sent, what came of it."""

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.events import EVENTS, PING
from accounts.forms.webhooks import LABELS, WebhookForm
from accounts.models import DeliveryState, Webhook, WebhookDelivery
from accounts.services import webhooks as services
from accounts.views.base import ConfirmPage, none_of
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage, add_errors, is_htmx, tell
from panel.base.tenancy import ADMINISTRATORS

UUID_FORM = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ERRORS: dict[str, Any] = {
    "no_address": gettext_lazy("Its host name has no address."),
    "not_allowed": gettext_lazy("Its address is not on the public internet."),
    "no_connection": gettext_lazy("Nothing answers there."),
    "certificate": gettext_lazy("Its certificate is not valid for this name."),
    "tls": gettext_lazy("No encrypted connection came about."),
    "timed_out": gettext_lazy("It did not answer within 10 seconds."),
    "broken": gettext_lazy("The connection broke off."),
    "redirected": gettext_lazy("It answered with a redirect, which is not followed."),
    "refused": gettext_lazy("It did not take it."),
    "secret_unreadable": gettext_lazy("The secret cannot be read any more: set a new one."),
}


class Webhooks(ShownPage):
    roles = ADMINISTRATORS
    template_name = "webhooks/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [{"hook": hook, "events": [LABELS[name] for name in hook.events]} for hook in Webhook.objects.visible_to(self.user)]
        return super().get_context_data(**{"rows": rows, "all": len(EVENTS), **kwargs})


class WebhookCreate(FormPage):
    """Where a secret was made, the answer to the form shows it: there is no other page that could."""

    roles = ADMINISTRATORS
    template_name = "webhooks/form.html"
    form_class = WebhookForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "is_new": True}

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            hook, secret = services.create_webhook(acting_user=self.user, **form.values())  # type: ignore[attr-defined]
        except ValidationError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        if secret is None:
            tell(self.request, _("The webhook was created."))
            return redirect("webhook-detail", hook.pk)
        self.template_name = "webhooks/made.html"
        return self.render_to_response(self.get_context_data(hook=hook, secret=secret))


class OnWebhook(Page):
    """A page about one of one's own webhooks."""

    roles = ADMINISTRATORS

    @cached_property
    def hook(self) -> Webhook:
        found: Webhook = get_object_or_404(Webhook.objects.visible_to(self.user), pk=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"hook": self.hook, **kwargs})

    def get_success_url(self) -> str:
        return reverse("webhook-detail", args=[self.hook.pk])


class WebhookDetail(OnWebhook, ShownPage):
    """What was sent, the newest first; the list asks again by itself while something is on its way."""

    template_name = "webhooks/detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [_shown(row) for row in self.hook.deliveries.select_related("webhook")[: services.SHOWN]]
        events = [LABELS[name] for name in self.hook.events]
        return super().get_context_data(**{"rows": rows, "events": events, "soon": any(row["soon"] for row in rows), **kwargs})

    def get_template_names(self) -> list[str]:
        return ["webhooks/_deliveries.html"] if is_htmx(self.request) else [str(self.template_name)]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A test, or a delivery sent again."""
        if again := request.POST.get("retry"):
            self._retry(again)
        else:
            services.ping(self.hook, acting_user=self.user)
            tell(request, _("A test was sent. The first row says what came of it."))
        return redirect(self.get_success_url())

    def _retry(self, key: str) -> None:
        none_of(bool(UUID_FORM.fullmatch(key)))
        row = get_object_or_404(self.hook.deliveries.select_related("webhook"), pk=key)
        try:
            services.retry(row, acting_user=self.user)
        except ValidationError as error:
            messages.error(self.request, " ".join(error.messages))


def _shown(row: WebhookDelivery) -> dict[str, Any]:
    """`soon`: worth asking again at once."""
    waiting = row.state == DeliveryState.WAITING
    return {
        "row": row,
        "event": LABELS.get(row.event, row.event),
        "error": str(ERRORS.get(row.error, "")),
        "soon": waiting and row.attempts == 0 and (row.webhook.enabled or row.event == PING),
    }


class WebhookEdit(OnWebhook, FormPage):
    template_name = "webhooks/form.html"
    form_class = WebhookForm
    done_message = gettext_lazy("The webhook was saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "is_new": False}

    def get_initial(self) -> dict[str, Any]:
        return {"url": self.hook.url, "events": self.hook.events, "enabled": self.hook.enabled}

    def perform(self, form: BaseForm) -> Change | None:
        services.change_webhook(self.hook, acting_user=self.user, **form.values())  # type: ignore[attr-defined]
        return None


class WebhookDelete(OnWebhook, ConfirmPage):
    template_name = "webhooks/delete.html"
    done_message = gettext_lazy("The webhook was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        services.delete_webhook(self.hook, acting_user=self.user)
        return None

    def get_success_url(self) -> str:
        return reverse("account-webhooks")
