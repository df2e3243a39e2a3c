"""Ask the running servers for one entry of each store of a batch: only then a change is called live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from mailsettings.servers import doveadm, maps, scripts
from mailsettings.servers.apply import grouped
from mailsettings.servers.desired import DIRECTORY, DKIM, Row, Value, Wanted
from mailsettings.servers.homes import home_path
from mailsettings.servers.layout import MAPS, Layout
from mailsettings.servers.milter.rspamd import RspamdDown, selector_in_use
from mailsettings.servers.postfix import master_pid
from mailsettings.servers.scanners import installed
from mailsettings.servers.states import Signing

# rspamd is told of a new file by the kernel (50 ms); where it is not, it looks every half minute.
REREAD_S = 3.0


class ServersNotRunning(Exception):
    """The files are written, but nobody reads them."""


def probe(layout: Layout, wanted: Wanted) -> str | None:
    """None when the servers answer as wanted, else what they said instead.

    Raises ServersNotRunning when Postfix or Dovecot of this layout does not run, MapError for an unreadable map.
    """
    if master_pid(layout) is None:
        raise ServersNotRunning("Postfix is not running")
    try:
        with ThreadPoolExecutor(max_workers=len(MAPS) + 1) as pool:
            asked = [pool.submit(_ask, layout, store, *_sample(entries)) for store, entries in grouped(wanted).items()]
        complaints = [one.result() for one in asked]
    except doveadm.DovecotNotRunning as error:
        raise ServersNotRunning("Dovecot is not running") from error
    return next((complaint for complaint in complaints if complaint), None)


def _sample(entries: Mapping[str, Value | None]) -> tuple[str, Value | None]:
    """An entry that should be there, if any: an addition says more about the batch than a removal."""
    return next(((key, value) for key, value in entries.items() if value is not None), next(iter(entries.items())))


def _ask(layout: Layout, store: str, key: str, value: Value | None) -> str | None:
    if store == DIRECTORY:
        return _ask_dovecot(layout, key, value)
    if store in scripts.STORES:
        return _ask_script(layout, store, key, value)
    if store == DKIM:
        return _ask_rspamd(layout, key, value)
    found = maps.read(layout, store, [key]).get(key)
    return None if found == value else f"Postfix' map {store} answers {found!r} for {key}"


def _ask_script(layout: Layout, store: str, key: str, value: Value | None) -> str | None:
    """Nobody can ask Pigeonhole what it would run; it opens the files at each delivery: the text, and a newer binary."""
    doveadm.user(layout, key if "@" in key else f"nobody@{key}")
    found = scripts.read(layout, store, [key]).get(key)
    return None if found == value else f"the script of {key} is not the one that it should be"


def _ask_rspamd(layout: Layout, domain: str, value: Value | None) -> str | None:
    """Whether it signs for the domain with the key that it should; it reads the map again within a moment."""
    wanted = value.selector if isinstance(value, Signing) else None
    if not wanted or not installed("rspamd"):
        return None
    end = time.monotonic() + REREAD_S
    try:
        while (found := asyncio.run(selector_in_use(layout.rspamd_socket, domain))) != wanted:
            if time.monotonic() > end:
                return f"rspamd signs for {domain} with {found or 'no key'} instead of {wanted}"
            time.sleep(0.1)
    except RspamdDown as error:
        raise ServersNotRunning("rspamd is not running") from error
    return None


def _ask_dovecot(layout: Layout, address: str, row: Value | None) -> str | None:
    found = doveadm.user(layout, address)
    if isinstance(row, Row):
        home = str(home_path(layout, row.home))
        return None if found and found.get("home") == home else f"Dovecot does not know {address} as it should"
    return f"Dovecot still knows {address}" if found else None
