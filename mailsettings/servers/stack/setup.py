"""Bringing the panel's database and static files up to the code, and finding out whether the code has changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.stack.components import StackError, log_of, make_broker_folders
from mailsettings.servers.stack.process import UNWANTED

CODE = ("manage.py", "panel", "accounts", "mailsettings", "mailinglists", "reports", "templates", "locale", "static")
LOOPBACK = "127.0.0.1"
TOLD = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")
KEPT_OUT = {"__pycache__", "tests"}


def code_version(checkout: Path) -> str:
    """A digest of names, sizes and times of everything that the panel's processes load."""
    digest = hashlib.sha256()
    for path in sorted(_code(checkout)):
        stat = path.stat()
        digest.update(f"{path.relative_to(checkout)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _code(checkout: Path) -> Iterator[Path]:
    for top in CODE:
        if (checkout / top).is_file():
            yield checkout / top
        for folder, folders, names in os.walk(checkout / top):
            folders[:] = [name for name in folders if name not in KEPT_OUT]
            yield from (Path(folder, name) for name in names if not name.endswith((".po", ".pyc")))


def set_up(layout: Layout, version: str) -> None:
    """migrate, collectstatic, setup: once for each version of the code and each set of ports. Raises StackError."""
    done, told = layout.state / "setup.done", _told(layout)
    version = " ".join([version, *told])
    if done.exists() and done.read_text() == version and operator_path(layout).exists():
        return
    make_broker_folders(layout)  # setup sends changes already
    static = _start(layout, "collectstatic", "--noinput", "--verbosity", "0")
    _finish(layout, _start(layout, "migrate", "--noinput"))
    login = _finish(layout, _start(layout, "setup", "--host", layout.host, "--json", *told, *(["--demo"] if layout.embedded else [])))
    _finish(layout, static)
    write_atomically(operator_path(layout), json.dumps(_last_json(login)), mode=0o600)
    write_atomically(done, version)


def _told(layout: Layout) -> list[str]:
    """What mail programs are told. `localhost`, which the certificate covers, is 127.0.0.1: what listens elsewhere is not offered."""
    ports = {name: number if address == LOOPBACK else 0 for name, (address, number) in layout.ports.items() if name in TOLD}
    return ["--hostname", "localhost", "--ipv4", LOOPBACK, *(f"--port={name}={number}" for name, number in ports.items())]


def operator_path(layout: Layout) -> Path:
    return layout.state / "operator.json"


def operator(layout: Layout) -> dict[str, Any]:
    """`{"login", "password", "token"}` of the operator, as `setup` printed it; {} before the first set-up."""
    try:
        return dict(json.loads(operator_path(layout).read_text()))
    except OSError:
        return {}


def _start(layout: Layout, *words: str) -> subprocess.Popen[bytes]:
    secrets = {
        "TEGAMI_OPERATOR_PASSWORD": layout.secrets.operator_password,
        "TEGAMI_OPERATOR_TOKEN": layout.secrets.operator_token,
    }
    with log_of(layout, "setup").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=layout.checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**{k: v for k, v in os.environ.items() if k not in UNWANTED}, **layout.environment(), **secrets},
        )


def _finish(layout: Layout, running: subprocess.Popen[bytes]) -> str:
    output = running.communicate()[0].decode(errors="replace")
    if running.returncode:
        tail = log_of(layout, "setup").read_text(errors="replace")[-2000:]
        raise StackError(f"{running.args!r} ended with {running.returncode}:\n{output[-1000:]}{tail}")
    return output


def _last_json(output: str) -> Any:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise StackError(f"`manage.py setup --json` printed no login: {output[-500:]!r}")
    return json.loads(lines[-1])
