"""Which rules never act on any mail, and why: what screens say under a rule, and the API about never-reached rules.

Pure, and by the same order as `mailsettings.sieve.compile` writes the script.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailsettings.sieve.compile import ENDING
from mailsettings.sieve.forwarding import FIRST_MATCH
from mailsettings.sieve.settings import Rule

BELOW_ALL, REPLY = "below_all", "reply"


def useless(rules: Sequence[Rule], style: str, reply: object) -> dict[int, str]:
    """The ids of the rules that are not in force: `below_all` (a rule that takes all mail comes first) or `reply`.

    `reply`: true where an auto-reply is set that takes the place of forwarding (F3).
    """
    found: dict[int, str] = {}
    taken = False
    for rule in sorted(rules, key=lambda rule: _stage(rule, style)):
        if taken:
            found[rule.id] = BELOW_ALL
        elif reply and style in FIRST_MATCH and _stage(rule, style):
            found[rule.id] = REPLY
        taken = taken or _takes_all(rule, style)
    return found


def _stage(rule: Rule, style: str) -> int:
    """0: before the auto-reply, 1: after it. Sorting keeps the order within each."""
    if style == "warp":
        return int(_is_plain(rule))
    return int(rule.action not in ENDING)


def _takes_all(rule: Rule, style: str) -> bool:
    """Whether nothing comes to the rules after it. Plain forwarding of `warp` is one thing, however many rules it has."""
    if rule.conditions:
        return False
    return rule.action in ENDING or (style in FIRST_MATCH and not (style == "warp" and _is_plain(rule)))


def _is_plain(rule: Rule) -> bool:
    return rule.action == "forward" and not rule.conditions
