"""The configuration of rspamd, ClamAV's daemon and the milter, for one layout."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, replace

from mailsettings.servers.files import differs, write_atomically
from mailsettings.servers.layout import Layout, Secrets
from mailsettings.servers.owners import is_root, make_folder
from mailsettings.servers.render import Rendered, fill

# The rest of rspamd's configuration is Debian's.
RSPAMD = ("options.inc", "logging.inc")
LOCAL = ("actions.conf", "groups.conf", "redis.conf", "classifier-bayes.conf", "milter_headers.conf", "dkim_signing.conf", "settings.conf")
# These must replace Debian's values; those in local.d are merged with them.
OVERRIDE = ("worker-normal.inc", "worker-controller.inc", "worker-proxy.inc")
# Delays mail; keeps or shares what one tenant's mail says with others'; signs what was sent to us; writes all senders to Redis.
OFF = ("greylist", "neural", "replies", "history_redis", "arc", "ratelimit")
# What waits for the network where there is none.
OFF_IN_PRIVATE = ("rbl", "asn", "fuzzy_check", "rspamd_update", "url_redirector", "whitelist", "mx_check", "phishing", "hfilter")
MODEST = ("headers", "mime_types", "subject", "mua")
FRESHCLAM = "/var/lib/clamav"


def render(layout: Layout) -> dict[str, bool]:
    """Write what differs; gives which of the three changed. They read it at their next start. Raises OSError."""
    files = {"rspamd": rspamd_files(layout), "clamd": clamd_files(layout), "milter": milter_files(layout)}
    changed = {name: any(differs(file.path, file.text) for file in several) for name, several in files.items()}
    for file in (file for several in files.values() for file in several):
        if differs(file.path, file.text):
            make_folder(file.path.parent)
            write_atomically(file.path, file.text, mode=file.mode)
    return changed


def rspamd_files(layout: Layout) -> tuple[Rendered, ...]:
    """local.d and override.d of its own LOCAL_CONFDIR."""
    values, folder = _values(layout), layout.rspamd_config
    off = (*OFF, *(OFF_IN_PRIVATE if layout.private else ()))
    texts = {f"local.d/{name}": fill(f"rspamd/{name}", values) for name in (*RSPAMD, *LOCAL)}
    texts |= {f"override.d/{name}": fill(f"rspamd/{name}", values) for name in OVERRIDE}
    texts |= {f"local.d/{module}.conf": fill("rspamd/off.conf", values) for module in off}
    if layout.private:
        texts |= {f"override.d/{group}_group.conf": fill("rspamd/modest.conf", values) for group in MODEST}
        texts["local.d/options.inc"] += fill("rspamd/options-private.inc", values)
    return tuple(Rendered(folder / name, text) for name, text in texts.items())


def rspamd_command(layout: Layout) -> list[str]:
    """rspamd in the foreground, as Debian has set it up, with our changes, and nothing of the machine's."""
    folders = {"LOCAL_CONFDIR": layout.rspamd_config, "DBDIR": layout.rspamd_dir, "RUNDIR": layout.rspamd_dir, "LOGDIR": layout.rspamd_dir}
    variables = (word for name, path in folders.items() for word in ("--var", f"{name}={path}"))
    return ["/usr/bin/rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf", *variables]


def clamd_files(layout: Layout) -> tuple[Rendered, ...]:
    """clamd.conf; in a private instance its signatures too: EICAR's test string, and nothing else."""
    conf = Rendered(layout.clamd_conf, fill("clamd.conf", _values(layout)))
    if not layout.private:
        return (conf,)
    return (conf, Rendered(layout.clamd_dir / "db" / "eicar.ndb", f"Eicar-Test-Signature:0:*:{EICAR.encode().hex()}\n"))


# In two halves, and in hexadecimal on disk: a scanner on this machine must not take the program for a virus.
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def milter_files(layout: Layout) -> tuple[Rendered, ...]:
    """The layout without its secrets: for daemons that are not root."""
    known = replace(layout, secrets=Secrets("", "", "", "", ""))
    return (Rendered(layout.open_layout_path, json.dumps(asdict(known), default=str, indent=1)),)


def _values(layout: Layout) -> dict[str, str]:
    return {
        "name": layout.name,
        "rspamd_dir": str(layout.rspamd_dir),
        "rspamd_scan": str(layout.rspamd_socket),
        "rspamd_teach": str(layout.rspamd_controller),
        "dkim_dir": str(layout.dkim_dir),
        "dkim_selectors": str(layout.dkim_selectors),
        "rspamd_workers": "1" if layout.private else str(max(2, os.cpu_count() or 2)),
        "bayes_redis": str(layout.redis_socket) if layout.private else layout.filters.bayes_redis,
        # rspamd's own 200 of each kind are a year's work for one small domain.
        "bayes_min_learns": "3" if layout.private else "50",
        "clamd_dir": str(layout.clamd_dir),
        "clamd_socket": str(layout.clamd_socket),
        "clamd_databases": str(layout.clamd_dir / "db") if layout.private else FRESHCLAM,
    }


def installed(program: str) -> str | None:
    """The path of rspamd or clamd, None where the machine has none."""
    return shutil.which(program, path="/usr/sbin:/usr/bin")


def make_folders(layout: Layout) -> None:
    """Each daemon's own; who may ask it is the group of the socket's folder. Only for the daemons that are installed."""
    users, own = layout.users, layout.private
    make_folder(layout.milter_dir)
    if installed("rspamd") and is_root():
        make_folder(layout.rspamd_dir, mode=0o755, user=users.rspamd, group=users.rspamd)
        make_folder(layout.rspamd_socket.parent, mode=0o750, user=users.rspamd, group=users.postfix)
        make_folder(layout.rspamd_controller.parent, mode=0o750, user=users.rspamd, group=users.mail_gid)
    if installed("clamd") and is_root():
        for folder in (layout.clamd_dir, layout.clamd_dir / "tmp", *((layout.clamd_dir / "db",) if own else ())):
            make_folder(folder, mode=0o755, user=users.clamav, group=users.clamav)
        make_folder(layout.clamd_socket.parent, mode=0o750, user=users.clamav, group=users.postfix)
