"""The standing of accounts as far as people set it (A11, A12): suspended and resumed, a new password forced."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import selectors
from accounts.models import FormerPassword, Mailbox, MailHost, Notice, OpenSession, Token
from accounts.models.board import Audience, Level
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services import board
from panel.base import audit, changes
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal

BATCH = 2_000


def suspend(mailbox: Mailbox, *, acting_user: Principal) -> tuple[Mailbox, Change | None]:
    """Nobody signs in to it or sends by it any more, open sessions end; mail is received. No Change if it was so already."""
    return _set(mailbox, True, acting_user)


def resume(mailbox: Mailbox, *, acting_user: Principal) -> tuple[Mailbox, Change | None]:
    """Ends a suspension; whatever else restricts the account stays."""
    return _set(mailbox, False, acting_user)


def _set(mailbox: Mailbox, suspended: bool, user: Principal) -> tuple[Mailbox, Change | None]:
    require(user, "mailbox.suspend")
    with transaction.atomic():
        (fresh,) = _locked([mailbox])
        if fresh.suspended == suspended:
            return fresh, None
        bump(fresh, suspended=suspended)
        if suspended:
            end_sessions([fresh])
        act = "mailbox.suspend" if suspended else "mailbox.resume"
        before, after = {"suspended": not suspended}, {"suspended": suspended}
        audit.record(act, fresh.address, acting_user=user, domain=fresh.domain, before=before, after=after)
        return fresh, changes.record(targets([fresh]), acting_user=user)


def force_password_change(mailboxes: Sequence[Mailbox], *, acting_user: Principal) -> Change | None:
    """Of one or many, by the operator: refused everywhere until a new password is set; their admins' boards say so.

    Those that wait for one already stay as they are; None where that is all of them.
    """
    require(acting_user, "mailbox.force_password")
    with transaction.atomic():
        rows = [row for row in _locked(mailboxes) if not row.must_change_password]
        if not rows:
            return None
        Mailbox.objects.filter(pk__in=[row.pk for row in rows]).update(must_change_password=True, version=F("version") + 1)
        end_sessions(rows)
        board.post_many([_notice(row) for row in rows])
        after = {"must_change_password": True}
        acts = (audit.entry("mailbox.force_password", row.address, acting_user=acting_user, domain=row.domain, after=after) for row in rows)
        audit.record_many(acts)
        return changes.record(targets(rows), acting_user=acting_user)


def _notice(row: Mailbox) -> board.Posting:
    about: dict[str, Any] = {"level": Level.PROBLEM, "audience": Audience.MAIL_ADMINS, "values": {"address": row.address}}
    return board.posting("password_forced", topic=topic(row), mailbox=row, **about)


def topic(mailbox: Mailbox) -> str:
    """The board's topic of a forced change."""
    return f"password_forced:{mailbox.address}"


def password_was_set(fresh: Mailbox, former_hash: str) -> None:
    """In the transaction that sets a new password of a locked row: remembers the old one, ends sessions, lifts a forced change.

    For whoever writes `password_hash`: `set_password`, bulk edit, imports. Every session ends (signin.stay keeps one's own).
    """
    FormerPassword.objects.create(mailbox=fresh, password_hash=former_hash)
    kept = fresh.former_passwords.values_list("pk", flat=True)[: FormerPassword.KEPT]
    fresh.former_passwords.exclude(pk__in=list(kept)).delete()
    end_sessions([fresh])
    if fresh.must_change_password:
        bump(fresh, must_change_password=False)
        board.settle(topic(fresh))


def passwords_were_set(rows: Sequence[Mailbox]) -> None:
    """The same for many locked rows that hold their old hashes still, in a few statements; the caller saves `must_change_password`."""
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        FormerPassword.objects.bulk_create([FormerPassword(mailbox=row, password_hash=row.password_hash) for row in part])
        _forget_older_passwords(part)
        end_sessions(part)
        Notice.objects.filter(topic__in=[topic(row) for row in part if row.must_change_password]).delete()
    for row in rows:
        row.must_change_password = False


def _forget_older_passwords(rows: Sequence[Mailbox]) -> None:
    seen, surplus = Counter[str](), []
    kept = FormerPassword.objects.filter(mailbox__in=[row.pk for row in rows]).order_by("-pk")
    for mailbox, key in kept.values_list("mailbox_id", "pk"):
        seen[mailbox] += 1
        if seen[mailbox] > FormerPassword.KEPT:
            surplus.append(key)
    FormerPassword.objects.filter(pk__in=surplus).delete()


def last_passwords(mailbox: Mailbox) -> list[str]:
    """Hashes of the last three: the present one, and those before it."""
    former = mailbox.former_passwords.values_list("password_hash", flat=True)
    return [mailbox.password_hash, *former][: FormerPassword.KEPT]


def end_sessions(mailboxes: Iterable[Mailbox]) -> None:
    """On the panel and the API; those of mail programs end when the change is carried out."""
    addresses = [mailbox.pk for mailbox in mailboxes]
    OpenSession.objects.filter(mailbox__in=addresses).delete()
    Token.objects.filter(mailbox__in=addresses, is_session=True).delete()


def targets(mailboxes: Sequence[Mailbox]) -> list[changes.Target]:
    """The mailboxes, and the aliases that they might send as: what the servers must learn when nobody may, or may again."""
    by_host: dict[MailHost, list[str]] = {}
    for mailbox in mailboxes:
        by_host.setdefault(mailbox.domain.host, []).append(mailbox.address)
    concerned = ((host, [*boxes, *sorted(selectors.aliases_leading_to(boxes, host))]) for host, boxes in by_host.items())
    return [(host.name, TargetKind.ADDRESS, address) for host, addresses in concerned for address in addresses]


def _locked(mailboxes: Iterable[Mailbox]) -> list[Mailbox]:
    rows = Mailbox.objects.select_for_update(of=("self",)).select_related("domain__plan", "domain__host", "domain__customer")
    return list(rows.filter(pk__in=[mailbox.pk for mailbox in mailboxes]).order_by("pk"))
