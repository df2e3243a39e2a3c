"""filter "headers-only": the header as it came, the body gone (F5, refuse)."""

from __future__ import annotations

import sys

from .compose import header_of, line_break, text_part
from .mime import Buffer, Part
from .stream import end_in_time, read_message, write_message

TEXT = (
    "A rule of this mailbox refused this mail: its body and attachments were not kept.\n"
    "このメールボックスの設定により受信を拒否したメールです。本文と添付ファイルは保存していません。\n"
)


def main(arguments: list[str]) -> int:
    """0: header and one line of text are on standard output."""
    end_in_time()
    write_message([headers_only(read_message())])
    return 0


def headers_only(raw: Buffer) -> bytes:
    """The header, and a text that says what has become of the rest."""
    newline = line_break(raw)
    return header_of(raw, _whole(raw)) + b"MIME-Version: 1.0" + newline + text_part(TEXT, newline)


def _whole(raw: Buffer) -> Part:
    """The message as one part, however its body is made."""
    if raw[:1] in (b"\n", b"\r"):
        return Part("1", 0, 0, 0, {})
    ends = [found + 1 for empty in (b"\n\r\n", b"\n\n") if (found := raw.find(empty)) >= 0]
    return Part("1", 0, 0, min(ends, default=len(raw)), {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
