"""Undoing what somebody did (RP4): the old values once more, through today's services and rules.

A kind of act can be undone where an `Undoer` is registered for it; apps above this one register their own. Passwords,
deletions of mailboxes and what only moves things about are never undone. An act is undone once; its undoing is an act
of its own, and can be undone as well.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.permissions import may, require
from panel.base import audit, csvfile
from panel.base.errors import Clash, Forbidden
from panel.base.models import AuditEntry, Change
from panel.base.tenancy import Principal, Role

Values = dict[str, Any]
OPERATORS_ONLY = ("customer",)  # whose contract something was before is no other contract's business


@dataclass(frozen=True)
class Undoer:
    """How one kind of act is undone.

    `resource`: whose scope a token needs. `needs`: the acts that the user's role must have for this entry.
    `find`: the object, or what it belongs to, out of what the user sees, held until the transaction ends; None = gone.
    `now`: its values under the names of the entry; None = it is not there (which is right where it was deleted).
    `restore`: calls the service with the old values. `fields`: what that understands, None = whatever the entry holds.
    """

    resource: str
    needs: Callable[[AuditEntry], Collection[str]]
    find: Callable[[AuditEntry, Principal], Any]
    now: Callable[[Any], Values | None]
    restore: Callable[[Any, Values, Principal], Change | None]
    fields: Collection[str] | None = None


_undoers: dict[str, Undoer] = {}


def can_undo(act: str, undoer: Undoer) -> None:
    """Registers how acts of this name are undone."""
    _undoers[act] = undoer


def resource_of(entry: AuditEntry) -> str:
    """Whose scope a token needs to undo it; "" where nobody can."""
    undoer = _undoers.get(entry.action)
    return undoer.resource if undoer else ""


def is_undoable(entry: AuditEntry, user: Principal) -> bool:
    """Whether undoing is offered to the user; no query (`undone_by` is loaded). What has happened since is asked later."""
    undoer = _undoers.get(entry.action)
    if undoer is None or hasattr(entry, "undone_by") or not may(user, "audit.undo"):
        return False
    touched = {*entry.before, *entry.after} - {"id"}
    known = undoer.fields is None or touched <= set(undoer.fields)
    return bool(touched) and known and all(may(user, act) for act in undoer.needs(entry))


def undo(entry: AuditEntry, *, acting_user: Principal) -> tuple[AuditEntry, Change | None]:
    """Sets the old values; the new entry, and the Change where mail servers are concerned.

    Raises `Forbidden`, `Clash` where something else has happened since, `ValidationError` by today's rules.
    """
    require(acting_user, "audit.undo")
    with transaction.atomic():
        fresh = AuditEntry.objects.select_for_update(of=("self",)).select_related("undone_by").get(pk=entry.pk)
        undoer, row = _ready(fresh, acting_user)
        with audit.undoing(fresh):
            change = undoer.restore(row, dict(fresh.before), acting_user)
        return AuditEntry.objects.get(undoes=fresh), change


def hindrance(entry: AuditEntry, user: Principal) -> str:
    """Why it cannot be undone now, in words; "" = it can, as far as can be told without trying."""
    with transaction.atomic():
        try:
            _ready(entry, user)
        except (Forbidden, ValidationError) as error:
            return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return ""


def _ready(entry: AuditEntry, user: Principal) -> tuple[Undoer, Any]:
    """The undoer and the object, held; raises where it cannot be undone."""
    if hasattr(entry, "undone_by"):
        raise Clash("", _("This has been undone already."), code="undone")
    undoer = _undoers.get(entry.action)
    if undoer is None or not is_undoable(entry, user):
        raise _not_undoable(entry, user, undoer)
    row = undoer.find(entry, user)
    if row is None or _is_later(row, entry):
        raise Clash("", _("What was changed is not there any more."), code="gone")
    _require_unchanged(entry, undoer.now(row))
    return undoer, row


def _not_undoable(entry: AuditEntry, user: Principal, undoer: Undoer | None) -> Exception:
    if undoer is not None and not all(may(user, act) for act in undoer.needs(entry)):
        return Forbidden(_("Your role may not do this."))
    return ValidationError({"": ValidationError(_("This cannot be undone."), code="not_undoable")})


def _is_later(row: Any, entry: AuditEntry) -> bool:
    """Whether it was made anew under the old name since."""
    made = getattr(row, "created_at", None)
    return made is not None and made > entry.at


def _require_unchanged(entry: AuditEntry, now: Values | None) -> None:
    """Raises `Clash` that says what has happened since."""
    if not entry.after:
        if now is not None:
            raise Clash("", _("There is one again since."), code="changed")
        return
    if now is None:
        raise Clash("", _("What was changed is not there any more."), code="gone")
    if changed := [key for key, value in entry.after.items() if now.get(key) != value]:
        raise Clash("", _("It has been changed since: %(fields)s.") % {"fields": ", ".join(changed)}, code="changed")


def shown_to(values: Values, user: Principal) -> Values:
    """Of an entry's values those that the user may see."""
    return values if user.role == Role.OPERATOR else {key: value for key, value in values.items() if key not in OPERATORS_ONLY}


COLUMNS = ("id", "at", "actor", "via", "remote", "action", "domain", "subject", "before", "after", "undoes")


def lines(rows: QuerySet[Any], user: Principal) -> Iterator[list[Any]]:
    """The entries as a CSV file holds them, as they come from the database."""
    for row in rows.iterator(chunk_size=csvfile.FETCHED):
        named = [row.pk, row.at, row.actor, row.via, row.remote, row.action, row.domain, row.subject]
        yield [*named, shown_to(row.before, user), shown_to(row.after, user), row.undoes_id]
