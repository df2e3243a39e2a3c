"""Does the disk say what the panel says? Compare everything, and repair."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailsettings.servers import directory, dkim, maps, scripts
from mailsettings.servers.apply import (
    STORES,
    Applied,
    difference,
    grouped,
    read_stores,
    reload_if_remembered,
    remember_reload,
    write_differences,
)
from mailsettings.servers.desired import DIRECTORY, DKIM, FORWARDS, Entry, Value, Wanted, tag, whose
from mailsettings.servers.layout import MAPS, Layout


@dataclass(frozen=True, slots=True)
class Drift:
    """One entry that is not as wanted; None = not there.

    `key` is "" for a store that cannot be read at all, and for a file among scripts that is nobody's (`found` = its path).
    """

    store: str
    key: str
    wanted: Value | None
    found: Value | None
    owner: str = ""

    @property
    def of(self) -> str:
        """The address or domain whose entry it is; "" where only a look at everything tells."""
        return self.owner if self.store == FORWARDS else self.key


def compare(layout: Layout, desired: Iterable[Entry]) -> list[Drift]:
    """Every entry of every store that is missing, different or too much. Unreadable stores are reported, not raised."""
    by_store = _by_store(desired)
    return [drift for store in STORES for drift in _compare_store(layout, store, by_store[store])]


def repair(layout: Layout, lock_fd: int, desired: Iterable[Entry]) -> list[Drift]:
    """Make the stores hold exactly the desired entries; gives what was wrong. Raises as `apply_entries` does."""
    by_store = _by_store(desired)
    drifts = [drift for store in STORES for drift in _compare_store(layout, store, by_store[store])]
    broken = {drift.store for drift in drifts if not drift.key}
    for name in sorted(broken & set(MAPS)):
        maps.rebuild(layout, lock_fd, name, {key: str(value) for key, value in by_store[name].items()})
        remember_reload(layout)
    if DIRECTORY in broken:
        directory.create(layout)
    if broken & set(scripts.STORES):
        scripts.create(layout)
        scripts.sweep(layout)
    if DKIM in broken:
        dkim.create(layout)
    _write(layout, lock_fd, [drift for drift in drifts if drift.key])
    reload_if_remembered(layout)
    return drifts


def _write(layout: Layout, lock_fd: int, drifts: list[Drift]) -> Applied:
    wanted: dict[str, dict[str, Value | None]] = defaultdict(dict)
    found: dict[str, dict[str, Value]] = defaultdict(dict)
    for drift in drifts:
        wanted[drift.store][drift.key] = drift.wanted
        if drift.found is not None:
            found[drift.store][drift.key] = drift.found
    return write_differences(layout, lock_fd, {store: difference(wanted[store], found[store]) for store in wanted})


def _compare_store(layout: Layout, store: str, desired: Mapping[str, Value]) -> list[Drift]:
    try:
        found = _dump(layout, store)
    except (maps.MapError, sqlite3.Error, OSError):
        whole = [Drift(store, "", None, None)]
        # A broken map is rebuilt whole; others are made and then filled key by key.
        return whole + ([] if store in MAPS else [Drift(store, k, v, None) for k, v in desired.items()])
    nobodys = scripts.foreign(layout, store) if store in scripts.STORES else []
    owners = _owners(found) | _owners(desired) if store == FORWARDS else {}
    return [Drift(store, "", None, str(path)) for path in nobodys] + [
        Drift(store, key, desired.get(key), found.get(key), owners.get(key.partition(".")[0], ""))
        for key in desired.keys() | found.keys()
        if desired.get(key) != found.get(key)
    ]


def of_keys(layout: Layout, wanted: Wanted, addresses: Iterable[str]) -> list[Drift]:
    """What differs from what is wanted of these addresses, and whatever else they have in the stores."""
    by_store, owners = grouped(wanted), {tag(address): address for address in addresses}
    on_disk = read_stores(layout, by_store)
    pairs = ((store, key) for store, entries in by_store.items() for key in entries.keys() | on_disk[store].keys())
    found = (Drift(s, key, wanted.get((s, key)), on_disk[s].get(key), owners.get(key.partition(".")[0], "")) for s, key in pairs)
    return [one for one in found if one.wanted != one.found]


def _owners(forwards: Mapping[str, Value]) -> dict[str, str]:
    """Tag → address."""
    return {key: address for key, value in forwards.items() if (address := whose(key, value)[0])}


def _dump(layout: Layout, store: str) -> dict[str, Value]:
    if store == DIRECTORY:
        return dict(directory.dump(layout))
    if store == DKIM:
        return dict(dkim.dump(layout))
    return dict((scripts if store in scripts.STORES else maps).dump(layout, store))


def _by_store(desired: Iterable[Entry]) -> dict[str, dict[str, Value]]:
    by_store: dict[str, dict[str, Value]] = {store: {} for store in STORES}
    for entry in desired:
        if entry.store in STORES:
            by_store[entry.store][entry.key] = entry.value
    return by_store


def keys_of_domain(layout: Layout, domain: str) -> set[str]:
    """Every address within the domain that any store knows: what has to be looked at when the domain changes whole."""
    suffix = f"@{domain}"
    in_maps = {key for name in MAPS for key in maps.dump(layout, name) if key.endswith(suffix)}
    sent_on = {address for address in _owners(maps.dump(layout, FORWARDS)).values() if address.endswith(suffix)}
    return in_maps | sent_on | scripts.keys_of_domain(layout, domain) | set(directory.addresses_of_domain(layout, domain))
