"""The form of a new API token (R8)."""

from datetime import timedelta
from typing import Any

from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm, Part
from accounts.forms.people import MANY, DomainBoxes, DomainNames
from accounts.models import Domain
from accounts.scopes import offered
from panel.base.tenancy import Role

EVERYTHING, CHOSEN = "everything", "chosen"
ENDS = [("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days")), ("365", gettext_lazy("one year")), ("", gettext_lazy("no end"))]


class LinesField(forms.CharField):
    """One a line: a list of strings, each judged by the service."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return (super().to_python(value) or "").replace(",", " ").split()

    def run_validators(self, value: Any) -> None:
        """CharField's validators are about one text."""


class TokenForm(PanelForm):
    """What it is for, what it may do, of which domains, from where, for how long."""

    name = forms.CharField(label=gettext_lazy("What it is for"), max_length=100)
    reach = forms.ChoiceField(label=gettext_lazy("What it may do"), widget=forms.RadioSelect)
    scopes = forms.MultipleChoiceField(label=gettext_lazy("Chosen parts"), required=False)
    domains = DomainBoxes(Domain.objects.none(), label=gettext_lazy("Domains"), required=False)
    networks = LinesField(label=gettext_lazy("Networks"), required=False, max_length=5_000)
    ends = forms.ChoiceField(label=gettext_lazy("It ends after"), choices=ENDS, required=False)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = offered(user.role)
        choices: Any = self.fields["scopes"]
        choices.choices = [(scope, row.label) for row in rows for scope in (row.read, row.write) if scope]
        self._say(user)
        table = Div(Part("tokens/_scopes.html", rows=rows), data_for="reach", data_values=CHOSEN)
        self.helper.layout = Layout("name", self._reach(), table, *self._domains(user), "networks", "ends")

    def _reach(self) -> Part:
        choices = [
            (CHOSEN, _("Only what I choose"), _("Writing does not include reading: tick both where both are needed.")),
            (EVERYTHING, _("Everything that I may do"), _("Also what comes to my role later.")),
        ]
        field: Any = self.fields["reach"]
        field.choices = [(name, title) for name, title, _about in choices]
        return Part("forwarding/_choice.html", bound=self["reach"], choices=choices)

    def _say(self, user: Any) -> None:
        self.fields["name"].help_text = _("So that you know it again, for example “backup script”.")
        self.fields["name"].widget.attrs["autocomplete"] = "off"
        self.fields["networks"].help_text = _("From where it may be used, one a line, like 192.0.2.0/24. Blank: from anywhere.")
        self.fields["networks"].widget.attrs.update({"rows": 3, "spellcheck": "false", "autocapitalize": "none"})

    def _domains(self, user: Any) -> list[Any]:
        """A mailbox user has one domain: nothing to choose."""
        if user.role == Role.MAILBOX_USER:
            del self.fields["domains"]
            return []
        rows = Domain.objects.served_for(user).only("name", "customer_id")
        kind = DomainNames if rows[MANY : MANY + 1].exists() else DomainBoxes
        self.fields["domains"] = kind(rows, label=_("Domains"), required=False, help_text=_("None chosen: all of yours, new ones too."))
        return [Field("domains", wrapper_class="ticks")]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("reach") == CHOSEN and not found.get("scopes"):
            self.add_error("scopes", forms.ValidationError(_("Choose at least one."), code="required"))
        return found

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        found = self.cleaned_data
        days = int(found["ends"] or 0)
        return {
            "name": found["name"],
            "scopes": ["*"] if found["reach"] == EVERYTHING else found["scopes"],
            "domains": sorted(domain.name for domain in found.get("domains", ())),
            "networks": found["networks"],
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
        }
