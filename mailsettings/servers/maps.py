"""Postfix's lmdb maps, read and written by Postfix's own `postmap`, writes under the host's lock.

Why never another lmdb library: Postfix opens its maps without LMDB's own locking. Why the lock: two `postmap -i` at
once destroy a map for good. A change of one key is seen by running servers at once, within open sessions too.
Without Postfix on the machine the maps are kept as the source text that postmap would read (`<map>.txt`).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

from mailsettings.servers.files import sync_folder, write_atomically
from mailsettings.servers.layout import MAPS, Layout
from mailsettings.servers.owners import make_folder
from mailsettings.servers.quoting import map_key, map_value
from mailsettings.servers.seam import effect, kill_this_child

# A postmap that takes longer hangs: 100,000 keys take 0.1 s to build.
TIMEOUT_S = 120


class MapError(Exception):
    """A map cannot be read or written; the message is postmap's own."""


@cache
def postmap_program() -> str | None:
    """Path of postmap where it can make lmdb maps, else None."""
    postmap, postconf = (shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in ("postmap", "postconf"))
    return postmap if postmap and postconf and "lmdb" in _kinds(postconf) else None


def _kinds(postconf: str) -> list[str]:
    """The map types that Postfix has. Asked with an empty main.cf: a Debian whose own Postfix is not set up has none."""
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder, "main.cf")
        main.touch()
        os.utime(main, (0, 0))  # postconf waits for a young main.cf to settle
        return subprocess.run([postconf, "-c", folder, "-m"], capture_output=True, text=True, check=False).stdout.split()


def create(layout: Layout, lock_fd: int) -> None:
    """Make the maps that do not exist yet, empty."""
    make_folder(layout.maps_dir)
    for name in MAPS:
        if not map_file(layout, name).exists():
            rebuild(layout, lock_fd, name, {})


def map_file(layout: Layout, name: str) -> Path:
    """The file that holds the map: lmdb, or text where there is no Postfix."""
    return layout.map_path(name).with_suffix(".lmdb" if postmap_program() else ".txt")


def read(layout: Layout, name: str, keys: Collection[str]) -> dict[str, str]:
    """What the map says of these keys, as a running Postfix would be answered. Raises MapError."""
    if not postmap_program():
        return {key: value for key, value in dump(layout, name).items() if key in set(keys)}
    lines = "".join(f"{map_key(key)}\n" for key in keys)
    return _pairs(_ask(layout, ["-q", "-", _table(layout, name)], lines))


def dump(layout: Layout, name: str) -> dict[str, str]:
    """The whole map. Raises MapError."""
    if not postmap_program():
        return _read_text(map_file(layout, name))
    return _pairs(_ask(layout, ["-s", _table(layout, name)], ""))


def upsert(layout: Layout, lock_fd: int, name: str, entries: Mapping[str, str]) -> None:
    """Set these keys, keep the others. Raises MapError, and ValueError for what no map can hold."""
    if not postmap_program():
        _write_text(layout, name, {**dump(layout, name), **entries})
        return
    # -r: without it `-i` keeps the old value and only warns.
    with effect(f"maps.{name}.upsert"):
        _tell(layout, lock_fd, ["-r", "-i", _table(layout, name)], _source(entries))


def delete(layout: Layout, lock_fd: int, name: str, keys: Collection[str]) -> None:
    """Take these keys out; one that is not there is no error. Raises MapError."""
    if not postmap_program():
        _write_text(layout, name, {key: value for key, value in dump(layout, name).items() if key not in set(keys)})
        return
    with effect(f"maps.{name}.delete"):
        _tell(layout, lock_fd, ["-d", "-", _table(layout, name)], "".join(f"{map_key(key)}\n" for key in keys))


def rebuild(layout: Layout, lock_fd: int, name: str, entries: Mapping[str, str]) -> bool:
    """Make the map hold exactly these entries, in one LMDB transaction within the same file.

    True when the file had to be made anew (missing or broken): servers that run need a reload then. Raises MapError.
    """
    if not postmap_program():
        _write_text(layout, name, entries)
        return False
    source, fresh = layout.map_path(name), not map_file(layout, name).exists()
    with effect(f"maps.{name}.source"):
        write_atomically(source, _source(entries))
    fresh = _build(layout, lock_fd, name) or fresh
    # Later single changes go past the source: left behind it would lie, and postmap of it would undo them.
    with effect(f"maps.{name}.tidy"):
        source.unlink(missing_ok=True)
    return fresh


def _build(layout: Layout, lock_fd: int, name: str) -> bool:
    try:
        with effect(f"maps.{name}.rebuild"):
            _tell(layout, lock_fd, [_table(layout, name)], None)
        return False
    except MapError:
        # A destroyed lmdb cannot be rebuilt in place.
        map_file(layout, name).unlink(missing_ok=True)
        with effect(f"maps.{name}.rebuild-anew"):
            _tell(layout, lock_fd, [_table(layout, name)], None)
        return True


def _table(layout: Layout, name: str) -> str:
    return f"lmdb:{layout.map_path(name)}"


def _command(layout: Layout, arguments: list[str]) -> list[str]:
    return [postmap_program() or "postmap", "-c", str(layout.postfix_dir), *arguments]


def _source(entries: Mapping[str, str]) -> str:
    return "".join(f"{map_key(key)}\t{map_value(value)}\n" for key, value in entries.items())


def _pairs(output: str) -> dict[str, str]:
    pairs = (line.split("\t", 1) for line in output.split("\n") if line)
    return {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}


def _ask(layout: Layout, arguments: list[str], lines: str) -> str:
    done = subprocess.run(_command(layout, arguments), input=lines.encode(), capture_output=True, timeout=TIMEOUT_S, check=False)
    # 1 without a complaint: none of the keys is there.
    if done.returncode > 1 or b"fatal:" in done.stderr or b"error:" in done.stderr:
        raise MapError(done.stderr.decode(errors="replace").strip() or f"postmap ended with {done.returncode}")
    return done.stdout.decode(errors="surrogateescape")


def _tell(layout: Layout, lock_fd: int, arguments: list[str], lines: str | None) -> None:
    """Run a writing postmap that holds the host's lock for as long as it lives, even when we are killed."""
    child = subprocess.Popen(
        _command(layout, arguments),
        stdin=subprocess.PIPE if lines is not None else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(lock_fd,),
    )
    text = (lines or "").encode()
    if kill_this_child():
        _kill_midway(child, text)
    _, complaint = child.communicate(text if lines is not None else None, timeout=TIMEOUT_S)
    missing_key = "-d" in arguments and child.returncode == 1 and b"fatal:" not in complaint
    if child.returncode and not missing_key:
        raise MapError(complaint.decode(errors="replace").strip() or f"postmap ended with {child.returncode}")


def _kill_midway(child: subprocess.Popen[bytes], text: bytes) -> None:
    if child.stdin:
        child.stdin.write(text[: len(text) // 2])
        child.stdin.flush()
    time.sleep(0.006)
    child.send_signal(signal.SIGKILL)
    child.wait()
    raise MapError("postmap was killed by TEGAMI_KILL_CHILD_AT")


def _read_text(path: Path) -> dict[str, str]:
    try:
        return _pairs(path.read_text())
    except OSError as error:
        raise MapError(str(error)) from error


def _write_text(layout: Layout, name: str, entries: Mapping[str, str]) -> None:
    with effect(f"maps.{name}.text"):
        write_atomically(map_file(layout, name), _source(entries))
        sync_folder(layout.maps_dir)
