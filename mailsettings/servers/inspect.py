"""What the servers know of one address, from their own files and tools. Never a password's hash: only its scheme."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mailsettings.servers import directory, dkim, doveadm, maps, scripts
from mailsettings.servers.desired import FORWARDS, SCRIPTS, tag, way_out, whose
from mailsettings.servers.layout import MAPS, Layout
from mailsettings.servers.postfix import master_pid


def inspect(layout: Layout, address: str) -> dict[str, Any]:
    """`{"directory", "maps", "way_out", "scripts", "signs_with", "dovecot_user", "usage", "running"}`; None stands for *not there*."""
    return {
        "address": address,
        "directory": _row(layout, address),
        "maps": {name: maps.read(layout, name, [_key(name, address)]).get(_key(name, address)) for name in MAPS},
        "way_out": list(groups(layout, address)),
        "scripts": {name: _script(layout, name, address) for name in scripts.STORES},
        "signs_with": _selector(layout, address.rpartition("@")[2]),
        "running": {"postfix": master_pid(layout) is not None, "dovecot": dovecot_runs(layout)},
        **_dovecot(layout, address),
    }


def dovecot_runs(layout: Layout) -> bool:
    """Whether Dovecot's API answers."""
    try:
        doveadm.user(layout, "nobody@invalid")
    except doveadm.DovecotNotRunning:
        return False
    return True


def _key(name: str, address: str) -> str:
    return {"domains": address.rpartition("@")[2], FORWARDS: tag(address)}.get(name, address)


def _script(layout: Layout, store: str, address: str) -> str | None:
    key = address if store == SCRIPTS else address.rpartition("@")[2]
    return scripts.read(layout, store, [key]).get(key)


def groups(layout: Layout, address: str) -> Iterator[str]:
    """What stands behind each inner address of the way out that this address has."""
    number = whose(tag(address), maps.read(layout, FORWARDS, [tag(address)]).get(tag(address)))[1]
    keys = [way_out(tag(address), n) for n in range(number)]
    found = maps.read(layout, FORWARDS, keys) if keys else {}
    return (f"{key}: {found.get(key)}" for key in keys)


def _selector(layout: Layout, domain: str) -> str | None:
    found = dkim.read(layout, [domain]).get(domain)
    return found.selector if found else None


def _row(layout: Layout, address: str) -> dict[str, Any] | None:
    row = directory.read(layout, [address]).get(address)
    if row is None:
        return None
    scheme = re.match(r"^\{[A-Z0-9.-]+\}", row.password)
    return {**asdict(row), "password": scheme[0] if scheme else "(no scheme)"}


def _dovecot(layout: Layout, address: str) -> dict[str, Any]:
    try:
        user = doveadm.user(layout, address)
        return {"dovecot_user": user, "usage": asdict(doveadm.usage(layout, address)) if user else None}
    except doveadm.DovecotNotRunning:
        return {"dovecot_user": None, "usage": None}
