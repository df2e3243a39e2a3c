"""Sieve scripts on disk: at most one for a domain and one for a mailbox, each beside its binary, written under the host's lock.

`domains/<domain>.sieve` and `mailboxes/<domain>/<local part>.sieve` below `layout.sieve_dir`; no file is no script. Only
what `sievec` compiles gets there: in a folder of its own first. Pigeonhole runs a binary when it is newer than its text and
was made of a file of that path, and does not compare them: so a text is dated back, its old binary goes before it comes, and
its own binary is made where it stands. Between two of these steps a delivery compiles the text that is there by itself, and
logs that it may not save what it made. Without Dovecot's Sieve on the machine there are texts only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from mailsettings.servers.desired import DOMAIN_SCRIPTS, SCRIPTS
from mailsettings.servers.files import sync_folder
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import give, make_folder
from mailsettings.servers.seam import effect

STORES = (DOMAIN_SCRIPTS, SCRIPTS)
# What stands on disk without a binary of its own is no script as wanted: it reads as its text with this in front.
NOT_COMPILED = "# not compiled\n"
# Domains in A-labels, local parts as accounts have them: nothing that a path or Dovecot's variables could take for more.
NAME = re.compile(r"^[a-z0-9_-][a-z0-9._-]{0,252}$")
# Group of what is made in them: the folder's, the mail user's.
FOLDER_MODE = 0o2750
TIMEOUT_S = 300
# A start of sievec takes 15 ms, each script of a folder 0.2 ms.
FOLDER_ABOVE = 75
AGE_S = 10
# Above this, one sync of the disk costs less than one of each file.
SYNC_ALL_ABOVE = 50


class ScriptError(OSError):
    """sievec cannot do its work; nothing is said about the scripts."""


@cache
def sievec_program() -> str | None:
    """Path of sievec, None where Dovecot's Sieve is not installed."""
    return shutil.which("sievec", path="/usr/bin:/bin")


def folder_of(layout: Layout, store: str) -> Path:
    """The store's folder."""
    return layout.sieve_dir / {DOMAIN_SCRIPTS: "domains", SCRIPTS: "mailboxes"}[store]


def script_path(layout: Layout, store: str, key: str) -> Path:
    """Where the script of a domain, or of an address, is. Raises ValueError for what is no name."""
    local, at, domain = key.rpartition("@")
    names = (domain, local) if store == SCRIPTS else (key,)
    if (store == SCRIPTS) != bool(at) or not all(NAME.match(name) and ".." not in name for name in names):
        raise ValueError(f"{key!r} cannot have a script")
    return folder_of(layout, store).joinpath(*names[:-1], f"{names[-1]}.sieve")


def create(layout: Layout) -> None:
    """Make the folders. Scripts hold what people wrote: only root and the mail user read them."""
    make_folder(layout.sieve_dir, mode=FOLDER_MODE, group=layout.users.mail_gid)
    for store in STORES:
        make_folder(folder_of(layout, store), mode=FOLDER_MODE, group=layout.users.mail_gid)


# --- reading
def read(layout: Layout, store: str, keys: Collection[str]) -> dict[str, str]:
    """The scripts of these keys, as far as there are any; what is no name for a path has none. Raises OSError."""
    paths = ((key, _path_or_none(layout, store, key)) for key in keys)
    found = ((key, _text(path)) for key, path in paths if path)
    return {key: text for key, text in found if text is not None}


def _path_or_none(layout: Layout, store: str, key: str) -> Path | None:
    try:
        return script_path(layout, store, key)
    except ValueError:
        return None


def dump(layout: Layout, store: str) -> dict[str, str]:
    """Every script of the store. Raises OSError."""
    ours = ((_key(layout, store, path), path.with_suffix(".sieve")) for path in _files(layout, store, beside_text=False))
    found = ((key, _text(path)) for key, path in ours if key)
    return {key: text for key, text in found if text is not None}


def foreign(layout: Layout, store: str) -> list[Path]:
    """Files in the store that are nobody's script nor its binary."""
    return [path for path in _files(layout, store) if not _key(layout, store, path)]


def keys_of_domain(layout: Layout, domain: str) -> set[str]:
    """The addresses in the domain that have a script."""
    folder = folder_of(layout, SCRIPTS) / domain
    keys = (_key(layout, SCRIPTS, path) for path in (folder.iterdir() if folder.is_dir() else ()))
    return {key for key in keys if key}


def _text(path: Path) -> str | None:
    """What the script says, with NOT_COMPILED in front where Dovecot could not run it as it is; None for no script."""
    binary = path.with_suffix(".svbin")
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return NOT_COMPILED if binary.is_symlink() or binary.exists() else None
    return text if _compiled(path, binary) else NOT_COMPILED + text


def _compiled(path: Path, binary: Path) -> bool:
    if not sievec_program():
        return not path.is_symlink()
    try:
        return int(binary.lstat().st_mtime) > int(path.lstat().st_mtime) and not path.is_symlink() and not binary.is_symlink()
    except FileNotFoundError:
        return False


def _files(layout: Layout, store: str, *, beside_text: bool = True) -> Iterator[Path]:
    """Everything in the store that is no folder; `beside_text` = binaries whose text is there too."""
    for folder, _, names in os.walk(folder_of(layout, store)):
        texts = set() if beside_text else {name.removesuffix(".sieve") for name in names if name.endswith(".sieve")}
        yield from (Path(folder, name) for name in names if not (name.endswith(".svbin") and name.removesuffix(".svbin") in texts))


def _key(layout: Layout, store: str, path: Path) -> str | None:
    """Whose script or binary this is; None for a file that has no business there."""
    below = path.relative_to(folder_of(layout, store))
    key = f"{below.stem}@{below.parent}" if store == SCRIPTS else below.stem
    own = _path_or_none(layout, store, key)
    return key if own and path in (own, own.with_suffix(".svbin")) else None


# --- writing
def write(layout: Layout, lock_fd: int, store: str, texts: Mapping[str, str]) -> None:
    """Put these scripts live, compiled. Raises ValueError with sievec's words for what does not compile: all stay as they were.

    The caller holds the host's lock; sievec gets its descriptor and keeps it when we are killed.
    """
    if not texts:
        return
    paths = {key: script_path(layout, store, key) for key in texts}
    new = layout.sieve_dir / "new"
    with effect("scripts.stage"):
        _stage(layout, new, list(texts.values()))
    with effect("scripts.check"):
        _check(layout, lock_fd, new, list(texts))
    for number, path in enumerate(paths.values()):
        make_folder(path.parent, mode=FOLDER_MODE, group=layout.users.mail_gid)
        _replace(new / f"{number}.sieve", path)
    with effect("scripts.compile"):
        _compile_all(layout, lock_fd, list(paths.values()))
    _to_disk(list(paths.values()))
    shutil.rmtree(new)


def _stage(layout: Layout, new: Path, texts: list[str]) -> None:
    """The texts in a folder of their own, what a killed run left there gone."""
    if new.exists():
        shutil.rmtree(new)
    make_folder(new, mode=0o700)
    for number, text in enumerate(texts):
        path = new / f"{number}.sieve"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)
        give(path, group=layout.users.mail_gid)
        stat = path.stat()
        os.utime(path, (stat.st_atime - AGE_S, stat.st_mtime - AGE_S))


def _check(layout: Layout, lock_fd: int, new: Path, keys: list[str]) -> None:
    complaint = _sievec(layout, lock_fd, new)
    if complaint is not None:
        raise _verdict(complaint, keys)


def _sievec(layout: Layout, lock_fd: int, path: Path) -> str | None:
    """Compile a script, or all of a folder; None, or what sievec complains of. Nothing where there is no sievec."""
    program = sievec_program()
    if not program:
        return None
    command = [program, "-c", str(layout.dovecot_conf), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL, pass_fds=(lock_fd,))
    except subprocess.TimeoutExpired as error:
        raise ScriptError(str(error)) from error
    return done.stderr.decode(errors="replace").strip() or "sievec failed" if done.returncode else None


def _verdict(complaint: str, keys: list[str]) -> Exception:
    """sievec ends at the first script that does not compile and names it by its number."""
    about = re.search(r"(?m)^(\d+): (?:line|error)", complaint)
    if not about:
        return ScriptError(complaint)
    lines = [line.replace(f"{about[1]}: ", "", 1) for line in complaint.splitlines() if line.startswith(f"{about[1]}: ")]
    return ValueError(f"{keys[int(about[1])]}: {' '.join(lines)}"[:2000])


def _replace(new: Path, path: Path) -> None:
    with effect("scripts.unlink-binary"):
        path.with_suffix(".svbin").unlink(missing_ok=True)
    with effect("scripts.rename"):
        os.rename(new, path)


def _compile_all(layout: Layout, lock_fd: int, paths: list[Path]) -> None:
    """Where many of a folder are new, the whole folder at once; then each that has no binary yet. Raises ScriptError."""
    for folder in {path.parent for path in paths}:
        ours = sum(path.parent == folder for path in paths)
        if ours > 1 and ours * FOLDER_ABOVE > sum(1 for _ in folder.glob("*.sieve")):
            _sievec(layout, lock_fd, folder)  # what somebody else has put there may not compile
    for path in paths if sievec_program() else ():
        if not path.with_suffix(".svbin").exists() and (complaint := _sievec(layout, lock_fd, path)) is not None:
            raise ScriptError(complaint)


def _to_disk(paths: list[Path]) -> None:
    if len(paths) > SYNC_ALL_ABOVE:
        os.sync()
        return
    for path in (file for text in paths for file in (text, text.with_suffix(".svbin")) if file.exists()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for folder in {path.parent for path in paths}:
        sync_folder(folder)
        sync_folder(folder.parent)


def delete(layout: Layout, store: str, keys: Collection[str]) -> None:
    """Take these scripts out, the text first: without one a binary is nothing. One that is not there is no error."""
    for key in keys:
        path = script_path(layout, store, key)
        for file in (path, path.with_suffix(".svbin")):
            with effect("scripts.unlink"):
                file.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
            _forget_empty(layout, store, path.parent)


def _forget_empty(layout: Layout, store: str, folder: Path) -> None:
    if folder != folder_of(layout, store) and not any(folder.iterdir()):
        folder.rmdir()


def sweep(layout: Layout) -> None:
    """Take out files that are nobody's."""
    for path in (path for store in STORES for path in foreign(layout, store)):
        with effect("scripts.sweep"):
            path.unlink(missing_ok=True)
