"""Dovecot's directory of users: one row per mailbox in SQLite (WAL), read by passdb, userdb and iterate.

WAL: readers never wait for the writer nor the writer for them. A change is seen at the next login, nothing is cached.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from mailsettings.servers.desired import Row
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import give, make_folder
from mailsettings.servers.seam import effect

SCHEMA = """
CREATE TABLE IF NOT EXISTS mailbox (
    address TEXT PRIMARY KEY,
    domain TEXT NOT NULL,
    home TEXT NOT NULL,
    password TEXT NOT NULL,
    quota_mb INTEGER,
    quota_messages INTEGER,
    max_message_mb INTEGER,
    other_login TEXT,
    own_script INTEGER NOT NULL DEFAULT 0,
    receive INTEGER NOT NULL DEFAULT 1,
    login INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mailbox_domain ON mailbox (domain);
CREATE INDEX IF NOT EXISTS mailbox_other_login ON mailbox (other_login) WHERE other_login IS NOT NULL;
"""
# Columns that came later: a directory made before them gets them at the next `create`.
LATER = {"own_script": "INTEGER NOT NULL DEFAULT 0", "receive": "INTEGER NOT NULL DEFAULT 1", "login": "INTEGER NOT NULL DEFAULT 1"}
COLUMNS = "domain, home, password, quota_mb, quota_messages, max_message_mb, other_login, own_script, receive, login"
UPSERT = f"INSERT OR REPLACE INTO mailbox (address, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# SQLite takes 32,766 parameters in a statement since 3.32; stay well below.
CHUNK = 5000


def create(layout: Layout) -> None:
    """Make the directory where missing. Dovecot's auth workers need to write beside it: readers of a WAL do."""
    path = layout.directory_path
    make_folder(path.parent, mode=0o2770, group=layout.users.dovecot)
    path.touch(mode=0o660)
    path.chmod(0o660)
    give(path, group=layout.users.dovecot)
    with _open(layout) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
        _add_later_columns(connection)


def _add_later_columns(connection: sqlite3.Connection) -> None:
    there = {row[1] for row in connection.execute("PRAGMA table_info(mailbox)")}
    for name, kind in LATER.items():
        if name not in there:
            connection.execute(f"ALTER TABLE mailbox ADD COLUMN {name} {kind}")


def read(layout: Layout, addresses: Collection[str]) -> dict[str, Row]:
    """The rows of these addresses, as far as they exist. Raises sqlite3.Error."""
    keys = list(addresses)
    found: dict[str, Row] = {}
    with _open(layout) as connection:
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = connection.execute(f"SELECT address, {COLUMNS} FROM mailbox WHERE address IN ({marks})", chunk)
            found.update(map(_row, rows))
    return found


def write(layout: Layout, upserts: Mapping[str, Row], deletes: Collection[str]) -> None:
    """Insert, replace and delete rows in one transaction. Raises sqlite3.Error; nothing is changed then."""
    with _open(layout) as connection, effect("directory.write"):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM mailbox WHERE address = ?", ((address,) for address in deletes))
        connection.executemany(UPSERT, (_columns(address, row) for address, row in upserts.items()))
        connection.execute("COMMIT")


def dump(layout: Layout) -> Iterator[tuple[str, Row]]:
    """Every address with its row, in no order."""
    with _open(layout) as connection:
        for row in connection.execute(f"SELECT address, {COLUMNS} FROM mailbox"):
            yield _row(row)


def addresses_of_domain(layout: Layout, domain: str) -> list[str]:
    """The mailboxes that the directory holds in this domain."""
    with _open(layout) as connection:
        return [row[0] for row in connection.execute("SELECT address FROM mailbox WHERE domain = ?", (domain,))]


def _columns(address: str, row: Row) -> tuple[object, ...]:
    limits = (row.quota_mb, row.quota_messages, row.max_message_mb)
    return (address, row.domain, row.home, row.password, *limits, row.other_login, row.own_script, row.receive, row.login)


def _row(columns: tuple[Any, ...]) -> tuple[str, Row]:
    address, *rest = columns
    row = Row(*rest)
    return address, replace(row, own_script=bool(row.own_script), receive=bool(row.receive), login=bool(row.login))


@contextmanager
def _open(layout: Layout) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(layout.directory_path, timeout=10, isolation_level=None)) as connection:
        # The change is called live: it must survive a power cut. 1 ms on a good disk.
        connection.execute("PRAGMA synchronous=FULL")
        yield connection
