"""Mailboxes' homes on disk: `<homes>/<first two digits>/<32 hex digits>`, named by UUID, never by address."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from mailsettings.servers.layout import Layout
from mailsettings.servers.seam import effect

HEX = re.compile(r"^[0-9a-f]{32}$")


def home_path(layout: Layout, home: str) -> Path:
    """Where the home is. Raises ValueError for what is no home's name: nothing can climb out of the folder."""
    if not HEX.match(home):
        raise ValueError(f"{home!r} is no home")
    return layout.homes / home[:2] / home


def remove_home(layout: Layout, home: str) -> bool:
    """Take the mail off the disk; False when there was none. Killed midway, the next call finishes.

    Renamed first, so that nobody can open a half removed mailbox.
    """
    path = home_path(layout, home)
    going = path.with_name(f"{home}.going")
    with effect("homes.rename"):
        existed = path.is_dir()
        if existed and not going.exists():
            os.rename(path, going)
    with effect("homes.remove"):
        for folder in (going, path):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
    return existed
