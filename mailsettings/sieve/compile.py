"""Settings → Sieve text. Pure. The order of treatment is each manual's own (requirements.md F, AR, S; docs/sieve.md).

A mailbox' script goes through the mail once: what ends it at once (virus, blocked, quarantine, discard, …), then which rules
match, where the copy goes, and last the auto-reply and what is sent on: a full mailbox fails before anything leaves.
Pigeonhole stores and sends a mail as it is at that line, so the tag comes before the copy, and the stripping of
attachments after it.
"""

from __future__ import annotations

from mailsettings.sieve import forwarding, treatment
from mailsettings.sieve.conditions import SPAM, test_of
from mailsettings.sieve.reply import answer, is_due, never, subject_of
from mailsettings.sieve.settings import VIRUS_HEADER, DomainFilter, MailboxFilter, Rule, Script
from mailsettings.sieve.treatment import JUNK, file_into
from mailsettings.sieve.writing import Lines, all_of, any_of, negated, script, section, when

MADE = "Made from the panel's settings: what is changed here is overwritten."
# What a rule does with the mail when it ends the treatment; the others only note something, or announce the mail.
ENDING = ("discard", "bounce", "quarantine", "refuse")
OF_A_DOMAIN = (*ENDING, "exempt")


def mailbox_script(box: MailboxFilter, zone: str | None = None) -> Script | None:
    """The mailbox' script, or None when mail is simply stored. `zone`: of the reply's dates (`+0900`; None: the server's)."""
    if not _does_anything(box):
        return None
    found = forwarding.groups(box)
    lines = [
        *(forwarding.came_back(box) if found else []),
        *section("virus", None, "", when(f'exists "{VIRUS_HEADER}"', ["stop;"] if box.receive else ["discard;", "stop;"])),
        *treatment.senders(box.spam.allow, box.spam.block, box.receive),
        *_by_style(box, zone),
        *forwarding.send_on(box, found, _reply(box, zone)),
    ]
    text = script(f"{box.address}. {MADE}", _with_verdict(lines, box.address.rpartition("@")[2]))
    return Script(text, tuple(group.destinations for group in found))


def domain_script(domain: DomainFilter) -> str | None:
    """What is done with mail to any mailbox of the domain, before the mailbox' own script; None: nothing."""
    if unknown := [rule.action for rule in domain.rules if rule.action not in OF_A_DOMAIN]:
        raise ValueError(f"a domain has no rules that {unknown[0]}")
    lines = [
        *_virus(domain.virus),
        *treatment.senders(domain.allow, domain.block, None, tell=domain.name),
        *[line for rule in domain.rules for line in _rule(rule, _ends(rule, None))],
    ]
    return script(f"{domain.name}. {MADE}", _with_verdict(lines, domain.name)) if lines else None


def _does_anything(box: MailboxFilter) -> bool:
    spam = box.spam
    handled = spam.tag or spam.to_folder or spam.quarantine_empty_sender or spam.allow or spam.block
    return bool(not box.receive or box.rules or box.reply or handled)


def _with_verdict(lines: Lines, domain: str) -> Lines:
    """The verdict on spam in front, where anything asks for it."""
    return [*treatment.verdict(domain), *lines] if any(SPAM in line for line in lines) else lines


def _virus(treated: str) -> Lines:
    """V1, by the plan. Should the program fail, the mail goes to the spam folder as it is, and not into the inbox."""
    styles = {"strip": "platinum", "strip_notice": "hs"}
    if treated == "none":
        return []
    body = ["discard;", "stop;"]
    if treated != "delete":
        body = when(f'not filter "strip-virus" ["{styles[treated]}"]', file_into(JUNK, None))
    return section("virus", None, treated, when(f'exists "{VIRUS_HEADER}"', body))


def _by_style(box: MailboxFilter, zone: str | None) -> Lines:
    match box.style:
        case "hs":
            return _hs(box, zone)
        case "warp":
            return _warp(box, zone)
    return _all_rules(box, zone)


def _all_rules(box: MailboxFilter, zone: str | None) -> Lines:
    """simple, platinum, aliases: every forwarding rule is tried; platinum's quarantine comes first and ends it all (F10)."""
    spam = box.spam
    return [
        *_rules(box, ENDING),
        *_empty_sender(box),
        *(section("spam", None, "", when(SPAM, file_into(JUNK, box.receive))) if box.style == "platinum" and spam.to_folder else []),
        *_rules(box, ("forward", "notify")),
        *_tag(box),
    ]


def _hs(box: MailboxFilter, zone: str | None) -> Lines:
    """Spam filter → (a) delete, error mail → auto-reply → (b) forward; with a reply, (b) does not run (F2, F3)."""
    spam = box.spam
    into = file_into(JUNK, box.receive) if spam.to_folder or not box.receive else ["stop;"]
    filtered = [*(treatment.tagged(spam.tag) if spam.tag else []), *into]
    return [
        *(section("spam", None, "", when(SPAM, filtered)) if spam.tag or spam.to_folder else []),
        *_empty_sender(box),
        *_rules(box, ENDING),
        *_unless_answering(box, zone, _chain([rule for rule in box.rules if rule.action not in ENDING], box)),
    ]


def _warp(box: MailboxFilter, zone: str | None) -> Lines:
    """The first rule that matches; plain forwarding, which is a rule without conditions, only where none did (F5)."""
    plain = [rule for rule in box.rules if _is_plain(rule)]
    free = all_of(['not string :is "${ruled}" "yes"', *([f"not {SPAM}"] if box.spam.to_folder else [])])
    return [
        *_empty_sender(box),
        *_chain([rule for rule in box.rules if not _is_plain(rule)], box),
        *_unless_answering(box, zone, [line for rule in plain for line in _rule(rule, forwarding.hits(rule), free)]),
        *_tag(box),
    ]


def _is_plain(rule: Rule) -> bool:
    return rule.action == "forward" and not rule.conditions


def _rules(box: MailboxFilter, actions: tuple[str, ...]) -> Lines:
    return [line for rule in box.rules if rule.action in actions for line in _rule(rule, _does(rule, box))]


def _rule(rule: Rule, body: Lines, also: Lines | None = None) -> Lines:
    """The rule alone, whatever the others do. A rule of all mail is not asked, unless there is something else to ask."""
    asked = test_of(rule) if rule.conditions else also
    return section("rule", rule.id, rule.name, when(asked, body) if asked else body)


def _chain(rules: list[Rule], box: MailboxFilter) -> Lines:
    """if … elsif …: the first that matches."""
    lines: Lines = []
    for rule in rules:
        body = [*_does(rule, box), *(() if rule.action in ENDING else ('set "ruled" "yes";',))]
        lines += section("rule", rule.id, rule.name, when(test_of(rule), body, word="elsif" if lines else "if"))
    return lines


def _does(rule: Rule, box: MailboxFilter) -> Lines:
    match rule.action:
        case "forward":
            return forwarding.hits(rule)
        case "notify":
            return treatment.notify(rule.destinations, box.address)
        case "exempt":
            return []
    return _ends(rule, box.receive)


def _ends(rule: Rule, receive: bool | None) -> Lines:
    match rule.action:
        case "discard":
            return ["discard;", "stop;"]
        case "bounce":
            return treatment.bounce()
        case "quarantine":
            return file_into(JUNK, receive)
        case "exempt":
            return ["stop;"]
        case "refuse":
            return treatment.refuse(receive)
    raise ValueError(f"no such action: {rule.action!r}")


def _empty_sender(box: MailboxFilter) -> Lines:
    if not box.spam.quarantine_empty_sender:
        return []
    return section("empty-sender", None, "", when(treatment.no_sender(), file_into(JUNK, box.receive)))


def _tag(box: MailboxFilter) -> Lines:
    return section("tag", None, box.spam.tag, treatment.tagged(box.spam.tag)) if box.spam.tag else []


def _reply(box: MailboxFilter, zone: str | None) -> Lines:
    """The auto-reply: once a day has come, to whoever may be answered."""
    if not (reply := box.reply):
        return []
    answered = when(negated(any_of(never(forwarding.was_here(box)))), [*subject_of(reply), *answer(reply, box.address)])
    due = is_due(reply, zone)
    return section("auto-reply", None, "", when(all_of(due), answered) if due else answered)


def _unless_answering(box: MailboxFilter, zone: str | None, forwards: Lines) -> Lines:
    """With an auto-reply set, forwarding does not run where the plan says so; a reply that is not due does not count."""
    if not (box.reply and box.reply_excludes_forwarding and forwards):
        return forwards
    if not (due := is_due(box.reply, zone)):
        return [line for line in forwards if line.lstrip().startswith("# [") or not line]
    answering = section("due", None, "", when(all_of(due), ['set "answering" "yes";']))
    return [*answering, *when('not string :is "${answering}" "yes"', forwards)]
