"""A checked file becomes rows: all or nothing, in one transaction, by statements that take many rows at once.

Locks in the order of the single services, so that nobody waits in a circle: new names, mailboxes by address, the contract.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.bulk import totals
from accounts.bulk.plan import Act, Known, Plan, Verb
from accounts.bulk.sheet import Sheet, rooms_of
from accounts.models import AddressName, Domain, Mailbox
from accounts.services import bulk, mailboxes, standing
from accounts.services.common import count, lock_contract
from panel.base import audit, changes
from panel.base.errors import Clash
from panel.base.models import AuditEntry, Change, TargetKind
from panel.base.tenancy import Principal

WRITTEN = ("password_hash", "password_changed_at", "must_change_password", "quota_mb", "comment", "mobile_address", "search", "version")
DEADLOCK = "40P01"
WHOLE_ABOVE = 500  # accounts; for fewer the whole domain is never looked through
Mark = Callable[[Plan, Change | None], None]


class Again(Exception):
    """Somebody was quicker by a moment: the file must be checked anew."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands still while it is written: the domain, the locked mailboxes, hashes by address; who writes."""

    domain: Domain
    boxes: Mapping[str, Mailbox]
    hashed: Mapping[str, str] = field(repr=False)
    user: Principal

    def entry(self, action: str, address: str, **more: Any) -> AuditEntry:
        return audit.entry(action, address, acting_user=self.user, domain=self.domain, **more)


def apply(sheet: Sheet, plan: Plan, hashed: Mapping[str, str], *, acting_user: Principal, mark: Mark) -> Plan:
    """Carries out what the file asks for now; `plan` = as it was checked. `hashed`: address → hash of every new password.

    `mark` is called last in the transaction and may raise to undo all. Raises `Faulty` for what has come up since the
    check, `Again`.
    """
    try:
        with transaction.atomic():
            now, known = _held(sheet, plan)
            fresh = now.checked(known)
            _match(fresh, plan, hashed)
            mark(fresh, _written(fresh, known, Ground(now.domain, known.boxes, hashed, acting_user)))
    except Clash as error:
        raise Again from error
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == DEADLOCK:
            raise Again from None
        raise
    return fresh


def _held(sheet: Sheet, plan: Plan) -> tuple[Sheet, Known]:
    """Everything that the file concerns, as it is now and stays until the transaction ends. Raises `Clash`."""
    new = [act.address for act in plan.of(Verb.ADD)]
    bulk.take_names(sheet.domain, new)
    boxes = {box.pk: box for box in sheet.boxes(locked=True)}
    customer = lock_contract(sheet.domain)
    now = replace(sheet, domain=Domain.objects.select_related("plan", "host", "customer").get(pk=sheet.domain.pk))
    for box in boxes.values():
        box.domain = now.domain
    return now, Known(now.names(except_for=new), boxes, now.bare(), rooms_of(now.domain, customer))


def _match(fresh: Plan, plan: Plan, hashed: Mapping[str, str]) -> None:
    """The names that were taken are those that are added, and every new password has its hash."""
    if {act.address for act in fresh.of(Verb.ADD)} != {act.address for act in plan.of(Verb.ADD)}:
        raise Again
    if any((act.password or act.password_hash) and act.address not in hashed for act in fresh.acts):
        raise Again


def _written(plan: Plan, known: Known, ground: Ground) -> Change | None:
    """All rows, an audit entry for each act, one Change; None where the file asks for nothing."""
    if not plan.acts:
        return None
    moved = {what: sum(step.by for step in taken) for what, taken in totals.steps(plan.acts, known).items()}
    count(ground.domain, "accounts", moved.pop("accounts"), field="mail_account", extra=moved)
    entries = _added(plan.of(Verb.ADD), ground)
    changed, concerned = _modified(plan.of(Verb.MODIFY), ground)
    entries += changed + _deleted(plan.of(Verb.DELETE), ground)
    audit.record_many(entries)
    if len(plan.acts) >= bulk.BATCH:
        transaction.on_commit(bulk.count_anew)
    targets = _targets(plan, ground, concerned)
    return changes.record(targets, acting_user=ground.user) if targets else None


def _added(acts: Sequence[Act], ground: Ground) -> list[AuditEntry]:
    boxes = [Mailbox(name_id=act.address, domain=ground.domain, password_hash=ground.hashed[act.address], **act.fields) for act in acts]
    bulk.insert(ground.domain, boxes)
    return [ground.entry("mailbox.create", box.address, after=mailboxes.shown(box)) for box in boxes]


def _modified(acts: Sequence[Act], ground: Ground) -> tuple[list[AuditEntry], list[Mailbox]]:
    """Also those that the servers must be told of."""
    entries, concerned = [], []
    rows = [(ground.boxes[act.address], act) for act in acts]
    renewed = [box for box, act in rows if act.address in ground.hashed]
    standing.passwords_were_set(renewed)
    for box, act in rows:
        before = mailboxes.shown(box)
        for key, value in act.fields.items():
            setattr(box, key, value)
        if act.fields:
            entries.append(ground.entry("mailbox.change", box.address, before=before, after=mailboxes.shown(box)))
        if act.address in ground.hashed:
            box.password_hash, box.password_changed_at = ground.hashed[act.address], timezone.now()
            entries.append(ground.entry("mailbox.password", box.address))
        if act.address in ground.hashed or any(key in act.fields for key in mailboxes.SERVED):
            concerned.append(box)
        box.version += 1
        box.search = box.searchable()
    # Rows that are there and locked: the conflict is certain, and one statement updates thousands.
    Mailbox.objects.bulk_create(
        [box for box, _act in rows], batch_size=bulk.BATCH, update_conflicts=True, unique_fields=["name"], update_fields=WRITTEN
    )
    return entries, concerned


def _deleted(acts: Sequence[Act], ground: Ground) -> list[AuditEntry]:
    rows = [ground.boxes[act.address] for act in acts]
    mailboxes.removal_of_homes(rows, acting_user=ground.user)
    for start in range(0, len(rows), bulk.BATCH):
        AddressName.objects.filter(pk__in=[row.pk for row in rows[start : start + bulk.BATCH]]).delete()
    return [ground.entry("mailbox.delete", row.address, before=mailboxes.shown(row)) for row in rows]


def _targets(plan: Plan, ground: Ground, modified: Sequence[Mailbox]) -> list[changes.Target]:
    """Each address; the domain with all in it where the file has more than that holds otherwise."""
    host = ground.domain.host.name
    named = [act.address for act in plan.acts if act.verb != Verb.MODIFY]
    if len(named) + len(modified) > WHOLE_ABOVE and 2 * len(plan.acts) > AddressName.objects.filter(domain=ground.domain).count():
        return [(host, TargetKind.DOMAIN_ALL, ground.domain.name)]
    return [*((host, TargetKind.ADDRESS, address) for address in named), *standing.targets(modified)]
