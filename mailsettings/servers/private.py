"""Making a private instance: its folders, its free ports on loopback, its secrets."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import string
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mailsettings.servers.layout import SAFE_PATH, Filters, Layout, Port, Secrets, Users
from mailsettings.servers.owners import make_folder
from mailsettings.servers.tls import private_tls

# contract.md. IMAP, POP and ManageSieve without TLS listen on 127.0.0.2: Dovecot takes 127.0.0.1 to 127.0.0.1 for secured.
PREFERRED: dict[str, Port] = {
    "panel": ("127.0.0.1", 8000),
    "smtp": ("127.0.0.1", 2525),
    "submission": ("127.0.0.1", 2587),
    "submissions": ("127.0.0.1", 2465),
    "imap": ("127.0.0.2", 2143),
    "imaps": ("127.0.0.1", 2993),
    "pop3": ("127.0.0.2", 2110),
    "pop3s": ("127.0.0.1", 2995),
    "lmtp": ("127.0.0.1", 2424),
    "sink": ("127.0.0.1", 2526),
    "doveadm": ("127.0.0.1", 2280),
    "wayout": ("127.0.0.1", 2527),
    "wayin": ("127.0.0.1", 2530),
    "sieve": ("127.0.0.2", 2419),
    "srs": ("127.0.0.1", 2528),
    "srs_reverse": ("127.0.0.1", 2529),
    # Nothing of ours listens there: tests put a name server of their own.
    "resolver": ("127.0.0.1", 2553),
}
# Without a name server nobody's SPF can be seen: outside senders of the tests count as proven (contract.md).
FILTERS = Filters(proven_suffix=".test")
# Unix sockets have 107 characters; the longest of ours below `state` has about 45.
LONGEST_STATE = 60
SECRET_BYTES = 32


def private_layout(name: str, checkout: Path) -> Layout:
    """The instance as saved, else a new one, saved. Raises OSError, ValueError for a name that is no folder's."""
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise ValueError(f"{name!r}: an instance is named by letters, digits and -")
    state = state_folder(name, checkout)
    make_folder(state)
    saved = Layout.load(state / "layout.json") if (state / "layout.json").exists() else None
    layout = up_to_date(saved) if saved else _new(name, checkout, state)
    if layout != saved:
        layout.save()
    return layout


def up_to_date(layout: Layout) -> Layout:
    """The layout, and what its version did not have yet: free ports (those it has stay: servers may sit on them).

    A service that has another address now gets a port there.
    """
    layout = replace(layout, filters=FILTERS) if layout.filters == Filters() else layout
    wanted = preferred_ports(layout.name)
    kept = {name: port for name, port in layout.ports.items() if name in wanted and port[0] == wanted[name][0]}
    lacking = [(name, port) for name, port in wanted.items() if name not in kept]
    return layout.with_ports(free_ports(lacking, kept)) if lacking else layout


def state_folder(name: str, checkout: Path) -> Path:
    """`<checkout>/var/<name>`, or below /var/tmp where the servers' users could not reach that. Made where missing."""
    local = checkout / "var" / name
    if _reachable(checkout) and len(str(local)) <= LONGEST_STATE and SAFE_PATH.match(str(local)):
        return local
    tag = hashlib.sha256(str(checkout).encode()).hexdigest()[:12]
    top = Path("/var/tmp") / f"tegami-{tag}"
    make_folder(top)
    # /var/tmp is everybody's: somebody else's folder of this name is a trap. (make_folder failed for it, or:)
    if top.is_symlink() or top.stat().st_uid != os.geteuid():
        raise PermissionError(f"{top} belongs to somebody else")
    return top / name


def _reachable(checkout: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (checkout, *checkout.parents))


def _new(name: str, checkout: Path, state: Path) -> Layout:
    ports = free_ports(preferred_ports(name).items())
    return Layout(
        name=name,
        private=True,
        embedded=is_embedded(name),
        checkout=checkout,
        state=state,
        public=checkout / "var" / name,
        config=state / "config",
        postfix_dir=state / "config" / "postfix",
        queue_dir=state / "postfix" / "queue",
        postfix_data=state / "postfix" / "data",
        run_dir=state / "dovecot-run",
        log_dir=state / "log",
        homes=state / "homes",
        hostname="mx1.tegami.test",
        host="mx1",
        ports=ports,
        relayhost=ports["sink"],
        tls=private_tls(state / "tls"),
        users=Users(),
        secrets=new_secrets(),
        filters=FILTERS,
    )


def is_embedded(name: str) -> bool:
    """`make run` and what tests it: SQLite, no broker to install."""
    return name == "run" or name.startswith("run-")


def preferred_ports(name: str) -> dict[str, Port]:
    """The contract's ports for `stack`; elsewhere for the others, so that instances live side by side.

    All below 32,768: above, any outgoing connection may sit on them for a while (ip_local_port_range).
    """
    offset = {"stack": 0, "run": 10_000, "test": 20_000}.get(name, 3_500 + zlib.crc32(name.encode()) % 20 * 1000)
    shifted = {port: (host, number + offset) for port, (host, number) in PREFERRED.items()}
    return {**shifted, "panel": PREFERRED["panel"]} if name == "run" else shifted


def free_ports(wanted: Iterable[tuple[str, Port]], kept: Mapping[str, Port] | None = None) -> dict[str, Port]:
    """`kept` as it is, and each wanted port, or the next free one above it; none twice."""
    taken = dict(kept or {})
    for name, (host, number) in wanted:
        used = {port for _, port in taken.values()}
        free = next(n for n in range(number, 65_000) if n not in used and is_free((host, n)))
        taken[name] = (host, free)
    return taken


def is_free(port: Port) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(port)
        except OSError:
            return False
    return True


def new_secrets() -> Secrets:
    """Fresh ones; the operator's password holds all four classes and no run of digits (rule A2)."""
    token: Callable[[], str] = lambda: secrets.token_urlsafe(SECRET_BYTES)  # noqa: E731
    letters = "".join(secrets.choice(string.ascii_letters) for _ in range(16))
    return Secrets(token(), token(), secrets.token_hex(SECRET_BYTES), f"Op#7{letters}", token())
