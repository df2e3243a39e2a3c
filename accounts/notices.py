"""What the system's notices say, by code, in the reader's language; the operator's notices are said as they were written.

Apps above this one register theirs with `also` (imports run one way).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import names
from accounts.models import Notice


@dataclass(frozen=True, slots=True)
class Kind:
    """One code: lazy texts with `%(name)s` of the notice's values, and the page that it leads to.

    `page`: a URL name with the names of the values that are its arguments.
    """

    title: Any
    text: Any
    page: tuple[str, ...] = ()
    leads: Any = ""


class Said(NamedTuple):
    """A notice as its reader sees it: plain text, and the address and label of where to go ("" = nowhere)."""

    title: str
    text: str
    url: str
    leads: str


KINDS: dict[str, Kind] = {
    "password_forced": Kind(
        _("%(address)s needs a new password"),
        _("The operator asks for a new password: until one is set, nobody can sign in to this account. Mail is still received."),
        ("mailbox-password", "address"),
        _("Set new password"),
    ),
    "webhook_off": Kind(
        _("The webhook of %(login)s to %(host)s is switched off"),
        _("For three days nothing could be delivered. It can be switched on again once the receiver answers."),
        ("account-webhooks",),
        _("Webhooks"),
    ),
    "import_done": Kind(
        _("%(domain)s: the file %(name)s has been carried out"),
        _("Accounts created: %(create)d, changed: %(change)d, deleted: %(delete)d."),
    ),
    "import_failed": Kind(
        _("%(domain)s: the file %(name)s could not be carried out"),
        _("Errors: %(errors)d. Each was mailed to the admin address, with line and column; who handed the file in sees them at the job."),
    ),
}
ADDRESSES = ("address", "domain")  # values that people read with U-labels


def also(kinds: Mapping[str, Kind]) -> None:
    """Registers further codes."""
    KINDS.update(kinds)


def said(notice: Notice) -> Said:
    """Title, text and link for the language of the request."""
    kind = KINDS.get(notice.code)
    if kind is None:
        return Said(notice.title, notice.body, "", "")
    values = {key: names.to_unicode(value) if key in ADDRESSES else value for key, value in notice.values.items()}
    url = reverse(kind.page[0], args=[notice.values[key] for key in kind.page[1:]]) if kind.page else ""
    return Said(str(kind.title) % values, str(kind.text) % values, url, str(kind.leads))


MOST = 100  # what `waiting` counts up to


def waiting(request: HttpRequest) -> int:
    """How many notices the one who is signed in has not put away, up to `MOST`; one query for a page."""
    if not hasattr(request, "notices_waiting"):
        user: Any = request.user
        rows = Notice.objects.board_of(user).undismissed_by(user)
        request.notices_waiting = rows.order_by()[:MOST].count()  # type: ignore[attr-defined]
    found: int = request.notices_waiting  # type: ignore[attr-defined]
    return found
