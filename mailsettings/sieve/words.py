"""An explanation in words, for the API and the page (contract.md, `explain`). Plain text: whoever shows it escapes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailsettings.sieve.explain import Explanation, Step
from mailsettings.sieve.settings import Rule

TITLES: dict[str, Any] = {
    "loop": gettext_lazy("Loops"),
    "virus": gettext_lazy("Virus check"),
    "verdict": gettext_lazy("Spam filter"),
    "allow": gettext_lazy("Allowed senders"),
    "block": gettext_lazy("Blocked senders"),
    "empty-sender": gettext_lazy("Mail without a sender's address"),
    "spam": gettext_lazy("Spam filter"),
    "auto-reply": gettext_lazy("Auto-reply"),
    "tag": gettext_lazy("Mark in the subject"),
    "skip": gettext_lazy("Spam filter"),
    "again": gettext_lazy("Loops"),
    "receive": gettext_lazy("Receive mail"),
    "strip": gettext_lazy("Attachments"),
    "own": gettext_lazy("Own script"),
}
HAPPENS: dict[tuple[str, str], Any] = {
    ("mailbox", "loop"): gettext_lazy("This mailbox has sent the mail on before and kept a copy: what comes back is thrown away."),
    ("mailbox", "virus"): gettext_lazy("A virus was found in it: it is neither forwarded nor answered."),
    ("domain", "delete"): gettext_lazy("A virus was found in it: it is deleted."),
    ("domain", "strip"): gettext_lazy("A virus was found in it: the infected part is taken out."),
    ("domain", "strip_notice"): gettext_lazy("A virus was found in it: the infected part is taken out."),
    ("mailbox", "verdict"): gettext_lazy("The spam filter calls it spam."),
    ("mailbox", "allow"): gettext_lazy("Its sender is allowed: it is not treated as spam."),
    ("domain", "allow"): gettext_lazy("Its sender is allowed in the whole domain: it is not treated as spam."),
    ("mailbox", "block"): gettext_lazy("Its sender is blocked: it goes into the spam folder."),
    ("domain", "block"): gettext_lazy("Its sender is blocked in the whole domain: it goes into the spam folder."),
    ("mailbox", "empty-sender"): gettext_lazy("It has no sender's address: it goes into the spam folder."),
    ("mailbox", "spam"): gettext_lazy("It is spam: nothing else is done with it."),
    ("mailbox", "auto-reply"): gettext_lazy("It is answered, unless its sender has been answered lately."),
    ("mailbox", "skip"): gettext_lazy("It is spam: it is not forwarded."),
    ("mailbox", "again"): gettext_lazy("This mailbox has sent the mail on before: it is not sent on again."),
    ("mailbox", "receive"): gettext_lazy("This mailbox receives no mail: nothing is stored."),
    ("mailbox", "strip"): gettext_lazy("Attachments are taken out of the forwarded copy; the stored one keeps them."),
    ("own", "own"): gettext_lazy("The user's own script is run after all rules."),
}
# Why there is no reply (explain.REASONS).
UNANSWERED: dict[str, Any] = {
    "day": gettext_lazy("No reply: today is not one of its days."),
    "nobody": gettext_lazy("No reply: the mail has no sender who could be answered."),
    "program": gettext_lazy("No reply: the sender's address is one of programs or mailing lists."),
    "list": gettext_lazy("No reply: the mail came from a mailing list."),
    "bulk": gettext_lazy("No reply: the mail says of itself that it is bulk mail."),
    "automatic": gettext_lazy("No reply: a program wrote the mail."),
    "unwanted": gettext_lazy("No reply: the mail asks for none."),
    "virus": gettext_lazy("No reply: a virus was found in the mail."),
    "spam": gettext_lazy("No reply: the mail is spam."),
    "again": gettext_lazy("No reply: this mailbox has sent the mail on before."),
    "own": gettext_lazy("No reply: the mailbox would answer itself."),
    "not_addressed": gettext_lazy("No reply: none of the mailbox' addresses is among the recipients that the mail names."),
}
DOES: dict[str, Any] = {
    "forward": gettext_lazy("It is to be forwarded."),
    "notify": gettext_lazy("A notice is sent, unless a program wrote the mail."),
    "refuse": gettext_lazy("Only its header is kept."),
    "discard": gettext_lazy("It is thrown away."),
    "bounce": gettext_lazy("It is returned to a sender who is proven; otherwise it is thrown away."),
    "exempt": gettext_lazy("No other rule is asked."),
    "quarantine": gettext_lazy("It goes into the spam folder, and nothing else is done with it."),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A rule, and its conditions as plain text in the reader's language."""

    rule: Rule
    conditions: Sequence[str]


Rules = Mapping[tuple[str, int], Said]  # by ("domain" or "mailbox", the rule's id)


def answer(explanation: Explanation, rules: Rules) -> dict[str, Any]:
    """`{steps [{rule, matched, text}], stored [{folder, subject}], sent [{to, kind}], never_reached [rule]}`."""
    told = ((step, _text(step, rules)) for step in explanation.steps)
    return {
        "steps": [{"rule": _title(step, rules), "matched": step.matched, "text": text} for step, text in told if text],
        "stored": [asdict(one) for one in explanation.stored],
        "sent": [asdict(one) for one in explanation.sent],
        "never_reached": [_title(step, rules) for step in explanation.never_reached],
    }


def _title(step: Step, rules: Rules) -> str:
    """A rule by its name; one without a name by what it asks."""
    if step.kind != "rule":
        return str(TITLES.get(step.kind, step.kind))
    said = _said(step, rules)
    if said and said.rule.name:
        return said.rule.name
    return (_and(said.rule, said.conditions) if said and said.conditions else "") or step.name or _("All mail")


def _said(step: Step, rules: Rules) -> Said | None:
    return rules.get((step.of, step.number)) if step.number is not None else None


def _text(step: Step, rules: Rules) -> str:
    """The sentence of a step; "" for one that is not worth telling."""
    if step.kind == "rule":
        return _of_rule(step, _said(step, rules))
    if step.kind == "auto-reply" and not step.matched:
        return str(UNANSWERED[step.reason])
    if step.kind == "tag" and step.matched:
        return _("It is spam: its subject is marked with %(tag)s.") % {"tag": step.name}
    kind = step.name if (step.of, step.kind) == ("domain", "virus") else step.kind
    return str(HAPPENS.get((step.of, kind), "")) if step.matched else ""


def _of_rule(step: Step, said: Said | None) -> str:
    if said is None:
        return _("The rule matches.") if step.matched else _("The rule does not match.")
    why = _why(step, said)
    return f"{why} {DOES[said.rule.action]}" if step.matched else why


def _why(step: Step, said: Said) -> str:
    if not said.conditions:
        return _("The rule takes all mail.") if step.matched else _("The rule is only asked where no other matches.")
    decided = said.conditions[min(step.decided or 0, len(said.conditions) - 1)]
    everything = step.matched == (said.rule.match == "all")
    pattern = _("It matches: %(conditions)s.") if step.matched else _("It does not match, since this is not so: %(conditions)s.")
    return pattern % {"conditions": _and(said.rule, said.conditions) if everything else decided}


def _and(rule: Rule, conditions: Sequence[str]) -> str:
    return (_(" and ") if rule.match == "all" else _(" or ")).join(conditions)
