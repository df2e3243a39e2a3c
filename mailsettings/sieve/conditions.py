"""One condition → one Sieve test. What holds for every test: letters are compared without case."""

from __future__ import annotations

import re

import idna

from mailsettings.sieve.quoting import letters, pattern, quoted, several
from mailsettings.sieve.settings import FROM_HEADER, Condition, Rule

# Set at the head of the script by what rspamd said and by who is allowed (treatment.py).
SPAM = 'string :is "${spam}" "yes"'
# By the local part: a null sender has none, and sieve-test, which cannot be given one, takes `""@null.invalid` (explain.py).
EMPTY_SENDER = 'envelope :localpart :is "from" ""'
ATTACHMENT = 'header :mime :anychild :type :is "Content-Disposition" "attachment"'
RANKS = {"high": ("high", '["1*", "2*"]', "urgent"), "low": ("low", '["4*", "5*"]', "non-urgent")}
HIGH, LOW = (
    f'anyof (header :is ["Importance", "X-MSMail-Priority"] "{word}", '
    f'header :matches "X-Priority" {numbers}, header :is "Priority" "{priority}")'
    for word, numbers, priority in RANKS.values()
)
IMPORTANCE = {"high": HIGH, "low": LOW, "normal": f"not anyof ({HIGH}, {LOW})"}
HEADER_NAME = re.compile(r"[!-9;-~]{1,200}")


def test_of(rule: Rule) -> list[str]:
    """The rule's test, a line for each condition; a rule without conditions is true of all mail."""
    tests = [_test(condition) for condition in rule.conditions]
    if len(tests) < 2:
        return tests or ["true"]
    joined = [f"    {test}," for test in tests[:-1]] + [f"    {tests[-1]}"]
    return [f"{'anyof' if rule.match == 'any' else 'allof'} (", *joined, ")"]


def _test(condition: Condition) -> str:
    match condition.operator:
        case "not_contains":
            return f"not {_positive(condition, 'contains')}"
        case "empty":
            return f"not {_positive(condition, 'exists')}"
    return _positive(condition, condition.operator)


def _positive(condition: Condition, operator: str) -> str:
    match condition.field:
        case "from":
            return _sender(operator, condition.value)
        case "to":
            return _recipient(operator, condition.value)
        case "subject":
            return f"header {_key(operator, condition.value, 'Subject')}"
        case "header":
            return _header(condition.header_name, operator, condition.value)
        case "body":
            return f"body :text {_key(operator, condition.value)}"
        case "importance":
            return _one_of(IMPORTANCE, condition, operator)
        case "attachment":
            return _one_of({"": ATTACHMENT}, condition, operator)
        case "spam":
            return _one_of({"": SPAM, "yes": SPAM, "no": f"not {SPAM}"}, condition, operator)
    raise ValueError(f"no such field: {condition.field!r}")


def _sender(operator: str, value: str) -> str:
    """FROM_HEADER holds the addresses that the milter made out; mail of this host's own has not met it."""
    if operator == "contains":
        return _anywhere(value, "From", FROM_HEADER)
    asked = ("contains", "@") if operator == "exists" else (operator, _written(value))
    return f"anyof (header {_key(*asked, FROM_HEADER)}, {unmarked(_key(*asked, 'From'))})"


def unmarked(key: str) -> str:
    """The test of From for mail without FROM_HEADER; elsewhere Pigeonhole's reading would find addresses in mere names."""
    return f'allof (not exists "{FROM_HEADER}", address {key})'


def _recipient(operator: str, value: str) -> str:
    return _anywhere(value, "To", "Cc") if operator == "contains" else f"address {_key(operator, _written(value), 'To', 'Cc')}"


def _written(value: str) -> tuple[str, ...]:
    """The value as people write it, and with its domain as mail carries it (A-labels)."""
    local, at, domain = value.rpartition("@")
    if value.isascii() or not (at or "." in value):
        return (value,)
    try:
        return (value, f"{local}{at}{idna.encode(domain, uts46=True).decode()}")
    except idna.IDNAError:
        return (value,)


def _anywhere(value: str, *headers: str) -> str:
    """In the whole field, names included. A name in quotes has its own quotes and backslashes escaped on the message."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f"header {_key('contains', (*_written(value), escaped), *headers)}"


def _header(name: str, operator: str, value: str) -> str:
    if name:
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        return f"header {_key(operator, value, name)}"
    if operator != "contains":
        raise ValueError("of any header at all only (not_)contains can be asked")
    return f'execute :pipe "header-has" {quoted(value)}'


def _one_of(known: dict[str, str], condition: Condition, operator: str) -> str:
    if operator not in ("is", "contains", "exists") or condition.value not in known:
        raise ValueError(f"{condition.field} cannot be asked whether it {operator} {condition.value!r}")
    return known[condition.value]


def _key(operator: str, value: str | tuple[str, ...], *headers: str) -> str:
    """Match type, headers and keys. Letters beyond ASCII need `:regex`: no comparator here folds them (RFC 5051 is not there)."""
    values = (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))
    names = f" {several(headers)}" if headers else ""
    if operator == "exists":
        return f':matches{names} "?*"'
    if any(letter != letter.swapcase() for text in values for letter in text if not letter.isascii()):
        first, last = {"contains": ("", ""), "is": ("^", "$"), "begins": ("^", ""), "ends": ("", "$")}[operator]
        return f":regex{names} {several([first + letters(text) + last for text in values])}"
    if operator in ("contains", "is"):
        return f":{operator}{names} {several(values)}"
    first, last = {"begins": ("", "*"), "ends": ("*", "")}[operator]
    return f":matches{names} {several([first + pattern(text) + last for text in values])}"
