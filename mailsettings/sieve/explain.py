""" "What happens to this mail?": the compiled scripts, run on a message without delivering it, told step by step.

Codes and values only; `words.py` makes sentences. What Pigeonhole stored in the throw-away folder is what is said to be stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import unquote

from mailsettings.sieve import simulate
from mailsettings.sieve.sample import subject_of
from mailsettings.sieve.settings import Script
from mailsettings.sieve.trace import Section, Visit, entries, sections, visits

MAILTO = re.compile(r'"mailto:([^?"]*)\?')
ELSEWHERE = re.compile(r"^ *\d+: +forward message to address <(.*)>$", re.MULTILINE)
# What Pigeonhole says of a reply that the script orders; the lines before this are the mail's own Message-ID.
ANSWERED = "vacation action: sent vacation response to <"
UNANSWERED = {"to system address": "program", "to own address": "own", "no known (envelope) recipient": "not_addressed"}
# The exclusions of reply.never(), in their order.
REASONS = ("day", "nobody", "program", "list", "bulk", "automatic", "unwanted", "virus", "spam", "again", "own", "not_addressed")
NEVER = ("nobody", "program", "program", "program", "list", "bulk", "automatic", "unwanted", "virus", "spam", "again")


@dataclass(frozen=True, slots=True)
class Question:
    """One message to one mailbox. `sender`: the envelope's, "" = nobody. `own`: the user's active script, if any."""

    address: str
    message: bytes
    sender: str
    domain_script: str | None = None
    script: Script | None = None
    own: Path | None = None
    receive: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What was asked, and what came of it.

    `of`: "domain", "mailbox" or "own". `kind`, `number`, `name`: the section of the script; a rule's id and name.
    `decided`: of a rule, the condition that decided (0 = its first). `reason`: why there is no reply, see `REASONS`.
    """

    of: str
    kind: str
    number: int | None
    name: str
    matched: bool
    decided: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    folder: str
    subject: str


@dataclass(frozen=True, slots=True)
class Sent:
    """`kind`: forward, notify, auto_reply or bounce."""

    to: str
    kind: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`never_reached`: the rules that were not asked."""

    steps: tuple[Step, ...]
    stored: tuple[Stored, ...]
    sent: tuple[Sent, ...]
    never_reached: tuple[Step, ...]


def explain(host: simulate.Host, question: Question) -> Explanation:
    """Raises `SimulationError` when nothing can be said, OSError."""
    scripts = _scripts(question)
    outcome = simulate.run(
        host,
        scripts,
        question.own,
        question.message,
        sender=question.sender,
        address=question.address,
        receive=question.receive,
    )
    reached = [(of, visit) for of, script in scripts.items() for visit in visits(script, entries(outcome.trace, of))]
    answered = ANSWERED in outcome.log
    return Explanation(
        steps=(*(_step(of, visit, outcome.log) for of, visit in reached), *_own(outcome)),
        stored=tuple(Stored(folder, subject_of(message_from_bytes(header, policy=default))) for folder, header in outcome.stored),
        sent=tuple(dict.fromkeys((*_sent(question, reached, answered), *_forwarded_by_user(outcome)))),
        never_reached=tuple(_never_reached(scripts, reached)),
    )


def _scripts(question: Question) -> dict[str, str]:
    """By the names that the trace shows."""
    both = {"domain": question.domain_script, "mailbox": question.script.text if question.script else None}
    return {name: text for name, text in both.items() if text}


def _step(of: str, visit: Visit, log: str) -> Step:
    section = visit.section
    if section.kind == "auto-reply":
        matched = visit.did("vacation") and ANSWERED in log
        return Step(of, section.kind, None, "", matched, reason="" if matched else _why_not(visit, log))
    return Step(of, section.kind, section.number, section.text, bool(visit.done), visit.decided)


def _why_not(visit: Visit, log: str) -> str:
    """Pigeonhole itself answers only mail in whose To or Cc one of the mailbox' addresses stands (RFC 5230, 4.5)."""
    if visit.did("vacation"):
        return next((reason for words, reason in UNANSWERED.items() if words in log), "unwanted")
    return NEVER[visit.decided] if visit.decided is not None else "day"


def _sent(question: Question, reached: list[tuple[str, Visit]], answered: bool) -> Iterator[Sent]:
    forwards = question.script.forwards if question.script else ()
    scripts = _scripts(question)
    for of, visit in reached:
        for command, number in visit.done:
            if command == "redirect" and visit.section.number is not None:
                yield from (Sent(address, "forward") for address in forwards[visit.section.number])
            elif command == "notify" and (found := MAILTO.search(scripts[of].split("\n")[number - 1])):
                yield Sent(unquote(found[1]), "notify")
            elif command == "reject" or (command == "vacation" and answered):
                yield Sent(question.sender, "bounce" if command == "reject" else "auto_reply")


def _own(outcome: simulate.Outcome) -> list[Step]:
    """The user's own script is one step: what it stored is told with the rest."""
    if not entries(outcome.trace, "own"):
        return []
    return [Step("own", "own", None, "", True)]


def _forwarded_by_user(outcome: simulate.Outcome) -> Iterator[Sent]:
    own = outcome.trace.partition("## Started executing script 'own'")[2]
    return (Sent(address, "forward") for address in ELSEWHERE.findall(own))


def _never_reached(scripts: dict[str, str], reached: list[tuple[str, Visit]]) -> Iterator[Step]:
    seen = {(of, visit.section.lines.start) for of, visit in reached}
    for of, script in scripts.items():
        rules: list[Section] = [section for section in sections(script) if section.kind in ("rule", "auto-reply")]
        yield from (Step(of, rule.kind, rule.number, rule.text, False) for rule in rules if (of, rule.lines.start) not in seen)
