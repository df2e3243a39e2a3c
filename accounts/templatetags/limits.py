"""What is used and what is left, wherever somebody creates (A17)."""

from typing import Any

from django import template

from accounts.limits import Room, rooms

register = template.Library()


@register.inclusion_tag("limits/room.html")
def room(domain: Any, *keys: str) -> dict[str, Any]:
    """The named limits of a domain with both figures; says when there is no more. One query at most."""
    found = list(rooms(domain, keys).values())
    return {"rooms": found, "full": [row for row in found if row.is_full]}


@register.simple_tag
def room_line(domain: Any, key: str) -> str:
    """One limit in one sentence, below a list."""
    return rooms(domain, [key])[key].text()


@register.filter
def figure(row: Room, value: int | None) -> str:
    """A number of this limit as people read it."""
    return row.figure(value)


@register.simple_tag
def limit_field(field: Any) -> str:
    """A number's field in a table's cell; the row's head is its label."""
    drawn: str = field.as_widget(attrs={"class": "form-control is-invalid" if field.errors else "form-control"})
    return drawn
