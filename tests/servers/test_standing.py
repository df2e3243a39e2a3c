"""How the servers' files say that nobody may sign in to an account (A11, A12)."""

import sqlite3

from mailsettings.servers import directory
from mailsettings.servers.desired import Row
from mailsettings.servers.layout import Layout


def test_an_older_directory_gets_the_column_and_keeps_its_rows(files: Layout) -> None:
    """Nobody was barred in an older version."""
    files.directory_path.unlink()
    old = sqlite3.connect(files.directory_path)
    columns = "address TEXT PRIMARY KEY, domain TEXT NOT NULL, home TEXT NOT NULL, password TEXT NOT NULL"
    more = "quota_mb INTEGER, quota_messages INTEGER, max_message_mb INTEGER, other_login TEXT, own_script INTEGER NOT NULL DEFAULT 0"
    old.execute(f"CREATE TABLE mailbox ({columns}, {more}, receive INTEGER NOT NULL DEFAULT 1)")
    old.execute("INSERT INTO mailbox (address, domain, home, password, receive) VALUES ('a@x.test', 'x.test', 'h', 'p', 0)")
    old.commit()
    old.close()
    directory.create(files)
    row = directory.read(files, ["a@x.test"])["a@x.test"]
    assert (row.login, row.receive, row.home) == (True, False, "h")
    directory.write(files, {"a@x.test": Row("x.test", "h", "p", None, None, None, None, login=False)}, ())
    assert not directory.read(files, ["a@x.test"])["a@x.test"].login
