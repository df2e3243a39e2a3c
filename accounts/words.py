"""What a thing is called on a plan's screens: each manual has its own words (docs/glossary.md).

English has one word for each; the plan is the gettext context, so that the Japanese catalogue holds the
manuals' terms. A plan that is none of the presets uses the words without context.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

WORDS: dict[str, dict[str, Any]] = {
    "mailbox": {
        "": _("mailbox"),
        "platinum": pgettext_lazy("platinum", "mailbox"),
        "hs": pgettext_lazy("hs", "mailbox"),
        "plusmail": pgettext_lazy("plusmail", "mailbox"),
    },
    "mailboxes": {
        "": _("Mailboxes"),
        "platinum": pgettext_lazy("platinum", "Mailboxes"),
        "hs": pgettext_lazy("hs", "Mailboxes"),
        "plusmail": pgettext_lazy("plusmail", "Mailboxes"),
    },
    "mailbox list": {
        "": pgettext_lazy("title of the list", "Mailboxes"),
        "platinum": pgettext_lazy("platinum, title of the list", "Mailboxes"),
        "hs": pgettext_lazy("hs, title of the list", "Mailboxes"),
        "warp": pgettext_lazy("warp, title of the list", "Mailboxes"),
        "standard": pgettext_lazy("standard, title of the list", "Mailboxes"),
        "plusmail": pgettext_lazy("plusmail, title of the list", "Mailboxes"),
    },
    "add mailbox": {
        "": _("Add mailbox"),
        "platinum": pgettext_lazy("platinum", "Add mailbox"),
        "hs": pgettext_lazy("hs", "Add mailbox"),
        "plusmail": pgettext_lazy("plusmail", "Add mailbox"),
    },
    "bulk": {
        "": _("Bulk registration and editing"),
        "platinum": pgettext_lazy("platinum", "Bulk registration and editing"),
    },
    "own page": {
        "": _("My mailbox"),
        "platinum": pgettext_lazy("platinum", "My mailbox"),
        "hs": pgettext_lazy("hs", "My mailbox"),
        "standard": pgettext_lazy("standard", "My mailbox"),
    },
    "capacity": {
        "": _("Capacity"),
        "platinum": pgettext_lazy("platinum", "Capacity"),
        "plusmail": pgettext_lazy("plusmail", "Capacity"),
    },
    "usage": {
        "": _("Usage"),
        "hs": pgettext_lazy("hs", "Usage"),
        "standard": pgettext_lazy("standard", "Usage"),
    },
    "aliases": {
        "": _("Aliases"),
        "plusmail": pgettext_lazy("plusmail", "Aliases"),
    },
}


def word(key: str, plan: str) -> str:
    """The plan's word for `key`, in the language of the request."""
    words = WORDS[key]
    return str(words.get(plan, words[""]))
