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
