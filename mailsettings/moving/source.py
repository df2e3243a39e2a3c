"""Reading another panel's database: SQLite, PostgreSQL, MySQL or MariaDB, never writing to it."""

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg

KINDS = "sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME"


class SourceError(Exception):
    """The database cannot be opened or is not what it was said to be; the message is fit to be shown."""


class Source:
    """Rows of tables, as dictionaries."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, table: str, columns: str = "*", where: str = "") -> list[dict[str, Any]]:
        """`SELECT columns FROM table`; names are ours, never input. Raises SourceError."""
        with closing(self.connection.cursor()) as cursor:
            try:
                cursor.execute(f"SELECT {columns} FROM {table} {where}")
            except Exception as error:
                raise SourceError(f"{table}: {error}") from error
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        try:
            self.rows(table, "1", "WHERE 1 = 0")
        except SourceError:
            self.connection.rollback()  # PostgreSQL does nothing more in a transaction that failed
            return False
        return True


@contextmanager
def opened(url: str) -> Iterator[Source]:
    """The database of that address, read-only where it can be. Raises SourceError."""
    parts = urlsplit(url)
    openers = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
    if parts.scheme not in openers:
        raise SourceError(f"the database is written as {KINDS}")
    try:
        connection = openers[parts.scheme](parts)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(str(error)) from error
    with closing(connection):
        yield Source(connection)


def _sqlite(parts: SplitResult) -> Any:
    path = Path(unquote(parts.path[1:]))
    if not path.is_file():
        raise SourceError(f"there is no file {path}")
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _postgresql(parts: SplitResult) -> Any:
    return psycopg.connect(parts.geturl(), options="-c default_transaction_read_only=on")


def _mysql(parts: SplitResult) -> Any:
    try:
        pymysql = importlib.import_module("pymysql")
    except ImportError:
        raise SourceError("reading MySQL or MariaDB needs the package PyMySQL beside the panel") from None
    return pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/"),
        charset="utf8mb4",
        init_command="SET SESSION TRANSACTION READ ONLY",
    )
