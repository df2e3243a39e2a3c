"""The question "What happens to this mail?": a mail described, or pasted as it is."""

from typing import Any

from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm
from accounts.models import Mailbox
from accounts.names import to_unicode
from mailsettings.forms.conditions import VALUES
from mailsettings.services.conditions import HEADER_NAME

MESSAGE_MAX = 1_000_000  # characters of a pasted message
TEXT_MAX = 500
PLAIN: Any = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def _text(label: Any, most: int = TEXT_MAX, **attrs: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=most, widget=forms.TextInput(attrs=attrs))


class DescribedForm(PanelForm):
    """What a rule can look at."""

    sender = _text(gettext_lazy("From"), inputmode="email", **PLAIN)
    subject = _text(gettext_lazy("Subject"), autocomplete="off")
    to = _text(gettext_lazy("To"), inputmode="email", **PLAIN)
    importance = forms.ChoiceField(
        label=gettext_lazy("Importance"), choices=[(key, VALUES[key]) for key in ("normal", "high", "low")], required=False
    )
    attachment = forms.BooleanField(label=gettext_lazy("It has an attachment"), required=False)
    spam = forms.BooleanField(label=gettext_lazy("It is judged as spam"), required=False)
    header_name = _text(gettext_lazy("One more header"), 70, placeholder="X-Mailer", **PLAIN)
    header_value = _text(gettext_lazy("Its value"), **PLAIN)

    def __init__(self, *args: Any, mailbox: Mailbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mailbox = mailbox
        self.fields["sender"].help_text = _("Left blank: a mail without a sender address.")
        self.fields["to"].widget.attrs["placeholder"] = to_unicode(mailbox.address)
        pairs = [Div(*names, css_class="side-by-side") for names in (("to", "importance"), ("header_name", "header_value"))]
        self.helper.layout = Layout("sender", "subject", pairs[0], Field("attachment"), Field("spam"), pairs[1])

    def clean_header_name(self) -> str:
        name = str(self.cleaned_data["header_name"]).strip().rstrip(":")
        if name and not HEADER_NAME.fullmatch(name):
            raise forms.ValidationError(_("This is not the name of a header."), code="header_name")
        return name

    def question(self) -> dict[str, Any]:
        """What the service takes (contract.md, `…/explain/`)."""
        found = self.cleaned_data
        header = {found["header_name"]: found["header_value"]} if found["header_name"] else {}
        fields = {"from": found["sender"], "to": found["to"] or self.mailbox.address, "subject": found["subject"], "header": header}
        flags = {"attachment": found["attachment"], "spam": found["spam"], "importance": found["importance"] or "normal"}
        return {"fields": {**fields, **flags}}


class PastedForm(PanelForm):
    """A whole message as mail programs show it by "source"."""

    message = forms.CharField(
        label=gettext_lazy("The whole message, headers first"),
        max_length=MESSAGE_MAX,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 16, "class": "code", **PLAIN}),
    )

    def __init__(self, *args: Any, mailbox: Mailbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["message"].help_text = _("Mail programs call it “source” or “original message”.")
        self.helper.layout = Layout("message")

    def question(self) -> dict[str, Any]:
        return {"message": self.cleaned_data["message"]}
