"""Sending on (F1, F4, F5, F8): which destinations get a mail together, loops, the copy that stays, what goes without attachments.

Rules only note that they match (`hits`, `moved`, `copy`); everything is stored and sent at the end of the script, once,
however many rules lead to the same destination. A redirect goes to an inner address that Postfix expands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailsettings.servers.desired import way_out
from mailsettings.sieve.conditions import SPAM
from mailsettings.sieve.quoting import pattern, quoted, several
from mailsettings.sieve.settings import MailboxFilter, Rule
from mailsettings.sieve.treatment import JUNK
from mailsettings.sieve.writing import Lines, all_of, section, when

# Says on the mail that this mailbox (its tag) kept nothing of it; if it comes back, it stays. The one header of ours that
# the milter lets in, since a mail may come back from outside (servers/milter/marks.py).
MOVED_HEADER = "X-Tegami-Moved"
# Only one rule acts on a mail: the first that matches.
FIRST_MATCH = ("hs", "warp")


@dataclass(frozen=True, slots=True)
class Group:
    """Destinations that the same rules lead to, and in the same form."""

    rules: tuple[int, ...]
    stripped: bool
    destinations: tuple[str, ...]


def groups(box: MailboxFilter) -> tuple[Group, ...]:
    """All groups, those of whole mails first: the n-th is sent to by `way_out(tag, n)`."""
    rules = [rule for rule in box.rules if rule.action == "forward"]
    return tuple(group for stripped in (False, True) for group in _groups(rules, stripped, box.style not in FIRST_MATCH))


def _groups(rules: list[Rule], stripped: bool, several_match: bool) -> Iterator[Group]:
    leading: dict[str, list[Rule]] = {}
    for rule in rules:
        for destination in rule.destinations if rule.strip_attachments == stripped else ():
            leading.setdefault(destination, []).append(rule)
    shared: dict[tuple[int, ...], list[str]] = {}
    for destination, by in leading.items():
        shared.setdefault(_sufficient(by, rules, several_match), []).append(destination)
    return (Group(ids, stripped, tuple(destinations)) for ids, destinations in shared.items())


def _sufficient(leading: list[Rule], rules: list[Rule], several_match: bool) -> tuple[int, ...]:
    """The rules to ask for, as few as possible: Dovecot sends on one mail to at most 100 addresses.

    Where all rules are tried, the first of those that ask for the same speaks for all, and one that takes all mail for any.
    """
    if not several_match:
        return tuple(rule.id for rule in leading)
    if not all(rule.conditions for rule in leading):
        return (next(rule.id for rule in rules if not rule.conditions),)
    first = {(rule.conditions, rule.match): rule.id for rule in reversed(rules)}
    return tuple(dict.fromkeys(first[rule.conditions, rule.match] for rule in leading))


def hits(rule: Rule) -> Lines:
    """What a forwarding rule does when it matches."""
    return [f'set "hits" "${{hits}}<{rule.id}>";', f'set "{"copy" if rule.keep_copy else "moved"}" "yes";']


def was_here(box: MailboxFilter) -> str:
    """The test that this mailbox has redirected the mail before (Pigeonhole's own header), by whichever +detail."""
    local, _, domain = box.address.rpartition("@")
    return f'header :matches "X-Sieve-Redirected-From" {several([pattern(box.address), f"{pattern(local)}+*@{pattern(domain)}"])}'


def came_back(box: MailboxFilter) -> Lines:
    """The head of a script that forwards: what comes back is a copy too many, unless nothing of it was kept (F8)."""
    extra = [was_here(box), f'not header :is "{MOVED_HEADER}" {quoted(box.tag)}']
    return section("loop", None, "", when(all_of(extra), ["discard;", "stop;"]))


def send_on(box: MailboxFilter, found: tuple[Group, ...], reply: Lines) -> Lines:
    """The end of the script: the copy first, so that a full mailbox fails before anything has left."""
    whole = [(n, group) for n, group in enumerate(found) if not group.stripped]
    stripped = [(n, group) for n, group in enumerate(found) if group.stripped]
    return [
        *(_stays(box) if found else []),
        *_copy(box, bool(found or reply), bool(stripped)),
        *reply,
        *[line for n, group in whole for line in _redirect(box, n, group)],
        *(_without_attachments(box, stripped) if stripped else []),
    ]


def _stays(box: MailboxFilter) -> Lines:
    """What is not sent on although rules match: spam where it is asked for, and what was here before."""
    forget = ['set "hits" "";', 'set "moved" "";']
    spam = section("skip", None, "", when(SPAM, forget)) if box.spam.skip_forwarding else []
    return [*spam, *section("again", None, "", when(was_here(box), forget))]


def _copy(box: MailboxFilter, leaves: bool, strips: bool) -> Lines:
    """Where the mailbox' own copy goes.

    Pigeonhole carries `keep` out after everything else of the last script, `fileinto` in its turn: with `keep`, each try of
    a delivery to a full mailbox would send and answer again. A script of the user's own runs after `keep` only.
    """
    if not box.receive:
        return section("receive", None, "off", ["discard;"])
    kept = ["keep;", *(['set "kept" "yes";'] if strips else [])] if box.own_script else ['fileinto "INBOX";']
    stored = kept if leaves else []
    if box.spam.to_folder:
        stored = when(SPAM, [f'fileinto :create "{JUNK}";'], otherwise=stored)
    if any(rule.action == "forward" and not rule.keep_copy for rule in box.rules):
        gone = [f'addheader "{MOVED_HEADER}" {quoted(box.tag)};', "discard;"]
        stored = when(all_of(['string :is "${moved}" "yes"', 'not string :is "${copy}" "yes"']), gone, otherwise=stored)
    return section("copy", None, "", stored) if stored else []


def _redirect(box: MailboxFilter, n: int, group: Group) -> Lines:
    lines = when(_hit([group]), [f'redirect :copy "{way_out(box.tag, n)}";'])
    return section("forward", n, ", ".join(group.destinations), lines)


def _hit(found: list[Group]) -> str:
    ids = dict.fromkeys(f"<{number}>" for group in found for number in group.rules)
    return f'string :contains "${{hits}}" {several(list(ids))}'


def _without_attachments(box: MailboxFilter, stripped: list[tuple[int, Group]]) -> Lines:
    """The filter changes the mail for all that follows, so the copy is stored before it, and for good: a script of the
    user's own would file the stripped mail. If the program fails, nothing is sent and a copy stays."""
    sent = [line for n, group in stripped for line in _redirect(box, n, group)]
    stored = when('string :is "${kept}" "yes"', ['fileinto "INBOX";']) if box.receive and box.own_script else []
    lines = [*stored, *when('filter "strip-attachments"', sent, otherwise=["keep;"])]
    return section("strip", None, "", when(_hit([group for _, group in stripped]), lines))
