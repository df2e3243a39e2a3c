"""What happens to a mailbox's mail, at a glance: a row for each thing its plan has, in two queries."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Mailbox
from accounts.words import word
from mailsettings.forwarding import Standing, lost_mail, standing_beside
from mailsettings.models import AutoReply, SpamSettings
from mailsettings.replying import PILLS, Phase, phase
from mailsettings.sentences import addresses
from mailsettings.services.spam import defaults
from panel.base.templatetags.tegami import say

SHOWN = 60  # characters of an auto-reply
SENDS = 3  # destinations


@dataclass(frozen=True, slots=True)
class Card:
    """`page`: the sibling page that it leads to, as `treat_url` names it; `pill`: class and word of a state."""

    icon: str
    title: str
    sentence: SafeString
    page: str
    pill: tuple[str, str] | None = None
    is_question: bool = False  # not a setting: the page only answers
    warning: str = ""  # for the head of the page


def cards(mailbox: Mailbox, *, by_admin: bool) -> list[Card]:
    """In the order in which mail meets them."""
    row = Mailbox.objects.filter(pk=mailbox.pk).select_related("auto_reply", "spam").only("pk", "auto_reply", "spam").get()
    rules = mailbox.domain.rules
    now = standing_beside(mailbox, getattr(row, "auto_reply", None))
    found = [_receive(mailbox, now)]
    if rules.spam != "none" and (by_admin or mailbox.has_spam_handling()):
        found.append(_spam(mailbox, getattr(row, "spam", None) or defaults(mailbox)))
    if rules.auto_reply:
        found.append(_reply(mailbox, getattr(row, "auto_reply", None)))
    if rules.forwarding in ("warp", "platinum"):
        found.append(_mail_rules(now))
    if by_admin or mailbox.lets_user_forward() or rules.forwarding == "hs":
        found.append(_forwarding(now))
    return [*found, _question()]


def _receive(mailbox: Mailbox, now: Standing) -> Card:
    title = word("receive", mailbox.domain.plan.name)
    if mailbox.receive:
        return Card("inbox", title, say(_("New mail is stored here.")), "receive")
    if warning := lost_mail(mailbox, now):
        text = say(_("New mail is not stored here, and thrown away unless a rule sends it on."))
        return Card("inbox", title, text, "receive", ("bad", _("Off")), warning=warning)
    return Card("inbox", title, say(_("New mail is not stored here; it is only sent on.")), "receive", ("warn", _("Off")))


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
    return Card(
        "reply",
        title,
        format_html(conditional_escape(_("{when} “{text}”")), when=_when(row, now), text=text),
        "reply",
        (PILLS[now], str(now.label)),
    )


def _when(row: AutoReply, now: Phase) -> SafeString:
    if now == Phase.WAITING and row.starts_on:
        return say(_("Answers from {day} on:"), day=date_format(row.starts_on))
    if row.ends_on:
        return say(_("Answers until {day}:"), day=date_format(row.ends_on))
    return say(_("Answers:"))


def _mail_rules(now: Standing) -> Card:
    """The rules of `warp`, the filters of `platinum`."""
    lines = now.group("rule" if now.rules.forwarding == "warp" else "filter")
    title, count = word("mail rules", now.plan), sum(not line.why for line in lines)
    if not count:
        return Card("signpost-2", title, say(_("None is in force.")), "filters")
    return Card("signpost-2", title, say(ngettext("{count} is in force.", "{count} are in force.", count), count=count), "filters")


def _forwarding(now: Standing) -> Card:
    title, sends = word("forwarding", now.plan), now.sends()
    if now.rules.forwarding == "aliases":
        return Card("arrow-right-square", title, say(_("Further addresses whose mail comes here.")), "forwarding")
    if now.reply == Phase.ON and now.group("forward"):
        text = say(_("Mail is answered instead of being forwarded."))
        return Card("arrow-right-square", title, text, "forwarding", ("warn", _("Not in force")))
    if not sends:
        return Card("arrow-right-square", title, say(_("Mail is not sent on.")), "forwarding")
    said = _("All mail goes on to {to} {more}") if now.forwards_all() else _("Certain mail goes on to {to} {more}")
    more = _("and %(rest)s more") % {"rest": len(sends) - SENDS} if len(sends) > SENDS else ""
    sentence = format_html(conditional_escape(said), to=addresses(sends[:SENDS]), more=more)
    return Card("arrow-right-square", title, sentence, "forwarding")


def _question() -> Card:
    text = say(_("Describe a mail or paste one, and see which rules match and where it ends."))
    return Card("signpost-split", _("What happens to a mail?"), text, "explain", is_question=True)
