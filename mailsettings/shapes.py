"""What a profile may hold under each style of forwarding: the manuals' forms as data.

One table serves services, forms and the snapshot: a profile that a new plan does not have is kept, but not in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.rules import Rules
from mailsettings.sieve.settings import FIELDS, OPERATORS

TEXT = ("contains", "not_contains", "is", "begins", "ends", "exists", "empty")
# The operators that each field understands, and the values of those that have a choice of them.
OPERATORS_OF: dict[str, tuple[str, ...]] = {
    "from": TEXT,
    "to": TEXT,
    "subject": TEXT,
    "header": TEXT,
    "body": ("contains", "not_contains"),
    "importance": ("is",),
    "attachment": ("exists", "empty"),
    "spam": ("is", "exists", "empty"),
}
VALUES_OF: dict[str, tuple[str, ...]] = {"importance": ("high", "normal", "low"), "spam": ("yes", "no")}
WITHOUT_VALUE = ("exists", "empty")
WITH_DESTINATIONS = ("forward", "notify")
DESTINATIONS_MAX, PROFILES_MAX = 300, 100  # ours, where a plan names no number


@dataclass(frozen=True, slots=True)
class Shape:
    """`per_account`: whether the plan's number of destinations counts all profiles together."""

    actions: tuple[str, ...]
    fields: tuple[str, ...] = FIELDS
    operators: tuple[str, ...] = OPERATORS
    conditions_max: int = 10
    may_drop_copy: bool = True
    may_strip: bool = False
    keeps_by_default: bool = True
    matches: tuple[str, ...] = ("all", "any")
    per_account: bool = True


SHAPES: dict[str, Shape] = {
    # manual standard 6-1-4: All, From or Subject with a keyword; a copy is always kept
    "simple": Shape(("forward",), ("from", "subject"), ("contains",), 1, may_drop_copy=False, matches=("all",)),
    # manual hs: two groups, (a) delete and error mail, (b) forward; five destinations each
    "hs": Shape(("discard", "bounce", "forward"), ("from", "to", "subject", "header"), conditions_max=5, per_account=False),
    # manual warp: rules with several conditions at once; a forwarded mail is not kept unless switched on
    "warp": Shape(("forward", "notify", "refuse", "discard", "exempt"), keeps_by_default=False),
    # manual platinum: forwarding with or without a copy and attachments; filters that quarantine
    "platinum": Shape(("forward", "quarantine"), ("from", "to", "subject", "header", "body"), may_strip=True),
    # manual plusmail: forwarding addresses only
    "aliases": Shape(()),
}
# Filters of a domain (F9, F10): no forwarding of other people's mail.
FILTER = Shape(("discard", "bounce", "quarantine"), ("from", "to", "subject", "header", "body", "attachment", "spam"))


def shape_of(rules: Rules) -> Shape:
    """The shape of profiles under these rules."""
    return SHAPES[rules.forwarding]


def filter_actions(rules: Rules) -> tuple[str, ...]:
    """What a domain filter may do: quarantine only where the plan has it (F10)."""
    quarantine = "quarantine" in shape_of(rules).actions
    return tuple(action for action in FILTER.actions if action != "quarantine" or quarantine)


def profiles_max(rules: Rules) -> int:
    """How many profiles a mailbox may have."""
    return rules.profiles_max or (DESTINATIONS_MAX if rules.forwarding == "simple" else PROFILES_MAX)


def destinations_max(rules: Rules) -> int:
    """How many destinations: of a mailbox, or of one profile (`Shape.per_account`)."""
    return rules.forwarding_destinations or DESTINATIONS_MAX


def fits(profile: Any, rules: Rules) -> bool:
    """Whether the plan still has what the profile asks for; one that does not is kept and not in force."""
    shape = shape_of(rules)
    if profile.action not in shape.actions or len(profile.conditions) > shape.conditions_max:
        return False
    if not profile.keep_copy and profile.action == "forward" and not shape.may_drop_copy:
        return False
    if profile.strip_attachments and not shape.may_strip:
        return False
    return profile.match in shape.matches and all(_fits(one, shape) for one in profile.conditions)


def _fits(condition: Mapping[str, Any], shape: Shape) -> bool:
    return condition["field"] in shape.fields and condition["operator"] in shape.operators
