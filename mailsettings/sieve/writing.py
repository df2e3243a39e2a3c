"""How scripts are laid out: sections that name themselves in a comment, blocks, and `require` found from what is used."""

from __future__ import annotations

import re

from mailsettings.sieve.quoting import DOLLAR, comment, text_block

Lines = list[str]

STRING_OR_COMMENT = re.compile(r'#[^\n]*|"(?:[^"\\]|\\[\s\S])*"|\btext:\n(?:.*\n)*?\.\n')
# What of the script's own words needs which extension (the vacation's text and the strings are left out before).
EXTENSIONS = {
    "body": r"\bbody\b",
    "copy": r":copy\b",
    "date": r"\bcurrentdate\b",
    "editheader": r"\b(?:add|delete)header\b",
    "enotify": r"\bnotify\b|:encodeurl\b",
    "envelope": r"\benvelope\b",
    "environment": r"\benvironment\b",
    "fileinto": r"\bfileinto\b",
    "mailbox": r":create\b",
    "mime": r":anychild\b",
    "regex": r":regex\b",
    "reject": r"\breject\b",
    "relational": r":value\b",
    "vacation": r"\bvacation\b",
    "vacation-seconds": r":seconds\b",
    "variables": r"\bset\b",
    "vnd.dovecot.environment": r"\benvironment\b",
    "vnd.dovecot.execute": r"\bexecute\b",
    "vnd.dovecot.filter": r"\bfilter\b",
}


def section(kind: str, number: int | None, text: str, lines: Lines) -> Lines:
    """`# [kind number] text` and the lines under it: what the script does until the next such comment (explain.py reads it)."""
    name = kind if number is None else f"{kind} {number}"
    return ["", f"# [{name}] {comment(text)}".rstrip(), *lines]


def when(test: str | Lines, lines: Lines, *, otherwise: Lines | None = None, word: str = "if") -> Lines:
    """`if test { lines }`, and what else."""
    tests = [test] if isinstance(test, str) else test
    head = [f"{word} {tests[0]}", *tests[1:]]
    end = ["} else {", *indented(otherwise), "}"] if otherwise else ["}"]
    return [*head[:-1], f"{head[-1]} {{", *indented(lines), *end]


def command(head: str, text: str) -> Lines:
    """A command whose last argument is this text, of several lines."""
    first, *lines = text_block(text)
    return [f"{head} {first}", *lines, ";"]


def any_of(tests: Lines) -> Lines:
    """One test out of several, a line for each."""
    return _joined("anyof", tests)


def all_of(tests: Lines) -> Lines:
    """All of several tests, a line for each."""
    return _joined("allof", tests)


def negated(test: Lines) -> Lines:
    """The opposite of a test that may take several lines."""
    return [f"not {test[0]}", *test[1:]]


def _joined(word: str, tests: Lines) -> Lines:
    if len(tests) == 1:
        return tests
    return [f"{word} (", *(f"    {test}," for test in tests[:-1]), f"    {tests[-1]}", ")"]


def indented(lines: Lines) -> Lines:
    """The lines in a block; a multi-line text stays at the margin, where its end is looked for."""
    result: Lines = []
    inside = False
    for line in lines:
        result.append(line if inside or not line else f"    {line}")
        inside = line != "." if inside else line.endswith(" text:") and not line.lstrip().startswith("#")
    return result


def script(title: str, lines: Lines) -> str:
    """The whole text: title, `require`, the variable for a typed "$" before a brace, the lines."""
    body = "\n".join(lines) + "\n"
    dollar = [DOLLAR] if "${dollar}" in body else []
    bare = STRING_OR_COMMENT.sub(" ", "\n".join([*dollar, body]))
    needed = [name for name, words in EXTENSIONS.items() if re.search(words, bare)]
    names = ", ".join(f'"{name}"' for name in needed)
    return "\n".join([f"# {comment(title)}", *([f"require [{names}];"] if needed else []), *dollar, body])
