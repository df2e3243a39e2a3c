"""A rule as one sentence with its values marked: what people read in lists and in explanations.

Everything that someone typed is escaped; nouns and patterns are translated apart, so that each language has its own order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.names import to_unicode
from mailsettings.models import Treatment
from panel.base.templatetags.tegami import say

NOUNS: dict[str, Any] = {
    "from": gettext_lazy("the sender"),
    "to": gettext_lazy("the recipient"),
    "subject": gettext_lazy("the subject"),
    "header": gettext_lazy("any header"),
    "body": gettext_lazy("the text"),
    "importance": gettext_lazy("the importance"),
}
PATTERNS: dict[str, Any] = {
    "contains": gettext_lazy("{field} contains {value}"),
    "not_contains": gettext_lazy("{field} does not contain {value}"),
    "is": gettext_lazy("{field} is {value}"),
    "begins": gettext_lazy("{field} begins with {value}"),
    "ends": gettext_lazy("{field} ends with {value}"),
    "exists": gettext_lazy("{field} is there"),
    "empty": gettext_lazy("{field} is empty or missing"),
}
CHOICES: dict[str, Any] = {"high": gettext_lazy("high"), "normal": gettext_lazy("normal"), "low": gettext_lazy("low")}
WHOLE: dict[tuple[str, str, str], Any] = {  # conditions that are a sentence of their own
    ("attachment", "exists", ""): gettext_lazy("it has an attachment"),
    ("attachment", "empty", ""): gettext_lazy("it has no attachment"),
    ("spam", "is", "yes"): gettext_lazy("it is judged as spam"),
    ("spam", "is", "no"): gettext_lazy("it is not judged as spam"),
    ("spam", "exists", ""): gettext_lazy("it is judged as spam"),
    ("spam", "empty", ""): gettext_lazy("it is not judged as spam"),
}
FOLDERS = {"spam": "Junk", "refused": "Refused"}


def rule(row: Treatment) -> SafeString:
    """ "If the sender is A and the subject contains B → forward to C, keep a copy"."""
    return format_html("{} → {}", conditions(row.conditions, row.match), action(row))


def conditions(found: Sequence[Mapping[str, str]], match: str) -> SafeString:
    """The conditions as one clause; all mail where there is none."""
    if not found:
        return format_html('<span class="value">{}</span>', _("All mail"))
    joined = format_html_join(_(" and ") if match == "all" else _(" or "), "{}", ((condition(one),) for one in found))
    return format_html(conditional_escape(_("If {conditions}")), conditions=joined)


def condition(one: Mapping[str, str]) -> SafeString:
    """One condition; its keyword is marked."""
    field, operator, value = one["field"], one["operator"], one["value"]
    if whole := WHOLE.get((field, operator, value)):
        return say(str(whole))
    name = one.get("header_name")
    noun = format_html(conditional_escape(_("the header {name}")), name=name) if name else conditional_escape(str(NOUNS[field]))
    shown = format_html('<span class="value">{}</span>', CHOICES.get(value, value) if field == "importance" else value)
    return format_html(conditional_escape(str(PATTERNS[operator])), field=noun, value=shown)


def action(row: Any) -> SafeString:
    """What happens to a mail that matches."""
    to = addresses(getattr(row, "destinations", ()))
    if row.action == "forward":
        return _forward(row, to)
    return format_html(conditional_escape(_ACTIONS[row.action]()), to=to, folder=_folder(row.action))


_ACTIONS: dict[str, Any] = {
    "notify": lambda: _("notify {to}, keep the mail"),
    "refuse": lambda: _("keep only its header, in the folder {folder}"),
    "discard": lambda: _("throw it away"),
    "bounce": lambda: _("return an error mail"),
    "exempt": lambda: _("leave it alone"),
    "quarantine": lambda: _("move it to the folder {folder}"),
}


def _forward(row: Any, to: SafeString) -> SafeString:
    if row.strip_attachments:
        text = (
            _("forward to {to} without attachments, keep a copy")
            if row.keep_copy
            else _("forward to {to} without attachments, keep no copy")
        )
    else:
        text = _("forward to {to}, keep a copy") if row.keep_copy else _("forward to {to}, keep no copy")
    return format_html(conditional_escape(text), to=to)


def addresses(found: Sequence[str]) -> SafeString:
    """Each marked, as people read them."""
    return format_html_join(" ", '<span class="value">{}</span>', ((to_unicode(address),) for address in found))


def _folder(name: str) -> SafeString:
    return format_html('<span class="value">{}</span>', FOLDERS["refused" if name == "refuse" else "spam"])
