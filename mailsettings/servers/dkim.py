"""DKIM keys as rspamd reads them: a file for each key, and a map that says with which one a domain signs.

`keys/<domain>/<selector>.pem` and `selectors.map` below `layout.dkim_dir`. rspamd makes a key's path of the selector that the
map names (dkim_signing.conf), so nothing is ever signed with one key under another's name. A key is there before the map
names it and goes after; the map is one file that is renamed into place, and rspamd reads it again by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from mailsettings.servers.files import differs, sync_folder, write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import make_folder
from mailsettings.servers.scanners import installed
from mailsettings.servers.seam import effect
from mailsettings.servers.states import Signing

DOMAIN = re.compile(r"^[a-z0-9_-][a-z0-9._-]{0,252}$")
SELECTOR = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
# What is made in the folders belongs to their group, rspamd's; nobody else comes in.
FOLDER_MODE, FILE_MODE = 0o2750, 0o640


def create(layout: Layout) -> None:
    """The folders, and an empty map: rspamd watches only what it has seen."""
    _make(layout, layout.dkim_dir)
    _make(layout, _keys(layout))
    if not layout.dkim_selectors.exists():
        write_atomically(layout.dkim_selectors, "", mode=FILE_MODE)


def read(layout: Layout, domains: Collection[str]) -> dict[str, Signing]:
    """What the files say of these domains, as far as they say anything. Raises OSError."""
    selectors = _selectors(layout)
    found = ((domain, Signing(tuple(_files(layout, domain)), selectors.get(domain))) for domain in domains)
    return {domain: signing for domain, signing in found if signing != Signing()}


def dump(layout: Layout) -> dict[str, Signing]:
    """What they say of every domain. Raises OSError."""
    if not _keys(layout).is_dir():
        return {}
    return read(layout, {path.name for path in _keys(layout).iterdir()} | set(_selectors(layout)))


def write(layout: Layout, signings: Mapping[str, Signing], gone: Iterable[str] = ()) -> None:
    """Make the files say this, and nothing of the domains that have `gone`. Raises OSError, ValueError for what is no name."""
    create(layout)
    wanted = {**dict.fromkeys(gone, Signing()), **signings}
    for domain, signing in wanted.items():
        _put_keys(layout, domain, signing)
    _put_selectors(layout, wanted)
    for domain, signing in wanted.items():
        _take_keys_out(layout, domain, signing)


def _put_keys(layout: Layout, domain: str, signing: Signing) -> None:
    folder = _folder(layout, domain)
    for selector, text in signing.keys:
        if not SELECTOR.match(selector):
            raise ValueError(f"{selector!r} is no selector")
        _make(layout, folder)
        if differs(path := folder / f"{selector}.pem", text):
            with effect("dkim.key"):
                write_atomically(path, text, mode=FILE_MODE)


def _put_selectors(layout: Layout, wanted: Mapping[str, Signing]) -> None:
    before = _selectors(layout)
    after = {**before, **{domain: one.selector for domain, one in wanted.items() if one.selector}}
    after = {domain: selector for domain, selector in after.items() if domain not in wanted or wanted[domain].selector}
    if after != before:
        with effect("dkim.selectors"):
            write_atomically(layout.dkim_selectors, "".join(f"{domain} {after[domain]}\n" for domain in sorted(after)), mode=FILE_MODE)


def _take_keys_out(layout: Layout, domain: str, signing: Signing) -> None:
    """Every other file of the folder too: what a killed writer left holds a key."""
    folder, kept = _folder(layout, domain), {f"{selector}.pem" for selector, _text in signing.keys}
    if not folder.is_dir():
        return
    for path in [path for path in folder.iterdir() if path.name not in kept]:
        with effect("dkim.unlink"):
            path.unlink(missing_ok=True)
    sync_folder(folder)
    if not kept:
        folder.rmdir()


def _selectors(layout: Layout) -> dict[str, str]:
    if not layout.dkim_selectors.exists():
        return {}
    lines = (line.split() for line in layout.dkim_selectors.read_text(encoding="utf-8").splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def _files(layout: Layout, domain: str) -> Iterator[tuple[str, str]]:
    folder = _folder(layout, domain) if DOMAIN.match(domain) else None
    if folder and folder.is_dir():
        for path in sorted(folder.iterdir()):
            yield path.name.removesuffix(".pem"), path.read_text(encoding="utf-8", errors="replace")


def _folder(layout: Layout, domain: str) -> Path:
    if not DOMAIN.match(domain) or ".." in domain:
        raise ValueError(f"{domain!r} cannot have a key")
    return _keys(layout) / domain


def _keys(layout: Layout) -> Path:
    return layout.dkim_dir / "keys"


def _make(layout: Layout, folder: Path) -> None:
    make_folder(folder, mode=FOLDER_MODE, group=layout.users.rspamd if installed("rspamd") else None)
