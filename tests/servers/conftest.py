"""A private Postfix, Dovecot and sink for these tests, without panel and database: started once, ended by pid."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailclient import Host

from mailsettings.servers.layout import Layout
from mailsettings.servers.stack import start, stop
from mailsettings.servers.stack.missing import missing

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
def host(layout: Layout) -> Host:
    """A fresh domain on the running servers."""
    return Host(layout, f"{uuid.uuid4().hex[:8]}.example.com")
