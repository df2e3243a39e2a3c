"""What PostfixAdmin's and Modoboa's databases hold, read into one shape (issue 4: people can move here)."""

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from mailsettings.moving import modoboa, postfixadmin
from mailsettings.moving.rows import LeftOut, Moved, MovedReply
from mailsettings.moving.source import SourceError, opened

HASH = "{SHA512-CRYPT}$6$rounds=70000$abcdefgh$" + "x" * 86

# The columns that are read, as those panels' own set-up makes them; the others of theirs do not matter here.
POSTFIXADMIN = f"""
CREATE TABLE domain (domain TEXT PRIMARY KEY, description TEXT, mailboxes INT, aliases INT, maxquota INT, quota INT, backupmx INT, active INT);
CREATE TABLE mailbox (username TEXT PRIMARY KEY, password TEXT, name TEXT, maildir TEXT, quota INT, local_part TEXT, domain TEXT, active INT);
CREATE TABLE alias (address TEXT PRIMARY KEY, goto TEXT, domain TEXT, active INT);
CREATE TABLE alias_domain (alias_domain TEXT PRIMARY KEY, target_domain TEXT, active INT);
CREATE TABLE vacation (email TEXT PRIMARY KEY, subject TEXT, body TEXT, activefrom TEXT, activeuntil TEXT, interval_time INT, active INT);
INSERT INTO domain VALUES ('ALL', '', 0, 0, 0, 0, 0, 1), ('Move.example', '', 0, 0, 0, 0, 0, 1),
  ('relay.example', '', 0, 0, 0, 0, 1, 1), ('off.example', '', 0, 0, 0, 0, 0, 0);
INSERT INTO mailbox VALUES ('mia@move.example', '{HASH}', 'Mia', '', 2147483648, 'mia', 'move.example', 1),
  ('max@move.example', '{HASH}', '', '', 0, 'max', 'move.example', 0), ('x@off.example', '{HASH}', '', '', 0, 'x', 'off.example', 1);
INSERT INTO alias VALUES ('mia@move.example', 'mia@move.example,phone@example.net,mia#move.example@autoreply.move.example', 'move.example', 1),
  ('max@move.example', 'else@example.net', 'move.example', 1), ('info@move.example', 'mia@move.example,max@move.example', 'move.example', 1),
  ('@move.example', 'mia@move.example', 'move.example', 1), ('old@move.example', 'mia@move.example', 'move.example', 0);
INSERT INTO alias_domain VALUES ('other.example', 'move.example', 1);
INSERT INTO vacation VALUES ('mia@move.example', 'Away', 'Back soon', '2026-01-02 00:00:00', '2038-01-18 00:00:00', 172800, 1);
"""  # noqa: E501
MODOBOA = f"""
CREATE TABLE admin_domain (id INTEGER PRIMARY KEY, name TEXT, quota INT, enabled INT, type TEXT);
CREATE TABLE core_user (id INTEGER PRIMARY KEY, username TEXT, first_name TEXT, last_name TEXT, password TEXT, is_active INT);
CREATE TABLE admin_mailbox (id INTEGER PRIMARY KEY, address TEXT, quota INT, use_domain_quota INT, domain_id INT, user_id INT);
CREATE TABLE admin_alias (id INTEGER PRIMARY KEY, address TEXT, domain_id INT, enabled INT, internal INT);
CREATE TABLE admin_aliasrecipient (id INTEGER PRIMARY KEY, address TEXT, alias_id INT, r_mailbox_id INT, r_alias_id INT);
CREATE TABLE admin_domainalias (id INTEGER PRIMARY KEY, name TEXT, target_id INT, enabled INT);
CREATE TABLE postfix_autoreply_armessage (id INTEGER PRIMARY KEY, mbox_id INT, subject TEXT, content TEXT, enabled INT, fromdate TEXT, untildate TEXT);
INSERT INTO admin_domain VALUES (1, 'Move.example', 0, 1, 'domain'), (2, 'relay.example', 0, 1, 'relaydomain'), (3, 'off.example', 0, 0, 'domain');
INSERT INTO core_user VALUES (1, 'mia@move.example', 'Mia', '', '{HASH}', 1), (2, 'max@move.example', '', '', '{HASH}', 0), (3, 'x', '', '', '{HASH}', 1);
INSERT INTO admin_mailbox VALUES (1, 'mia', 2048, 0, 1, 1), (2, 'max', 0, 0, 1, 2), (3, 'x', 0, 0, 3, 3);
INSERT INTO admin_alias VALUES (1, 'mia@move.example', 1, 1, 1), (2, 'max@move.example', 1, 1, 1), (3, 'info@move.example', 1, 1, 0),
  (4, '@move.example', 1, 1, 0), (5, 'old@move.example', 1, 0, 0);
INSERT INTO admin_aliasrecipient VALUES (1, 'mia@move.example', 1, 1, NULL), (2, 'phone@example.net', 1, NULL, NULL),
  (3, 'else@example.net', 2, NULL, NULL), (4, 'mia@move.example', 3, 1, NULL), (5, 'max@move.example', 3, 2, NULL), (6, 'mia@move.example', 4, 1, NULL);
INSERT INTO admin_domainalias VALUES (1, 'other.example', 1, 1);
INSERT INTO postfix_autoreply_armessage VALUES (1, 1, 'Away', 'Back soon', 1, '2026-01-02 00:00:00', '2038-01-18 00:00:00');
"""  # noqa: E501


def made(folder: Path, script: str) -> str:
    """The address of a SQLite database of that content."""
    path = folder / "old.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(params=[(POSTFIXADMIN, postfixadmin, 2), (MODOBOA, modoboa, 1)], ids=["postfixadmin", "modoboa"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Moved, int]:
    script, reader, days = request.param
    with opened(made(tmp_path, script)) as source:
        return reader.read(source), days


def test_mailboxes_come_with_hash_quota_comment_and_whether_they_are_on(read: tuple[Moved, int]) -> None:
    (domain,) = read[0].domains
    mia, max_ = sorted(domain.mailboxes, key=lambda box: box.local_part, reverse=True)
    assert domain.name == "move.example"
    assert (mia.local_part, mia.password_hash, mia.quota_mb, mia.comment, mia.active) == ("mia", HASH, 2048, "Mia", True)
    assert (max_.local_part, max_.quota_mb, max_.active) == ("max", None, False)


def test_an_alias_of_a_mailboxs_own_address_is_its_forwarding(read: tuple[Moved, int]) -> None:
    (domain,) = read[0].domains
    mia, max_ = sorted(domain.mailboxes, key=lambda box: box.local_part, reverse=True)
    assert (mia.forwards, mia.keeps_copy) == (["phone@example.net"], True)
    assert (max_.forwards, max_.keeps_copy) == (["else@example.net"], False)
    assert domain.aliases == {"info": ["mia@move.example", "max@move.example"]}


def test_an_auto_reply_comes_with_its_days(read: tuple[Moved, int]) -> None:
    moved, days = read
    mia = next(box for box in moved.domains[0].mailboxes if box.local_part == "mia")
    assert mia.reply == MovedReply("Away", "Back soon", date(2026, 1, 2), date(2038, 1, 18), days)


def test_what_has_no_place_here_is_named_with_its_reason(read: tuple[Moved, int]) -> None:
    assert {one.what for one in read[0].left_out} == {"@move.example", "old@move.example", "relay.example", "off.example", "other.example"}
    assert all(isinstance(one, LeftOut) and one.why for one in read[0].left_out)


def test_a_database_that_is_something_else_is_said_so(tmp_path: Path) -> None:
    with opened(made(tmp_path, "CREATE TABLE songs (id INT)")) as source, pytest.raises(SourceError, match="no such table"):
        postfixadmin.read(source)
    with pytest.raises(SourceError, match="no file"), opened(f"sqlite:///{tmp_path}/nothing.sqlite3"):
        pass
    with pytest.raises(SourceError, match="sqlite:///PATH"), opened("oracle://x"):
        pass


def test_the_database_is_never_written(tmp_path: Path) -> None:
    with opened(made(tmp_path, POSTFIXADMIN)) as source, pytest.raises(sqlite3.OperationalError, match="readonly"):
        source.connection.execute("DELETE FROM mailbox")
