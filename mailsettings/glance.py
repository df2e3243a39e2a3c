"""What happens to a mailbox's mail, at a glance: a row for each thing its plan has, in one query."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Mailbox
from accounts.words import word
from mailsettings.models import AutoReply, Profile, SpamSettings
from mailsettings.replying import PILLS, Phase, phase
from mailsettings.services.spam import defaults
from mailsettings.shapes import shape_of
from panel.base.templatetags.tegami import say

SHOWN = 60  # characters of an auto-reply


@dataclass(frozen=True, slots=True)
class Card:
    """`page`: the sibling page that it leads to, as `treat_url` names it; `pill`: class and word of a state."""

    icon: str
    title: str
    sentence: SafeString
    page: str
    pill: tuple[str, str] | None = None
    is_question: bool = False  # not a setting: the page only answers


def cards(mailbox: Mailbox, *, by_admin: bool) -> list[Card]:
    """In the order in which mail meets them."""
    row = _row(mailbox)
    rules = mailbox.domain.rules
    found = [_receive(mailbox)]
    if rules.spam != "none" and (by_admin or mailbox.has_spam_handling()):
        found.append(_spam(mailbox, getattr(row, "spam", None) or defaults(mailbox)))
    if rules.auto_reply:
        found.append(_reply(mailbox, getattr(row, "auto_reply", None)))
    if shape_of(rules).actions and (by_admin or mailbox.lets_user_forward() or "quarantine" in shape_of(rules).actions):
        found.append(_forwarding(mailbox, row.in_use or 0))
    return [*found, _question()]


def _row(mailbox: Mailbox) -> Any:
    in_use = Profile.objects.filter(mailbox=OuterRef("pk"), enabled=True).order_by().values("mailbox").annotate(n=Count("pk"))
    rows = Mailbox.objects.filter(pk=mailbox.pk).select_related("auto_reply", "spam").only("pk", "auto_reply", "spam")
    return rows.annotate(in_use=Subquery(in_use.values("n"))).get()


def _receive(mailbox: Mailbox) -> Card:
    if mailbox.receive:
        return Card("inbox", word("receive", mailbox.domain.plan.name), say(_("New mail is stored here.")), "receive")
    text = say(_("New mail is not stored here; it is only sent on."))
    return Card("inbox", word("receive", mailbox.domain.plan.name), text, "receive", ("warn", _("Off")))


def _spam(mailbox: Mailbox, row: SpamSettings) -> Card:
    title, tag = word("spam", mailbox.domain.plan.name), mailbox.domain.rules.spam_tag
    if not mailbox.has_spam_handling():
        return Card("shield-check", title, say(_("This mailbox has no seat: spam arrives like any other mail.")), "spam")
    if row.tag_subject and row.move_to_folder:
        text = say(_("Spam is marked with {tag} and goes to the folder {folder}."), tag=tag, folder="Junk")
    elif row.move_to_folder:
        text = say(_("Spam goes to the folder {folder}."), folder="Junk")
    elif row.tag_subject:
        text = say(_("Spam is marked with {tag} in the subject."), tag=tag)
    else:
        text = say(_("Spam arrives like any other mail."))
    return Card("shield-check", title, text, "spam")


def _reply(mailbox: Mailbox, row: AutoReply | None) -> Card:
    now = phase(row, timezone.localdate())
    title = word("auto-reply", mailbox.domain.plan.name)
    if row is None or now in (Phase.OFF, Phase.OVER):
        return Card("reply", title, say(_("Mail is not answered.")), "reply")
    text = Truncator(" ".join(row.body.split())).chars(SHOWN)
    return Card("reply", title, format_html("{} {}", _when(row, now), say(_("“{text}”"), text=text)), "reply", (PILLS[now], str(now.label)))


def _when(row: AutoReply, now: Phase) -> SafeString:
    if now == Phase.WAITING and row.starts_on:
        return say(_("Answers from {day} on:"), day=date_format(row.starts_on))
    if row.ends_on:
        return say(_("Answers until {day}:"), day=date_format(row.ends_on))
    return say(_("Answers:"))


def _forwarding(mailbox: Mailbox, count: int) -> Card:
    title = word("forwarding", mailbox.domain.plan.name)
    if not count:
        return Card("arrow-right-square", title, say(_("No rule: mail is not sent on.")), "forwarding")
    text = ngettext("{count} rule is in use.", "{count} rules are in use.", count)
    return Card("arrow-right-square", title, say(text, count=count), "forwarding")


def _question() -> Card:
    text = say(_("Describe a mail or paste one, and see which rules match and where it ends."))
    return Card("signpost-split", _("What happens to a mail?"), text, "explain", is_question=True)
