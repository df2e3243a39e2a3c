"""The form of a webhook."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.events import EVENTS
from accounts.forms.base import PanelForm, Part, PasswordField
from panel.base.outward import LONGEST

LABELS: dict[str, Any] = {
    "account.created": gettext_lazy("Mail account created"),
    "account.changed": gettext_lazy("Mail account or one of its settings changed"),
    "account.deleted": gettext_lazy("Mail account deleted"),
    "account.password_changed": gettext_lazy("Password changed"),
    "account.status_changed": gettext_lazy("Status changed"),
    "alias.created": gettext_lazy("Alias created"),
    "alias.changed": gettext_lazy("Alias changed"),
    "alias.deleted": gettext_lazy("Alias deleted"),
    "group.created": gettext_lazy("Group address created"),
    "group.changed": gettext_lazy("Group address changed"),
    "group.deleted": gettext_lazy("Group address deleted"),
    "domain.created": gettext_lazy("Domain created"),
    "domain.changed": gettext_lazy("Domain or one of its settings changed"),
    "domain.deleted": gettext_lazy("Domain deleted"),
    "import.done": gettext_lazy("Bulk work finished"),
    "ping": gettext_lazy("Test"),
}


class WebhookForm(PanelForm):
    """Where to, what of, signed by which secret."""

    url = forms.CharField(label="URL", max_length=LONGEST)
    events = forms.MultipleChoiceField(label=gettext_lazy("What it is told of"), choices=[(name, LABELS[name]) for name in EVENTS])
    secret = forms.CharField(label=gettext_lazy("Secret"), required=False, max_length=200, strip=False)
    enabled = forms.BooleanField(label=gettext_lazy("Switched on"), required=False)

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = _("It begins with https:// and is on the public internet.")
        self.fields["url"].widget.attrs.update({"inputmode": "url", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"})
        kept = _("Left blank: it stays as it is. Another one signs all that is sent from then on.")
        made = _("Left blank: one is made here and shown once. Otherwise 16 to 200 ASCII characters without blanks.")
        self.fields["secret"].help_text = made if is_new else kept
        self.fields["secret"].widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"})
        rows = [(name, LABELS[name]) for name in EVENTS]
        events = Part("webhooks/_events.html", rows=rows)
        self.helper.layout = Layout("url", events, PasswordField("secret"), *([] if is_new else ["enabled"]))
        if is_new:
            del self.fields["enabled"]

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        found = dict(self.cleaned_data)
        if not found["secret"]:
            del found["secret"]
        return found
