"""Lists of profiles for templates."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django import template
from django.template.context import Context

from accounts.words import word
from mailsettings.forwarding import Line, Standing, lost_mail

register = template.Library()


@register.simple_tag(takes_context=True)
def group(context: Context, name: str) -> list[Line]:
    """The profiles of a group, in their order."""
    found: Standing = context["standing"]
    return found.group(name)


@register.filter
def takes_all(lines: Iterable[Line]) -> bool:
    """Whether one of them that is in force takes all mail."""
    return any(not line.profile.conditions and not line.why for line in lines)


@register.filter
def in_force(lines: Iterable[Line]) -> int:
    """How many are in force."""
    return sum(not line.why for line in lines)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of `standard`'s list. `address`: set where the entry is one destination of all mail."""

    pk: int
    condition: str
    keyword: str
    destinations: list[str]
    address: str
    why: str
    reason: str

    @property
    def named(self) -> str:
        return self.address or f"{self.condition} {self.keyword}"


@register.simple_tag(takes_context=True)
def entries(context: Context) -> list[Entry]:
    """In alphabetical order (manual `standard` 6-1-4): each destination of all mail is an entry of its own."""
    found: Standing = context["standing"]
    return sorted(_entries(found), key=lambda entry: entry.destinations)


def _entries(found: Standing) -> Iterator[Entry]:
    for line in found.group("forward"):
        one = line.profile
        if one.conditions:
            field, keyword = one.conditions[0]["field"], one.conditions[0]["value"]
            yield Entry(one.pk, word(f"condition {field}", found.plan), keyword, sorted(one.destinations), "", line.why, line.reason)
        else:
            yield from (Entry(one.pk, word("all mail", found.plan), "", [to], to, line.why, line.reason) for to in one.destinations)


@register.simple_tag(takes_context=True)
def lost(context: Context) -> str:
    """What is thrown away while reception is off; "" = nothing."""
    return lost_mail(context["mailbox"], context["standing"])
