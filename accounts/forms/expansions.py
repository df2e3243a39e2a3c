"""Forms about aliases and group addresses."""

from typing import Any

from crispy_forms.bootstrap import AppendedText
from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names
from accounts.forms.base import AddressesField, PanelForm
from accounts.forms.mailboxes import name_help
from accounts.models import Domain


class ExpansionForm(PanelForm):
    """The addresses that it stands for. The field has the name that the service's errors use."""

    field = "destinations"
    label: Any = gettext_lazy("Goes to")

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[self.field] = AddressesField(label=self.label, help_text=_("One whole address on each line."))
        self.domain = domain
        self.helper.layout = Layout(*self.before(), self.field)

    def before(self) -> list[Any]:
        return []

    def addresses(self) -> list[str]:
        found: list[str] = self.cleaned_data[self.field]
        return found


class MembersForm(ExpansionForm):
    field = "members"
    label = gettext_lazy("Members")


class _Named(ExpansionForm):
    local_part = forms.CharField(label=gettext_lazy("Name"), max_length=64)

    def before(self) -> list[Any]:
        self.fields["local_part"].help_text = name_help(self.domain)
        self.fields["local_part"].widget.attrs.update(
            {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        )
        return [AppendedText("local_part", f"@{names.to_unicode(self.domain.name)}")]


class AliasCreateForm(_Named):
    pass


class GroupCreateForm(_Named, MembersForm):
    pass
