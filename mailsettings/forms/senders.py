"""Lists of senders, one a line; what is wrong is said with its line."""

from collections.abc import Callable
from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.forms.base import AddressesField, PanelForm
from mailsettings.services.conditions import LIST_MAX, checked_senders

Named = Callable[[str], str]


class SendersField(AddressesField):
    """Lines as a list of strings, blank ones left out. Each bad line stands in the error with its number."""

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        text = forms.CharField.to_python(self, value) or ""
        lines = text.replace("\r\n", "\n").split("\n")
        bad = [error for number, line in enumerate(lines, start=1) if line.strip() for error in _problems(number, line)]
        if bad:
            raise ValidationError(bad)
        return [line.strip() for line in lines if line.strip()]


def _problems(number: int, line: str) -> list[ValidationError]:
    try:
        checked_senders([line], "line")
    except ValidationError as error:
        text = _("Line %(number)d: %(problem)s")
        return [ValidationError(text % {"number": number, "problem": one}, code="line") for one in error.messages]
    return []


class SendersForm(PanelForm):
    """Who is always let through and who never (F9)."""

    def __init__(self, *args: Any, allow_help: str, block_help: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        each = _("One on each line: an address, or a whole domain such as @example.com. At most %(most)d.") % {"most": LIST_MAX}
        self.fields["allow"] = SendersField(label=_("Always let through"), required=False, help_text=_join(allow_help, each))
        self.fields["block"] = SendersField(label=_("Blocked"), required=False, help_text=_join(block_help, each))
        self.helper.layout = Layout("allow", "block")


def _join(first: str, second: str) -> str:
    return _("%(first)s %(second)s") % {"first": first, "second": second}
