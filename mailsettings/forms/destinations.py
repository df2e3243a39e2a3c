"""Destinations as a list of inputs: one address each, "+" for more, many pasted at once."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.names import to_unicode
from mailsettings.services.conditions import checked_destinations

BETWEEN = re.compile(r"[\s,;、，；]+")
POSTED_MAX = 1_000  # inputs that are read; every plan allows fewer


class Destinations(forms.Widget):
    """Reads the inputs; `forwarding/_destinations.html` draws them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        typed = data.getlist(name)[:POSTED_MAX] if hasattr(data, "getlist") else []
        return [one for text in typed for one in BETWEEN.split(text) if one]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class DestinationsField(forms.Field):
    """A list of addresses in A-labels; every bad one is named.

    `most` counts together with `used`, what other profiles have. `fixed`: as many inputs as there may be, and no "+".
    """

    widget = Destinations

    def __init__(self, *, most: int, used: int = 0, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most, self.used, self.fixed = most, used, fixed

    def prepare_value(self, value: Any) -> Any:
        return [to_unicode(one) for one in value or []]

    def to_python(self, value: Any) -> list[str]:
        try:
            return checked_destinations(value or [])
        except ValidationError as error:
            raise ValidationError(error.error_dict["destinations"]) from None

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(_("At least one address is needed."), code="required")


def inputs_of(bound: Any) -> list[str]:
    """What stands in the inputs: those there are and empty ones, all of them where their number is fixed."""
    field, found = bound.field, list(bound.value() or [])
    wanted = field.most if field.fixed else max(1, len(found))
    return [*found, *[""] * (wanted - len(found))]
