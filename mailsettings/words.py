"""What the treatment of mail is called on a plan's screens (docs/glossary.md); see accounts.words."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

WORDS: dict[str, dict[str, Any]] = {
    "receive": {
        "": _("Receive mail"),
    },
    "forwarding": {
        "": _("Forwarding"),
        "hs": pgettext_lazy("hs", "Forwarding"),
        "warp": pgettext_lazy("warp", "Forwarding"),
    },
    "auto-reply": {
        "": _("Auto-reply"),
        "platinum": pgettext_lazy("platinum", "Auto-reply"),
        "hs": pgettext_lazy("hs", "Auto-reply"),
        "warp": pgettext_lazy("warp", "Auto-reply"),
        "standard": pgettext_lazy("standard", "Auto-reply"),
    },
    "reply text": {
        "": _("Text"),
        "standard": pgettext_lazy("standard", "Text"),
    },
    "clear record": {
        "": _("Clear the record"),
        "warp": pgettext_lazy("warp", "Clear the record"),
    },
    "spam": {
        "": _("Spam"),
        "platinum": pgettext_lazy("platinum", "Spam"),
        "hs": pgettext_lazy("hs", "Spam"),
        "warp": pgettext_lazy("warp", "Spam"),
        "standard": pgettext_lazy("standard", "Spam"),
    },
    "spam tag": {
        "": _("Mark spam in the subject"),
        "platinum": pgettext_lazy("platinum", "Mark spam in the subject"),
    },
    "spam folder": {
        "": _("Move spam to the spam folder"),
        "platinum": pgettext_lazy("platinum", "Move spam to the spam folder"),
        "standard": pgettext_lazy("standard", "Move spam to the spam folder"),
    },
    "skip forwarding": {
        "": _("Neither forward nor answer mail that is judged as spam"),
    },
    "quarantine empty": {
        "": _("Move mail without a sender address to the spam folder"),
    },
    "allow list": {
        "": _("Always let through"),
        "platinum": pgettext_lazy("platinum", "Always let through"),
    },
    "domain filters": {
        "": _("Domain filters"),
        "platinum": pgettext_lazy("platinum", "Domain filters"),
        "hs": pgettext_lazy("hs", "Domain filters"),
        "warp": pgettext_lazy("warp", "Domain filters"),
    },
}
