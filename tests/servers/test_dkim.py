"""DKIM keys on disk: the key before the map that names it, the old state or the new whatever kills us, nobody else reads them."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

import pytest

from mailsettings.servers import dkim, drift, scanners, seam
from mailsettings.servers.apply import Applied, apply_entries
from mailsettings.servers.desired import DKIM, Value, entries_of, wanted_of_domain
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.owners import is_root
from mailsettings.servers.states import DomainState, Signing

OLD, NEW = ("t202601aa", "old key\n"), ("t202611bb", "new key\n")


def apply(layout: Layout, wanted: dict[tuple[str, str], Value | None]) -> Applied:
    with host_lock(layout) as lock_fd:
        return apply_entries(layout, lock_fd, wanted)


def put(layout: Layout, domain: str, signing: Signing | None) -> Applied:
    return apply(layout, {(DKIM, domain): signing})


def pem(layout: Layout, domain: str, selector: str) -> Path:
    return layout.dkim_dir / "keys" / domain / f"{selector}.pem"


def test_a_key_and_its_selector_reach_the_files(files: Layout) -> None:
    assert put(files, "x.test", Signing((OLD,), OLD[0])).changed == 1
    assert pem(files, "x.test", OLD[0]).read_text() == OLD[1]
    assert files.dkim_selectors.read_text() == "x.test t202601aa\n"
    assert put(files, "x.test", Signing((OLD,), OLD[0])).changed == 0


def test_nobody_but_rspamd_reads_them(files: Layout) -> None:
    put(files, "x.test", Signing((OLD,), OLD[0]))
    key = pem(files, "x.test", OLD[0])
    assert [path.stat().st_mode & 0o777 for path in (files.dkim_dir, key.parent.parent, key.parent)] == [0o750] * 3
    assert [path.stat().st_mode & 0o777 for path in (key, files.dkim_selectors)] == [0o640] * 2
    if is_root() and scanners.installed("rspamd"):
        assert {path.group() for path in (files.dkim_dir, key.parent, key, files.dkim_selectors)} == {files.users.rspamd}
        assert key.owner() == "root"


def test_a_key_that_waits_is_there_and_signs_nothing(files: Layout) -> None:
    put(files, "x.test", Signing((OLD, NEW), OLD[0]))
    assert pem(files, "x.test", NEW[0]).exists()
    assert files.dkim_selectors.read_text() == "x.test t202601aa\n"


def test_a_domain_that_goes_takes_its_keys_along(files: Layout) -> None:
    apply(files, wanted_of_domain("x.test", DomainState("x.test", signing=Signing((OLD,), OLD[0]))))
    put(files, "y.test", Signing((NEW,), NEW[0]))
    apply(files, wanted_of_domain("x.test", None))
    assert dkim.dump(files) == {"y.test": Signing((NEW,), NEW[0])}
    assert [path.name for path in (files.dkim_dir / "keys").iterdir()] == ["y.test"]


@pytest.mark.parametrize("name", ["../x.test", "x/y", "x..y", ".x", "X.test", ""])
def test_no_name_leads_elsewhere(files: Layout, name: str) -> None:
    with pytest.raises(ValueError, match="cannot have a key"):
        put(files, name, Signing((OLD,), OLD[0]))
    with pytest.raises(ValueError, match="is no selector"):
        put(files, "x.test", Signing(((f"{name}/a", "k"),)))


def test_a_private_key_is_in_no_text_about_it() -> None:
    """`mailhost verify` and the log print what differs."""
    assert "old key" not in repr(drift.Drift(DKIM, "x.test", Signing((OLD,), OLD[0]), None))


def test_what_was_edited_by_hand_is_found_and_mended(files: Layout) -> None:
    entries = entries_of(DomainState("x.test", signing=Signing((OLD,), OLD[0])))
    apply(files, {(entry.store, entry.key): entry.value for entry in entries})
    for harm in (
        lambda: pem(files, "x.test", OLD[0]).write_text("another key\n"),
        lambda: pem(files, "x.test", OLD[0]).unlink(),
        lambda: pem(files, "x.test", "left").write_text("of a killed writer"),
        lambda: files.dkim_selectors.write_text("x.test other\ny.test t1\n"),
        lambda: files.dkim_selectors.unlink(),
        lambda: shutil.rmtree(files.dkim_dir),
    ):
        harm()
        with host_lock(files) as lock_fd:
            assert {one.store for one in drift.repair(files, lock_fd, entries)} == {DKIM}
        assert drift.compare(files, entries) == []


# --- whatever kills us
BEFORE, AFTER = Signing((OLD, ("t1", "gone\n")), OLD[0]), Signing((OLD, NEW), NEW[0])


def apply_in_a_process(layout: Layout, number: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ["TEGAMI_KILL_AT"] = str(number)
            seam._seams = count(1)
            put(layout, "x.test", AFTER)
            code = 0
        finally:  # nothing of pytest's may run here
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_killed_at_every_seam_the_map_never_names_a_key_that_is_not_there(files: Layout) -> None:
    for number in count(1):
        put(files, "x.test", BEFORE)
        code = apply_in_a_process(files, number)
        if code == 0:
            break
        assert code == -9, f"seam {number}"
        found = dkim.read(files, ["x.test"])["x.test"]
        assert found.selector in dict(found.keys)
        put(files, "x.test", AFTER)
        assert dkim.dump(files) == {"x.test": AFTER}
    assert number == 7  # three effects: the new key, the map, the old key
