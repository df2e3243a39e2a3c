""" "What happens to this mail?": the question to the mail host. Nothing is delivered, sent or changed."""

from base64 import b64encode
from typing import Any

from django.utils.translation import get_language

from accounts.models import Mailbox
from mailsettings import asks
from mailsettings.asks import NoAnswer as NoAnswer
from mailsettings.services.common import may_treat
from mailsettings.sieve.sample import Sample, envelope_sender, marked, message_of
from panel.base.tenancy import Principal


def explain(
    mailbox: Mailbox, *, acting_user: Principal, fields: dict[str, Any] | None = None, message: str | None = None
) -> dict[str, Any]:
    """`{"steps": [{"rule", "matched", "text"}], "stored": [{"folder", "subject"}], "sent": [{"to", "kind"}], "never_reached": […]}`.

    `fields`: from, to, subject, header, attachment, spam, importance; or a whole `message` (RFC 5322), whose verdicts and
    Return-Path count. Texts in the acting user's language. Raises `Forbidden`, `NoAnswer`.
    """
    may_treat(mailbox, "explain", acting_user)
    content = marked(message.encode("utf-8", "surrogateescape")) if message is not None else message_of(_sample(fields or {}))
    question = {
        "address": mailbox.address,
        "message": b64encode(content).decode(),
        "sender": envelope_sender(content),
        "language": get_language() or "en",
    }
    return asks.ask(mailbox.domain.host.name, "explain", question)


def _sample(fields: dict[str, Any]) -> Sample:
    known = {key: fields[key] for key in ("to", "subject", "header", "attachment", "spam", "importance") if key in fields}
    return Sample(sender=fields["from"], **known)
