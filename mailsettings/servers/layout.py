"""Where one instance of the mail host keeps its files, which ports it listens on, and who it runs as.

The same templates, rendered for different layouts, make a production host and the private stack.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mailsettings.servers.files import write_atomically

Port = tuple[str, int]

MAPS = ("domains", "mailboxes", "aliases", "senders", "forwards", "policies")
# What may stand in a path: everything else would need quoting in one of a dozen places of other programs.
SAFE_PATH = re.compile(r"^/[A-Za-z0-9._/+@~=-]*$")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once per instance; never shown by repr, never on a command line."""

    secret_key: str = field(repr=False)
    doveadm_api_key: str = field(repr=False)
    database_password: str = field(repr=False)
    operator_password: str = field(repr=False)
    operator_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. `certificate` holds the whole chain; `authority` is what clients trust (None: the public ones)."""

    certificate: Path
    key: Path
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class Users:
    """Who the programs run as. Mail belongs to one numeric user that needs no entry in passwd."""

    postfix: str = "postfix"
    postdrop: str = "postdrop"
    dovecot: str = "dovecot"
    login: str = "dovenull"
    postgres: str = "postgres"
    rspamd: str = "_rspamd"
    clamav: str = "clamav"
    mail_uid: int = 5000
    mail_gid: int = 5000


@dataclass(frozen=True, slots=True)
class Filters:
    """What the operator decides about the milter and those it asks.

    `spam_down`: mail passes unmarked ("pass") or waits ("defer") while rspamd is away; `virus_down`: the same for
    ClamAV. `proven_suffix`: senders in domains that end so count as proven (".test" where there is no name server;
    "" for nobody). `bayes_redis`: where rspamd keeps what people teach it, host:port or a socket.
    """

    spam_down: str = "pass"
    virus_down: str = "defer"
    proven_suffix: str = ""
    bayes_redis: str = "127.0.0.1:6379"

    def __post_init__(self) -> None:
        for name, value in (("spam_down", self.spam_down), ("virus_down", self.virus_down)):
            if value not in ("pass", "defer"):
                raise ValueError(f"{name} must be pass or defer")
        if not re.fullmatch(r"[A-Za-z0-9._:/@+~=\[\]-]+", self.bayes_redis):
            raise ValueError(f"bayes_redis must be host:port or a socket, not {self.bayes_redis!r}")


@dataclass(frozen=True, slots=True)
class Layout:
    """One instance. `private`: on loopback beside whatever the machine has. `embedded`: SQLite, no broker to install."""

    name: str
    private: bool
    embedded: bool
    checkout: Path
    state: Path
    public: Path
    config: Path
    postfix_dir: Path
    queue_dir: Path
    postfix_data: Path
    run_dir: Path
    log_dir: Path
    homes: Path
    hostname: str
    host: str
    ports: Mapping[str, Port]
    relayhost: Port | None
    tls: Tls
    users: Users
    secrets: Secrets
    filters: Filters = Filters()

    def __post_init__(self) -> None:
        for path in (self.state, self.config, self.postfix_dir, self.queue_dir, self.run_dir, self.log_dir, self.homes):
            if not SAFE_PATH.match(str(path)):
                raise ValueError(f"{path}: the mail servers' files need a path of letters, digits and . _ / + @ ~ = -")

    # --- what the servers read
    @property
    def maps_dir(self) -> Path:
        return self.state / "maps"

    def map_path(self, name: str) -> Path:
        """The map without its suffix, as `lmdb:` takes it. Raises KeyError for a name that is no map."""
        if name not in MAPS:
            raise KeyError(name)
        return self.maps_dir / name

    @property
    def directory_path(self) -> Path:
        return self.state / "directory" / "directory.sqlite3"

    @property
    def dovecot_dir(self) -> Path:
        return self.config / "dovecot"

    @property
    def dovecot_conf(self) -> Path:
        return self.dovecot_dir / "dovecot.conf"

    @property
    def layout_path(self) -> Path:
        return self.config / "layout.json" if not self.private else self.state / "layout.json"

    @property
    def lock_path(self) -> Path:
        return self.state / "apply.lock"

    @property
    def reload_pending_path(self) -> Path:
        """Exists while Postfix has not yet been told of a new domain."""
        return self.state / "postfix-reload.pending"

    # --- logs, sockets, process files
    @property
    def postfix_log(self) -> Path:
        return self.log_dir / "postfix" / "mail.log"

    @property
    def dovecot_log(self) -> Path:
        return self.log_dir / "dovecot.log"

    @property
    def pids(self) -> Path:
        return self.state / "pids"

    @property
    def postgres_dir(self) -> Path:
        return self.state / "postgres"

    @property
    def redis_socket(self) -> Path:
        return self.state / "redis" / "redis.sock"

    @property
    def truesize_socket(self) -> Path:
        return self.state / "policy" / "true-size"

    @property
    def milter_dir(self) -> Path:
        """Holds the milter's sockets: `in`, `submission`, `out`."""
        return self.state / "milter"

    @property
    def sieve_dir(self) -> Path:
        """Holds the scripts of domains and mailboxes, the programs that they run (`bin`), and the teaching scripts."""
        return self.state / "sieve"

    @property
    def bounces_socket(self) -> Path:
        """Of the handler of bounces, by LMTP."""
        return self.state / "bounces" / "lmtp"

    @property
    def srs_secret_path(self) -> Path:
        """What postsrsd signs rewritten senders with. Another secret makes those that are under way unknown."""
        return self.config / "postsrsd.secret"

    @property
    def open_layout_path(self) -> Path:
        """The layout without secrets, for daemons that are not root."""
        return self.config / "open-layout.json"

    @property
    def rspamd_config(self) -> Path:
        return self.config / "rspamd"

    @property
    def rspamd_dir(self) -> Path:
        return self.state / "rspamd"

    @property
    def rspamd_socket(self) -> Path:
        """Where messages are weighed."""
        return self.rspamd_dir / "scan" / "rspamd.sock"

    @property
    def rspamd_controller(self) -> Path:
        """Where it is taught."""
        return self.rspamd_dir / "teach" / "rspamd.sock"

    @property
    def dkim_dir(self) -> Path:
        """Holds the private keys that rspamd signs with."""
        return self.state / "dkim"

    @property
    def dkim_selectors(self) -> Path:
        """Which domain signs with which key."""
        return self.dkim_dir / "selectors.map"

    @property
    def clamd_conf(self) -> Path:
        return self.config / "clamd.conf"

    @property
    def clamd_dir(self) -> Path:
        return self.state / "clamd"

    @property
    def clamd_socket(self) -> Path:
        return self.clamd_dir / "run" / "clamd.sock"

    @property
    def broker_dir(self) -> Path:
        """The folder that `filesystem://` carries its messages in (embedded instances)."""
        return self.state / "broker"

    @property
    def sink_dir(self) -> Path:
        return self.public / "sink"

    @property
    def stack_json(self) -> Path:
        return self.public / "stack.json"

    # --- how the panel's processes reach things
    @property
    def database_url(self) -> str:
        if self.embedded:
            return f"sqlite:///{self.state / 'panel.sqlite3'}"
        socket = quote(str(self.postgres_dir / "run"), safe="")
        return f"postgresql://tegami:{self.secrets.database_password}@/tegami?host={socket}"

    @property
    def broker_url(self) -> str:
        return "filesystem://" if self.embedded else f"redis+socket://{self.redis_socket}"

    @property
    def cache_url(self) -> str:
        """Beside the broker's messages; "" = each process keeps a cache of its own."""
        return "" if self.embedded else f"unix://{self.redis_socket}?db=1"

    @property
    def panel_url(self) -> str:
        host, port = self.ports["panel"]
        return f"http://{host}:{port}"

    def environment(self) -> dict[str, str]:
        """What the panel's processes need in their environment, secrets included."""
        return {
            "TEGAMI_LAYOUT": str(self.layout_path),
            "TEGAMI_HOST": self.host,
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "TEGAMI_CACHE_URL": self.cache_url,
            # The operator's token of a private instance is asked as fast as it can (contract.md).
            "TEGAMI_API_UNTHROTTLED": hashlib.sha256(self.secrets.operator_token.encode()).hexdigest(),
            "TEGAMI_BROKER_FOLDER": str(self.broker_dir) if self.embedded else "",
            "TEGAMI_STATIC_ROOT": str(self.state / "static"),
            "SECRET_KEY": self.secrets.secret_key,
            "TEGAMI_ALLOW_PRIVATE_TARGETS": "on" if self.private else "off",
            "TEGAMI_RESOLVERS": os.environ.get("TEGAMI_RESOLVERS", self._resolver()),
            "DJANGO_SETTINGS_MODULE": "panel.settings",
        }

    def _resolver(self) -> str:
        """Who is asked about DNS; a private instance's own port, so that nothing leaves the machine. "" = the system's resolver."""
        return "" if self.embedded or "resolver" not in self.ports else "{}#{}".format(*self.ports["resolver"])

    # --- on disk
    def save(self) -> None:
        """Write layout.json, readable by its owner only (it holds the secrets)."""
        write_atomically(self.layout_path, json.dumps(asdict(self), default=str, indent=1), mode=0o600)

    @classmethod
    def load(cls, path: str | Path) -> Layout:
        """The layout that `save` wrote. Raises OSError, ValueError, KeyError or TypeError for a file that is none."""
        raw = json.loads(Path(path).read_text())
        known = {one.name: raw[one.name] for one in fields(cls) if one.name in raw}
        return cls(**{name: _revive(name, value) for name, value in known.items()})

    @classmethod
    def current(cls) -> Layout | None:
        """The layout that TEGAMI_LAYOUT names; None where this process belongs to no mail host."""
        path = os.environ.get("TEGAMI_LAYOUT", "")
        return cls.load(path) if path else None

    def with_ports(self, ports: Mapping[str, Port]) -> Layout:
        """The same instance on other ports."""
        return replace(self, ports=dict(ports), relayhost=ports["sink"] if self.private else self.relayhost)


PATHS = {one.name for one in fields(Layout) if one.type == "Path"}


def _revive(name: str, value: Any) -> Any:
    if name in PATHS:
        return Path(value)
    if name == "ports":
        return {port: (str(host), int(number)) for port, (host, number) in value.items()}
    if name == "relayhost":
        return (str(value[0]), int(value[1])) if value else None
    if name == "tls":
        authority = value.get("authority")
        return Tls(Path(value["certificate"]), Path(value["key"]), Path(authority) if authority else None)
    plain = {"users": Users, "secrets": Secrets, "filters": Filters}
    return plain[name](**value) if name in plain else value
