"""What a mailbox's profiles amount to: which are in force, which are not and why, whether all mail is sent on.

For pages, and for the warning that mail is thrown away (F6). One query, and one more where an auto-reply stops forwarding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Mailbox
from accounts.rules import Rules
from accounts.words import word
from mailsettings import sentences
from mailsettings.models import AutoReply, Profile
from mailsettings.replying import Phase, phase
from mailsettings.shapes import fits
from mailsettings.sieve.useless import BELOW_ALL, REPLY, useless

PLAN, OFF = "plan", "off"
WHY: dict[str, Any] = {
    PLAN: gettext_lazy("Not in force: the present plan does not have this."),
    OFF: gettext_lazy("Not in use."),
    REPLY: gettext_lazy("Not in force while mail is answered."),
}
NOT_REACHED = (BELOW_ALL, REPLY)
# The two groups of `hs`, the rules of `warp`, forwarding and filters of `platinum`: what is listed and ordered together.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "simple": {"forward": ("forward",)},
    "hs": {"end": ("discard", "bounce"), "forward": ("forward",)},
    "warp": {"rule": ("forward", "notify", "refuse", "discard", "exempt"), "plain": ("forward",)},
    "platinum": {"forward": ("forward",), "filter": ("quarantine",)},
    "aliases": {},
}


@dataclass(frozen=True, slots=True)
class Line:
    """A profile as lists show it. `why`: "" in force, else the code, and `reason` its words. `number` counts within its group."""

    profile: Profile
    sentence: SafeString
    why: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The profiles in their order. `why`: of those not in force. `reply`: of an auto-reply that takes forwarding's place."""

    profiles: tuple[Profile, ...]
    why: dict[int, str]
    rules: Rules
    reply: Phase
    plan: str

    def group(self, name: str) -> list[Line]:
        """The lines of one of `GROUPS`."""
        return self._lines(one for one in self.profiles if group_of(one, self.rules) == name)

    def unfit(self) -> list[Line]:
        """Profiles of another plan: kept, and not in force."""
        return self._lines(one for one in self.profiles if self.why.get(one.pk) == PLAN)

    def _lines(self, profiles: Iterable[Profile]) -> list[Line]:
        return [self._line(one, n) for n, one in enumerate(profiles, start=1)]

    def _line(self, profile: Profile, number: int) -> Line:
        return Line(profile, said(profile, self.plan), self.why.get(profile.pk, ""), number, self.reason(profile))

    def reason(self, profile: Profile) -> str:
        """Why it is not in force, in the plan's words; "" where it is."""
        code = self.why.get(profile.pk, "")
        return word("below all", self.plan) if code == BELOW_ALL else str(WHY[code]) if code else ""

    def forwards_all(self) -> bool:
        """Whether every mail is sent on to somewhere."""
        return any(one.action == "forward" and not one.conditions and one.pk not in self.why for one in self.profiles)

    def sends(self) -> list[str]:
        """Where mail is forwarded to, by any profile that is in force."""
        found = (to for one in self.profiles if one.action == "forward" and one.pk not in self.why for to in one.destinations)
        return list(dict.fromkeys(found))

    def destinations(self, besides: int | None = None) -> int:
        """How many destinations the profiles have together, one of them left out."""
        return sum(len(one.destinations) for one in self.profiles if one.pk != besides)

    def without(self, profile: Profile) -> "Standing":
        """As if the profile were gone."""
        return _standing([one for one in self.profiles if one.pk != profile.pk], self.rules, self.reply, self.plan)


def standing(mailbox: Mailbox) -> Standing:
    """The mailbox's profiles today; `domain` with its plan is loaded."""
    return standing_beside(mailbox, AutoReply.objects.filter(mailbox=mailbox).first() if _stops(mailbox.domain.rules) else None)


def standing_beside(mailbox: Mailbox, row: AutoReply | None) -> Standing:
    """The same for whoever has the mailbox's auto-reply already."""
    rules = mailbox.domain.rules
    reply = phase(row if _stops(rules) else None, timezone.localdate())
    return _standing(list(mailbox.profiles.all()), rules, reply, mailbox.domain.plan.name)


def _stops(rules: Rules) -> bool:
    """Whether an auto-reply stops forwarding (F3)."""
    return rules.auto_reply and rules.auto_reply_excludes_forwarding


def lost_mail(mailbox: Mailbox, found: Standing) -> str:
    """What is thrown away for good while reception is off (F6), in one sentence; "" = nothing is."""
    if mailbox.receive or found.forwards_all():
        return ""
    if found.sends():
        return _("Mail reception is off, and not all mail is forwarded: new mail that no rule sends on is thrown away.")
    return _("Mail reception is off and nothing is forwarded: all new mail is thrown away.")


def _standing(profiles: Sequence[Profile], rules: Rules, reply: Phase, plan: str) -> Standing:
    why = {one.pk: PLAN for one in profiles if not fits(one, rules)}
    why |= {one.pk: OFF for one in profiles if not one.enabled and one.pk not in why}
    why |= useless([one.rule() for one in profiles if one.pk not in why], rules.forwarding, reply == Phase.ON)
    return Standing(tuple(profiles), why, rules, reply, plan)


def group_of(profile: Profile, rules: Rules) -> str:
    """The name in `GROUPS` under the present plan, or "" where the plan has no such profile."""
    if not fits(profile, rules):
        return ""
    if rules.forwarding == "warp" and profile.action == "forward" and not profile.conditions:
        return "plain"
    return next(name for name, actions in GROUPS[rules.forwarding].items() if profile.action in actions)


def said(profile: Profile, plan: str) -> SafeString:
    """The profile as a sentence, with the plan's own word for what it does where it sends nothing."""
    if profile.action in ("forward", "notify", "quarantine"):
        return sentences.rule(profile)
    done = word(f"action {profile.action}", plan)
    return format_html("{} → {}", sentences.conditions(profile.conditions, profile.match), done[:1].lower() + done[1:])


def reordered(everything: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """`everything` with the ids of `wanted` in their new order, in the places that these had; others stay where they are."""
    fresh, moved = iter(wanted), set(wanted)
    return [next(fresh) if one in moved else one for one in everything]
