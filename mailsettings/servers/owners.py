"""Giving files to the users of the servers, where we are root; elsewhere everything belongs to who runs it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def is_root() -> bool:
    return os.geteuid() == 0


def make_folder(path: Path, *, mode: int = 0o755, user: str | int | None = None, group: str | int | None = None) -> None:
    """The folder with this mode and owner, made where missing; its parents as the process makes folders (0755)."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    give(path, user=user, group=group)


def give(path: Path, *, user: str | int | None = None, group: str | int | None = None) -> None:
    """chown as root; nothing for anybody else. Raises LookupError for a name that the machine does not know."""
    if not is_root():
        return
    if user is not None:
        shutil.chown(path, user=user)
    if group is not None:
        shutil.chown(path, group=group)
