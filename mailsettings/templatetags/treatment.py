"""What happens to a mailbox's mail, at a glance, and the way to the pages about it."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from accounts.models import Mailbox
from mailsettings import glance
from panel.base.tenancy import Role

register = template.Library()


@register.simple_tag(takes_context=True)
def treat_url(context: Context, name: str, *more: Any) -> str:
    """The page `mailbox-<name>` for an admin, `me-<name>` for the mailbox's own user."""
    if context["request"].user.role == Role.MAILBOX_USER:
        return reverse(f"me-{name}", args=more)
    return reverse(f"mailbox-{name}", args=[context["mailbox"].address, *more])


@register.inclusion_tag("treatment/_cards.html", takes_context=True)
def treatment_cards(context: Context, mailbox: Mailbox) -> dict[str, Any]:
    """What happens to the mailbox's mail, each with the way to its page; a constant number of queries."""
    request = context["request"]
    found = glance.cards(mailbox, by_admin=request.user.role != Role.MAILBOX_USER)
    return {"cards": found, "request": request, "mailbox": mailbox}
