"""Templates → main.cf, master.cf, dovecot.conf and its parts, for one layout; checked before they replace the old."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mailsettings.servers.desired import OUT_DOMAIN, REFUSED_DOMAIN
from mailsettings.servers.files import differs, write_atomically
from mailsettings.servers.layout import Layout, Port
from mailsettings.servers.owners import is_root, make_folder
from mailsettings.servers.quoting import config_value, dovecot_value

TEMPLATES = Path(__file__).parent / "templates"
# Above the 2 s that Postfix waits for a file to settle.
AGE_S = 10
# Dovecot's words for every address, IPv4 and IPv6.
EVERYWHERE = "*, ::"
PLACE = re.compile(r"\{\{(\w+)\}\}")


class BadConfiguration(Exception):
    """Postfix or Dovecot refuses the files that were about to be written; the old ones stay."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file: where, what, and who may read it."""

    path: Path
    text: str
    mode: int = 0o644


def render(layout: Layout) -> dict[str, bool]:
    """Write the configuration where it differs. `{"postfix": changed, "dovecot": changed}`. Raises BadConfiguration."""
    postfix, dovecot = postfix_files(layout), dovecot_files(layout)
    make_folder(layout.postfix_dir)
    make_folder(layout.dovecot_dir)
    changed = {"postfix": _changed(postfix), "dovecot": _changed(dovecot)}
    if changed["postfix"]:
        check_postfix(layout)
    if changed["dovecot"]:
        check_dovecot(layout)
    for file in (*postfix, *dovecot):
        if differs(file.path, file.text):
            write_atomically(file.path, file.text, mode=file.mode, age_s=AGE_S)
    return changed


def _changed(files: tuple[Rendered, ...]) -> bool:
    return any(differs(file.path, file.text) for file in files)


def postfix_files(layout: Layout) -> tuple[Rendered, ...]:
    """main.cf and master.cf."""
    values = postfix_values(layout)
    main = fill("main.cf", values) + (fill("main-private.cf", values) if layout.private else "")
    return (
        Rendered(layout.postfix_dir / "main.cf", main),
        Rendered(layout.postfix_dir / "master.cf", fill("master.cf", values)),
    )


def dovecot_files(layout: Layout) -> tuple[Rendered, ...]:
    """dovecot.conf, its SQL queries, and the secrets that only root reads."""
    values, folder = dovecot_values(layout), layout.dovecot_dir
    main = fill("dovecot.conf", values) + (fill("dovecot-private.conf", values) if layout.private else "")
    return (
        Rendered(folder / "dovecot-sql.conf.ext", fill("dovecot-sql.conf.ext", values)),
        Rendered(folder / "secrets.conf", fill("dovecot-secrets.conf", values), mode=0o600),
        Rendered(layout.dovecot_conf, main),
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every `{{place}}` filled. Raises KeyError for a place without a value."""
    return PLACE.sub(lambda match: values[match[1]], (TEMPLATES / template).read_text(encoding="utf-8"))


def postfix_values(layout: Layout) -> dict[str, str]:
    """What main.cf and master.cf are filled with."""
    raw = {
        "name": layout.name,
        "queue_dir": str(layout.queue_dir),
        "postfix_data": str(layout.postfix_data),
        "postfix_log": str(layout.postfix_log),
        "postfix_log_dir": str(layout.postfix_log.parent),
        "postfix_user": layout.users.postfix,
        "postdrop_group": layout.users.postdrop,
        "hostname": layout.hostname,
        "interfaces": "127.0.0.1" if layout.private else "all",
        "protocols": "ipv4" if layout.private else "all",
        "relayhost": "[{}]:{}".format(*layout.relayhost) if layout.relayhost else "",
        "maps_dir": str(layout.maps_dir),
        "run_dir": str(layout.run_dir),
        "truesize": str(layout.truesize_socket),
        "out_domain": OUT_DOMAIN,
        "wayout_nexthop": "[{}]:{}".format(*layout.ports["wayout"]),
        "srs_reverse": "{}:{}".format(*layout.ports["srs_reverse"]),
        "bounces": str(layout.bounces_socket),
        "milter_dir": str(layout.milter_dir),
        "refused_domain": REFUSED_DOMAIN,
        "tls_key": str(layout.tls.key),
        "tls_certificate": str(layout.tls.certificate),
        "queue_wakeup": "2" if layout.private else "300",
        **{port: _master_port(layout.ports[port]) for port in ("smtp", "submission", "submissions", "wayin", "wayout")},
    }
    return {key: config_value(value) for key, value in raw.items()}


def _master_port(port: Port) -> str:
    return f"{port[0]}:{port[1]}" if port[0] else str(port[1])


def dovecot_values(layout: Layout) -> dict[str, str]:
    """What dovecot.conf and its parts are filled with. Paths need no quoting: `Layout` takes plain ones only."""
    listeners = {name: layout.ports[name] for name in ("imap", "imaps", "pop3", "pop3s", "sieve", "doveadm", "wayin")}
    return {
        "name": layout.name,
        "run_dir": str(layout.run_dir),
        "state": str(layout.state),
        "dovecot_log": str(layout.dovecot_log),
        "dovecot_dir": str(layout.dovecot_dir),
        "dovecot_user": layout.users.dovecot,
        "login_user": layout.users.login,
        "postfix_user": layout.users.postfix,
        "hostname": dovecot_value(layout.hostname),
        "tls_certificate": str(layout.tls.certificate),
        "tls_key": str(layout.tls.key),
        "mail_uid": str(layout.users.mail_uid),
        "mail_gid": str(layout.users.mail_gid),
        "listen": "127.0.0.1" if layout.private else EVERYWHERE,
        "lmtp_listener": _lmtp_listener(layout.ports.get("lmtp")),
        "directory": str(layout.directory_path),
        "homes": str(layout.homes),
        "sieve_dir": str(layout.sieve_dir),
        "doveadm_api_key": dovecot_value(layout.secrets.doveadm_api_key),
        **{f"{name}_address": port[0] or EVERYWHERE for name, port in listeners.items()},
        **{f"{name}_port": str(port[1]) for name, port in listeners.items()},
    }


def _lmtp_listener(port: Port | None) -> str:
    return f"  inet_listener lmtp {{\n    address = {port[0]}\n    port = {port[1]}\n  }}" if port else ""


def check_postfix(layout: Layout) -> None:
    """Let Postfix read the new files in a folder of their own. Raises BadConfiguration."""
    # Only root's postfix looks at more than the syntax, and only root's Postfix can run.
    if not is_root() or not shutil.which("postfix", path="/usr/sbin"):
        return
    with tempfile.TemporaryDirectory(prefix="tegami-check-") as folder:
        os.chmod(folder, 0o755)
        for file in postfix_files(layout):
            write_atomically(Path(folder) / file.path.name, file.text, age_s=AGE_S)
        _must_succeed(["/usr/sbin/postfix", "-c", folder, "check"])
        # A line that is no parameter of Postfix is only warned about.
        _must_succeed(["/usr/sbin/postconf", "-c", folder, "-M"])


def check_dovecot(layout: Layout) -> None:
    """Let doveconf read the new files in a folder of their own. Raises BadConfiguration."""
    if not is_root() or not shutil.which("doveconf", path="/usr/bin"):
        return
    with tempfile.TemporaryDirectory(prefix="tegami-check-") as folder:
        moved = replace(layout, config=Path(folder))
        make_folder(moved.dovecot_dir)
        for file in dovecot_files(moved):
            file.path.write_text(file.text)
        _must_succeed(["/usr/bin/doveconf", "-n", "-c", str(moved.dovecot_conf)])


def _must_succeed(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BadConfiguration(f"{command[0]}: {(done.stderr or done.stdout).strip()[:2000]}")
