"""filter "strip-attachments": the message without its attachments (F4).

Taken out are the parts that say `Content-Disposition: attachment`, and only those, at any depth and within messages
that are within; in their place stands a note with their names. Everything else stays byte for byte. The signature of a
signed message is no attachment to anybody: it stays as long as what it signs stays.
"""

from __future__ import annotations

import sys

from .compose import Edits, header_of, line_break, mixed_instead_of_signed, text_part
from .mime import Buffer, Part, parse
from .stream import end_in_time, read_message, write_message
from .words import file_name

MOST_NAMES = 50


def main(arguments: list[str]) -> int:
    """0: the stripped message is on standard output."""
    end_in_time()
    write_message(strip(read_message()))
    return 0


def strip(raw: Buffer) -> list[bytes | memoryview]:
    """The message in pieces. Raises mime.TooComplex."""
    root, edits = parse(raw), Edits(raw)
    _message(raw, root, edits)
    return edits.pieces()


def _message(raw: Buffer, part: Part, edits: Edits) -> bool:
    """Of a whole message, the outer one or one within: what is no multipart may be an attachment itself."""
    if part.attached and not part.boundary:
        newline = line_break(raw)
        header = header_of(raw, part) + b"MIME-Version: 1.0" + newline
        edits.replace(part.header, part.end, header + text_part(note([part]), newline))
        return True
    return _within(raw, part, edits)


def _within(raw: Buffer, part: Part, edits: Edits) -> bool:
    """Whether anything below was taken out."""
    if not part.boundary:
        messages = [_message(raw, child, edits) for child in part.children]
        return any(messages)
    gone = [child for child in part.children if child.attached]
    changed = [_within(raw, child, edits) for child in part.children if not child.attached]
    if part.type == "multipart/signed":
        return _signed(raw, part, edits, gone, any(changed))
    _take_out(raw, gone, edits)
    return bool(gone) or any(changed)


def _signed(raw: Buffer, part: Part, edits: Edits, gone: list[Part], changed: bool) -> bool:
    signature = part.children[1:2]
    if not changed and all(child in signature for child in gone):
        return False
    _take_out(raw, gone, edits)
    mixed_instead_of_signed(raw, part, edits)
    return True


def _take_out(raw: Buffer, gone: list[Part], edits: Edits) -> None:
    """One note for all of a multipart, where the first of them stood: a multipart is never left without a part."""
    for number, part in enumerate(gone):
        if number == 0:
            edits.replace(part.header, part.end, text_part(note(gone), line_break(raw)))
        else:
            edits.replace(part.mark, part.after, b"")


def note(gone: list[Part]) -> str:
    """English, then Japanese, and the names."""
    names = [f"- {file_name(part) or part.type}" for part in gone[:MOST_NAMES]]
    more = [f"- … +{len(gone) - MOST_NAMES}"] if len(gone) > MOST_NAMES else []
    head = ["Attachments are left out of this forwarded copy:", "転送時の設定により、次の添付ファイルは省かれています:"]
    return "\n".join([*head, *names, *more, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
