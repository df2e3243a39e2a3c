"""The stack's components: how each is started, when it is ready, how it is told to end."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailsettings.servers import postfix
from mailsettings.servers.layout import Layout
from mailsettings.servers.stack import postgres
from mailsettings.servers.stack.process import Process

PANEL = ("panel", "worker", "jobs", "asks", "beat")
DOVECOT = "/usr/sbin/dovecot"


class StackError(Exception):
    """A component did not start; the message says which, and the end of its log."""


@dataclass(frozen=True, slots=True)
class Component:
    """`command` = what to spawn; `needs` = what has to be ready before; `folder` = where its processes work."""

    name: str
    needs: tuple[str, ...]
    command: Callable[[Layout], list[str]]
    ready: Callable[[Layout, Process], bool]
    prepare: Callable[[Layout], None] = lambda layout: None
    folder: Callable[[Layout], Path | None] = lambda layout: None
    user: Callable[[Layout], str | None] = lambda layout: None
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
    sockets = ["--port", "0", "--unixsocket", str(layout.redis_socket), "--unixsocketperm", "700"]
    return ["/usr/bin/redis-server", *sockets, *keep_nothing, "--dir", str(layout.redis_socket.parent), "--daemonize", "no"]


def _make_redis_folder(layout: Layout) -> None:
    layout.redis_socket.parent.mkdir(exist_ok=True)


def _redis_answers(layout: Layout, process: Process) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(layout.redis_socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
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
        Component("dovecot", (), _dovecot, _dovecot_answers, _forget_stale_dovecot, folder=lambda layout: layout.run_dir),
        Component("postfix", (), _postfix, _postfix_answers, folder=lambda layout: layout.queue_dir),
    )
}  # fmt: skip


def names_for(layout: Layout) -> tuple[str, ...]:
    """The components that this instance has, the start's order; "setup" is a step, not a process."""
    if layout.embedded:
        return ("setup", "panel", "worker", "sink", "truesize", "dovecot", "postfix")
    return ("postgres", "redis", "setup", "panel", "worker", "jobs", "asks", "beat", "sink", "truesize", "dovecot", "postfix")
