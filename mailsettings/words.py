"""What the treatment of mail is called on a plan's screens (docs/glossary.md); see accounts.words."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

WORDS: dict[str, dict[str, Any]] = {
    "auto-reply": {
        "": _("Auto-reply"),
        "platinum": pgettext_lazy("platinum", "Auto-reply"),
        "hs": pgettext_lazy("hs", "Auto-reply"),
        "warp": pgettext_lazy("warp", "Auto-reply"),
        "standard": pgettext_lazy("standard", "Auto-reply"),
    },
    "server information": {
        "": _("Server information"),
        "hs": pgettext_lazy("hs", "Server information"),
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
    "forwarding": {
        "": _("Forwarding"),
        "platinum": pgettext_lazy("platinum", "Forwarding"),
        "hs": pgettext_lazy("hs", "Forwarding"),
        "warp": pgettext_lazy("warp", "Forwarding"),
        "standard": pgettext_lazy("standard", "Forwarding"),
        "plusmail": pgettext_lazy("plusmail", "Forwarding"),
    },
    "forwarding list": {
        "": pgettext_lazy("title of the list", "Forwarding"),
        "hs": pgettext_lazy("hs, title of the list", "Forwarding"),
        "standard": pgettext_lazy("standard, title of the list", "Forwarding"),
        "plusmail": pgettext_lazy("plusmail, title of the list", "Forwarding"),
    },
    "mail rules": {
        "": _("Mail rules"),
        "platinum": pgettext_lazy("platinum", "Mail rules"),
        "warp": pgettext_lazy("warp", "Mail rules"),
    },
    "add rule": {
        "": _("Add rule"),
        "platinum": pgettext_lazy("platinum", "Add rule"),
        "hs": pgettext_lazy("hs", "Add rule"),
        "warp": pgettext_lazy("warp", "Add rule"),
        "standard": pgettext_lazy("standard", "Add rule"),
    },
    "edit rule": {
        "": _("Edit the rule"),
        "platinum": pgettext_lazy("platinum", "Edit the rule"),
        "hs": pgettext_lazy("hs", "Edit the rule"),
        "warp": pgettext_lazy("warp", "Edit the rule"),
        "standard": pgettext_lazy("standard", "Edit the rule"),
    },
    "below all": {
        "": _("Never reached: a rule above takes all mail."),
        "hs": pgettext_lazy("hs", "Never reached: a rule above takes all mail."),
    },
    "rule name": {
        "": _("Name of the rule"),
        "hs": pgettext_lazy("hs", "Name of the rule"),
        "warp": pgettext_lazy("warp", "Name of the rule"),
    },
    "rule action": {
        "": pgettext_lazy("of a rule", "What it does"),
        "hs": pgettext_lazy("hs, of a rule", "What it does"),
        "warp": pgettext_lazy("warp, of a rule", "What it does"),
    },
    "all mail": {
        "": _("All mail"),
        "hs": pgettext_lazy("hs", "All mail"),
        "standard": pgettext_lazy("standard", "All mail"),
    },
    "condition from": {
        "": pgettext_lazy("condition", "From"),
        "standard": pgettext_lazy("standard, condition", "From"),
    },
    "condition subject": {
        "": pgettext_lazy("condition", "Subject"),
        "standard": pgettext_lazy("standard, condition", "Subject"),
    },
    "destinations": {
        "": _("Goes to"),
        "platinum": pgettext_lazy("platinum", "Goes to"),
        "hs": pgettext_lazy("hs", "Goes to"),
        "warp": pgettext_lazy("warp", "Goes to"),
        "standard": pgettext_lazy("standard", "Goes to"),
    },
    "keep": {
        "": _("Keep a copy in this mailbox"),
        "platinum": pgettext_lazy("platinum", "Keep a copy in this mailbox"),
    },
    "keep not": {
        "": _("Keep no copy in this mailbox"),
        "platinum": pgettext_lazy("platinum", "Keep no copy in this mailbox"),
    },
    "strip": {
        "": _("Forward without attachments"),
        "platinum": pgettext_lazy("platinum", "Forward without attachments"),
    },
    "receive": {
        "": _("Receive mail"),
        "standard": pgettext_lazy("standard", "Receive mail"),
    },
    "group end": {
        "": _("Delete, or return an error mail"),
        "hs": pgettext_lazy("hs", "Delete, or return an error mail"),
    },
    "action forward": {
        "": _("Forward"),
        "hs": pgettext_lazy("hs", "Forward"),
        "warp": pgettext_lazy("warp", "Forward"),
    },
    "action notify": {
        "": _("Notify"),
        "warp": pgettext_lazy("warp", "Notify"),
    },
    "action refuse": {
        "": _("Refuse"),
        "warp": pgettext_lazy("warp", "Refuse"),
    },
    "action discard": {
        "": _("Throw away"),
        "hs": pgettext_lazy("hs", "Throw away"),
        "warp": pgettext_lazy("warp", "Throw away"),
    },
    "action bounce": {
        "": _("Return an error mail"),
        "hs": pgettext_lazy("hs", "Return an error mail"),
    },
    "action exempt": {
        "": _("Leave alone"),
        "warp": pgettext_lazy("warp", "Leave alone"),
    },
}
