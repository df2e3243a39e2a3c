"""Files that are either as they were or as they should be, whenever the power goes."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path


def write_atomically(path: Path, text: str, *, mode: int = 0o644, age_s: int = 0) -> None:
    """New file beside the old, fsync, rename. Raises OSError; the old file stays then.

    `age_s` makes the file look that old: Postfix' programs wait 2 s before they read a configuration file that is
    younger than that, lest it is half written. Renamed into place it never is.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if age_s:
            os.utime(temporary, (time.time() - age_s,) * 2)
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in the folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def differs(path: Path, text: str) -> bool:
    """Whether the file is missing or holds something else."""
    try:
        return path.read_text(encoding="utf-8") != text
    except OSError:
        return True
