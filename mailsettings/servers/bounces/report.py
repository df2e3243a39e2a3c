"""A notification of failure that came back → the fresh one for the first sender. Pure but for date and Message-ID."""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

# What is needed stands in the first bytes: the returned message comes last, and of it only the headers count.
READ_BYTES = 512 * 1024
# What a sender knows of a mail of theirs.
RETURNED = ("From", "To", "Subject", "Date", "Message-ID")
STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")
# RFC 3464 wants an address: where it is known no longer, one that says so.
NO_LONGER_KNOWN = "forwarding-address"
TEXT = """\
This is the mail system at {host}.

Your message could not be delivered to the following address:

    {address}

The address exists, but what is sent to it could not be passed on (status {status}).
Message-ID of your message: {message_id}

--------------------------------------------------------------------------

{host} のメールシステムです。

お送りいただいたメールを、次の宛先に配送できませんでした。

    {address}

この宛先は存在しますが、届いたメールをその先へ送り届けることができませんでした (状態コード {status})。
お送りいただいたメールの Message-ID: {message_id}
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a notification says: a status code such as 5.1.1, and headers of the returned message, of RETURNED only."""

    status: str
    returned: tuple[tuple[str, str], ...] = ()

    @property
    def message_id(self) -> str:
        return next((value for name, value in self.returned if name == "Message-ID"), "")


def failure_in(content: bytes) -> Failure | None:
    """What failed according to the mail; None for any mail that is no notification of a failure."""
    message = email.message_from_bytes(content[:READ_BYTES], policy=email.policy.compat32)
    if message.get_content_type() != "multipart/report":
        return None
    parts = list(message.walk())
    status = next((_failed(part) for part in parts if part.get_content_type() == "message/delivery-status"), None)
    return Failure(status, tuple(_returned(parts))) if status else None


def _failed(part: Message) -> str | None:
    """The status of the first recipient for whom it failed; None when it failed for nobody."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, Message) and _plain(block["Action"]).lower() == "failed":
            found = STATUS.search(_plain(block["Status"]))
            return found[0] if found else "5.0.0"
    return None


def _returned(parts: list[Message]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
            headers = _headers(part)
            yield from ((name, _plain(headers[name])) for name in RETURNED if headers[name] is not None)
            return


def _headers(part: Message) -> Message:
    content = part.get_payload()
    if isinstance(content, list):
        return content[0] if content and isinstance(content[0], Message) else Message()
    raw = part.get_payload(decode=True)
    return email.message_from_bytes(raw) if isinstance(raw, bytes) else Message()


def _plain(value: object) -> str:
    """A header's value on one line of printable ASCII, as others may read it."""
    text = " ".join(str(value or "").split())
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)[:900]


def without(failure: Failure, address: str | None, destinations: tuple[str, ...]) -> Failure:
    """Less what may name a destination: some hosts write it into what they return.

    That is any header with one of the destinations, and a To that does not name the address which sent the mail on.
    """
    lower = [destination.lower() for destination in destinations]
    harmless = ((name, value) for name, value in failure.returned if not any(one in value.lower() for one in lower))
    kept = ((name, value) for name, value in harmless if name != "To" or (address and address in value.lower()))
    return Failure(failure.status, tuple(kept))


def notification(host: str, sender: str, address: str | None, failure: Failure) -> MIMEMultipart:
    """The fresh notification for the first sender. `address` = the one that sent the mail on, None = known no longer."""
    named = address or f"{NO_LONGER_KNOWN}@{host}"
    report = MIMEMultipart("report", report_type="delivery-status", policy=email.policy.SMTP)
    report["From"] = f"Mail Delivery System <MAILER-DAEMON@{host}>"
    report["To"] = sender
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = email.utils.formatdate()
    report["Message-ID"] = email.utils.make_msgid(domain=host)
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText(_text(host, named, failure), "plain", "utf-8", policy=email.policy.SMTP))
    report.attach(_status(host, named, failure))
    report.attach(_returned_headers(failure))
    return report


def _text(host: str, address: str, failure: Failure) -> str:
    return TEXT.format(host=host, address=address, status=failure.status, message_id=failure.message_id or "-")


def _status(host: str, address: str, failure: Failure) -> Message:
    part = MIMEBase("message", "delivery-status", policy=email.policy.SMTP)
    whole, recipient = Message(email.policy.SMTP), Message(email.policy.SMTP)
    whole["Reporting-MTA"] = f"dns; {host}"
    recipient["Final-Recipient"] = f"rfc822; {address}"
    recipient["Action"] = "failed"
    recipient["Status"] = failure.status
    part.set_payload([whole, recipient])
    return part


def _returned_headers(failure: Failure) -> Message:
    text = "".join(f"{name}: {value}\n" for name, value in failure.returned)
    return MIMEText(text, "rfc822-headers", "us-ascii", policy=email.policy.SMTP)
