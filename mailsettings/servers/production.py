"""A production mail host: its layout in the standard places, its configuration, and the panel's environment.

`python -m mailsettings.servers.production prepare --hostname mail.example.com --host mx1 --certificate PEM --key PEM`,
with DATABASE_URL and BROKER_URL in the environment; docs/operations.md says what follows. Run again it changes what
is asked differently: secrets stay, and so does what an operator has added to the environment's files.
"""

from __future__ import annotations

import argparse
import re
import shlex
import ssl
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import parse_qsl, urlsplit

from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import SAFE_PATH, Filters, Layout, Port, Secrets, Tls, Users
from mailsettings.servers.owners import is_root, make_folder
from mailsettings.servers.prepare import prepare_host
from mailsettings.servers.private import new_secrets
from mailsettings.servers.render import BadConfiguration
from panel.environment import BadSetting, text

CHECKOUT = Path(__file__).resolve().parents[2]
# "" = every address of the host. LMTP is a unix socket here; doveadm, the panel, the way out and SRS are for this machine only.
PORTS: dict[str, Port] = {
    "panel": ("127.0.0.1", 8000),
    "smtp": ("", 25),
    "submission": ("", 587),
    "submissions": ("", 465),
    "imap": ("", 143),
    "imaps": ("", 993),
    "pop3": ("", 110),
    "pop3s": ("", 995),
    "sieve": ("", 4190),
    "doveadm": ("127.0.0.1", 24245),
    "wayout": ("127.0.0.1", 2527),
    "wayin": ("127.0.0.1", 2530),
    "srs": ("127.0.0.1", 2528),
    "srs_reverse": ("127.0.0.1", 2529),
}
# Options of `prepare` that change `Filters`.
FILTERS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "spam_down": ("mail passes unmarked or waits while rspamd is away; pass at first", ("pass", "defer")),
    "virus_down": ("mail passes unscanned or waits while ClamAV is away; defer at first", ("pass", "defer")),
    "bayes_redis": ("the Redis that rspamd keeps lessons in, host:port; 127.0.0.1:6379 at first", None),
}
# 64 characters: Django warns below 50.
SECRET_KEY_BYTES = 48
LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
# What several processes reach. SQLite is one process's, memory:// too, and filesystem:// one user's.
SCHEMES = {"DATABASE_URL": ("postgresql",), "BROKER_URL": ("redis", "rediss", "redis+socket")}
# Within single quotes, systemd's EnvironmentFile= and a shell read everything but these alike.
UNQUOTABLE = re.compile(r"['\\\x00-\x1f\x7f]")


def production_layout(
    hostname: str,
    host: str,
    certificate: Path,
    key: Path,
    *,
    prefix: Path = Path("/"),
    ports: Mapping[str, Port] = PORTS,
    secrets: Secrets | None = None,
    filters: Mapping[str, str] | None = None,
) -> Layout:
    """The layout of this machine; nothing is written. Everything but certificate and key lies below `prefix`.

    `hostname` = the name in HELO, banner and certificate; `host` = the panel's name for the machine. Without
    `secrets` they are those of the saved layout, else new ones. `filters` = fields of `Filters` to change. Raises
    ValueError for what cannot stand in the servers' files.
    """
    _must_be_names(hostname, host)
    _must_be_paths(certificate, key)
    state, config = prefix / "var/lib/tegami", prefix / "etc/tegami"
    saved = Layout.load(config / "layout.json") if (config / "layout.json").exists() else None
    return Layout(
        name="production",
        private=False,
        embedded=False,
        checkout=CHECKOUT,
        state=state,
        public=state,
        config=config,
        postfix_dir=config / "postfix",
        queue_dir=state / "postfix" / "queue",
        postfix_data=state / "postfix" / "data",
        run_dir=prefix / "run/tegami/dovecot",
        log_dir=prefix / "var/log/tegami",
        homes=prefix / "var/mail/tegami",
        hostname=hostname,
        host=host,
        ports=dict(ports),
        relayhost=None,
        tls=Tls(certificate, key),
        users=Users(),
        secrets=secrets or (saved.secrets if saved else _new_secrets()),
        filters=replace(saved.filters if saved else Filters(), **(filters or {})),
    )


def _must_be_names(hostname: str, host: str) -> None:
    labels = hostname.split(".")
    if len(labels) < 2 or len(hostname) > 253 or not all(LABEL.match(label) for label in labels):
        raise ValueError(f"{hostname!r} is no full host name in lower case, such as mail.example.com")
    if not LABEL.match(host):
        raise ValueError(f"{host!r} is no name for a mail host: lower case letters, digits and -")


def _must_be_paths(*paths: Path) -> None:
    for path in paths:
        if not SAFE_PATH.match(str(path)):
            raise ValueError(f"{path}: an absolute path of letters, digits and . _ / + @ ~ = - is needed")


def _new_secrets() -> Secrets:
    """Only what a production host has a use for: database and operator get theirs elsewhere."""
    made = new_secrets()
    return Secrets(token_urlsafe(SECRET_KEY_BYTES), made.doveadm_api_key, "", "", "")


def check_certificate(tls: Tls) -> None:
    """Raises OSError for files that are missing or no PEM, ssl.SSLError (an OSError) for a key of another certificate."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)


# --- the environment's files
def panel_environment_path(layout: Layout) -> Path:
    """Of every process of the panel."""
    return layout.config / "tegami.env"


def host_environment_path(layout: Layout) -> Path:
    """Of those processes besides that write the mail servers' files, and of nobody else."""
    return layout.config / "mailhost.env"


def read_environment(path: Path) -> dict[str, str]:
    """NAME='value' lines as `write_environment` and an operator write them; {} for no file. Raises ValueError."""
    if not path.exists():
        return {}
    words = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    pairs = (word.partition("=") for word in words)
    return {name: value for name, _, value in pairs}


def write_environment(path: Path, values: Mapping[str, str]) -> None:
    """For root only: it holds secrets, and systemd reads it before a unit gives up root. Raises ValueError, OSError."""
    for name, value in values.items():
        if UNQUOTABLE.search(value):
            raise ValueError(f"{name}: quotes, backslashes and control characters cannot stand in an environment file")
    write_atomically(path, "".join(f"{name}='{value}'\n" for name, value in values.items()), mode=0o600)


def panel_environment(layout: Layout, panel: str, kept: Mapping[str, str]) -> dict[str, str]:
    """What the panel needs. `kept` = what its file says already; the process's own environment comes first.

    Raises BadSetting for an address of database or broker that is missing or of no use to several processes.
    """
    ours = {
        "DJANGO_SETTINGS_MODULE": "panel.settings",
        "DATABASE_URL": text("DATABASE_URL", kept.get("DATABASE_URL")),
        "BROKER_URL": text("BROKER_URL", kept.get("BROKER_URL")),
        # Several machines share one: the other's is given to this one.
        "SECRET_KEY": text("SECRET_KEY", kept.get("SECRET_KEY", layout.secrets.secret_key)),
        "TEGAMI_HOST": layout.host,
    }
    for name, schemes in SCHEMES.items():
        if urlsplit(ours[name]).scheme not in schemes:
            raise BadSetting(name, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    ours["TEGAMI_CACHE_URL"] = text("TEGAMI_CACHE_URL", kept.get("TEGAMI_CACHE_URL", cache_url(ours["BROKER_URL"])))
    web = {
        "TEGAMI_HTTPS": "1",
        "TEGAMI_ALLOWED_HOSTS": panel,
        "TEGAMI_TRUSTED_ORIGINS": f"https://{panel}",
        "TEGAMI_STATIC_ROOT": "/var/lib/tegami-panel/static",
        # Failed sign-ins are counted by the client's network; only the web server before the panel reaches its port.
        "TEGAMI_PROXIES": "127.0.0.1/32,::1/128",
    }
    return {**web, **kept, **ours}


def cache_url(broker: str) -> str:
    """The broker's Redis, the database after the broker's own: emptying the cache must not lose messages."""
    url = urlsplit(broker)
    if url.scheme == "redis+socket":
        number = dict(parse_qsl(url.query)).get("virtual_host", "0")
        return f"unix://{url.path}?db={int(number) + 1}"
    return url._replace(path=f"/{int(url.path.strip('/') or 0) + 1}").geturl()


def prepare(layout: Layout, panel: str | None = None) -> dict[str, bool]:
    """Write everything; gives which server's configuration changed. Nothing is started, nothing that runs is touched.

    `panel` = the panel's name on the web; None: as before, else the host name. Raises BadConfiguration, BadSetting,
    OSError, LookupError, ValueError.
    """
    check_certificate(layout.tls)
    make_folder(layout.config)
    path = panel_environment_path(layout)
    kept = read_environment(path)
    if panel:
        kept = {name: value for name, value in kept.items() if name not in ("TEGAMI_ALLOWED_HOSTS", "TEGAMI_TRUSTED_ORIGINS")}
    environment = panel_environment(layout, panel or layout.hostname, kept)
    changed = prepare_host(layout)
    layout.save()
    write_environment(path, environment)
    write_environment(host_environment_path(layout), {"TEGAMI_LAYOUT": str(layout.layout_path)})
    return changed


def main() -> int:
    """0: all is written and the servers' own checks like it. 1: not; the old configuration stays."""
    asked = _arguments()
    try:
        filters = {name: value for name in FILTERS if (value := getattr(asked, name)) is not None}
        layout = production_layout(asked.hostname, asked.host, asked.certificate, asked.key, prefix=asked.prefix, filters=filters)
        if not is_root():
            raise PermissionError("only root can prepare a mail host")
        changed = prepare(layout, asked.panel)
    except (BadConfiguration, BadSetting, OSError, LookupError, ValueError) as error:
        sys.stderr.write(f"prepare: {error}\n")
        return 1
    for server, differs in changed.items():
        sys.stdout.write(f"{server:8} {'changed: reload it if it runs' if differs else 'unchanged'}\n")
    sys.stdout.write(f"layout: {layout.layout_path}   environment: {panel_environment_path(layout)}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="production", description="Write the configuration of a production mail host.")
    parser.add_argument("verb", choices=["prepare"])
    parser.add_argument("--hostname", required=True, help="full name in HELO, banner and certificate: mail.example.com")
    parser.add_argument("--host", required=True, help="the panel's name for this machine: mx1")
    parser.add_argument("--certificate", required=True, type=Path, help="PEM file with the whole chain")
    parser.add_argument("--key", required=True, type=Path, help="PEM file with its key")
    parser.add_argument("--panel", help="the panel's name on the web; without it, the host name")
    for name, (says, choices) in FILTERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{says} (without it, as before)", choices=choices)
    parser.add_argument("--prefix", type=Path, default=Path("/"), help="put everything below this folder instead of /")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
