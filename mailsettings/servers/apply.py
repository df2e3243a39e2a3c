"""Make the servers' files say what is wanted, by the difference to what they say now.

Order: a new mailbox stands in Dovecot's directory before Postfix accepts mail for it, and leaves Postfix before it
leaves the directory; the other way round mail would be accepted and bounced. Safe to kill at any instruction and to
run twice: the next apply computes the difference anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from mailsettings.servers import directory, maps
from mailsettings.servers.desired import DIRECTORY, Row, Value, Wanted
from mailsettings.servers.files import sync_folder
from mailsettings.servers.layout import MAPS, Layout
from mailsettings.servers.postfix import postfix_reload
from mailsettings.servers.seam import effect

# Entries of other stores are nobody's here yet.
STORES = (DIRECTORY, *MAPS)
# 10,000 keys by `postmap -i` take 2.5 s, a rebuild of 100,000 0.1 s.
REBUILD_ABOVE = 500


@dataclass(frozen=True, slots=True)
class Applied:
    """How many entries were written or taken out, which of the wanted ones, and whether Postfix was reloaded."""

    changed: int
    reloaded: bool
    written: Wanted = field(default_factory=dict)


@dataclass(slots=True)
class Difference:
    """Of one store."""

    upserts: dict[str, Value] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.upserts) + len(self.deletes)


def apply_entries(layout: Layout, lock_fd: int, wanted: Wanted) -> Applied:
    """Write what differs; the caller holds the host's lock and passes its descriptor.

    Raises MapError, PostfixError, sqlite3.Error, ValueError (a key or value that the format cannot hold).
    """
    by_store = grouped(wanted)
    found = read_stores(layout, by_store)
    differences = {store: difference(by_store[store], found[store]) for store in by_store}
    applied = write_differences(layout, lock_fd, differences)
    return replace(applied, written=_written(wanted, differences))


def _written(wanted: Wanted, differences: Mapping[str, Difference]) -> Wanted:
    return {(store, key): wanted[store, key] for store, one in differences.items() for key in (*one.upserts, *one.deletes)}


def grouped(wanted: Wanted) -> dict[str, dict[str, Value | None]]:
    """The wanted entries by store."""
    by_store: dict[str, dict[str, Value | None]] = defaultdict(dict)
    for (store, key), value in wanted.items():
        if store in STORES:
            by_store[store][key] = value
    return by_store


def read_stores(layout: Layout, by_store: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, Value]]:
    """What the stores say of these keys now; each map's postmap runs beside the others. Raises MapError."""
    with ThreadPoolExecutor(max_workers=len(MAPS) + 1) as pool:
        running = {store: pool.submit(read_store, layout, store, list(keys)) for store, keys in by_store.items()}
        return {store: future.result() for store, future in running.items()}


def read_store(layout: Layout, store: str, keys: list[str]) -> dict[str, Value]:
    """The values of these keys in one store."""
    if store == DIRECTORY:
        return dict(directory.read(layout, keys))
    return dict(maps.read(layout, store, keys))


def difference(wanted: Mapping[str, Value | None], found: Mapping[str, Value]) -> Difference:
    """What has to be written and taken out so that `found` says what is wanted."""
    upserts = {key: value for key, value in wanted.items() if value is not None and found.get(key) != value}
    return Difference(upserts, [key for key, value in wanted.items() if value is None and key in found])


def write_differences(layout: Layout, lock_fd: int, differences: Mapping[str, Difference]) -> Applied:
    """Additions Dovecot first, removals Postfix first, then the reload where domains changed."""
    rows = differences.get(DIRECTORY, Difference())
    in_maps = {name: differences[name] for name in reversed(MAPS) if differences.get(name)}
    if "domains" in in_maps:
        remember_reload(layout)
    if rows.upserts:
        directory.write(layout, _rows(rows.upserts), ())
    _write_maps(layout, lock_fd, in_maps)
    if rows.deletes:
        directory.write(layout, {}, rows.deletes)
    return Applied(sum(map(len, differences.values())), reload_if_remembered(layout))


def _write_maps(layout: Layout, lock_fd: int, in_maps: Mapping[str, Difference]) -> None:
    """All additions before all removals: an address that turns from mailbox to alias is refused at no moment."""
    for name, one in in_maps.items():
        if len(one) > REBUILD_ABOVE:
            _rebuild(layout, lock_fd, name, one)
        elif one.upserts:
            maps.upsert(layout, lock_fd, name, _texts(one.upserts))
    for name, one in in_maps.items():
        if one.deletes and len(one) <= REBUILD_ABOVE:
            maps.delete(layout, lock_fd, name, one.deletes)


def _rebuild(layout: Layout, lock_fd: int, name: str, one: Difference) -> None:
    gone = set(one.deletes)
    kept = {key: value for key, value in maps.dump(layout, name).items() if key not in gone}
    if maps.rebuild(layout, lock_fd, name, {**kept, **_texts(one.upserts)}):
        remember_reload(layout)


def _rows(values: Mapping[str, Value]) -> dict[str, Row]:
    return {key: value for key, value in values.items() if isinstance(value, Row)}


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {key: value for key, value in values.items() if isinstance(value, str)}


def remember_reload(layout: Layout) -> None:
    """Note on disk that Postfix must be told, before the map is written: a killed worker's successor reloads then.

    The successor sees no difference any more, and smtpd remembers unknown domains for up to 100 sessions.
    """
    with effect("postfix.remember-reload"):
        layout.reload_pending_path.touch()
        sync_folder(layout.state)


def reload_if_remembered(layout: Layout) -> bool:
    """Reload Postfix if somebody noted that it must be. A Postfix that is not running reads all anew at its start."""
    if not layout.reload_pending_path.exists():
        return False
    reloaded = postfix_reload(layout)
    with effect("postfix.forget-reload"):
        layout.reload_pending_path.unlink(missing_ok=True)
    return reloaded
