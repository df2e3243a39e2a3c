"""A PostgreSQL of the instance's own: unix socket only, its user the panel's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import give, is_root, make_folder
from mailsettings.servers.stack.missing import postgres_bin
from mailsettings.servers.stack.process import Process, start_time


def run_as(layout: Layout) -> str | None:
    """PostgreSQL refuses root; anybody else runs it as themselves."""
    return layout.users.postgres if is_root() else None


def _data(layout: Layout) -> Path:
    return layout.postgres_dir / "data"


def _program(name: str) -> str:
    folder = postgres_bin()
    if folder is None:
        raise FileNotFoundError("no PostgreSQL server is installed")
    return str(folder / name)


def prepare(layout: Layout) -> None:
    """Make the cluster where missing, and forget a crash's pid file; whatever ran has been ended before."""
    make_folder(layout.postgres_dir, mode=0o700, user=run_as(layout), group=run_as(layout))
    make_folder(layout.postgres_dir / "run", mode=0o700, user=run_as(layout), group=run_as(layout))
    if not _data(layout).exists():
        _make_cluster(layout)
    if not _runs(_data(layout)):
        (_data(layout) / "postmaster.pid").unlink(missing_ok=True)
        (layout.postgres_dir / "run" / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _make_cluster(layout: Layout) -> None:
    unfinished, password = layout.postgres_dir / "data.new", layout.postgres_dir / "password"
    shutil.rmtree(unfinished, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(layout.secrets.database_password)
    give(password, user=run_as(layout))
    try:
        _run(layout, [_program("initdb"), "-D", str(unfinished), "-U", "tegami", f"--pwfile={password}", *INITDB])
    finally:
        password.unlink()
    os.rename(unfinished, _data(layout))


# One superuser, the panel's: tests make and drop databases of their own.
INITDB = ("--locale=C", "--encoding=UTF8", "--auth-local=scram-sha-256", "--auth-host=reject", "--no-sync")


def _run(layout: Layout, command: list[str]) -> None:
    user = run_as(layout)
    subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=layout.postgres_dir,
        user=user, group=user, extra_groups=[] if user else None,
    )  # fmt: skip


def _runs(data: Path) -> bool:
    """PostgreSQL itself takes any process with the number for its own, be it another program or a zombie."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        return start_time(pid) is not None and Path(f"/proc/{pid}/cwd").readlink() == data
    except (OSError, ValueError, IndexError):
        return False


def command(layout: Layout) -> list[str]:
    """`postgres` in the foreground. Tests give up safety at a power cut for speed."""
    settings = {
        "unix_socket_directories": str(layout.postgres_dir / "run"),
        "listen_addresses": "",
        "max_connections": "100",
        # Short queries: compiling them costs more than it gains.
        "jit": "off",
        "log_destination": "stderr",
        **({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"} if layout.name == "test" else {}),
    }
    return [_program("postgres"), "-D", str(_data(layout)), *(f"--{key}={value}" for key, value in settings.items())]


def answers(layout: Layout, process: Process) -> bool:
    """Ready when the panel's own database can be opened; made where missing."""
    import psycopg

    url = layout.database_url.replace("/tegami?", "/postgres?")
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tegami'").fetchone()
            if not known:
                connection.execute("CREATE DATABASE tegami")
    except psycopg.OperationalError:
        return False
    return True
