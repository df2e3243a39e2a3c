"""Strict serializer fields: JSON has types, so "12" is no number, 1 is no yes and 12 is no text."""

import re
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Text(serializers.CharField):
    """A JSON string, kept as it was sent: blanks at its ends belong to it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Line(Text):
    """A text of one line: no control characters, so that it cannot become a second header."""

    default_error_messages = {"control": gettext_lazy("Control characters are not allowed.")}

    def to_internal_value(self, data: Any) -> str:
        found = super().to_internal_value(data)
        if CONTROLS.search(found):
            self.fail("control")
        return found


class Choice(serializers.ChoiceField):
    """A JSON string out of a list."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=repr(data)[:80])
        return super().to_internal_value(data)


class Number(serializers.IntegerField):
    """A whole JSON number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=repr(data)[:80])
        return data


class Moment(serializers.DateTimeField):
    """An RFC 3339 date and time that every time zone can show."""

    default_error_messages = {"far": gettext_lazy("This date is too far away.")}

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")
        found = super().to_internal_value(value)
        if not 1900 < found.year < 9000:
            self.fail("far")
        return found


class Day(serializers.DateField):
    """A date as `YYYY-MM-DD`."""

    default_error_messages = {"far": gettext_lazy("This date is too far away.")}

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        found = super().to_internal_value(value)
        if not 1900 < found.year < 9000:
            self.fail("far")
        return found


class Strict(serializers.Serializer[Any]):
    """A body that may hold the declared fields and no others. `elsewhere`: why a known one is not taken here."""

    elsewhere: ClassVar[dict[str, Any]] = {}

    def to_internal_value(self, data: Any) -> Any:
        allowed = {name for name, field in self.fields.items() if not field.read_only}
        if isinstance(data, dict) and (unknown := [key for key in data if key not in allowed]):
            raise serializers.ValidationError({key: [self._why(key)] for key in unknown})
        return super().to_internal_value(data)

    def _why(self, key: str) -> serializers.ErrorDetail:
        if key in self.elsewhere:
            return serializers.ErrorDetail(str(self.elsewhere[key]), code="fixed")
        if key in self.fields:
            return serializers.ErrorDetail(_("This can only be read."), code="read_only")
        return serializers.ErrorDetail(_("There is no such field."), code="unknown")
