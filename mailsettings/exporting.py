"""The list of a domain's accounts with their settings, as manual `standard` 6-1-3 has it (A15)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import Domain, Mailbox
from accounts.models.addresses import MB
from mailsettings.models import AutoReply, Profile, SpamSettings
from mailsettings.replying import Phase, phase
from mailsettings.services.spam import tags_by_default
from panel.base import csvfile

COLUMNS = ("mail_account", "mail_password", "comment", "amount_of_mail_box", "spam", "forward", "auto", "pop", "mail_capacity")


def exported(rows: QuerySet[Any]) -> Iterator[Mailbox]:
    """The mailboxes with what their line needs, as they come from the database: two queries, however many there are."""
    forwarding = Profile.objects.filter(mailbox=OuterRef("pk"), action="forward", enabled=True)
    owners = Domain.objects.filter(pk__in=rows.order_by().values("domain")).select_related("plan")
    domains = {domain.pk: domain for domain in owners}
    wanted = rows.select_related(None).select_related("spam", "auto_reply").annotate(forwards=Exists(forwarding))
    for row in wanted.defer("search", "password_hash").iterator(chunk_size=csvfile.FETCHED):
        if row.domain_id in domains:
            row.domain = domains[row.domain_id]
        yield row


def cells(row: Any, *, today: date, whole_address: bool) -> list[Any]:
    """One line. Flags are 0 or 1; storage in MB of 1,048,576 bytes, capacity empty = no limit; a password is never there."""
    return [
        row.address if whole_address else row.local_part,
        "",
        row.comment,
        round(row.used_bytes / MB, 3),
        _tags_spam(row, getattr(row, "spam", None)),
        row.forwards,
        _answers(row, getattr(row, "auto_reply", None), today),
        row.receive,
        row.quota_mb,
    ]


def _tags_spam(row: Mailbox, settings: SpamSettings | None) -> bool:
    if not row.has_spam_handling():
        return False
    return settings.tag_subject if settings else tags_by_default(row.domain.rules)


def _answers(row: Mailbox, reply: AutoReply | None, today: date) -> bool:
    return row.domain.rules.auto_reply and phase(reply, today) == Phase.ON


def lines(rows: QuerySet[Any], *, whole_address: bool) -> Iterator[list[Any]]:
    """All of `rows`. Without `whole_address` accounts are local parts, as imports into a domain take them."""
    today = timezone.localdate()
    return (cells(row, today=today, whole_address=whole_address) for row in exported(rows))
