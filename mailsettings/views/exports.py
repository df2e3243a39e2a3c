"""The list of mailboxes with their settings as the manual has it (A15), of what the list shows."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from accounts.models import Mailbox
from accounts.permissions import require
from accounts.views.mailboxes import MailboxList
from mailsettings import exporting
from panel.base import csvfile


class MailboxExport(MailboxList):
    """Search, state and order of the address, as the list has them."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> StreamingHttpResponse:  # type: ignore[override]
        domain = self.domain
        require(self.user, "mailbox.export")
        rows, order = self.found()
        lines = exporting.lines(rows.order_by(*order.by(False)), whole_address=False)
        return csvfile.response(f"accounts-{domain.name}", exporting.COLUMNS, lines)

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Mailbox.objects.visible_to(self.user).filter(domain=self.domain)
        return found
