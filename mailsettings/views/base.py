"""One mailbox seen by an admin (/mailboxes/<address>/…) or by its own user (/me/…): the same page under two addresses."""

from typing import Any

from django.http import Http404
from django.urls import reverse

from accounts.models import Mailbox
from accounts.rules import Rules
from accounts.views.base import InDomain
from accounts.views.mailboxes import OnMailbox
from accounts.views.me import Own
from panel.base.pages import Page


class OfMailbox(Page):
    """What a page about a mailbox's mail stands on; `ByAdmin` or `ByUser` after it says whose mailbox."""

    mailbox: Mailbox
    side: str
    words: tuple[str, ...]  # that address the mailbox

    def admit(self) -> None:
        if not self.is_there(self.mailbox.domain.rules):
            raise Http404

    def is_there(self, rules: Rules) -> bool:
        """Whether the plan has what the page is about; 404 where not."""
        return True

    def link(self, name: str, *more: Any) -> str:
        """The address of the page `mailbox-<name>` or `me-<name>` about this mailbox."""
        return reverse(f"{self.side}-{name}", args=[*self.words, *more])


class ByAdmin(OnMailbox):
    """Stands after the page, which decides first: `class MailboxReply(Reply, ByAdmin)`."""

    side = "mailbox"

    @property
    def words(self) -> tuple[str, ...]:
        return (self.mailbox.address,)


class ByUser(Own):
    """Stands after the page, which decides first: `class MyReply(Reply, ByUser)`."""

    side = "me"
    words: tuple[str, ...] = ()

    @property
    def mailbox(self) -> Any:
        return self.user


class OfDomain(InDomain):
    """A page about the mail of a whole domain, where the plan has such filters (F9)."""

    def admit(self) -> None:
        if not self.domain.rules.domain_filters:
            raise Http404
