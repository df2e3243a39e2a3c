"""Pigeonhole's trace of a run, read against the scripts: which section was reached, which condition decided, what was done.

A script's sections begin with a comment `# [kind number] text` (writing.py). A line of the trace counts only when the
script has such a command in that line: what stands in a mail cannot pretend to be a step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEAD = re.compile(r"^\s*# \[([a-z-]+)(?: (\d+))?\] ?(.*)$")
# "   12: header test", "   12: redirect action", "   12: stop command; end all script execution"
TRACED = re.compile(r"^ *(\d+): ([a-z]+)\b(.*)$")
STARTED = re.compile(r"^ *## Started executing script '(.*)'$")
COMMANDS = ("addheader", "deleteheader", "discard", "fileinto", "filter", "keep", "notify", "redirect", "reject", "set", "stop", "vacation")
TEST_LIST = re.compile(r"\b(?:any|all)of \($")


@dataclass(frozen=True, slots=True)
class Section:
    """`lines`: from its comment to the next one, numbered from 1. `tests`: the lines of its conditions in their order."""

    kind: str
    number: int | None
    text: str
    lines: range
    tests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """A section that was reached. `decided`: the condition asked last (0 = the first). `done`: (command, its line) in order."""

    section: Section
    decided: int | None
    done: tuple[tuple[str, int], ...]

    def did(self, command: str) -> bool:
        """Whether such a command was carried out there."""
        return any(name == command for name, _ in self.done)


def sections(script: str) -> list[Section]:
    """The sections of a script of ours."""
    lines = script.split("\n")
    heads = [(number, found) for number, line in enumerate(lines, start=1) if (found := HEAD.match(line))]
    ends = [number for number, _ in heads[1:]] + [len(lines) + 1]
    return [
        Section(found[1], int(found[2]) if found[2] else None, found[3], range(start, end), _tests(lines, start, end))
        for (start, found), end in zip(heads, ends, strict=True)
    ]


def _tests(lines: list[str], start: int, end: int) -> tuple[int, ...]:
    """Of a rule the first list of tests, of the auto-reply the last: the one that has the exclusions."""
    opened = [number for number in range(start + 1, end) if TEST_LIST.search(lines[number - 1])]
    if not opened:
        return tuple(number for number in range(start + 1, end) if lines[number - 1].lstrip().startswith(("if ", "elsif ")))[:1]
    first = opened[-1] if "[auto-reply]" in lines[start - 1] else opened[0]
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
    last = next(number for number in range(first + 1, end) if lines[number - 1].startswith(" " * indent + ")"))
    return tuple(range(first + 1, last))


def visits(script: str, trace: list[tuple[int, str]]) -> list[Visit]:
    """The sections that were reached, in the order of the script."""
    found = ((section, [entry for entry in trace if entry[0] in section.lines]) for section in sections(script))
    return [_visit(section, entries, script.split("\n")) for section, entries in found if entries]


def _visit(section: Section, entries: list[tuple[int, str]], lines: list[str]) -> Visit:
    asked = [section.tests.index(number) for number, _ in entries if number in section.tests]
    done = ((word, number) for number, word in entries if word in COMMANDS and _is_there(word, lines[number - 1]))
    return Visit(section, asked[-1] if asked else None, tuple(dict.fromkeys(done)))


def _is_there(word: str, line: str) -> bool:
    return re.search(rf"\b{word}\b", line) is not None


def entries(trace: str, name: str) -> list[tuple[int, str]]:
    """(line, first word) of each step of the script of that name."""
    return list(_entries(trace, name))


def _entries(trace: str, name: str) -> Iterator[tuple[int, str]]:
    current = ""
    for line in trace.split("\n"):
        if started := STARTED.match(line):
            current = started[1]
        elif current == name and (found := TRACED.match(line)):
            yield int(found[1]), found[2]
