"""The editor of a rule's conditions: rows of field, operator and keyword, as many as the shape allows.

Each row sends all four of its inputs, so that the n-th of each belong together; a row without a field is left out.
The services judge what is in them (`mailsettings.services.conditions`).
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailsettings import sentences
from mailsettings.shapes import OPERATORS_OF, VALUES_OF, WITHOUT_VALUE

PARTS = ("field", "operator", "header_name", "value")
FIELDS: dict[str, Any] = {
    "from": gettext_lazy("Sender"),
    "to": gettext_lazy("Recipient"),
    "subject": gettext_lazy("Subject"),
    "header": gettext_lazy("Header"),
    "body": pgettext_lazy("mail", "Text"),
    "importance": gettext_lazy("Importance"),
    "attachment": gettext_lazy("Attachment"),
    "spam": gettext_lazy("Judged as spam"),
}
OPERATORS: dict[str, Any] = {
    "contains": gettext_lazy("contains"),
    "not_contains": gettext_lazy("does not contain"),
    "is": gettext_lazy("is"),
    "begins": gettext_lazy("begins with"),
    "ends": gettext_lazy("ends with"),
    "exists": gettext_lazy("is there"),
    "empty": gettext_lazy("is empty or missing"),
}
VALUES: dict[str, Any] = {**sentences.CHOICES, "yes": gettext_lazy("yes"), "no": gettext_lazy("no")}


class Conditions(forms.Widget):
    """Reads the rows; `treatment/_conditions.html` draws them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        columns = [data.getlist(f"condition_{part}") for part in PARTS] if hasattr(data, "getlist") else []
        rows = [dict(zip(PARTS, row, strict=True)) for row in zip(*columns, strict=False)]
        return [_tidy(row) for row in rows if row["field"]]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


def _tidy(row: dict[str, str]) -> dict[str, str]:
    """Without what the row's field has no use for: it was hidden, or left from another choice."""
    kept = dict(row)
    if row["field"] != "header":
        kept["header_name"] = ""
    if row["operator"] in WITHOUT_VALUE:
        kept["value"] = ""
    return kept


class ConditionsField(forms.Field):
    """A list of `{"field", "operator", "header_name", "value"}`, by the fields and operators that the plan has."""

    widget = Conditions

    def __init__(self, *, fields: Sequence[str], operators: Sequence[str], most: int, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.kinds, self.known, self.most = fields, operators, most

    def choices(self) -> dict[str, Any]:
        """What the template offers: fields, operators with the fields that they suit, keywords of those that have a choice."""
        operators = [name for name in self.known if any(name in OPERATORS_OF[field] for field in self.kinds)]
        return {
            "fields": [(name, FIELDS[name]) for name in self.kinds],
            "operators": [(name, OPERATORS[name], " ".join(f for f in self.kinds if name in OPERATORS_OF[f])) for name in operators],
            "values": [(field, [(key, VALUES[key]) for key in keys]) for field, keys in VALUES_OF.items() if field in self.kinds],
        }


def rows_of(bound: Any, spare: int = 1) -> list[dict[str, str]]:
    """The rows to draw: those there are, and `spare` empty ones for whoever has no script."""
    field, found = bound.field, list(bound.value() or [])
    blank = dict.fromkeys(PARTS, "")
    return [*({**blank, **row} for row in found), *(blank for _n in range(spare))][: max(field.most, len(found))]
