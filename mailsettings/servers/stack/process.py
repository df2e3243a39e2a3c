"""Processes that outlive their starter: remembered by pid and start time, so that a reused pid is never ours.

A starter may be killed between a start and its note; every process therefore also carries a mark in its environment,
and the servers that wipe theirs (all but Python's) are known by their working folder.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mailsettings.servers.files import write_atomically

MARK = "TEGAMI_COMPONENT"
# What a build or a test may have set for itself: without bytecode every start compiles the whole panel.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "TEGAMI_TESTING")


@dataclass(frozen=True, slots=True)
class Process:
    """`started`: clock ticks since boot. `version`: of the code it was started from, "" where that does not matter."""

    pid: int
    started: int
    boot: str
    version: str = ""

    def alive(self) -> bool:
        return boot_id() == self.boot and start_time(self.pid) == self.started


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; empty for no process. The name before them may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def start_time(pid: int) -> int | None:
    """Clock ticks since boot; None for a process that is gone or a zombie."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def session_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[3]) if fields else None


def this(pid: int, version: str = "") -> Process | None:
    """The running process with this pid."""
    started = start_time(pid)
    return Process(pid, started, boot_id(), version) if started is not None else None


def remember(note: Path, process: Process) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(note, json.dumps(asdict(process)))


def noted(note: Path) -> Process | None:
    """The process that was remembered, running or not."""
    try:
        return Process(**json.loads(note.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def recall(note: Path) -> Process | None:
    """The remembered process while it runs; None otherwise."""
    process = noted(note)
    return process if process and process.alive() else None


def spawn(
    command: list[str], *, mark: str, log: Path, cwd: Path, environment: Mapping[str, str], user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start detached: own session, nothing inherited but the log. Raises OSError."""
    clean = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env={**clean, **environment, MARK: mark},
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )


def leftovers(mark: str, folder: Path | None, leader: Process | None = None) -> list[Process]:
    """Every process that carries the mark, works inside `folder`, or belongs to the leader's session."""
    me = os.getpid()
    if leader and not leader.alive() and start_time(leader.pid) is not None:
        leader = None  # the number is somebody else's by now, and so may be the session
    pids = [pid for pid in _pids() if pid != me and _belongs(pid, mark, folder, leader)]
    return [process for pid in pids if (process := this(pid))]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _belongs(pid: int, mark: str, folder: Path | None, leader: Process | None) -> bool:
    with suppress(OSError):
        if f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return True
        # A shell or an editor may stand in the folder too: only the servers' own programs count.
        if folder and Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder):
            return _is_server(Path(f"/proc/{pid}/exe").readlink())
        return leader is not None and session_of(pid) == leader.pid
    return False


def _is_server(program: Path) -> bool:
    """One of Postfix', Dovecot's and PostgreSQL's programs, or one of those that lie among everybody's."""
    # Debian starts Redis by way of a link.
    return program.is_relative_to("/usr/lib") or program.name in ("dovecot", "redis-server", "redis-check-rdb", "rspamd", "clamd")


def end(process: Process, *, by: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> None:
    """Signal exactly this process and wait until it is gone; SIGKILL when the patience is over."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The handle pins the process, not the number: checked now, it cannot become another's.
        if not process.alive():
            return
        for number, seconds in ((by, patience_s), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], seconds)[0]:
                break
    finally:
        os.close(handle)
    _reap(process.pid)


def _reap(pid: int) -> None:
    """Take a child of ours out of the process table; another's is init's matter."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def end_all(processes: list[Process], *, by: signal.Signals = signal.SIGTERM, patience_s: float = 3.0) -> None:
    """End several; signal them all before waiting for any."""
    for process in processes:
        with suppress(ProcessLookupError):
            if process.alive():
                os.kill(process.pid, by)
    for process in processes:
        end(process, by=by, patience_s=patience_s)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll a function of no arguments until it is true; False when the time is over."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True
