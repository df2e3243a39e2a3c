"""The numbered seam that every side effect of an apply passes, so that tests can kill the process at each of them.

Effect n passes the seams 2n-1 (before) and 2n (after). With TEGAMI_KILL_AT=k in the environment the process dies by
SIGKILL at seam k; a test raises k until a run ends unkilled. TEGAMI_KILL_CHILD_AT=n kills the n-th postmap midway.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

_seams = count(1)
_children = count(1)


@contextmanager
def effect(name: str) -> Iterator[None]:
    """Wrap one side effect; `name` is for the reader of the code and of a debugger."""
    _pass(name)
    yield
    _pass(name)


def _pass(name: str) -> None:
    if next(_seams) == _number("TEGAMI_KILL_AT"):
        os.kill(os.getpid(), signal.SIGKILL)


def kill_this_child() -> bool:
    """Whether the postmap that is about to be fed is the one to be killed midway. Counts one child at each call."""
    return next(_children) == _number("TEGAMI_KILL_CHILD_AT")


def _number(name: str) -> int:
    return int(os.environ.get(name) or 0)
