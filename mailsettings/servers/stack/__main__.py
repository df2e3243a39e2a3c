"""`python -m mailsettings.servers.stack VERB [--name NAME] [component …]`."""

from __future__ import annotations

import argparse
import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

from mailsettings.servers.layout import Layout
from mailsettings.servers.private import private_layout
from mailsettings.servers.render import BadConfiguration
from mailsettings.servers.stack import instance
from mailsettings.servers.stack.components import COMPONENTS, StackError
from mailsettings.servers.stack.setup import operator

CHECKOUT = Path(__file__).resolve().parents[3]


def main() -> int:
    """0: as asked. 1: something did not start. 3: something of it is not installed here."""
    asked = _arguments()
    layout = private_layout(asked.name, CHECKOUT)
    try:
        return VERBS[asked.verb](layout, asked.components)
    except (StackError, BadConfiguration, OSError, subprocess.SubprocessError) as error:
        print(f"{asked.verb} {asked.name}: {error}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stack", description="The private mail host on loopback.")
    parser.add_argument("verb", choices=sorted(VERBS))
    parser.add_argument("--name", default="stack", help="instance: stack, run, test, or any other name")
    parser.add_argument("components", nargs="*", help=f"only these: {' '.join(COMPONENTS)} setup")
    return parser.parse_intermixed_args()


def _start(layout: Layout, only: list[str]) -> int:
    done = instance.start(layout, only)
    for name, what in done.items():
        print(f"{name:10} {what}")
    lacking = [name for name, what in done.items() if what.startswith("missing")]
    if lacking:
        print(f"left out: {', '.join(lacking)}", file=sys.stderr)
    print(f"panel: {Layout.load(layout.layout_path).panel_url}   state: {layout.state}")
    return 3 if lacking else 0


def _stop(layout: Layout, only: list[str]) -> int:
    print("ended:", " ".join(instance.stop(layout, only)) or "nothing ran")
    return 0


def _kill(layout: Layout, only: list[str]) -> int:
    print("killed:", " ".join(instance.stop(layout, only, kill=True)) or "nothing ran")
    return 0


def _restart(layout: Layout, only: list[str]) -> int:
    instance.stop(layout, only)
    return _start(layout, only)


def _status(layout: Layout, only: list[str]) -> int:
    found = {name: pid for name, pid in instance.status(layout).items() if not only or name in only}
    for name, pid in found.items():
        print(f"{name:10} {pid or 'not running'}")
    return 0 if all(found.values()) else 1


def _prepare(layout: Layout, only: list[str]) -> int:
    """Write every configuration file, start nothing."""
    instance.prepare(layout)
    print(layout.state)
    return 0


def _run(layout: Layout, only: list[str]) -> int:
    """In the foreground until Ctrl-C; without mail servers when they are missing."""
    with (layout.state / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{layout.name} runs already, in another terminal, at {layout.panel_url}", file=sys.stderr)
            return 1
        return _run_alone(layout, only)


def _run_alone(layout: Layout, only: list[str]) -> int:
    # Both: what a shell starts in the background inherits SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        _start(layout, only)
        _print_login(layout)
        while instance.running(layout, "panel"):
            time.sleep(0.5)
        print("the panel has ended; its log is in", layout.log_dir, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not leave half of it running
            signal.signal(number, signal.SIG_IGN)
        instance.stop(layout)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _print_login(layout: Layout) -> None:
    login = operator(layout)
    print(f"operator: {login.get('login')} with {login.get('password')} at {layout.panel_url}/login/", flush=True)
    for demo in login.get("demo", []):
        print(f"{demo['role']}: {demo['login']} with {demo['password']} at {layout.panel_url}{demo['page']}", flush=True)
    print("Ctrl-C ends it", flush=True)


VERBS = {
    "start": _start, "stop": _stop, "kill": _kill, "restart": _restart, "status": _status, "prepare": _prepare, "run": _run,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
