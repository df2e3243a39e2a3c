"""The stack's components: how each is started, when it is ready, how it is told to end."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mailsettings.servers import postfix, scanners, srs
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import is_root, make_folder
from mailsettings.servers.stack import postgres
from mailsettings.servers.stack.process import Process

# The mail host's own, in the order that each finds what it asks.
MAIL = ("sink", "rspamd", "clamd", "milter", "truesize", "postsrsd", "bounces", "dovecot", "postfix")
# Started anew when the code has changed since.
PANEL = ("panel", "worker", "jobs", "asks", "beat", "milter")
DOVECOT = "/usr/sbin/dovecot"


class StackError(Exception):
    """A component did not start; the message says which, and the end of its log."""


@dataclass(frozen=True, slots=True)
class Component:
    """`command` = what to spawn; `needs` = what has to be ready before; `folder` = where its processes work.

    `reads` = files that it reads at its start only: it is started anew when they have changed.
    """

    name: str
    needs: tuple[str, ...]
    command: Callable[[Layout], list[str]]
    ready: Callable[[Layout, Process], bool]
    prepare: Callable[[Layout], None] = lambda layout: None
    folder: Callable[[Layout], Path | None] = lambda layout: None
    user: Callable[[Layout], str | None] = lambda layout: None
    reads: Callable[[Layout], Iterable[Path]] = lambda layout: ()
    stop_by: signal.Signals = signal.SIGTERM
    patience_s: float = 10.0


def log_of(layout: Layout, name: str) -> Path:
    return layout.log_dir / f"{name}.log"


def note_of(layout: Layout, name: str) -> Path:
    return layout.pids / f"{name}.json"


def mark_of(layout: Layout, name: str) -> str:
    return f"{layout.state}:{name}"


# --- the panel's processes
def _gunicorn(layout: Layout) -> list[str]:
    host, port = layout.ports["panel"]
    threads = ["--worker-class", "gthread", "--workers", "2", "--threads", "8"]  # ?wait= holds a thread
    return [sys.executable, "-m", "gunicorn", "panel.wsgi:application", "--bind", f"{host}:{port}", "--preload", *threads]


def _celery(layout: Layout, *words: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "panel.celery", *words]


def _worker(layout: Layout) -> list[str]:
    """Applies changes, one batch at a time: a single process, so that killing it kills the apply."""
    if layout.embedded:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        queues = f"mailhost.{layout.host},mailhost.{layout.host}.jobs,mailhost.{layout.host}.asks,celery"
        beat = ["-B", "-s", str(layout.state / "beat")]
        return _celery(layout, "worker", "-Q", queues, "-c", "2", "-l", "INFO", "-n", f"all@{layout.host}", *beat, *quiet)
    queue = f"mailhost.{layout.host}"
    return _celery(layout, "worker", "-Q", queue, "-P", "solo", "-l", "INFO", "-n", f"apply@{layout.host}")


def _jobs(layout: Layout) -> list[str]:
    queues = f"mailhost.{layout.host}.jobs,celery"
    return _celery(layout, "worker", "-Q", queues, "-c", "2", "-l", "INFO", "-n", f"jobs@{layout.host}")


def _asks(layout: Layout) -> list[str]:
    """Somebody waits for each answer: threads, never behind long work."""
    queue = f"mailhost.{layout.host}.asks"
    return _celery(layout, "worker", "-Q", queue, "-P", "threads", "-c", "4", "-l", "INFO", "-n", f"asks@{layout.host}")


def _beat(layout: Layout) -> list[str]:
    return _celery(layout, "beat", "-s", str(layout.state / "beat"), "--pidfile=", "-l", "INFO")


def _panel_answers(layout: Layout, process: Process) -> bool:
    connection = http.client.HTTPConnection(*layout.ports["panel"], timeout=10)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _alive(layout: Layout, process: Process) -> bool:
    return process.alive()


def make_broker_folders(layout: Layout) -> None:
    """filesystem:// makes none itself; beside Redis they stay empty."""
    for folder in ("queue", "control") if layout.embedded else ():
        (layout.broker_dir / folder).mkdir(parents=True, exist_ok=True)


# --- redis
def _redis(layout: Layout) -> list[str]:
    # Nothing is kept: what a restart loses is sent again by the sweep.
    keep_nothing = ["--save", "", "--appendonly", "no"]
    sockets = ["--port", "0", "--unixsocket", str(layout.redis_socket), "--unixsocketperm", "777"]
    return ["/usr/bin/redis-server", *sockets, *keep_nothing, "--dir", str(layout.redis_socket.parent), "--daemonize", "no"]


def _make_redis_folder(layout: Layout) -> None:
    """The socket is everybody's, its folder the owner's and rspamd's."""
    make_folder(layout.redis_socket.parent, mode=0o750, group=layout.users.rspamd if scanners.installed("rspamd") else None)


def _redis_answers(layout: Layout, process: Process) -> bool:
    return _says(layout.redis_socket, b"PING\r\n", b"+PONG")


def _says(path: Path, question: bytes, answer: bytes) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(question)
            return connection.recv(64).startswith(answer)
        except OSError:
            return False


# --- mail servers
def _dovecot(layout: Layout) -> list[str]:
    return [DOVECOT, "-F", "-c", str(layout.dovecot_conf)]


def _dovecot_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and _listens(layout, "imaps") and (layout.run_dir / "lmtp-postfix").exists()


def _forget_stale_dovecot(layout: Layout) -> None:
    """Dovecot refuses to start when the pid in its file is anybody's; we know that ours does not run."""
    (layout.run_dir / "master.pid").unlink(missing_ok=True)


def _postfix(layout: Layout) -> list[str]:
    return ["/usr/sbin/postfix", "-c", str(layout.postfix_dir), "start"]


def _postfix_answers(layout: Layout, process: Process) -> bool:
    return postfix.master_pid(layout) is not None and _listens(layout, "smtp")


def _sink(layout: Layout) -> list[str]:
    return [sys.executable, "-m", "mailsettings.servers.sink", str(layout.layout_path)]


def _sink_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and _listens(layout, "sink")


def _truesize(layout: Layout) -> list[str]:
    sockets = [str(layout.truesize_socket), str(layout.run_dir / "quota-status")]
    return [sys.executable, "-m", "mailsettings.servers.truesize", *sockets, layout.users.postfix]


def _truesize_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and layout.truesize_socket.exists()


def _postsrsd(layout: Layout) -> list[str]:
    return [*srs.command(layout, layout.srs_secret_path), *(["-unobody"] if is_root() else [])]


def _postsrsd_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and _listens(layout, "srs") and _listens(layout, "srs_reverse")


def _bounces(layout: Layout) -> list[str]:
    return [sys.executable, "-m", "mailsettings.servers.bounces", str(layout.layout_path)]


def _bounces_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and layout.bounces_socket.exists()


# --- the milter and those it asks
def _milter(layout: Layout) -> list[str]:
    return [sys.executable, "-m", "mailsettings.servers.milter", str(layout.open_layout_path)]


def _milter_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and (layout.milter_dir / "submission").exists()


def _forget_milter(layout: Layout) -> None:
    for name in ("in", "submission", "out"):
        (layout.milter_dir / name).unlink(missing_ok=True)


def _rspamd_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and _says(layout.rspamd_socket, b"GET /ping HTTP/1.0\r\n\r\n", b"HTTP/1.1 200")


def _clamd(layout: Layout) -> list[str]:
    return ["/usr/sbin/clamd", "-c", str(layout.clamd_conf)]


def _clamd_answers(layout: Layout, process: Process) -> bool:
    return process.alive() and _says(layout.clamd_socket, b"zPING\0", b"PONG\0")


def _as_root(user: str) -> str | None:
    """Programs that give up root are started as who they would become; anybody else runs them as themselves."""
    return user if is_root() else None


def _listens(layout: Layout, port: str) -> bool:
    try:
        socket.create_connection(layout.ports[port], timeout=2).close()
    except OSError:
        return False
    return True


COMPONENTS = {
    component.name: component
    for component in (
        Component(
            "postgres", (), postgres.command, postgres.answers, postgres.prepare,
            folder=lambda layout: layout.postgres_dir / "data", user=postgres.run_as,
            stop_by=signal.SIGINT,  # fast shutdown: SIGTERM waits for the panel's connections
        ),
        Component("redis", (), _redis, _redis_answers, _make_redis_folder, folder=lambda layout: layout.redis_socket.parent),
        Component("panel", ("setup",), _gunicorn, _panel_answers),
        Component("worker", ("setup", "redis"), _worker, _alive, make_broker_folders),
        Component("jobs", ("setup", "redis"), _jobs, _alive),
        Component("asks", ("setup", "redis"), _asks, _alive),
        Component("beat", ("setup", "redis"), _beat, _alive),
        Component("sink", (), _sink, _sink_answers),
        Component("truesize", (), _truesize, _truesize_answers, lambda layout: layout.truesize_socket.unlink(missing_ok=True)),
        Component("postsrsd", (), _postsrsd, _postsrsd_answers),
        Component("bounces", (), _bounces, _bounces_answers, lambda layout: layout.bounces_socket.unlink(missing_ok=True)),
        Component(
            "rspamd", ("redis",), scanners.rspamd_command, _rspamd_answers, folder=lambda layout: layout.rspamd_dir,
            user=lambda layout: _as_root(layout.users.rspamd),
            reads=lambda layout: [file.path for file in scanners.rspamd_files(layout)],
        ),
        Component(
            "clamd", (), _clamd, _clamd_answers, folder=lambda layout: layout.clamd_dir,
            user=lambda layout: _as_root(layout.users.clamav),
            reads=lambda layout: [file.path for file in scanners.clamd_files(layout)],
        ),
        Component("milter", (), _milter, _milter_answers, _forget_milter, reads=lambda layout: [layout.open_layout_path]),
        Component("dovecot", (), _dovecot, _dovecot_answers, _forget_stale_dovecot, folder=lambda layout: layout.run_dir),
        Component("postfix", (), _postfix, _postfix_answers, folder=lambda layout: layout.queue_dir),
    )
}  # fmt: skip


def names_for(layout: Layout) -> tuple[str, ...]:
    """The components that this instance has, the start's order; "setup" is a step, not a process."""
    if layout.embedded:
        # Redis is what rspamd remembers in; nobody needs it where no mail server can run.
        return ("setup", "panel", "worker", *(("redis",) if is_root() else ()), *MAIL)
    return ("postgres", "redis", "setup", "panel", "worker", "jobs", "asks", "beat", *MAIL)
