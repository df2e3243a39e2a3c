"""The form of a domain's filter (F9, F10)."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.forms.base import PanelForm, Part
from accounts.models import Domain
from mailsettings.forms.conditions import ConditionsField, rows_of
from mailsettings.models import NAME_MAX, DomainFilter, Match
from mailsettings.shapes import FILTER, filter_actions

ACTIONS: dict[str, Any] = {
    "quarantine": gettext_lazy("Move it to the spam folder; it is neither forwarded nor answered"),
    "discard": gettext_lazy("Throw it away; nobody is told"),
    "bounce": gettext_lazy("Return an error mail, where the sender is genuine; otherwise throw it away"),
}
MATCHES = [(Match.ALL, gettext_lazy("all conditions hold")), (Match.ANY, gettext_lazy("one of the conditions holds"))]
EDITED = ("name", "match", "conditions", "action", "enabled")


class FilterForm(PanelForm):
    """A filter of the whole domain needs a condition: all mail is never meant."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_MAX, required=False)
    match = forms.ChoiceField(label=gettext_lazy("It applies where"), choices=MATCHES, widget=forms.RadioSelect)
    action = forms.ChoiceField(label=gettext_lazy("What happens to such mail"), widget=forms.RadioSelect)
    enabled = forms.BooleanField(label=pgettext_lazy("rule", "In use"), required=False)

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("For you; it may stay blank.")
        action: Any = self.fields["action"]
        action.choices = [(name, ACTIONS[name]) for name in ACTIONS if name in filter_actions(domain.rules)]
        found = ConditionsField(fields=FILTER.fields, operators=FILTER.operators, most=FILTER.conditions_max, label=_("Conditions"))
        self.fields["conditions"] = found
        editor = Part("treatment/_conditions.html", choices=found.choices(), rows=rows_of(self["conditions"]))
        self.helper.layout = Layout("match", editor, "action", "name", "enabled")

    def clean_conditions(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.cleaned_data["conditions"]
        if not found:
            raise forms.ValidationError(_("At least one condition is needed."), code="required")
        return found

    @classmethod
    def values_of(cls, row: DomainFilter | None) -> dict[str, Any]:
        """What the fields hold at first."""
        if row is None:
            return {"match": Match.ALL, "action": "discard", "enabled": True, "conditions": []}
        return {name: getattr(row, name) for name in EDITED}
