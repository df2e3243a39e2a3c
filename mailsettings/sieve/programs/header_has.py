"""execute "header-has" KEYWORD: whether any line of the header contains the words, decoded, in whatever letter case (F5).

What the servers add themselves (verdicts about spam and viruses) is no text that anybody wrote: not looked at.
"""

from __future__ import annotations

import re
import sys

from .mime import Buffer
from .stream import end_in_time, read_message
from .words import decode_words

FOLDED = re.compile(rb"\r?\n[ \t]+")
OWN = re.compile(rb"(?i)^(x-tegami-|x-spam-|x-sieve)")


def main(arguments: list[str]) -> int:
    """0: it does. 1: it does not. Dovecot wants the message read to its end."""
    end_in_time()
    message = read_message()
    return 0 if arguments and header_has(message, arguments[0]) else 1


def header_has(raw: Buffer, keyword: str) -> bool:
    """Whether `Name: value` of any header field contains the keyword."""
    wanted = " ".join(keyword.casefold().split())
    return bool(wanted) and any(wanted in " ".join(line.casefold().split()) for line in lines(raw))


def lines(raw: Buffer) -> list[str]:
    """The header's fields, unfolded and decoded."""
    end = re.search(rb"\r?\n\r?\n", raw)
    header = FOLDED.sub(b" ", bytes(raw[: end.start() if end else len(raw)]))
    return [decode_words(line) for line in header.splitlines() if not OWN.match(line)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
