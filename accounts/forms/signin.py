"""Forms of two-step login: codes, passkeys, the password once more, and what the operator asks of roles."""

from collections.abc import Mapping
from typing import Any

from crispy_forms.layout import Field, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm, PasswordField, current_password
from panel.base.tenancy import ADMIN_ROLES

CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}


class Credential(forms.JSONField):
    """What a passkey answered, written by static/js/passkey.js."""

    widget = forms.HiddenInput

    def prepare_value(self, value: Any) -> str:
        """Never shown again: a refused answer is of no use."""
        return ""


class SecondStepForm(PanelForm):
    """A code, or a passkey's answer."""

    code = forms.CharField(label=gettext_lazy("Code"), max_length=100, required=False, widget=forms.TextInput(attrs=CODE))
    credential = Credential(required=False)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if not found.get("code") and not found.get("credential") and not self.errors:
            self.add_error("code", _("Type the code."))
        return found


class PasskeyForm(PanelForm):
    credential = Credential()


class AppForm(PanelForm):
    """The code that proves that the app has the secret."""

    code = forms.CharField(label=gettext_lazy("Code from the app"), max_length=20, widget=forms.TextInput(attrs=CODE))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(Field("code", wrapper_class="field-s"))


class AddPasskeyForm(PanelForm):
    """A name to know it by; the button asks the device."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True})
    )
    credential = Credential()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("Where it is kept, such as “laptop” or “blue key”.")


class ConfirmPasswordForm(PanelForm):
    password = current_password()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["autofocus"] = True
        self.helper.layout = Layout(PasswordField("password"))


class PolicyForm(PanelForm):
    two_step_roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles that sign in with two steps"), choices=ADMIN_ROLES, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, figures: Mapping[str, tuple[int, int]], **kwargs: Any) -> None:
        """`figures`: role → (its administrators, those of them who have a second step)."""
        super().__init__(*args, **kwargs)
        roles: Any = self.fields["two_step_roles"]
        roles.choices = [(role, _with_figures(label, *figures.get(role, (0, 0)))) for role, label in ADMIN_ROLES]
        self.helper.layout = Layout(Field("two_step_roles", wrapper_class="ticks"))


def _with_figures(label: Any, everybody: int, ready: int) -> str:
    if not everybody:
        return _("%(role)s: nobody") % {"role": label}
    return _("%(role)s: %(ready)d of %(all)d have a second step") % {"role": label, "ready": ready, "all": everybody}
