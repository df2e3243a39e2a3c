"""What every form here has: crispy's helper, and fields that more than one form needs."""

import json
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field, LayoutObject
from crispy_forms.utils import TEMPLATE_PACK
from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import passwords
from accounts.names import to_unicode

Rule = tuple[str, str, dict[str, str]]  # name of the check in password.js, its sentence, its data attributes


class PanelForm(forms.Form):
    """A form whose tag and buttons the page draws."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True


class PasswordField(Field):  # type: ignore[misc]
    """A password with its show button and, for a new one, the rules that are ticked off while it is typed."""

    template = "forms/password.html"

    def __init__(self, name: str, rules: list[Rule] | None = None) -> None:
        super().__init__(name)
        self.rules = rules or []

    def render(self, form: Any, context: Any, template_pack: Any = TEMPLATE_PACK, extra_context: Any = None, **kwargs: Any) -> str:
        return super().render(form, context, template_pack, {**(extra_context or {}), "rules": self.rules}, **kwargs)  # type: ignore[no-any-return]


class Part(LayoutObject):  # type: ignore[misc]
    """A template of our own between the fields."""

    def __init__(self, template: str, **context: Any) -> None:
        self.template, self.context = template, context

    def render(self, form: Any, context: Any, template_pack: Any = TEMPLATE_PACK, **kwargs: Any) -> str:
        return render_to_string(self.template, {**self.context, "form": form})


def new_password(**more: Any) -> forms.CharField:
    """A field for a password that is set anew: pasting works, a password manager may offer one."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false", "autocapitalize": "none"})
    return forms.CharField(label=gettext_lazy("New password"), strip=False, max_length=1000, widget=widget, **more)


def current_password(label: Any = None) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label=label or gettext_lazy("Current password"), strip=False, max_length=1000, widget=widget)


def mailbox_rules(rule: str, address: str, name_field: str = "") -> list[Rule]:
    """The plan's password rules as `password.js` checks them; `accounts.passwords` has the last word."""
    local, _at, domain = address.rpartition("@")
    names = [name for name in (local, address if local else "") if name]
    if rule == "strict":
        return _strict_rules([*names, domain, domain.partition(".")[0]], domain, name_field)
    return _basic_rules(8, names, domain, name_field)


def admin_rules(login: str, name_field: str = "") -> list[Rule]:
    return _basic_rules(12, [login] if login else [], "", name_field)


def _basic_rules(shortest: int, names: list[str], domain: str, name_field: str) -> list[Rule]:
    length = _("%(low)d to %(high)d characters") % {"low": shortest, "high": passwords.LONGEST}
    return [
        ("length", length, {"min": str(shortest), "max": str(passwords.LONGEST)}),
        ("printable", _("Only printable ASCII characters"), {}),
        ("names", _("Not the name itself"), _name_data(names, domain, name_field)),
    ]


def _strict_rules(names: list[str], domain: str, name_field: str) -> list[Rule]:
    length = _("%(low)d to %(high)d half-width characters") % {"low": 12, "high": passwords.LONGEST}
    return [
        ("length", length, {"min": "12", "max": str(passwords.LONGEST)}),
        ("lower", _("A lower-case letter"), {}),
        ("upper", _("An upper-case letter"), {}),
        ("digit", _("A digit"), {}),
        ("symbol", _("A symbol: %(symbols)s") % {"symbols": " ".join(passwords.SYMBOLS)}, {}),
        ("alphabet", _("No other characters"), {}),
        ("digits", _("No six digits in a row"), {}),
        ("names", _("Not the name of the account or the domain"), _name_data(names, domain, name_field)),
    ]


def _name_data(names: list[str], domain: str, name_field: str) -> dict[str, str]:
    return {"names": json.dumps([name.lower() for name in names]), "name-field": name_field, "domain": domain}


class AddressesField(forms.CharField):
    """Addresses one a line (commas do as well): a list of strings; each is judged by the service."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=300_000, **kwargs)
        self.widget.attrs.update({"rows": 6, "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(to_unicode(address) for address in value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        text = super().to_python(value) or ""
        return [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]

    def run_validators(self, value: Any) -> None:
        """CharField's validators are about one text; the service judges each address."""


def checked(form: forms.Form, field: str, check: Any, *args: Any, **kwargs: Any) -> None:
    """Runs a rule early, so that everything that is wrong stands in one answer."""
    try:
        check(*args, **kwargs)
    except ValidationError as error:
        form.add_error(field, error)
