"""A private Postfix, Dovecot and sink for these tests, without panel and database: started once, ended by pid."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailsettings.servers import directory, maps, render
from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.owners import make_folder
from mailsettings.servers.stack import start, stop
from mailsettings.servers.stack.missing import missing
from tests.servers.mailclient import Host

CHECKOUT = Path(__file__).resolve().parents[2]
SERVERS = ("sink", "truesize", "dovecot", "postfix")


@pytest.fixture(scope="session")
def layout() -> Iterator[Layout]:
    """An instance of its own, its servers running."""
    layout = Layout.private_instance("test-servers", CHECKOUT)
    lacking = {name: missing(layout)[name] for name in SERVERS if name in missing(layout)}
    if lacking:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no mail servers here: {lacking}")
    stop(layout)
    start(layout, SERVERS)
    yield Layout.load(layout.layout_path)
    stop(layout)


@pytest.fixture
def files(tmp_path: Path) -> Layout:
    """A layout with files but no servers, in a folder that the servers' users need not reach."""
    layout = Layout.private_instance("test-files", CHECKOUT)
    folders = {"state": tmp_path, "config": tmp_path, "postfix_dir": tmp_path / "postfix", "queue_dir": tmp_path / "queue"}
    layout = replace(layout, **folders)  # type: ignore[arg-type]
    make_folder(layout.postfix_dir)
    for file in render.postfix_files(layout):
        write_atomically(file.path, file.text, age_s=10)
    directory.create(layout)
    with host_lock(layout) as lock_fd:
        maps.create(layout, lock_fd)
    layout.save()
    return layout


@pytest.fixture
def host(layout: Layout) -> Host:
    """A fresh domain on the running servers."""
    return Host(layout, f"{uuid.uuid4().hex[:8]}.example.com")
