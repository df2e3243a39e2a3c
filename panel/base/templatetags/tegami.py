"""Tags and filters that every template has (they are builtins in settings)."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

register = template.Library()

MEBIBYTE = 1024 * 1024
NEAR, FULL = 0.75, 0.95  # where a meter turns to a warning, and to red


@cache
def _paths(name: str) -> str:
    """What stands inside the <svg> of a bootstrap-icons file; the package is ours, so it is trusted."""
    text = (settings.NODE / "bootstrap-icons" / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return text[text.index(">") + 1 : text.rindex("</svg>")].strip()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """A decorative icon inline; `name` is a file of bootstrap-icons. What it means stands beside it in words."""
    paths = mark_safe(_paths(name))  # noqa: S308 - a file of the locked package, never a user's text
    classes = f"ico {css}".strip()
    return format_html(
        '<svg class="{}" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true" focusable="false">{}</svg>', classes, paths
    )


@register.filter
def counted(moment: datetime) -> str:
    """How old a figure is, in words."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("Counted just now")
    return _("Counted %(when)s ago") % {"when": timesince(moment)}


@register.filter
def size(mebibytes: float | None) -> str:
    """1.2 GB, 340 MB: one decimal where it says something; "no limit" for None. 1 MB = 1,048,576 bytes."""
    if mebibytes is None:
        return _("no limit")
    if abs(mebibytes) >= 1000:
        return _("%(figure)s GB") % {"figure": _figure(mebibytes / 1024)}
    return _("%(figure)s MB") % {"figure": _figure(mebibytes)}


@register.filter
def bytesize(octets: int | None) -> str:
    """Like `size`, from bytes."""
    return size(None if octets is None else octets / MEBIBYTE)


@register.filter
def mebibytes(octets: int) -> float:
    """Bytes as MiB, for `meter`."""
    return octets / MEBIBYTE


@register.simple_tag
def say(sentence: str, **values: Any) -> SafeString:
    """A translated sentence with {names} in it, their values marked. Sentence and values are both escaped."""
    marked = {key: format_html('<span class="value">{}</span>', value) for key, value in values.items()}
    escaped = conditional_escape(sentence)
    return format_html(escaped, **marked) if marked else escaped


def _figure(value: float) -> str:
    rounded = round(value, 1)
    places = 0 if rounded == int(rounded) else 1
    return number_format(rounded, places, force_grouping=True)


@register.inclusion_tag("partials/meter.html")
def meter(
    used: float, limit: float | None, label: str, unit: str = "count", wide: bool = False, terse: bool = False, left: bool = False
) -> dict[str, Any]:
    """A bar with both figures, and with `left` what is left. `unit` is "mb" (MiB) or "count"; without a limit it is the
    figure, `terse` the figure alone.
    """
    show = size if unit == "mb" else _count
    limit = None if limit == "" else limit  # type: ignore[comparison-overlap] # a limit that a contract does not name
    return {
        "used": used,
        "limit": limit,
        "label": label,
        "wide": wide,
        "terse": terse,
        "used_text": show(used),
        "limit_text": None if limit is None else show(limit),
        "left_text": show(max(0, limit - used)) if left and limit is not None else None,
        "low": (limit or 0) * NEAR,
        "high": (limit or 0) * FULL,
    }


def _count(value: float | None) -> str:
    return _("no limit") if value is None else number_format(int(value), force_grouping=True)


register.filter("count", _count)


@register.inclusion_tag("changes/slot.html")
def live_mark(change_id: UUID | str) -> dict[str, Any]:
    """A place that asks for the change's state until it is known."""
    return {"change_id": change_id}


@register.filter
def change_of(message: Any) -> str:
    """The change that a message speaks of, or "": services' results travel in the message's extra tags."""
    for tag in str(message.extra_tags or "").split():
        if tag.startswith("change:"):
            return tag.removeprefix("change:")
    return ""


@register.simple_tag(takes_context=True)
def current(context: Context, *names: str) -> str:
    """aria-current="page" where the page's view is one of `names`."""
    match = getattr(context.get("request"), "resolver_match", None)
    if match is not None and match.url_name in names:
        return format_html(' aria-current="{}"', "page")
    return ""


@register.inclusion_tag("partials/sort.html", takes_context=True)
def sort_header(context: Context, name: str, label: str) -> dict[str, Any]:
    """A column's head that sorts by it; a second press turns the order round."""
    order = context["order"]
    is_sorted = order.name.removeprefix("-") == name
    query = context["request"].GET.copy()
    query["sort"] = f"-{name}" if is_sorted and not order.descending else name
    for cursor in ("after", "before"):
        query.pop(cursor, None)
    direction = ("descending" if order.descending else "ascending") if is_sorted else ""
    return {"label": label, "sorted": direction, "href": f"?{query.urlencode()}"}


@register.simple_tag
def usage_line(used: int, limit: int | None) -> str:
    """ "214 of 300 in use", or the figure alone where nothing limits it."""
    if limit is None:
        return _("%(used)s in use") % {"used": _count(used)}
    return _("%(used)s of %(limit)s in use") % {"used": _count(used), "limit": _count(limit)}
