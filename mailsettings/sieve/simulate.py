"""Runs scripts through Pigeonhole's sieve-test: the real interpreter, in a folder that is thrown away, as the mail user.

"Stored" is stored in that folder, "sent" is written to a file; only the programs that read one message and write another
are there to be run. Bounded in time, memory and size, since messages and users' scripts are hostile.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 5  # of computing, and of waiting for each of the two programs
PATIENCE_S: float = SECONDS
MESSAGE_MAX = 10 * 1_048_576  # bytes
OUTPUT_MAX = 64 * 1_048_576  # bytes of one file: a few copies of the message, and the trace
MEMORY_MAX = 1024 * 1_048_576  # bytes
PROGRAMS = ("strip-attachments", "strip-virus", "headers-only", "header-has")
# What a user's own script must not have (servers/templates/dovecot.conf); sieve-test itself would let it.
PANELS_ONLY = (
    "editheader", "vnd.dovecot.filter", "vnd.dovecot.execute", "vnd.dovecot.pipe", "vnd.dovecot.environment",
    "vacation", "vacation-seconds", "enotify", "reject",
)  # fmt: skip
# sieve-test cannot be given an empty sender; scripts ask by the local part, which this has none of (conditions.py).
NOBODY = '""@null.invalid'
CONFIGURATION = """\
base_dir = {folder}/run
mail_location = maildir:{folder}/mail:LAYOUT=fs:UTF-8
mail_home = {folder}/home
first_valid_uid = 1
first_valid_gid = 1
{owner}log_path = /dev/stderr
ssl = no
hostname = localhost
postmaster_address = postmaster@localhost
recipient_delimiter = +
lda_mailbox_autocreate = yes
plugin {{
  sieve = file:{folder}/own;active={folder}/own.sieve
  sieve_plugins = sieve_extprograms
  sieve_extensions = +vacation-seconds
  sieve_global_extensions = +editheader +vnd.dovecot.filter +vnd.dovecot.execute +vnd.dovecot.environment
  sieve_filter_bin_dir = {folder}/bin
  sieve_execute_bin_dir = {folder}/bin
  sieve_filter_exec_timeout = {seconds}s
  sieve_execute_exec_timeout = {seconds}s
  sieve_max_cpu_time = {seconds}s
  sieve_max_redirects = 1000
  sieve_max_actions = 0
  sieve_vacation_min_period = 0
  sieve_notify_mailto_envelope_from = "<>"
  sieve_env_receive = {receive}
}}
"""


class SimulationError(Exception):
    """Nothing can be said: the message is too large, the time was over, or a script of the panel does not compile."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where it runs: the folder of programs, and (uid, gid) of the mail user (None: who we are)."""

    programs: Path
    owner: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`trace` and `log` as Pigeonhole wrote them; `sent`: the mails that would leave, one after the other.

    `stored`: (folder, header of the message) of each stored copy.
    """

    trace: str
    log: str
    sent: bytes
    stored: tuple[tuple[str, bytes], ...]


def run(host: Host, scripts: Mapping[str, str], own: Path | None, message: bytes, *, sender: str, address: str, receive: bool) -> Outcome:
    """The scripts in their order, by name, then the user's own. Raises `SimulationError`, OSError."""
    if len(message) > MESSAGE_MAX:
        raise SimulationError("the message is too large")
    with _folder(host) as folder:
        _prepare(folder, host, scripts, own, message, receive)
        last = _own(folder, host)
        _call(folder, host, [part for name in scripts for part in ("-s", f"{folder}/{name}.sieve")], last, sender, address)
        trace, log = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("trace", "log"))
        return Outcome(trace, log, (folder / "sent").read_bytes(), tuple(_stored(folder / "mail")))


@contextmanager
def _folder(host: Host) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tegami-explain-"))
    try:
        if host.owner:
            os.chown(folder, *host.owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, host: Host, scripts: Mapping[str, str], own: Path | None, message: bytes, receive: bool) -> None:
    for name in ("home", "mail", "bin", "own"):
        (folder / name).mkdir()
    for program in PROGRAMS:
        if (host.programs / program).exists():
            (folder / "bin" / program).symlink_to(host.programs / program)
    owner = "mail_uid = {}\nmail_gid = {}\n".format(*host.owner) if host.owner else ""
    text = CONFIGURATION.format(folder=folder, owner=owner, seconds=SECONDS, receive="on" if receive else "off")
    (folder / "dovecot.conf").write_text(text)
    for name, script in scripts.items():
        (folder / f"{name}.sieve").write_text(script, encoding="utf-8")
    (folder / "nothing.sieve").touch()
    (folder / "message").write_bytes(message)
    _copy(own, folder)
    if host.owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *host.owner, follow_symlinks=False)


def _copy(own: Path | None, folder: Path) -> None:
    """The user's active script, and those beside it, which it may include. Copied: a binary made here must not be run there."""
    if own is None or not own.exists():
        return
    active = own.resolve()
    for path in active.parent.glob("*.sieve"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= 1_048_576:
            (folder / "own" / path.name).write_bytes(path.read_bytes())
    (folder / "own.sieve").write_bytes(active.read_bytes())


def _own(folder: Path, host: Host) -> str:
    """The user's own script if it compiles with what users may have; otherwise Dovecot stores the mail as well."""
    if not (folder / "own.sieve").exists():
        return "nothing"
    program = ["sievec", "-c", f"{folder}/dovecot.conf", "-x", " ".join(f"-{name}" for name in PANELS_ONLY), f"{folder}/own.sieve"]
    return "own" if _limited(folder, [*program, f"{folder}/checked.svbin"]) == 0 else "nothing"


def _call(folder: Path, host: Host, before: list[str], last: str, sender: str, address: str) -> None:
    people = ["-f", sender or NOBODY, "-a", address, "-r", address]
    options = ["-c", f"{folder}/dovecot.conf", "-e", "-t", f"{folder}/trace", "-T", "level=matching"]
    if code := _limited(folder, ["sieve-test", *options, *people, *before, f"{folder}/{last}.sieve", f"{folder}/message"]):
        raise SimulationError(f"sieve-test ended with {code}: {(folder / 'log').read_text(errors='replace')[-500:]}")


def _limited(folder: Path, command: list[str]) -> int:
    """Runs it, within bounds; what it says goes to the file `log`. Raises `SimulationError` when the time is over."""
    limits = ["prlimit", f"--cpu={4 * SECONDS}", f"--fsize={OUTPUT_MAX}", f"--as={MEMORY_MAX}", "--"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": f"{folder}/home", "USER": "mail", "LANG": "C"}
    with (folder / "log").open("wb") as log, (folder / "sent").open("wb") as sent:
        process = subprocess.Popen(
            [*limits, *command], stdin=subprocess.DEVNULL, stdout=sent, stderr=log, env=environment, cwd=folder, start_new_session=True
        )
        try:
            return process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise SimulationError("the time was over") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


HEADER_END = re.compile(rb"\r?\n\r?\n")


def _stored(root: Path) -> Iterator[tuple[str, bytes]]:
    """The inbox is the root; every other folder lies below it, under its own name."""
    for path in sorted(path for path in root.glob("**/new/*") if path.is_file()):
        folder = str(path.parent.parent.relative_to(root))
        yield ("INBOX" if folder == "." else folder), HEADER_END.split(path.read_bytes(), maxsplit=1)[0]
