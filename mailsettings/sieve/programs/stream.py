"""A message in, a message out, in bounded time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

# Dovecot waits `sieve_filter_exec_timeout`, 30 s; a message of 100 MB takes 2 s.
DEADLINE_S = 20
CHUNK = 1 << 20


def end_in_time() -> None:
    """After DEADLINE_S this process dies by SIGALRM, which Dovecot takes for a failure."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(DEADLINE_S)


def read_message() -> bytearray:
    """All of standard input, in about as much memory as it has bytes."""
    message = bytearray()
    while chunk := os.read(0, CHUNK):
        message += chunk
    return message


def write_message(pieces: Iterable[bytes | bytearray | memoryview]) -> None:
    """The pieces to standard output. Raises OSError: what is not written whole must not end well."""
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(1, rest) :]
