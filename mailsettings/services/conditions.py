"""Conditions, destinations and lists of senders as they are stored, or the errors that name what is wrong with them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import names
from accounts.models.tenants import no_controls
from accounts.services.expansions import parsed
from mailsettings.models import VALUE_MAX
from mailsettings.shapes import OPERATORS_OF, VALUES_OF, WITHOUT_VALUE, Shape

HEADER_NAME = re.compile(r"[!-9;-~]{1,70}")  # RFC 5322 2.2
KEYS = {"field", "operator", "value", "header_name"}
ANY_HEADER = ("contains", "not_contains")  # of all headers together, without a name
LIST_MAX = 500


def checked_conditions(conditions: Iterable[Mapping[str, Any]], shape: Shape, plan: str) -> list[dict[str, str]]:
    """Raises `ValidationError` under `conditions`, each message with the number of the condition."""
    found, bad = [], []
    for number, one in enumerate(conditions, start=1):
        try:
            found.append(_checked(one, shape, plan))
        except ValidationError as error:
            bad += [ValidationError(f"{number}: {e.messages[0]}", code=e.code) for e in error.error_list]
    if len(found) + len(bad) > shape.conditions_max:
        bad.append(ValidationError(_("At most %(most)d conditions.") % {"most": shape.conditions_max}, code="too_many"))
    if bad:
        raise ValidationError({"conditions": bad})
    return found


def _checked(one: Mapping[str, Any], shape: Shape, plan: str) -> dict[str, str]:
    if unknown := set(one) - KEYS:
        raise ValidationError(_("There is no “%(key)s” in a condition.") % {"key": sorted(unknown)[0]}, code="unknown")
    field, operator = str(one.get("field", "")), str(one.get("operator", ""))
    value, header = str(one.get("value") or ""), str(one.get("header_name") or "")
    if field not in OPERATORS_OF or operator not in OPERATORS_OF[field]:
        raise ValidationError(_("A condition needs a field and an operator that it understands."), code="invalid")
    if field not in shape.fields or operator not in shape.operators:
        raise ValidationError(_("The plan %(plan)s has no such condition.") % {"plan": plan}, code="plan")
    _check_value(field, operator, value)
    if field == "header" and not header and operator not in ANY_HEADER:
        raise ValidationError(_("Of any header at all only a keyword in it can be asked."), code="header_name")
    if header and (field != "header" or not HEADER_NAME.fullmatch(header)):
        raise ValidationError(_("This is not the name of a header."), code="header_name")
    return {"field": field, "operator": operator, "value": value, "header_name": header}


def _check_value(field: str, operator: str, value: str) -> None:
    if operator in WITHOUT_VALUE:
        if value:
            raise ValidationError(_("This condition takes no keyword."), code="value")
        return
    choices = VALUES_OF.get(field)
    if choices and value not in choices:
        raise ValidationError(_("Choose one of: %(choices)s") % {"choices": ", ".join(choices)}, code="value")
    if not value:
        raise ValidationError(_("A keyword is needed."), code="required")
    if len(value) > VALUE_MAX:
        raise ValidationError(_("A keyword has at most %(most)d characters.") % {"most": VALUE_MAX}, code="length")
    for validator in no_controls:
        validator(value)


def checked_destinations(addresses: Sequence[str]) -> list[str]:
    """As `expansions.parsed`; raises `ValidationError` under `destinations`."""
    try:
        return parsed(addresses)
    except ValidationError as error:
        raise ValidationError({"destinations": error}) from None


def checked_senders(entries: Iterable[str], field: str) -> list[str]:
    """`user@domain` or a whole domain (`example.com`, `@example.com`, `*@example.com`), stored as `@example.com`."""
    found: dict[str, None] = {}
    bad: list[ValidationError] = []
    for text in entries:
        try:
            found[_sender(text.strip())] = None
        except ValidationError as error:
            bad.extend(error.error_list)
    if len(found) > LIST_MAX:
        bad.append(ValidationError(_("At most %(most)d entries.") % {"most": LIST_MAX}, code="too_many"))
    if bad:
        raise ValidationError({field: bad})
    return list(found)


def _sender(text: str) -> str:
    local, _at, domain = text.rpartition("@")
    if local in ("", "*"):
        return f"@{names.to_ascii(domain)}"
    return names.destination(text)
