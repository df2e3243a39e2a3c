"""Mail reception on or off (F6)."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _

from accounts.forms.base import PanelForm


class ReceiveForm(PanelForm):
    """On or off as it was shown, whoever has turned it meanwhile. `loses`: whether turning it off throws mail away."""

    on = forms.TypedChoiceField(choices=[("yes", "yes"), ("no", "no")], coerce=lambda text: text == "yes", widget=forms.HiddenInput)

    def __init__(self, *args: Any, loses: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if loses:
            self.fields["lost"] = forms.BooleanField(label=_("Yes, throw this mail away"), required=False)
        self.helper.layout = Layout("on", *(["lost"] if loses else []))

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if "lost" in self.fields and found.get("on") is False and not found.get("lost"):
            text = _("Please confirm that mail is thrown away, or set up forwarding first.")
            self.add_error("lost", forms.ValidationError(text, code="lost"))
        return found


class RemoveForm(PanelForm):
    """The second step of deleting a profile. `offers`: nothing is left that forwards all mail, and reception is off."""

    def __init__(self, *args: Any, offers: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if offers:
            help_text = _("Otherwise new mail that no rule forwards is thrown away from then on.")
            label = _("Turn mail reception on again")
            self.fields["receive"] = forms.BooleanField(label=label, required=False, initial=True, help_text=help_text)
        self.helper.layout = Layout(*self.fields)
