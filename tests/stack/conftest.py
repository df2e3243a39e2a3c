"""One running stack for the whole run; a fresh domain for each test. Nothing sleeps: tests wait for changes and mail."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsettings.servers.layout import Layout
from mailsettings.servers.private import private_layout
from tests.mail import World

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def layout() -> Layout:
    return private_layout(os.environ["TEGAMI_TEST_STACK"], ROOT)


@pytest.fixture(scope="session")
def world(layout: Layout) -> World:
    found = json.loads(layout.stack_json.read_text())
    return World(Layout.load(layout.layout_path), found["operator"]["token"])


@pytest.fixture(scope="session")
def stack(layout: Layout) -> Command:
    """`stack("stop", "worker")`: the stack's own command for single components."""

    def run(verb: str, *components: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mailsettings.servers.stack", verb, "--name", layout.name, *components]
        environment = {key: value for key, value in os.environ.items() if key != "TEGAMI_TESTING"}
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="session")
def manage(layout: Layout) -> Command:
    """`manage("mailhost", "verify")`: a command in the stack's own environment; extra variables by `env`."""

    def run(*words: str, env: dict[str, str] | None = None, check: bool = True) -> "subprocess.CompletedProcess[str]":
        environment = {key: value for key, value in os.environ.items() if key != "TEGAMI_TESTING"}
        environment.update(layout.environment(), **(env or {}))
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, check=check, capture_output=True, text=True, timeout=300)

    return run
