"""Applying: the difference is written, whatever kills us midway; drift is found and repaired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from mailsettings.servers import directory, drift, maps, seam
from mailsettings.servers.apply import REBUILD_ABOVE, Applied, apply_entries
from mailsettings.servers.desired import Entry, Value, entries_of, keyed, tag, wanted_at, wanted_of_domain, way_out
from mailsettings.servers.drift import Drift
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.states import AliasState, DomainState, GroupState, MailboxState, State

pytestmark = pytest.mark.skipif(maps.postmap_program() is None, reason="postfix and postfix-lmdb are not installed")
CHECKOUT = Path(__file__).resolve().parents[2]


def box(local: str, password: str = "{PLAIN}x") -> MailboxState:  # noqa: S107
    return MailboxState(f"{local}@x.test", "x.test", f"{zlib.crc32(local.encode()):032x}", password)


def entries(*states: State) -> list[Entry]:
    return [entry for state in states for entry in entries_of(state)]


def apply(layout: Layout, wanted: dict[tuple[str, str], Value | None]) -> Applied:
    with host_lock(layout) as lock_fd:
        return apply_entries(layout, lock_fd, wanted)


BEFORE = (
    DomainState("old.test"),
    replace(box("gone"), forwards=(("a@far.test",), ("b@far.test", "c@far.test"))),
    box("turns"),
    AliasState("was@x.test", ("gone@x.test",), outside=("d@far.test",)),
    replace(box("shrinks"), forwards=(("a@far.test",), ("b@far.test",), ("c@far.test",))),
    replace(box("grows"), forwards=(("a@far.test",),)),
)
AFTER = (
    DomainState("x.test"),
    box("a"),
    box("b", "{PLAIN}new"),
    GroupState("turns@x.test", ("a@x.test", "b@x.test"), ("e@far.test",)),
    replace(box("shrinks"), forwards=(("c@far.test",),)),
    replace(box("grows"), forwards=(("a@far.test",), ("b@far.test",))),
)
# The batch that leads from BEFORE to AFTER touches every store, adds, changes and takes out.
BATCH: dict[tuple[str, str], Value | None] = {
    **wanted_of_domain("old.test", None),
    **wanted_of_domain("x.test", DomainState("x.test")),
    **wanted_at("gone@x.test", None),
    **wanted_at("was@x.test", None),
    **{key: value for state in AFTER[1:] for key, value in wanted_at(state.address, state).items()},  # type: ignore[union-attr]
}


def apply_in_a_process(layout: Layout, **environment: int) -> int:
    """The exit code of a process that applies BATCH; negative when it was killed.

    A child of this process: Python and its imports would take most of the time of a fresh one.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ.update({key: str(value) for key, value in environment.items()})
            seam._seams, seam._children = count(1), count(1)
            apply(layout, BATCH)
            code = 0
        finally:  # nothing of pytest's may run here
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Rewind:
    """The servers' files under BEFORE: put back for each round by copying, as a drifted host would take many postmaps."""

    def __init__(self, layout: Layout, kept: Path) -> None:
        apply(layout, keyed(entries(*BEFORE)))
        self.copies = {path: kept / path.name for path in (layout.maps_dir, layout.directory_path.parent)}
        for path, copy in self.copies.items():
            shutil.copytree(path, copy)

    def __call__(self) -> None:
        for path, copy in self.copies.items():
            shutil.rmtree(path)
            shutil.copytree(copy, path)


@pytest.fixture
def rewind(files: Layout, tmp_path_factory: pytest.TempPathFactory) -> Rewind:
    return Rewind(files, tmp_path_factory.mktemp("before"))


def test_only_what_differs_is_written(files: Layout) -> None:
    wanted = keyed(entries(*BEFORE))
    assert apply(files, wanted).changed == len(wanted)
    assert apply(files, wanted).changed == 0
    assert drift.compare(files, entries(*BEFORE)) == []


def test_an_address_that_changes_its_kind_leaves_nothing_behind(files: Layout) -> None:
    apply(files, keyed(entries(*BEFORE)))
    apply(files, BATCH)
    assert drift.compare(files, entries(*AFTER)) == []


def test_destinations_are_known_before_an_address_leads_to_them_and_after(files: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    upsert, delete = maps.upsert, maps.delete

    def noted_upsert(layout: Layout, fd: int, name: str, values: Mapping[str, str]) -> None:
        written.append(name)
        upsert(layout, fd, name, values)

    def noted_delete(layout: Layout, fd: int, name: str, keys: Collection[str]) -> None:
        written.append(name)
        delete(layout, fd, name, keys)

    monkeypatch.setattr(maps, "upsert", noted_upsert)
    monkeypatch.setattr(maps, "delete", noted_delete)
    apply(files, wanted_at("i@x.test", AliasState("i@x.test", (), ("a@x.test",), ("b@far.test",))))
    assert written == ["forwards", "senders", "aliases"]
    apply(files, wanted_at("i@x.test", None))
    assert written[3:] == ["senders", "aliases", "forwards"]


def test_groups_that_an_address_has_no_longer_go(files: Layout) -> None:
    many = tuple((f"d{n}@far.test",) for n in range(REBUILD_ABOVE + 2))
    for groups in (many, many[:2], many[:3], ()):
        state = replace(box("a"), forwards=groups)
        apply(files, wanted_at("a@x.test", state))
        assert drift.compare(files, entries(state)) == []
    assert maps.dump(files, "forwards") == {}


def test_above_the_threshold_the_map_is_rebuilt_and_keeps_the_rest(files: Layout) -> None:
    apply(files, keyed(entries(box("kept"))))
    many = [box(f"u{number}") for number in range(REBUILD_ABOVE + 1)]
    apply(files, keyed(entries(*many)))
    assert drift.compare(files, entries(box("kept"), *many)) == []
    apply(files, {("mailboxes", one.address): None for one in many})
    assert maps.dump(files, "mailboxes") == {"kept@x.test": box("kept").home}


def test_a_bad_key_changes_nothing_in_its_map_and_is_named(files: Layout) -> None:
    with pytest.raises(ValueError, match="no map key"):
        apply(files, {("mailboxes", "a b@x.test"): "x"})
    assert maps.dump(files, "mailboxes") == {}


def test_killed_at_every_seam_the_next_apply_completes(files: Layout, rewind: Rewind) -> None:
    number = 0
    while True:
        number += 1
        rewind()
        code = apply_in_a_process(files, TEGAMI_KILL_AT=number)
        if code == 0:
            break
        assert code == -9, f"seam {number}"
        apply(files, BATCH)
        assert drift.compare(files, entries(*AFTER)) == [], f"seam {number}"
        assert not files.reload_pending_path.exists()
    # directory twice, four maps to add to, five to take out of, numbers, the reload's note twice: each before and after
    assert number > 26


def test_a_postmap_killed_midway_leaves_the_old_or_the_new_and_the_next_apply_completes(files: Layout, rewind: Rewind) -> None:
    child = 0
    while True:
        child += 1
        rewind()
        code = apply_in_a_process(files, TEGAMI_KILL_CHILD_AT=child)
        if code == 0:
            break
        known = {entry.key for entry in entries(*BEFORE, *AFTER)}
        assert all(key in known for name in ("mailboxes", "aliases", "forwards") for key in maps.dump(files, name))
        apply(files, BATCH)
        assert drift.compare(files, entries(*AFTER)) == [], f"postmap {child}"
    assert child > 5


@pytest.mark.parametrize("milliseconds", [0, 2, 4, 6, 8, 12])
def test_a_rebuild_killed_midway_leaves_the_old_map_or_the_new(files: Layout, milliseconds: int) -> None:
    old = {f"o{number}@x.test": "old" for number in range(20_000)}
    new = {f"n{number}@x.test": "new" for number in range(20_000)}
    with host_lock(files) as lock_fd:
        maps.rebuild(files, lock_fd, "mailboxes", old)
        files.map_path("mailboxes").write_text(maps._source(new))
        child = subprocess.Popen(maps._command(files, [maps._table(files, "mailboxes")]), pass_fds=(lock_fd,))
        try:
            child.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        assert maps.dump(files, "mailboxes") in (old, new)
        maps.rebuild(files, lock_fd, "mailboxes", new)
    assert maps.dump(files, "mailboxes") == new


def test_the_lock_lasts_as_long_as_a_killed_workers_postmap(files: Layout) -> None:
    script = textwrap.dedent(
        """
        import os, signal, subprocess, sys
        from mailsettings.servers import layout, lock
        with lock.host_lock(layout.Layout.load(sys.argv[1])) as fd:
            child = subprocess.Popen(["/bin/sleep", "30"], pass_fds=(fd,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            print(child.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(files.layout_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    with pytest.raises(BlockingIOError), host_lock(files, wait=False):
        pass
    os.kill(int(done.stdout), 9)
    with host_lock(files):
        pass


def test_writers_at_once_lose_nothing(files: Layout) -> None:
    boxes = [box(f"w{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: apply(files, keyed(entries(one))), boxes))
    assert drift.compare(files, entries(*boxes)) == []


def test_a_domain_whose_reload_was_killed_is_reloaded_by_the_next_apply(files: Layout) -> None:
    files.reload_pending_path.touch()
    apply(files, {})
    assert not files.reload_pending_path.exists()


def test_hand_edited_stores_are_found_and_repaired(files: Layout) -> None:
    apply(files, keyed(entries(*AFTER)))
    with host_lock(files) as lock_fd:
        maps.upsert(files, lock_fd, "aliases", {"turns@x.test": "thief@y.test", "extra@x.test": "a@x.test"})
        maps.upsert(files, lock_fd, "forwards", {way_out(tag("grows@x.test"), 0): "thief@far.test"})
        maps.delete(files, lock_fd, "mailboxes", ["a@x.test"])
    directory.write(files, {}, ["b@x.test"])
    found = {(one.store, one.key, one.found) for one in drift.compare(files, entries(*AFTER))}
    assert found == {
        ("aliases", "turns@x.test", "thief@y.test"),
        ("aliases", "extra@x.test", "a@x.test"),
        ("forwards", way_out(tag("grows@x.test"), 0), "thief@far.test"),
        ("mailboxes", "a@x.test", None),
        ("directory", "b@x.test", None),
    }
    with host_lock(files) as lock_fd:
        assert len(drift.repair(files, lock_fd, entries(*AFTER))) == 5
    assert drift.compare(files, entries(*AFTER)) == []


def test_groups_that_no_number_leads_to_are_found_with_their_address(files: Layout) -> None:
    apply(files, keyed(entries(*AFTER)))
    stray = way_out(tag("grows@x.test"), 7)
    with host_lock(files) as lock_fd:
        maps.upsert(files, lock_fd, "forwards", {stray: "thief@far.test"})
    (found,) = drift.compare(files, entries(*AFTER))
    assert found.of == "grows@x.test"
    wanted = {("forwards", found.key): None, **wanted_at("grows@x.test", AFTER[-1])}  # type: ignore[arg-type]
    assert drift.of_keys(files, wanted, [found.of]) == [found]
    apply(files, wanted)
    assert drift.compare(files, entries(*AFTER)) == []


@pytest.mark.parametrize("damage", ["missing", "garbage", "empty"])
def test_a_broken_map_is_found_and_rebuilt(files: Layout, damage: str) -> None:
    apply(files, keyed(entries(*AFTER)))
    path = maps.map_file(files, "mailboxes")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"garbage" * 5000 if damage == "garbage" else b"")
    # repair() gives what compare() would; each look at a broken map costs postmap's second of silence.
    with host_lock(files) as lock_fd:
        found = drift.repair(files, lock_fd, entries(*AFTER))
    assert found
    assert {one.store for one in found} == {"mailboxes"}
    assert drift.compare(files, entries(*AFTER)) == []


def test_a_missing_directory_is_found_and_filled(files: Layout) -> None:
    apply(files, keyed(entries(*AFTER)))
    for path in files.directory_path.parent.iterdir():
        path.unlink()
    assert Drift("directory", "", None, None) in drift.compare(files, entries(*AFTER))
    with host_lock(files) as lock_fd:
        drift.repair(files, lock_fd, entries(*AFTER))
    assert drift.compare(files, entries(*AFTER)) == []


def test_all_keys_of_a_domain_are_found_on_disk(files: Layout) -> None:
    apply(files, keyed(entries(*AFTER, AliasState("i@other.test", ("a@x.test",)))))
    # A killed removal may have left only what stands behind the way out.
    apply(files, {key: value for key, value in keyed(entries(BEFORE[3])).items() if key[0] == "forwards"})
    locals_ = ("a", "b", "turns", "shrinks", "grows", "was")
    assert drift.keys_of_domain(files, "x.test") == {f"{local}@x.test" for local in locals_}


def test_layouts_come_back_from_disk_and_secrets_are_only_the_owners(files: Layout) -> None:
    assert Layout.load(files.layout_path) == files
    assert files.layout_path.stat().st_mode & 0o777 == 0o600
    assert json.loads(files.layout_path.read_text())["secrets"]["secret_key"] not in repr(files)
