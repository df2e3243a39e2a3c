"""Bringing in what another panel had: through the same services, bulk engine and rules as any input; all or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.bulk import applying
from accounts.bulk.faults import Faulty
from accounts.bulk.hashing import hash_passwords
from accounts.bulk.sheet import open_sheet
from accounts.models import AddressName, Customer, Domain, Mailbox, MailHost, Plan
from accounts.services import domains, expansions, mailboxes, standing
from mailsettings.moving.rows import LeftOut, Moved, MovedDomain, MovedMailbox, MovedReply
from mailsettings.services import profiles, replies
from mailsettings.shapes import shape_of
from panel.base import csvfile
from panel.base.errors import Forbidden
from panel.base.tenancy import Principal

HEADER = ("mail_account", "password_hash", "mail_capacity", "comment")


@dataclass(frozen=True, slots=True)
class Place:
    """Where it all goes, and by whom."""

    customer: Customer
    plan: Plan
    host: MailHost
    admin_address: str
    acting_user: Principal


@dataclass(slots=True)
class Report:
    """What was (or would be) made; `refused` = what a rule here does not allow, `left_out` = what has no place here."""

    domains: int = 0
    mailboxes: int = 0
    aliases: int = 0
    forwards: int = 0
    replies: int = 0
    refused: list[LeftOut] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


class Refused(Exception):
    """Nothing was brought in, for what the report says."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{len(report.refused)} refused")
        self.report = report


def bring_in(moved: Moved, place: Place, *, leave_out: bool = False, dry_run: bool = False) -> Report:
    """One transaction. Raises `Refused` where a rule refuses something, unless `leave_out`: then only that is missing."""
    report = Report(left_out=list(moved.left_out))
    with transaction.atomic():
        made = [(domain, row) for row in moved.domains if (domain := _domain(row, place, report))]
        for domain, row in made:
            _mailboxes(domain, row, place, report)
        for domain, row in made:
            _around(domain, row, place, report)
        if report.refused and not leave_out:
            raise Refused(report)
        transaction.set_rollback(dry_run)
    return report


def _domain(row: MovedDomain, place: Place, report: Report) -> Domain | None:
    def make() -> Domain:
        where = {"customer": place.customer, "plan": place.plan, "host": place.host, "admin_address": place.admin_address}
        return domains.create_domain(row.name, acting_user=place.acting_user, **where)[0]  # type: ignore[arg-type]

    made: Domain | None = _tried(row.name, make, report)
    report.domains += made is not None
    return made


def _mailboxes(domain: Domain, row: MovedDomain, place: Place, report: Report) -> None:
    """By the bulk engine, which names every fault; what is faulty is taken out and the rest looked at again."""
    held = set(AddressName.objects.filter(domain=domain).values_list("pk", flat=True))
    free = [box for box in row.mailboxes if not _held(f"{box.local_part}@{domain.name}", held, report)]
    while free:
        try:
            _load(domain, free, place)
        except Faulty as error:
            by_line = {fault.line: fault.message for fault in error.faults}
            report.refused += [LeftOut(f"{free[line - 2].local_part}@{domain.name}", why) for line, why in by_line.items() if line > 1]
            free = [box for number, box in enumerate(free, start=2) if number not in by_line]
        else:
            break
    report.mailboxes += len(free)
    row.mailboxes = free


def _load(domain: Domain, boxes: list[MovedMailbox], place: Place) -> None:
    """A file as an operator would hand it in, each mailbox on a line of its own."""
    rows = ((box.local_part, box.password_hash, box.quota_mb, " ".join(box.comment.split())) for box in boxes)
    fresh = Domain.objects.select_related("plan", "host", "customer").get(pk=domain.pk)
    sheet = open_sheet(b"".join(csvfile.pieces(HEADER, rows)), "create", fresh, may_hash=True)
    plan = sheet.checked(sheet.look())
    applying.apply(sheet, plan, hash_passwords(plan.acts, lambda done: None), acting_user=place.acting_user, mark=lambda plan, change: None)


def _held(address: str, held: set[str], report: Report) -> bool:
    """Names that come with a domain here: the old panel's ones give way."""
    if address in held:
        report.left_out.append(LeftOut(address, "comes with the domain here"))
    return address in held


def _around(domain: Domain, row: MovedDomain, place: Place, report: Report) -> None:
    """What stands round the mailboxes: aliases, locks, forwarding, auto-replies."""
    held = set(AddressName.objects.filter(domain=domain, kind="reserved").values_list("pk", flat=True))
    for local, addresses in row.aliases.items():
        if not _held(f"{local}@{domain.name}", held, report):
            report.aliases += _alias(domain, local, addresses, place, report)
    rows: Iterable[Mailbox] = Mailbox.objects.filter(domain=domain).select_related("domain__plan", "domain__host", "domain__customer")
    by_local = {box.local_part: box for box in rows}
    for box in row.mailboxes:
        _treat(by_local[box.local_part], box, place, report)


def _alias(domain: Domain, local: str, addresses: list[str], place: Place, report: Report) -> bool:
    return bool(
        _tried(
            f"{local}@{domain.name}",
            lambda: expansions.create_alias(domain, local, addresses, acting_user=place.acting_user),
            report,
        )
    )


def _treat(mailbox: Mailbox, row: MovedMailbox, place: Place, report: Report) -> None:
    user = place.acting_user
    if not row.active:
        standing.suspend(mailbox, acting_user=user)
    if row.forwards:
        report.forwards += bool(_tried(mailbox.address, lambda: _forward(mailbox, row, user), report))
    if (reply := row.reply) is not None:
        report.replies += bool(_tried(mailbox.address, lambda: _reply(mailbox, reply, user), report))


def _forward(mailbox: Mailbox, row: MovedMailbox, user: Principal) -> Any:
    """Where a plan's profiles always keep a copy, dropping it is receiving nothing (F1, F6)."""
    drops = shape_of(mailbox.domain.rules).may_drop_copy
    kept = {"keep_copy": row.keeps_copy} if drops else {}
    made = profiles.create_profile(mailbox, action="forward", destinations=row.forwards, conditions=[], acting_user=user, **kept)
    if not row.keeps_copy and not drops:
        mailboxes.change_mailbox(mailbox, receive=False, acting_user=user)
    return made


def _reply(mailbox: Mailbox, reply: MovedReply, user: Principal) -> Any:
    fields: dict[str, Any] = {"body": reply.body, "starts_on": reply.starts_on, "ends_on": reply.ends_on}
    if mailbox.domain.rules.auto_reply_subject:
        fields["subject"] = reply.subject
    return replies.set_auto_reply(mailbox, interval_days=reply.interval_days, acting_user=user, **fields)


def _tried(what: str, act: Callable[[], Any], report: Report) -> Any:
    """What `act` makes, or None and the reason in the report."""
    try:
        with transaction.atomic():
            return act()
    except ValidationError as error:
        report.refused.append(LeftOut(what, "; ".join(dict.fromkeys(error.messages))))
    except Forbidden as error:
        report.refused.append(LeftOut(what, str(error)))
    return None
