"""The status of mailboxes and the message board, for templates."""

from django import template
from django.template.context import Context
from django.utils.html import linebreaks, urlize
from django.utils.safestring import SafeString, mark_safe

from accounts import notices, status
from accounts.models import Mailbox, Notice

register = template.Library()


@register.simple_tag
def status_of(mailbox: Mailbox) -> status.Status:
    return status.of(mailbox)


@register.filter
def said(notice: Notice) -> notices.Said:
    return notices.said(notice)


@register.filter
def linked(text: str) -> SafeString:
    """Plain text with its paragraphs, and links for the web and mail addresses in it. Everything else is escaped."""
    return mark_safe(linebreaks(urlize(text, nofollow=True, autoescape=True)))  # noqa: S308 - urlize has escaped it


@register.simple_tag(takes_context=True)
def undismissed(context: Context) -> int:
    """How many notices wait for the one who is signed in; 0 for nobody."""
    request = context["request"]
    return notices.waiting(request) if request.user.is_authenticated else 0
