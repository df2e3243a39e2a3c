"""Addresses as people read them, and the words of a plan."""

from typing import Any

from django import template

from accounts import names, words

register = template.Library()


@register.filter
def readable(address: Any) -> str:
    """An address or a domain with U-labels; escaped like any other text."""
    return names.to_unicode(str(address))


@register.simple_tag
def word(key: str, domain: Any) -> str:
    """What the domain's plan calls it."""
    return words.word(key, domain.plan.name)


@register.simple_tag
def own_value(field: Any) -> str:
    """A field of the "own values" form, named for readers by its rule; it carries no label of its own to see."""
    kind = "form-check-input" if field.widget_type == "checkbox" else "form-select" if field.widget_type == "select" else "form-control"
    invalid = " is-invalid" if field.errors else ""
    drawn: str = field.as_widget(attrs={"class": kind + invalid, "aria-label": str(field.label)})
    return drawn
