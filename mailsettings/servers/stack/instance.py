"""Start, stop, look at one instance. Starting what runs is harmless; what a crash left behind is ended first."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import make_folder
from mailsettings.servers.postfix import master_pid, postfix_reload
from mailsettings.servers.prepare import prepare_host
from mailsettings.servers.private import free_ports, is_free
from mailsettings.servers.stack import process
from mailsettings.servers.stack.components import (
    COMPONENTS,
    DOVECOT,
    PANEL,
    Component,
    StackError,
    log_of,
    mark_of,
    names_for,
    note_of,
)
from mailsettings.servers.stack.missing import missing
from mailsettings.servers.stack.process import Process
from mailsettings.servers.stack.setup import code_version, operator, set_up
from mailsettings.servers.tls import ensure_certificate

START_S = 60.0
FOLDERS = {
    "folders": {
        "sent": "Sent", "drafts": "Drafts", "trash": "Trash", "spam": "Junk", "archive": "Archive", "refused": "Refused",
    }
}  # fmt: skip
PORTS_OF = {"postfix": ("smtp", "submission", "submissions"), "sink": ("sink",)}
PORTS_OF["dovecot"] = ("imap", "imaps", "pop3", "pop3s", "lmtp", "sieve")


def start(layout: Layout, only: Collection[str] = ()) -> dict[str, str]:
    """Start what is not running. Component → "started", "running" or "missing: …". Raises StackError."""
    make_folder(layout.state)
    make_folder(layout.public)
    with _instance_lock(layout):
        lacking = missing(layout)
        names = [name for name in names_for(layout) if not only or name in only]
        layout = prepare(with_free_ports(layout))
        done = _start_in_order(layout, [name for name in names if name not in lacking])
        write_stack_json(layout)
    return {**done, **{name: f"missing: {', '.join(lacking[name])}" for name in names if name in lacking}}


def stop(layout: Layout, only: Collection[str] = (), *, kill: bool = False) -> list[str]:
    """End exactly this instance's processes, the databases last, and wait for them. Gives those that ran."""
    if not layout.state.exists():
        return []
    with _instance_lock(layout):
        names = [name for name in names_for(layout) if name in COMPONENTS and (not only or name in only)]
        stores = [name for name in names if name in ("postgres", "redis")]
        with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
            others = [name for name in names if name not in stores]
            ended = [*pool.map(lambda name: _stop(layout, COMPONENTS[name], kill), others)]
            ended += pool.map(lambda name: _stop(layout, COMPONENTS[name], kill), stores)
        if not only:
            layout.stack_json.unlink(missing_ok=True)
    return [name for name in ended if name]


def restart(layout: Layout, only: Collection[str] = ()) -> dict[str, str]:
    """stop, then start."""
    stop(layout, only)
    return start(layout, only)


def status(layout: Layout) -> dict[str, int | None]:
    """Component → pid of its leading process, None where it does not run."""
    found = {name: running(layout, name) for name in names_for(layout) if name in COMPONENTS}
    return {name: one.pid if one else None for name, one in found.items()}


def running(layout: Layout, name: str) -> Process | None:
    """The component's leading process."""
    if name == "postfix":  # it detaches itself and keeps its own pid file
        pid = master_pid(layout)
        return process.this(pid) if pid else None
    return process.recall(note_of(layout, name))


@contextmanager
def _instance_lock(layout: Layout) -> Iterator[None]:
    """Two starts at once: the second waits and finds everything running."""
    descriptor = os.open(layout.state / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def with_free_ports(layout: Layout) -> Layout:
    """The saved ports; other ones, saved too, when nothing of ours runs and somebody else sits on one of them."""
    if any(pid for pid in status(layout).values()) or all(is_free(port) for port in layout.ports.values()):
        return layout
    _end_leftovers(layout)
    if all(is_free(port) for port in layout.ports.values()):
        return layout
    layout = layout.with_ports(free_ports(layout.ports.items()))
    layout.save()
    return layout


def _end_leftovers(layout: Layout) -> None:
    for name in names_for(layout):
        if name in COMPONENTS:
            _clear(layout, COMPONENTS[name])


def prepare(layout: Layout) -> Layout:
    """Folders, certificate, configuration, empty directory and maps; servers that run are told of new configuration."""
    make_folder(layout.pids)
    ensure_certificate(layout.tls, layout.hostname)
    changed = prepare_host(layout)
    _tell_of_configuration(layout, changed)
    return layout


def _tell_of_configuration(layout: Layout, changed: dict[str, bool]) -> None:
    if changed["postfix"]:
        postfix_reload(layout)
    if changed["dovecot"] and running(layout, "dovecot"):
        subprocess.run([DOVECOT, "-c", str(layout.dovecot_conf), "reload"], check=True, stdin=subprocess.DEVNULL)


def _start_in_order(layout: Layout, names: list[str]) -> dict[str, str]:
    """Side by side, each after what it needs."""
    version = code_version(layout.checkout)
    futures: dict[str, Future[str]] = {}

    def one(name: str) -> str:
        needs = COMPONENTS[name].needs if name in COMPONENTS else ("postgres",)
        for need in needs:
            if need in futures:
                futures[need].result()
        return _set_up(layout, version) if name == "setup" else _start(layout, COMPONENTS[name], version)

    with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
        for name in names:
            futures[name] = pool.submit(one, name)
    return {name: future.result() for name, future in futures.items()}


def _set_up(layout: Layout, version: str) -> str:
    set_up(layout, version)
    return "done"


def _start(layout: Layout, component: Component, version: str) -> str:
    name, version = component.name, _version(layout, component, version)
    found = running(layout, name)
    if found and found.version == version:
        return "running"
    if found:  # the code or its configuration has changed since
        process.end(found, by=component.stop_by, patience_s=component.patience_s)
    _clear(layout, component)
    component.prepare(layout)
    _spawn(layout, component, version)
    return "started"


def _version(layout: Layout, component: Component, code: str) -> str:
    """Of what it was started from: code and files that it reads at its start only."""
    parts = [code] if component.name in PANEL else []
    parts += [hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in component.reads(layout) if path.exists()]
    return " ".join(parts)


def _clear(layout: Layout, component: Component) -> None:
    """End what an earlier run left behind: children of a killed leader, a leader whose note was never written."""
    if running(layout, component.name):
        return
    leader = process.noted(note_of(layout, component.name))
    left = process.leftovers(mark_of(layout, component.name), component.folder(layout), leader)
    process.end_all(left, by=component.stop_by)


def _spawn(layout: Layout, component: Component, version: str) -> None:
    name, log = component.name, log_of(layout, component.name)
    child = process.spawn(
        component.command(layout), mark=mark_of(layout, name), log=log, cwd=component.folder(layout) or layout.checkout,
        environment=layout.environment(), user=component.user(layout),
    )  # fmt: skip
    found = process.this(child.pid, version)
    if found and name != "postfix":
        process.remember(note_of(layout, name), found)
    ready = process.until(lambda: _gone(child, name) or bool(found and component.ready(layout, found)), START_S)
    if not ready or _gone(child, name) or not found:
        raise StackError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _gone(child: subprocess.Popen[bytes], name: str) -> bool:
    """Whether it ended instead of starting; `postfix start` ends well."""
    code = child.poll()
    return code is not None and not (name == "postfix" and code == 0)


def _stop(layout: Layout, component: Component, kill: bool) -> str:
    found, by = running(layout, component.name), component.stop_by
    leader = found or process.noted(note_of(layout, component.name))
    if kill:
        by = signal.SIGKILL
    if found:
        process.end(found, by=by, patience_s=component.patience_s)
    left = process.leftovers(mark_of(layout, component.name), component.folder(layout), leader)
    process.end_all(left, by=by)
    note_of(layout, component.name).unlink(missing_ok=True)
    return component.name if found else ""


def write_stack_json(layout: Layout) -> None:
    """What runs, where: contract.md. Only components that are there have their keys; `make run` writes none."""
    if layout.embedded:
        return
    up = {name for name, pid in status(layout).items() if pid}
    ports = {port: list(layout.ports[port]) for name in sorted(up) for port in PORTS_OF.get(name, ())}
    paths = {"postfix": layout.postfix_log, "dovecot": layout.dovecot_log, "rspamd": log_of(layout, "rspamd")}
    logs = {name: str(path) for name, path in paths.items() if name in up}
    known: dict[str, Any] = {"panel": layout.panel_url} if "panel" in up else {}
    ports["resolver"] = list(layout.ports["resolver"])
    sink = {"sink_dir": os.path.relpath(layout.sink_dir, layout.checkout)} if "sink" in up else {}
    login = {"operator": operator(layout)} if operator(layout) else {}
    text = json.dumps({**known, **ports, **sink, **FOLDERS, "logs": logs, **login}, indent=1)
    # It holds the operator's token.
    write_atomically(layout.stack_json, text, mode=0o600)
