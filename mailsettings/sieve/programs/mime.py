"""Where the parts of a message begin and end, byte by byte, in one pass: what is not touched stays as it came.

A part's path is made of its places among its siblings from 1: `2.1` is the first part of the second. The message itself
has the path `1` when it is one part only; a message within (message/rfc822) is the only child of the part that holds it.
The virus scanner's milter names parts by this same reading, so that what was scanned is what is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Buffer = bytes | bytearray
# Postfix stops at 100 levels (mime_nesting_limit); mail that people write has a few dozen parts.
MAX_DEPTH = 100
MAX_PARTS = 10_000
# RFC 2046 allows 70; nobody needs more of a header field than this.
MAX_BOUNDARY = 255
MAX_VALUE = 32_768
WANTED = (b"content-type", b"content-disposition", b"content-transfer-encoding")
COMMENTS = re.compile(rb"(?:\s*\([^()]*\))*\s*")
PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;\s]*)', re.DOTALL)
IDENTITY = ("", "7bit", "8bit", "binary")


class TooComplex(Exception):
    """More parts or levels than any honest message has."""


class Part:
    """Offsets: `mark` = the delimiter line before it, `header`, `body`, `end` = behind its last byte, `after` = the next delimiter."""

    __slots__ = ("after", "body", "boundary", "children", "end", "fields", "header", "mark", "path")

    def __init__(self, path: str, mark: int, header: int, body: int, fields: dict[bytes, bytes]) -> None:
        self.path, self.mark, self.header, self.body, self.fields = path, mark, header, body, fields
        self.end = self.after = body
        self.children: list[Part] = []
        self.boundary = b""

    @property
    def type(self) -> str:
        """Such as `text/plain`, in lower case."""
        return _word(self.fields.get(b"content-type", b"")) or "text/plain"

    @property
    def attached(self) -> bool:
        """Whether it says `Content-Disposition: attachment`."""
        return _word(self.fields.get(b"content-disposition", b"")) == "attachment"

    @property
    def encoding(self) -> str:
        """The transfer encoding in lower case, "" for none."""
        return _word(self.fields.get(b"content-transfer-encoding", b""))

    def walk(self) -> Iterator[Part]:
        """The part, then everything within it, in the message's order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))

    def leaves(self) -> Iterator[Part]:
        """The parts that hold something themselves."""
        return (part for part in self.walk() if not part.children)


def _word(value: bytes) -> str:
    """The value before its parameters, without a comment in front."""
    found = COMMENTS.match(value)
    return value[found.end() if found else 0 :].split(b";", 1)[0].strip().lower().decode("ascii", "replace")


def parameters(value: bytes) -> dict[str, bytes]:
    """The parameters of a header field, names in lower case; the first of two with one name counts."""
    found: dict[str, bytes] = {}
    for name, text in PARAMETER.findall(value[:MAX_VALUE]):
        plain = re.sub(rb"\\(.)", rb"\1", text[1:].removesuffix(b'"')) if text.startswith(b'"') else text
        found.setdefault(name.lower().decode("ascii", "replace"), plain)
    return found


def parse(raw: Buffer) -> Part:
    """The message's tree. Linear in its size. Raises TooComplex."""
    return _Parser(raw).run()


class _Parser:
    """One pass over the lines that begin with `--`, with the multiparts that are open at that place."""

    def __init__(self, raw: Buffer) -> None:
        self.raw = raw
        self.count = 0
        self.chain: list[Part] = []  # every part whose end is not known yet, outermost first
        self.open: list[Part] = []  # those of them that are multiparts
        self.lines: dict[bytes, int] = {}  # delimiter line → place in `open`; the innermost of one name counts

    def run(self) -> Part:
        root = self._begin("", 0, 0)
        at = self._next_dashes(self.chain[-1].body)
        while at >= 0:
            line_end = self._line_end(at)
            line = self._line(at, line_end)
            if line in self.lines:
                self._delimiter(at, line_end, self.lines[line])
                line_end = self.chain[-1].body
            elif line.endswith(b"--") and line[:-2] in self.lines:
                self._close(at, self.lines[line[:-2]])
            at = self._next_dashes(line_end)
        self._end_chain(0, len(self.raw), len(self.raw))
        root.path = "" if root.children else "1"
        return root

    def _next_dashes(self, place: int) -> int:
        """The next line with two dashes in front, from the line that begins at `place`; -1 for none."""
        if place == 0:
            return 0 if self.raw.startswith(b"--") else self.raw.find(b"\n--") + 1 or -1
        return self.raw.find(b"\n--", place - 1) + 1 or -1

    def _line_end(self, at: int) -> int:
        return self.raw.find(b"\n", at) + 1 or len(self.raw)

    def _line(self, at: int, line_end: int) -> bytes:
        """Without blanks and the line break at its end; what is longer than any delimiter comes cut off."""
        return bytes(self.raw[at : min(line_end, at + MAX_BOUNDARY + 8)]).rstrip()

    def _delimiter(self, at: int, line_end: int, place: int) -> None:
        parent = self.open[place]
        self._end_chain(self.chain.index(parent) + 1, at, at)
        self._forget(place + 1)
        parent.children.append(self._begin(_below(parent, len(parent.children) + 1), at, line_end))

    def _close(self, at: int, place: int) -> None:
        self._end_chain(self.chain.index(self.open[place]) + 1, at, at)
        self._forget(place)

    def _forget(self, place: int) -> None:
        del self.open[place:]
        self.lines = {b"--" + part.boundary: number for number, part in enumerate(self.open)}

    def _end_chain(self, index: int, end: int, after: int) -> None:
        """Everything from here on inwards ends, before the line break that belongs to the delimiter."""
        for part in self.chain[index:]:
            part.after = after
            part.end = max(part.body, end - self._break_before(end))
        del self.chain[index:]

    def _break_before(self, at: int) -> int:
        if at >= len(self.raw):
            return 0
        return 2 if self.raw[at - 2 : at] == b"\r\n" else 1

    def _begin(self, path: str, mark: int, header: int) -> Part:
        """Read the header of a part; open it where it holds others."""
        self.count += 1
        if self.count > MAX_PARTS or len(self.chain) > MAX_DEPTH:
            raise TooComplex
        body, fields = self._header(header)
        part = Part(path, mark, header, body, fields)
        self.chain.append(part)
        if part.type.startswith("multipart/"):
            self._open(part)
        elif part.type in ("message/rfc822", "message/global") and part.encoding in IDENTITY:
            part.children.append(self._begin(_below(part, 1), body, body))
        return part

    def _open(self, part: Part) -> None:
        boundary = parameters(part.fields[b"content-type"]).get("boundary", b"").rstrip()
        if boundary and len(boundary) <= MAX_BOUNDARY:
            part.boundary = boundary
            self.open.append(part)
            self.lines[b"--" + boundary] = len(self.open) - 1

    def _header(self, at: int) -> tuple[int, dict[bytes, bytes]]:
        """Where the body begins, and the fields that say what it is. A delimiter ends a header that has no end."""
        fields: dict[bytes, bytes] = {}
        name = b""
        while at < len(self.raw):
            line_end = self._line_end(at)
            if self.raw[at : at + 2] == b"--" and self._delimits(self._line(at, line_end)):
                break
            line = bytes(self.raw[at : min(line_end, at + MAX_VALUE)])
            at = line_end
            if not line.strip(b"\r\n"):
                break
            name = _note(fields, name, line)
        return at, fields

    def _delimits(self, line: bytes) -> bool:
        return line in self.lines or (line.endswith(b"--") and line[:-2] in self.lines)


def _below(part: Part, number: int) -> str:
    return f"{part.path}.{number}" if part.path else str(number)


def _note(fields: dict[bytes, bytes], name: bytes, line: bytes) -> bytes:
    """Keep the line where it belongs to a wanted field; gives the field that a folded line after it goes on with."""
    if line[:1] in (b" ", b"\t"):
        if name and len(fields[name]) < MAX_VALUE:
            fields[name] += b" " + line.strip()
        return name
    found, _, value = line.partition(b":")
    found = found.strip().lower()
    if found not in WANTED or found in fields:
        return b""
    fields[found] = value.strip()
    return found
