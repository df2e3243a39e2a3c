"""Scripts on disk: compiled before they go live, the old one or the new whatever kills us, drift found and repaired."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from itertools import count
from pathlib import Path

import pytest

from mailsettings.servers import directory, drift, maps, scripts, seam
from mailsettings.servers.apply import Applied, apply_entries
from mailsettings.servers.desired import DIRECTORY, DOMAIN_SCRIPTS, SCRIPTS, Value, entries_of, keyed, tag, wanted_at, wanted_of_domain
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.owners import is_root
from mailsettings.servers.scripts import NOT_COMPILED, script_path
from mailsettings.servers.states import DomainState, MailboxState

pytestmark = pytest.mark.skipif(scripts.sievec_program() is None, reason="dovecot-sieve is not installed")
KEEP, DISCARD = "# [rule 1] one\nkeep;\n", "# [rule 2] 二\ndiscard;\n"
BROKEN = 'require "nothing-there";\nkeep;\n'


def box(local: str, script: str | None = None, *forwards: tuple[str, ...]) -> MailboxState:
    return MailboxState(f"{local}@x.test", "x.test", "0" * 32, "{PLAIN}x", script=script, forwards=forwards)


def apply(layout: Layout, wanted: dict[tuple[str, str], Value | None]) -> Applied:
    with host_lock(layout) as lock_fd:
        return apply_entries(layout, lock_fd, wanted)


def put(layout: Layout, *states: MailboxState) -> Applied:
    return apply(layout, {key: value for state in states for key, value in wanted_at(state.address, state).items()})


def mailbox_file(layout: Layout, local: str) -> Path:
    return script_path(layout, SCRIPTS, f"{local}@x.test")


def live(layout: Layout, local: str) -> str | None:
    """What Pigeonhole would run for the mailbox: a binary of this text, newer by whole seconds."""
    text = scripts.read(layout, SCRIPTS, [f"{local}@x.test"]).get(f"{local}@x.test")
    return text if text is None or not text.startswith(NOT_COMPILED) else "not compiled"


def test_a_script_goes_live_compiled_and_for_the_mail_user_only(files: Layout) -> None:
    put(files, box("a", KEEP))
    path = mailbox_file(files, "a")
    assert (path.read_text(), live(files, "a")) == (KEEP, KEEP)
    assert int(path.with_suffix(".svbin").stat().st_mtime) > int(path.stat().st_mtime)
    assert [one.stat().st_mode & 0o777 for one in (path, path.with_suffix(".svbin"), path.parent)] == [0o640, 0o640, 0o750]
    group = files.users.mail_gid if is_root() else os.getegid()  # only root gives files away
    assert path.stat().st_gid == path.with_suffix(".svbin").stat().st_gid == group
    # Pigeonhole runs no binary that was made of another file.
    assert str(path).encode() in path.with_suffix(".svbin").read_bytes()
    assert not (files.sieve_dir / "new").exists()


def test_what_is_as_wanted_is_not_written_again(files: Layout) -> None:
    put(files, box("a", KEEP))
    assert put(files, box("a", KEEP)).changed == 0
    assert put(files, box("a", DISCARD)).changed == 1
    assert live(files, "a") == DISCARD


def test_a_script_that_goes_leaves_nothing_behind(files: Layout) -> None:
    put(files, box("a", KEEP))
    put(files, box("a"))
    assert live(files, "a") is None
    assert list(scripts.folder_of(files, SCRIPTS).iterdir()) == []


def test_a_domains_script_has_a_place_of_its_own(files: Layout) -> None:
    apply(files, wanted_of_domain("x.test", DomainState("x.test", script=KEEP)))
    assert (files.sieve_dir / "domains" / "x.test.svbin").exists()
    assert scripts.dump(files, DOMAIN_SCRIPTS) == {"x.test": KEEP}
    apply(files, wanted_of_domain("x.test", None))
    assert scripts.dump(files, DOMAIN_SCRIPTS) == {}


def test_what_does_not_compile_is_refused_by_name_and_changes_nothing(files: Layout) -> None:
    put(files, box("a", KEEP), box("b", KEEP))
    with pytest.raises(ValueError, match=r"b@x\.test.*line 1.*nothing-there"):
        put(files, box("a", DISCARD), box("b", BROKEN), box("c", KEEP))
    assert [live(files, local) for local in "abc"] == [KEEP, KEEP, None]


def test_a_new_mailbox_whose_script_does_not_compile_is_not_made(files: Layout) -> None:
    with pytest.raises(ValueError, match="nothing-there"):
        put(files, box("a", BROKEN))
    assert directory.read(files, ["a@x.test"]) == {}


def test_a_sievec_that_cannot_work_says_nothing_about_the_script(files: Layout) -> None:
    files.dovecot_conf.unlink()
    with pytest.raises(scripts.ScriptError):
        put(files, box("a", KEEP))


@pytest.mark.parametrize("key", ["../a@x.test", "a/b@x.test", "a@..", "a@x/y", ".a@x.test", "a%d@x.test", "A@x.test", "a", "@x.test", "a@"])
def test_no_name_leads_elsewhere(files: Layout, key: str) -> None:
    with pytest.raises(ValueError, match="cannot have a script"):
        apply(files, {(SCRIPTS, key): KEEP})
    assert scripts.read(files, SCRIPTS, [key]) == {}
    assert not list(files.sieve_dir.rglob("*.sieve"))


def test_many_scripts_are_compiled_at_once(files: Layout) -> None:
    many = [box(f"u{number}", KEEP) for number in range(1000)]
    begun = time.monotonic()
    put(files, *many)
    assert time.monotonic() - begun < 20
    assert len(scripts.dump(files, SCRIPTS)) == 1000
    assert drift.compare(files, [entry for state in many for entry in entries_of(state)]) == []


# --- whatever kills us
BEFORE = (box("gone", KEEP), box("changes", KEEP, ("a@out.test",)), box("kept", KEEP))
AFTER = (box("changes", DISCARD), box("kept", KEEP), box("new", DISCARD, ("b@out.test",)))
BATCH: dict[tuple[str, str], Value | None] = {
    **wanted_at("gone@x.test", None),
    **{key: value for state in AFTER for key, value in wanted_at(state.address, state).items()},
    **wanted_of_domain("x.test", DomainState("x.test", script=KEEP)),
}


class Rewind:
    """The files under BEFORE, put back for each round."""

    def __init__(self, layout: Layout, kept: Path) -> None:
        put(layout, *BEFORE)
        self.copies = {path: kept / path.name for path in (layout.maps_dir, layout.directory_path.parent, layout.sieve_dir)}
        for path, copy in self.copies.items():
            shutil.copytree(path, copy)

    def __call__(self) -> None:
        for path, copy in self.copies.items():
            shutil.rmtree(path)
            shutil.copytree(copy, path)


def apply_in_a_process(layout: Layout, number: int) -> int:
    """The exit code of a process that applies BATCH and dies at this seam; -9 when it did."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ["TEGAMI_KILL_AT"] = str(number)
            seam._seams = count(1)
            apply(layout, BATCH)
            code = 0
        finally:  # nothing of pytest's may run here
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def never_wrong(layout: Layout) -> None:
    """Between any two steps: nobody new without a script, each text the old or the new one, and no binary of another text."""
    rows = directory.read(layout, [state.address for state in AFTER])
    if "new@x.test" in rows:
        assert live(layout, "new") == DISCARD
    assert mailbox_file(layout, "changes").read_text() in (KEEP, DISCARD)
    assert live(layout, "changes") in (KEEP, DISCARD, "not compiled")
    assert live(layout, "kept") == KEEP
    if live(layout, "changes") == KEEP:  # it still leads to the way out
        assert maps.read(layout, "forwards", [tag("changes@x.test")])


def test_killed_at_every_seam_the_next_apply_completes(files: Layout, tmp_path_factory: pytest.TempPathFactory) -> None:
    rewind, entries = Rewind(files, tmp_path_factory.mktemp("before")), [entry for state in AFTER for entry in entries_of(state)]
    entries += entries_of(DomainState("x.test", script=KEEP))
    for number in count(1):
        rewind()
        code = apply_in_a_process(files, number)
        if code == 0:
            break
        assert code == -9, f"seam {number}"
        never_wrong(files)
        apply(files, BATCH)
        assert drift.compare(files, entries) == [], f"seam {number}"
    assert number > 40


def test_the_lock_lasts_as_long_as_a_killed_workers_sievec(files: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "sievec"
    slow.write_text("#!/bin/sh\nsleep 1\n")
    slow.chmod(0o755)
    monkeypatch.setattr(scripts, "sievec_program", lambda: str(slow))
    child = os.fork()
    if child == 0:
        try:
            put(files, box("a", KEEP))
        finally:
            os._exit(0)
    time.sleep(0.3)
    os.kill(child, 9)
    os.waitpid(child, 0)
    with pytest.raises(BlockingIOError), host_lock(files, wait=False):
        pass
    with host_lock(files):
        pass


# --- drift
def test_hand_edited_scripts_are_found_and_repaired(files: Layout) -> None:
    states = [box(local, KEEP) for local in ("text", "nobinary", "oldbinary", "link", "gone", "fine")]
    desired = [entry for state in states for entry in entries_of(state)]
    put(files, *states)
    mailbox_file(files, "text").write_text(DISCARD)
    mailbox_file(files, "nobinary").with_suffix(".svbin").unlink()
    os.utime(mailbox_file(files, "oldbinary").with_suffix(".svbin"), (0, 0))
    mailbox_file(files, "link").rename(files.sieve_dir / "elsewhere")
    mailbox_file(files, "link").symlink_to(files.sieve_dir / "elsewhere")
    mailbox_file(files, "gone").unlink()
    put(files, box("extra", KEEP))
    strangers = [mailbox_file(files, "fine").with_name("a.sieve~"), files.sieve_dir / "domains" / "README"]
    for path in strangers:
        path.write_text("x")
    found = {(one.key, one.found) for one in drift.compare(files, desired) if one.store in scripts.STORES}
    assert found == {
        ("text@x.test", NOT_COMPILED + DISCARD),
        ("nobinary@x.test", NOT_COMPILED + KEEP),
        ("oldbinary@x.test", NOT_COMPILED + KEEP),
        ("link@x.test", NOT_COMPILED + KEEP),
        ("gone@x.test", NOT_COMPILED),
        ("extra@x.test", KEEP),
        ("", str(strangers[0])),
        ("", str(strangers[1])),
    }
    with host_lock(files) as lock_fd:
        drift.repair(files, lock_fd, desired)
    assert drift.compare(files, desired) == []
    assert not any(path.exists() for path in strangers)


def test_a_script_in_a_domain_is_found_by_the_domain(files: Layout) -> None:
    put(files, box("a", KEEP))
    apply(files, {(DIRECTORY, "a@x.test"): None, ("mailboxes", "a@x.test"): None, ("senders", "a@x.test"): None})
    assert drift.keys_of_domain(files, "x.test") == {"a@x.test"}


def test_without_dovecots_sieve_there_are_texts_only(files: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "sievec_program", lambda: None)
    apply(files, keyed(entries_of(box("a", KEEP))))
    assert live(files, "a") == KEEP
    assert not mailbox_file(files, "a").with_suffix(".svbin").exists()


def test_the_own_script_column_reaches_an_old_directory(files: Layout) -> None:
    files.directory_path.unlink()
    old = sqlite3.connect(files.directory_path)
    columns = "address TEXT PRIMARY KEY, domain TEXT NOT NULL, home TEXT NOT NULL, password TEXT NOT NULL"
    old.execute(f"CREATE TABLE mailbox ({columns}, quota_mb INTEGER, quota_messages INTEGER, max_message_mb INTEGER, other_login TEXT)")
    old.execute("INSERT INTO mailbox (address, domain, home, password) VALUES ('a@x.test', 'x.test', 'h', 'p')")
    old.commit()
    old.close()
    directory.create(files)
    assert not directory.read(files, ["a@x.test"])["a@x.test"].own_script
