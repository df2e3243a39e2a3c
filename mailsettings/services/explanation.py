"""What would happen to a message: asked of the mail host. Until the host knows how, nobody answers."""

from typing import Any

from accounts.models import Mailbox
from mailsettings.asks import NoAnswer as NoAnswer
from panel.base.tenancy import Principal


def explain(
    mailbox: Mailbox, *, acting_user: Principal, fields: dict[str, Any] | None = None, message: str | None = None
) -> dict[str, Any]:
    raise NoAnswer
