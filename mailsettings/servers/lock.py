"""The one lock of a mail host: whoever writes the servers' files holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mailsettings.servers.layout import Layout


@contextmanager
def host_lock(layout: Layout, *, wait: bool = True) -> Iterator[int]:
    """Hold the host's lock and give its descriptor, to be handed to every child that writes.

    flock belongs to the open file, not to the process: a `postmap` that inherited the descriptor keeps the lock
    when its worker is killed. Raises BlockingIOError when `wait` is false and somebody else holds it.
    """
    descriptor = os.open(layout.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield descriptor
    finally:
        os.close(descriptor)
