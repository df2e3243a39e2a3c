"""What this machine lacks for the whole stack, by the name of the Debian package that brings it."""

from __future__ import annotations

import shutil
from pathlib import Path

from mailsettings.servers import scanners
from mailsettings.servers.layout import Layout
from mailsettings.servers.maps import postmap_program
from mailsettings.servers.owners import is_root

MODULES = Path("/usr/lib/dovecot/modules")
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"


def missing(layout: Layout) -> dict[str, list[str]]:
    """Component → what it lacks here; only components that cannot be started."""
    lacks = {"postfix": _postfix(), "dovecot": _dovecot(), "postsrsd": _postsrsd(), "bounces": [], "truesize": [], "sink": [], "milter": []}
    lacks["rspamd"] = [] if scanners.installed("rspamd") else ["rspamd"]
    lacks["clamd"] = [] if scanners.installed("clamd") else ["clamav-daemon"]
    if not is_root():
        lacks = {name: [*lacking, "root (apt-get and Postfix need it)"] for name, lacking in lacks.items()}
    if not layout.embedded:
        lacks["postgres"] = [] if postgres_bin() else ["postgresql"]
    lacks["redis"] = [] if shutil.which("redis-server", path=PATH) else ["redis-server"]
    return {name: lacking for name, lacking in lacks.items() if lacking}


def postgres_bin() -> Path | None:
    """The folder of the newest PostgreSQL server."""
    return POSTGRES[0] if POSTGRES else None


def _postfix() -> list[str]:
    if not shutil.which("postfix", path=PATH):
        return ["postfix", "postfix-lmdb"]
    return [] if postmap_program() else ["postfix-lmdb"]


def _postsrsd() -> list[str]:
    return [] if shutil.which("postsrsd", path=PATH) else ["postsrsd"]


def _dovecot() -> list[str]:
    parts = {
        "dovecot-core": shutil.which("dovecot", path=PATH),
        "dovecot-imapd": _exists("/usr/lib/dovecot/imap"),
        "dovecot-pop3d": _exists("/usr/lib/dovecot/pop3"),
        "dovecot-lmtpd": _exists("/usr/lib/dovecot/lmtp"),
        "dovecot-managesieved": _exists("/usr/lib/dovecot/managesieve"),
        "dovecot-sieve": _exists(MODULES / "lib90_sieve_plugin.so"),
        "dovecot-sqlite": _exists(MODULES / "auth" / "libdriver_sqlite.so") or _exists(MODULES / "libdriver_sqlite.so"),
    }
    return [package for package, found in parts.items() if not found]


def _exists(path: str | Path) -> bool:
    return Path(path).exists()
