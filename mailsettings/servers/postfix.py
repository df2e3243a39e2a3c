"""The running Postfix of a layout: is it there, and telling it to read its configuration again."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mailsettings.servers.layout import Layout
from mailsettings.servers.seam import effect


class PostfixError(Exception):
    """Postfix refused a command; the message is its own."""


def master_pid(layout: Layout) -> int | None:
    """The process id of this layout's Postfix master; None when it does not run.

    A pid file may outlive its process: the master is known by its working folder, the queue.
    """
    try:
        pid = int((layout.queue_dir / "pid" / "master.pid").read_text().split()[0])
        if Path(f"/proc/{pid}/comm").read_text().strip() != "master":
            return None
        return pid if Path(f"/proc/{pid}/cwd").readlink() == layout.queue_dir else None
    except (OSError, ValueError, IndexError):
        return None


def postfix_reload(layout: Layout) -> bool:
    """Make a running Postfix read main.cf, master.cf and its maps anew. False when none runs. Raises PostfixError."""
    if master_pid(layout) is None:
        return False
    with effect("postfix.reload"):
        command(layout, "reload")
    return True


def command(layout: Layout, *words: str) -> str:
    """`postfix -c … words`; gives what it printed. Raises PostfixError."""
    done = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(layout.postfix_dir), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise PostfixError(done.stdout.strip() or f"postfix {' '.join(words)} ended with {done.returncode}")
    return done.stdout
