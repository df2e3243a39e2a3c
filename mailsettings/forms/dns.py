"""The one question about keys that needs an answer."""

from typing import Any

from crispy_forms.layout import Field, Layout
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms.base import PanelForm


class SwitchKeyForm(PanelForm):
    """Where the record was not seen, that it is meant all the same."""

    force = forms.BooleanField(label=_("Switch although its record was not seen"), required=True)

    def __init__(self, *args: Any, is_seen: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_seen:
            del self.fields["force"]
        self.helper.layout = Layout(*(Field(name) for name in self.fields))
