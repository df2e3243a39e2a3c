"""`/accounts/export.csv`: accounts with their settings, as the manual's list has them (A15)."""

from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from accounts.api.mailboxes import AccountApi
from accounts.models import Mailbox
from mailsettings import exporting
from panel.base.api.exports import Exported, described


class AccountExportApi(Exported, AccountApi):
    """Accounts as CSV, with the filters of the list."""

    acts = {"export": "mailbox.export"}

    def get_queryset(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Mailbox.objects.visible_to(self.principal)
        return found

    @described("accounts_export", AccountApi.orders)
    def export(self, request: Request) -> StreamingHttpResponse:
        """With the filters of the list. UTF-8 with BOM; flags are 0 or 1; MB of 1,048,576 bytes, empty = no limit.

        `mail_password` is always empty. `mail_account` is the local part where `domain` names one, as an import into it
        takes it, else the whole address.
        """
        whole = not request.query_params.get("domain")
        return self.as_csv("accounts", exporting.COLUMNS, lambda rows: exporting.lines(rows, whole_address=whole))
