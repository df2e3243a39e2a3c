"""The status of a mailbox (A11): one place decides what it is, what it restricts and what is to be done.

Several may hold at once; the code is the gravest. Each account is found under its code.
"""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Domain, Mailbox
from accounts.models.addresses import NEARLY_FULL


class Code(models.TextChoices):
    """As contract.md names them; those that nothing sets yet are not here."""

    NORMAL = "normal", pgettext_lazy("status of a mailbox", "Normal")
    OVER_CAPACITY = "over_capacity", _("Over capacity")
    PASSWORD_FORCED = "password_forced", _("New password required")
    SUSPENDED = "suspended", _("Suspended")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an account is restricted: what it means and what to do, for its admins and for its user (`standard` 6-1-9)."""

    code: Code
    meaning: Any
    admin_does: Any
    user_does: Any


CAUSES = (  # the gravest first
    Cause(
        Code.SUSPENDED,
        _("An administrator has suspended the account: nobody can sign in to it or send with it. Mail is still received."),
        _("Resume it when the reason is gone."),
        _("Ask your administrator."),
    ),
    Cause(
        Code.PASSWORD_FORCED,
        _("The operator asks for a new password: nobody can sign in or send until one is set. Mail is still received."),
        _("Set a new password, unlike the last three, and have it entered in the user's mail programs."),
        _("Ask your administrator for a new password."),
    ),
    Cause(
        Code.OVER_CAPACITY,
        _("The mailbox is full: it receives no mail until there is room again."),
        _("Raise the capacity, or have mail deleted that is not needed."),
        _("Delete mail that you do not need, or ask your administrator for more capacity."),
    ),
)


@dataclass(frozen=True, slots=True)
class Status:
    """What an account can do now, and every cause that restricts it."""

    code: Code
    sending: bool
    login: bool
    receiving: bool
    causes: tuple[Cause, ...]

    @property
    def is_normal(self) -> bool:
        return self.code == Code.NORMAL

    @property
    def reasons(self) -> list[str]:
        return [str(cause.meaning) for cause in self.causes]


def of(mailbox: Mailbox) -> Status:
    """From the row alone: no query."""
    full = mailbox.is_over_capacity
    held = {Code.SUSPENDED: mailbox.suspended, Code.PASSWORD_FORCED: mailbox.must_change_password, Code.OVER_CAPACITY: full}
    causes = tuple(cause for cause in CAUSES if held[cause.code])
    open_ = not mailbox.is_barred
    return Status(causes[0].code if causes else Code.NORMAL, open_, open_, not full, causes)


def filtered(rows: QuerySet[Any], code: str, domain: Domain | None = None) -> QuerySet[Any]:
    """The mailboxes among `rows` (of one `domain`, where it is given) whose status has this code."""
    if code == Code.SUSPENDED:
        return rows.filter(suspended=True)
    if code == Code.PASSWORD_FORCED:
        return rows.filter(must_change_password=True, suspended=False)
    free = rows.filter(must_change_password=False, suspended=False)
    full: QuerySet[Any] = free.filled(100, domain=domain)  # type: ignore[attr-defined]
    return full if code == Code.OVER_CAPACITY else free.exclude(pk__in=full.values("pk"))


NEARLY = "nearly"  # no status: what lists and overviews warn of
CHOICES: tuple[tuple[str, Any], ...] = (*((code.value, code.label) for code in Code if code != Code.NORMAL), (NEARLY, _("Nearly full")))


def known(state: str) -> str:
    """The state of a list's address, "" for one that does not exist."""
    return state if state in dict(CHOICES) else ""


def listed(rows: QuerySet[Any], state: str, domain: Domain | None = None) -> QuerySet[Any]:
    """`filtered`, and those that are nearly full."""
    if state != NEARLY:
        return filtered(rows, state, domain)
    nearly: QuerySet[Any] = rows.filled(NEARLY_FULL, below=100, domain=domain)  # type: ignore[attr-defined]
    return nearly
