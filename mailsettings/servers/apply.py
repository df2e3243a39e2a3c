"""Make the servers' files say what is wanted, by the difference to what they say now.

Order: a new mailbox stands in Dovecot's directory before Postfix accepts mail for it, and leaves Postfix before it
leaves the directory; the other way round mail would be accepted and bounced. Likewise what stands behind an inner
address of the way out is there before anything leads to it, and goes after that; and the script of a mailbox is there
before the mailbox. Safe to kill at any instruction and to run twice: the next apply computes the difference anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from mailsettings.servers import directory, dkim, maps, scripts
from mailsettings.servers.desired import DIRECTORY, DKIM, FORWARDS, Row, Value, Wanted, way_out, whose
from mailsettings.servers.files import sync_folder
from mailsettings.servers.layout import MAPS, Layout
from mailsettings.servers.postfix import postfix_reload
from mailsettings.servers.seam import effect
from mailsettings.servers.states import Signing

STORES = (DIRECTORY, *scripts.STORES, DKIM, *MAPS)
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
    """Of one store. `last` = what is written after everything else: numbers of groups that fall.

    Only the number leads to the groups that have to go: whoever is killed among them must find the old one again.
    """

    upserts: dict[str, Value] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)
    last: dict[str, Value] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.upserts) + len(self.deletes) + len(self.last)


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
    keys = ((store, key) for store, one in differences.items() for key in (*one.upserts, *one.deletes, *one.last))
    return {key: wanted.get(key) for key in keys}


def grouped(wanted: Wanted) -> dict[str, dict[str, Value | None]]:
    """The wanted entries by store."""
    by_store: dict[str, dict[str, Value | None]] = defaultdict(dict)
    for (store, key), value in wanted.items():
        if store in STORES:
            by_store[store][key] = value
    return by_store


def read_stores(layout: Layout, by_store: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, Value]]:
    """What the stores say of these keys now, and of every group of the tags among them. Raises MapError.

    Each map's postmap runs beside the others.
    """
    with ThreadPoolExecutor(max_workers=len(MAPS) + 1) as pool:
        running = {store: pool.submit(read_store, layout, store, list(keys)) for store, keys in by_store.items()}
        return {store: future.result() for store, future in running.items()}


def read_store(layout: Layout, store: str, keys: list[str]) -> dict[str, Value]:
    """The values of these keys in one store, and of every group of the tags among them."""
    if store == DIRECTORY:
        return dict(directory.read(layout, keys))
    if store in scripts.STORES:
        return dict(scripts.read(layout, store, keys))
    if store == DKIM:
        return dict(dkim.read(layout, keys))
    found = maps.read(layout, store, keys)
    groups = [group for key, value in found.items() for group in _groups(key, value)] if store == FORWARDS else []
    return {**found, **(maps.read(layout, store, groups) if groups else {})}


def _groups(key: str, value: Value) -> list[str]:
    return [way_out(key, n) for n in range(whose(key, value)[1])]


def difference(wanted: Mapping[str, Value | None], found: Mapping[str, Value]) -> Difference:
    """What has to be written and taken out so that `found` says what is wanted. Found and not named: taken out."""
    upserts = {key: value for key, value in wanted.items() if value is not None and found.get(key) != value}
    last = {key: value for key, value in upserts.items() if whose(key, value)[1] < whose(key, found.get(key))[1]}
    # Groups before the tag with their number.
    deletes = sorted((key for key in found if wanted.get(key) is None), key=lambda key: "@" not in key)
    return Difference({key: value for key, value in upserts.items() if key not in last}, deletes, last)


def write_differences(layout: Layout, lock_fd: int, differences: Mapping[str, Difference]) -> Applied:
    """Additions Dovecot first, removals Postfix first, what was behind the way out last; reload where domains changed."""
    rows, out, keys = (differences.get(store, Difference()) for store in (DIRECTORY, FORWARDS, DKIM))
    in_maps = {name: differences[name] for name in reversed(MAPS) if differences.get(name) and name != FORWARDS}
    texts = {name: differences[name] for name in scripts.STORES if differences.get(name)}
    if "domains" in in_maps:
        remember_reload(layout)
    _add(layout, lock_fd, FORWARDS, out.upserts)
    for name, one in texts.items():
        scripts.write(layout, lock_fd, name, _texts(one.upserts))
    if rows.upserts:
        directory.write(layout, _rows(rows.upserts), ())
    # All additions before all removals: an address that turns from mailbox to alias is refused at no moment.
    for name, one in in_maps.items():
        _add(layout, lock_fd, name, one.upserts)
    for name, one in in_maps.items():
        _take_out(layout, lock_fd, name, one.deletes)
    if rows.deletes:
        directory.write(layout, {}, rows.deletes)
    for name, one in texts.items():
        scripts.delete(layout, name, one.deletes)
    _take_out(layout, lock_fd, FORWARDS, out.deletes)
    _add(layout, lock_fd, FORWARDS, out.last)
    if keys:
        dkim.write(layout, {key: value for key, value in keys.upserts.items() if isinstance(value, Signing)}, keys.deletes)
    return Applied(sum(map(len, differences.values())), reload_if_remembered(layout))


def _add(layout: Layout, lock_fd: int, name: str, values: Mapping[str, Value]) -> None:
    texts = _texts(values)
    if len(texts) > REBUILD_ABOVE:
        _rebuild(layout, lock_fd, name, {**maps.dump(layout, name), **texts})
    elif texts:
        maps.upsert(layout, lock_fd, name, texts)


def _take_out(layout: Layout, lock_fd: int, name: str, keys: Collection[str]) -> None:
    if len(keys) > REBUILD_ABOVE:
        gone = set(keys)
        _rebuild(layout, lock_fd, name, {key: value for key, value in maps.dump(layout, name).items() if key not in gone})
    elif keys:
        maps.delete(layout, lock_fd, name, keys)


def _rebuild(layout: Layout, lock_fd: int, name: str, entries: Mapping[str, str]) -> None:
    if maps.rebuild(layout, lock_fd, name, entries):
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
