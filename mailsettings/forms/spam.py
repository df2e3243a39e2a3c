"""Forms about a mailbox's spam (S2, F4, F10)."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm
from accounts.models import Domain
from accounts.words import word
from mailsettings.models import SpamSettings


class OneOfTwoForm(PanelForm):
    """`platinum`: tag or quarantine, and what goes with them."""

    treatment = forms.ChoiceField(label=gettext_lazy("Mail that is judged as spam"), widget=forms.RadioSelect)
    skip_forwarding = forms.BooleanField(required=False)
    quarantine_empty_sender = forms.BooleanField(required=False)

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = domain.plan.name
        treatment: Any = self.fields["treatment"]
        treatment.choices = [("tag_subject", word("spam tag", plan)), ("move_to_folder", word("spam folder", plan))]
        self.fields["skip_forwarding"].label = word("skip forwarding", plan)
        self.fields["skip_forwarding"].help_text = _("Mail in the spam folder is neither forwarded nor answered, ever.")
        self.fields["quarantine_empty_sender"].label = word("quarantine empty", plan)
        self.fields["quarantine_empty_sender"].help_text = _("It goes to the spam folder before anything is forwarded or answered.")
        self.helper.layout = Layout("treatment", "skip_forwarding", "quarantine_empty_sender")

    def switches(self) -> dict[str, bool]:
        """What the service takes: exactly one of the two is on."""
        found = self.cleaned_data
        chosen = {name: found["treatment"] == name for name in ("tag_subject", "move_to_folder")}
        return {**chosen, "skip_forwarding": found["skip_forwarding"], "quarantine_empty_sender": found["quarantine_empty_sender"]}

    @classmethod
    def values_of(cls, row: SpamSettings) -> dict[str, Any]:
        treatment = "move_to_folder" if row.move_to_folder else "tag_subject" if row.tag_subject else ""
        return {"treatment": treatment, "skip_forwarding": row.skip_forwarding, "quarantine_empty_sender": row.quarantine_empty_sender}


class SwitchForm(PanelForm):
    """The second step of a switch: on or off as it was shown, whoever has turned it meanwhile."""

    on = forms.TypedChoiceField(choices=[("yes", "yes"), ("no", "no")], coerce=lambda text: text == "yes", widget=forms.HiddenInput)
