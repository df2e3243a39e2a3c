"""What the audit trail says of the treatment of mail (see accounts.acts)."""

from html import unescape
from typing import Any

from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.acts import Field, Kind, one_of
from mailsettings import sentences
from mailsettings.models import Action, Match

KINDS: dict[str, Kind] = {
    "profile": Kind(gettext_lazy("a mail rule of {what}"), "signpost-2", "treatment"),
    "auto_reply": Kind(gettext_lazy("the auto-reply of {what}"), "reply", "treatment"),
    "spam": Kind(gettext_lazy("the spam settings of {what}"), "shield-check", "treatment"),
    "filter": Kind(gettext_lazy("a filter of {what}"), "funnel", "treatment"),
    "senders": Kind(gettext_lazy("the senders of {what}"), "funnel", "treatment"),
    "dkim": Kind(gettext_lazy("a DKIM key of {what}"), "key", "domains"),
}
ACTS: dict[str, Any] = {
    "profile.order": gettext_lazy("{who} changed the order of the mail rules of {what}"),
    "filter.order": gettext_lazy("{who} changed the order of the filters of {what}"),
    "auto_reply.reset": gettext_lazy("{who} cleared the record of whom {what} has answered"),
    "dkim.switch": gettext_lazy("{who} let the new DKIM key of {what} sign"),
    "dkim.seen": gettext_lazy("{who} saw the record of a new DKIM key of {what} in DNS"),
    "dkim.lost": gettext_lazy("{who} no longer found the record of a new DKIM key of {what} in DNS"),
}


def conditions(value: Any) -> str:
    """As a sentence, one condition after the other."""
    texts = [unescape(strip_tags(sentences.condition(one))) for one in value or []]
    return "; ".join(texts) or _("All mail")


FIELDS: dict[str, Field] = {
    "conditions": Field(gettext_lazy("conditions"), conditions),
    "match": Field(gettext_lazy("match"), one_of(dict(Match.choices))),
    "action": Field(gettext_lazy("action"), one_of(dict(Action.choices))),
    "keep_copy": Field(gettext_lazy("keeping a copy")),
    "strip_attachments": Field(gettext_lazy("forwarding without attachments")),
    "position": Field(gettext_lazy("place")),
    "starts_on": Field(gettext_lazy("first day")),
    "ends_on": Field(gettext_lazy("last day")),
    "interval_days": Field(gettext_lazy("days between two replies to one sender")),
    "tag_subject": Field(gettext_lazy("marking the subject")),
    "move_to_folder": Field(gettext_lazy("moving to the spam folder")),
    "skip_forwarding": Field(gettext_lazy("neither forwarding nor answering spam")),
    "quarantine_empty_sender": Field(gettext_lazy("quarantining mail without a sender address")),
    "allow": Field(gettext_lazy("allowed senders")),
    "block": Field(gettext_lazy("blocked senders")),
    "selector": Field(gettext_lazy("selector")),
    "state": Field(gettext_lazy("state")),
}
