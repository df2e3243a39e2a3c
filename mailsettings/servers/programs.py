"""The programs that scripts run, and the scripts by which moving mail teaches rspamd, beside the scripts of mailboxes.

Copied out of the code: what Dovecot runs must not depend on where the code lies, nor on its virtual environment.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mailsettings.servers.files import differs, write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import give, is_root, make_folder
from mailsettings.servers.scripts import sievec_program
from mailsettings.sieve import programs

SOURCE = Path(programs.__file__).parent
# Debian's own, never that of a virtual environment. I: nothing from its environment or the working folder; S: no site-packages.
PYTHON = "/usr/bin/python3"
PROGRAMS = {
    "strip-attachments": "strip_attachments",
    "strip-virus": "strip_virus",
    "headers-only": "headers_only",
    "header-has": "header_has",
    "teach": "teach",
}
START = """\
#!{python} -IS
import sys

sys.path.insert(0, {lib!r})
from programs.{module} import main

sys.exit(main(sys.argv[1:]{more}))
"""
SPAM = """\
# Written by Tegami: a message that is moved into the spam folder is spam.
require ["variables", "environment", "imapsieve", "copy", "vnd.dovecot.pipe"];
if environment :matches "imap.user" "*" {
  pipe :copy :try "teach" ["spam", "${1}"];
}
"""
HAM = """\
# Written by Tegami: a message that is moved out of the spam folder is none, unless it is thrown away.
require ["variables", "environment", "imapsieve", "copy", "vnd.dovecot.pipe"];
if environment :is "imap.mailbox" "Trash" {
  stop;
}
if environment :matches "imap.user" "*" {
  pipe :copy :try "teach" ["ham", "${1}"];
}
"""


def install(layout: Layout) -> None:
    """Write what differs. Raises OSError, subprocess.SubprocessError."""
    lib, folder, teaching = layout.sieve_dir / "lib", layout.sieve_dir / "bin", layout.sieve_dir / "teach"
    for path in (lib, lib / "programs", folder, teaching):
        make_folder(path, mode=0o750, group=layout.users.mail_gid)
    _copy_modules(layout, lib)
    for name, module in PROGRAMS.items():
        more = f", {str(layout.rspamd_controller)!r}" if name == "teach" else ""
        _write(layout, folder / name, START.format(python=PYTHON, lib=str(lib), module=module, more=more), mode=0o750)
    changed = [_write(layout, teaching / f"{name}.sieve", text) for name, text in (("spam", SPAM), ("ham", HAM))]
    if any(changed) or not (teaching / "ham.svbin").exists():
        _compile_teaching(layout, teaching)


def _copy_modules(layout: Layout, lib: Path) -> None:
    changed = [_write(layout, lib / "programs" / path.name, path.read_text(encoding="utf-8")) for path in SOURCE.glob("*.py")]
    known = {path.name for path in SOURCE.glob("*.py")}
    gone = [path for path in (lib / "programs").glob("*.py") if path.name not in known]
    for path in gone:
        path.unlink()
    if (any(changed) or gone) and Path(PYTHON).exists():
        # The mail user cannot write there: without these every start would compile anew.
        subprocess.run([PYTHON, "-ISm", "compileall", "-q", "-f", str(lib)], check=True, timeout=60, stdin=subprocess.DEVNULL)
        for path in (lib / "programs" / "__pycache__", *(lib / "programs" / "__pycache__").iterdir()):
            path.chmod(0o750 if path.is_dir() else 0o640)
            give(path, group=layout.users.mail_gid)


def _write(layout: Layout, path: Path, text: str, mode: int = 0o640) -> bool:
    if not differs(path, text):
        return False
    write_atomically(path, text, mode=mode, age_s=10)
    give(path, group=layout.users.mail_gid)
    return True


def _compile_teaching(layout: Layout, folder: Path) -> None:
    program = sievec_program()
    # Unprivileged there is no Dovecot; and its configuration names users that only root can become.
    if not program or not is_root() or not shutil.which("dovecot", path="/usr/sbin"):
        return
    for path in folder.glob("*.svbin"):
        path.unlink()
    subprocess.run(
        [program, "-c", str(layout.dovecot_conf), str(folder)], check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True
    )
    for path in folder.glob("*.svbin"):
        path.chmod(0o640)
        give(path, group=layout.users.mail_gid)
