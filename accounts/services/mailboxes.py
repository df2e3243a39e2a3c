"""Mailboxes: create, change, set a password, empty, delete (A1 to A4, A9, A10)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import passwords
from accounts.models import AddressKind, AddressName, BareLogin, Domain, Mailbox, RemovedHome
from accounts.models.tenants import bump
from accounts.nearness import refuse_near_copies
from accounts.permissions import require
from accounts.services import standing
from accounts.services.common import check, claim, count
from panel.base import audit, changes
from panel.base.errors import Clash, Forbidden
from panel.base.models import Change, Job, TargetKind
from panel.base.tenancy import Principal, Role

PLAN_DEFAULT: Final = -1  # quota_mb: what the plan gives a new mailbox
EDITABLE = ("quota_mb", "quota_messages", "comment", "mobile_address", "receive", "user_may_forward", "spam_seat")
SERVED = ("quota_mb", "quota_messages", "receive", "spam_seat")  # of these the mail servers know
BY_USER = ("receive",)  # of these the mailbox's own user may change


def create_mailbox(
    domain: Domain,
    local_part: str,
    password: str,
    *,
    acting_user: Principal,
    quota_mb: int | None = PLAN_DEFAULT,
    quota_messages: int | None = None,
    comment: str = "",
    mobile_address: str = "",
    receive: bool = True,
    user_may_forward: bool = False,
    spam_seat: bool = False,
) -> tuple[Mailbox, Change]:
    """Raises `ValidationError` per field, `Clash` where a name is taken, `LimitReached` by contract."""
    require(acting_user, "mailbox.create")
    check_password(domain, local_part.lower(), password)
    hashed = passwords.hash_password(password)  # before the transaction: it takes tens of milliseconds
    with transaction.atomic():
        fields: dict[str, Any] = {"quota_messages": quota_messages, "comment": comment, "mobile_address": mobile_address}
        fields |= {"receive": receive, "user_may_forward": user_may_forward, "spam_seat": spam_seat}
        if quota_mb != PLAN_DEFAULT:
            fields["quota_mb"] = quota_mb
        mailbox = insert(domain, local_part, hashed, **fields)
        audit.record("mailbox.create", mailbox.address, acting_user=acting_user, domain=domain, after=shown(mailbox))
        return mailbox, changes.record([target(mailbox)], acting_user=acting_user)


def insert(
    domain: Domain, local_part: str, password_hash: str, *, is_system: bool = False, by_grammar: bool = True, **fields: Any
) -> Mailbox:
    """The row with its name, bare login and count; inside the caller's transaction."""
    fields.setdefault("quota_mb", domain.rules.storage_default_mb)
    name = claim(domain, local_part, AddressKind.MAILBOX, by_grammar=by_grammar)
    mailbox = Mailbox(name=name, domain=domain, password_hash=password_hash, is_system=is_system, **fields)
    check(mailbox, exclude=("name", "domain", "password_hash", "search"))
    check_seat(mailbox)
    if not is_system:
        extra = {"storage_mb": mailbox.quota_mb or 0, "spam_seats": int(mailbox.spam_seat)}
        count(domain, "accounts", 1, field="local_part", extra=extra)
    mailbox.search = mailbox.searchable()
    mailbox.save(force_insert=True)
    take_bare_login(mailbox)
    return mailbox


def check_seat(mailbox: Mailbox) -> None:
    """A seat only where the plan sells them (S3). Raises `ValidationError` with the plan's name."""
    if mailbox.spam_seat and not mailbox.domain.rules.spam_seats:
        text = _("The plan %(plan)s has no seats.") % {"plan": mailbox.domain.plan.title}
        raise ValidationError({"spam_seat": ValidationError(text, code="plan")})


def take_bare_login(mailbox: Mailbox) -> None:
    """Under a plan with server-wide names: takes the bare name on the host or raises `Clash`."""
    domain = mailbox.domain
    if not domain.rules.unique_on_server:
        return
    try:
        with transaction.atomic():
            BareLogin.objects.create(mailbox=mailbox, host=domain.host, login=mailbox.local_part)
    except IntegrityError:
        raise Clash("local_part", _("User exists. Choose another username.")) from None


def check_password(domain: Domain, local_part: str, password: str, field: str = "password") -> None:
    """The plan's password rule (A2); every broken rule under the form's field."""
    try:
        passwords.check(password, rule=domain.rules.password_rule, address=f"{local_part}@{domain.name}")
    except ValidationError as error:
        raise ValidationError({field: error}) from None


def change_mailbox(mailbox: Mailbox, *, acting_user: Principal, **fields: Any) -> tuple[Mailbox, Change | None]:
    """Changes the given ones of `EDITABLE`. No Change where nothing that a server knows has changed."""
    _may_change(mailbox, fields, acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        before = shown(fresh)
        for key, value in fields.items():
            setattr(fresh, key, value)
        check(fresh, exclude=("name", "domain", "password_hash", "search"))
        if fresh.spam_seat and not before["spam_seat"]:
            check_seat(fresh)
        _recount(fresh, before)
        bump(fresh, search=fresh.searchable(), **{key: getattr(fresh, key) for key in fields})
        after = shown(fresh)
        audit.record("mailbox.change", fresh.address, acting_user=acting_user, domain=fresh.domain, before=before, after=after)
        served = any(before[key] != after[key] for key in SERVED)
        return fresh, changes.record([target(fresh)], acting_user=acting_user) if served else None


def _may_change(mailbox: Mailbox, fields: dict[str, Any], user: Principal) -> None:
    """An admin all of `EDITABLE`, the mailbox's own user what is `BY_USER`."""
    if user.role == Role.MAILBOX_USER and fields and set(fields) <= set(BY_USER):
        require(user, "mailbox.receive")
        own(mailbox, user)
        return
    require(user, "mailbox.change")
    if unknown := set(fields) - set(EDITABLE):
        raise ValidationError({key: ValidationError(_("This cannot be changed."), code="unknown") for key in unknown})


def _recount(mailbox: Mailbox, before: dict[str, Any]) -> None:
    """Moves what the contract counts: promised storage and seats. System mailboxes are not counted."""
    if mailbox.is_system:
        return
    storage = (mailbox.quota_mb or 0) - (before["quota_mb"] or 0)
    seats = int(mailbox.spam_seat) - int(before["spam_seat"])
    count(mailbox.domain, "accounts", 0, field="quota_mb", extra={"storage_mb": storage, "spam_seats": seats})


def set_password(mailbox: Mailbox, password: str, *, acting_user: Principal, current_password: str | None = None) -> tuple[Mailbox, Change]:
    """An admin sets any; a mailbox user needs the current one and changes only their own.

    After a forced change it may not be near to one of the last three (A12).
    """
    require(acting_user, "mailbox.password")
    if acting_user.role == Role.MAILBOX_USER:
        own(mailbox, acting_user)
        if not passwords.verify(current_password or "", mailbox.password_hash):
            raise ValidationError({"current_password": ValidationError(_("This is not the current password."), code="wrong")})
    check_password(mailbox.domain, mailbox.local_part, password)
    was_forced = mailbox.must_change_password
    if was_forced:
        refuse_near_copies(password, standing.last_passwords(mailbox))  # before the transaction: it takes seconds
    hashed = passwords.hash_password(password)
    with transaction.atomic():
        fresh = locked(mailbox)
        if fresh.must_change_password and not was_forced:
            refuse_near_copies(password, standing.last_passwords(fresh))  # it was forced this very moment
        concerned = standing.targets([fresh]) if fresh.must_change_password else [target(fresh)]
        standing.password_was_set(fresh, fresh.password_hash)
        bump(fresh, password_hash=hashed, password_changed_at=timezone.now())
        audit.record("mailbox.password", fresh.address, acting_user=acting_user, domain=fresh.domain)
        return fresh, changes.record(concerned, acting_user=acting_user)


def own(mailbox: Mailbox, user: Principal) -> None:
    """Raises `Forbidden` unless the mailbox is the user's own."""
    if mailbox.actor != user.actor:
        raise Forbidden(_("Your role may not do this."))


def purge_mailbox(mailbox: Mailbox, *, acting_user: Principal) -> tuple[Job, Change]:
    """Empties it: all mail goes, every setting stays (A4). Done by a job on the mailbox's host."""
    require(acting_user, "mailbox.purge")
    if acting_user.role == Role.MAILBOX_USER:
        own(mailbox, acting_user)
    host = mailbox.domain.host.name
    with transaction.atomic():
        args = {"address": mailbox.address, "uuid": mailbox.uuid.hex}
        job = Job.objects.create(kind="purge", host=host, actor=acting_user.actor, args=args, total=1)
        audit.record("mailbox.purge", mailbox.address, acting_user=acting_user, domain=mailbox.domain)
        return job, changes.record([(host, TargetKind.JOB, str(job.pk))], acting_user=acting_user)


def delete_mailboxes(mailboxes: Sequence[Mailbox], *, acting_user: Principal) -> Change:
    """Deletes one or many: refused by SMTP at once, mail gone from disk when the grace period ends (A3)."""
    require(acting_user, "mailbox.delete")
    if system := [m.address for m in mailboxes if m.is_system]:
        raise ValidationError(
            {
                "address": ValidationError(
                    _("%(address)s belongs to the domain and cannot be deleted.") % {"address": system[0]}, code="system"
                )
            }
        )
    with transaction.atomic():
        rows = list(
            Mailbox.objects.select_for_update(of=("self",))
            .select_related("domain__host", "domain__plan")
            .filter(pk__in=[m.pk for m in mailboxes])
            .order_by("pk")
        )
        _uncount(rows)
        removal_of_homes(rows, acting_user=acting_user)
        for row in rows:
            audit.record("mailbox.delete", row.address, acting_user=acting_user, domain=row.domain, before=shown(row))
        AddressName.objects.filter(pk__in=[row.pk for row in rows]).delete()
        return changes.record([target(row) for row in rows], acting_user=acting_user)


def _uncount(rows: Iterable[Mailbox]) -> None:
    by_domain: dict[int, list[Mailbox]] = {}
    for row in rows:
        by_domain.setdefault(row.domain.pk, []).append(row)
    for boxes in by_domain.values():
        freed = {"storage_mb": -sum(row.quota_mb or 0 for row in boxes), "spam_seats": -sum(row.spam_seat for row in boxes)}
        count(boxes[0].domain, "accounts", -len(boxes), field="address", extra=freed)


def removal_of_homes(rows: Sequence[Mailbox], *, acting_user: Principal) -> None:
    """Remembers the folders to remove, with one job per host that removes them when their day has come."""
    due = timezone.now() + timedelta(days=settings.DELETE_GRACE_DAYS)
    homes = [RemovedHome(uuid=row.uuid, host=row.domain.host.name, address=row.address, remove_at=due) for row in rows]
    RemovedHome.objects.bulk_create(homes, batch_size=1000)
    for host in {home.host for home in homes}:
        total = sum(home.host == host for home in homes)
        Job.objects.create(kind="remove_homes", host=host, actor=acting_user.actor, not_before=due, total=total)


def locked(mailbox: Mailbox) -> Mailbox:
    """The row as it is now, held until the transaction ends."""
    fresh: Mailbox = Mailbox.objects.select_for_update(of=("self",)).select_related("domain__plan", "domain__host").get(pk=mailbox.pk)
    return fresh


def target(mailbox: Mailbox) -> changes.Target:
    """The outbox target of one mailbox."""
    return mailbox.domain.host.name, TargetKind.ADDRESS, mailbox.address


def shown(mailbox: Mailbox) -> dict[str, Any]:
    """What the audit trail keeps; no password."""
    return {key: getattr(mailbox, key) for key in EDITABLE}
