"""A private Postfix, Dovecot, Redis and sink for these tests, without panel and database: one instance, ended by pid."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailsettings.servers import directory, maps, render, scripts
from mailsettings.servers.apply import apply_entries
from mailsettings.servers.desired import wanted_of_domain
from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.owners import make_folder
from mailsettings.servers.private import private_layout
from mailsettings.servers.stack import start, status, stop
from mailsettings.servers.stack.components import MAIL
from mailsettings.servers.stack.missing import missing
from mailsettings.servers.tls import ensure_certificate
from tests.servers.host import Host, domain_state

CHECKOUT = Path(__file__).resolve().parents[2]
SERVERS = ("redis", *MAIL)
# As many as tests ask for, and some.
DOMAINS = 400


@pytest.fixture(scope="session")
def instance() -> Iterator[Layout]:
    """The one instance of this folder, as saved; nothing of it runs yet."""
    # Two runs at once need an instance each.
    layout = private_layout(os.environ.get("TEGAMI_TEST_INSTANCE", "test-servers"), CHECKOUT)
    lacking = {name: missing(layout)[name] for name in SERVERS if name in missing(layout)}
    if lacking:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no mail servers here: {lacking}")
    stop(layout)
    yield layout
    stop(layout)


@pytest.fixture
def layout(instance: Layout) -> Layout:
    """Its servers, running: what a test before has ended or maltreated is started again."""
    found = Layout.load(instance.layout_path)  # a test may have moved it to other ports
    if not all(pid for name, pid in status(found).items() if name in SERVERS):
        start(found, SERVERS)
    return Layout.load(instance.layout_path)


@pytest.fixture
def files(tmp_path: Path) -> Layout:
    """A layout with files but no servers, in a folder that the servers' users need not reach."""
    layout = private_layout("test-files", CHECKOUT)
    folders = {"state": tmp_path, "config": tmp_path, "postfix_dir": tmp_path / "postfix", "queue_dir": tmp_path / "queue"}
    layout = replace(layout, **folders)  # type: ignore[arg-type]
    make_folder(layout.postfix_dir)
    make_folder(layout.dovecot_dir)
    ensure_certificate(layout.tls, layout.hostname)
    for file in (*render.postfix_files(layout), *render.dovecot_files(layout)):
        write_atomically(file.path, file.text, age_s=10)
    directory.create(layout)
    scripts.create(layout)
    with host_lock(layout) as lock_fd:
        maps.create(layout, lock_fd)
    layout.save()
    return layout


@pytest.fixture(scope="session")
def domains(instance: Layout) -> Iterator[str]:
    """Names of fresh domains, known to the servers already: made one by one, each would cost a reload of Postfix."""
    names = [f"{uuid.uuid4().hex[:8]}.example.com" for _ in range(DOMAINS)]
    start(Layout.load(instance.layout_path), SERVERS)
    wanted = {key: value for name in names for key, value in wanted_of_domain(name, domain_state(name)).items()}
    with host_lock(instance) as lock_fd:
        apply_entries(instance, lock_fd, wanted)
    return iter(names)


@pytest.fixture
def host(layout: Layout, domains: Iterator[str]) -> Host:
    """A fresh domain on the running servers."""
    return Host(layout, next(domains))
