"""Measures a running stack of its own (instance `bench`) from outside; prints a Markdown table.

python -m bench [--accounts 100000] [--rounds 100] [--keep]
"""

import argparse
import os
import poplib
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.bulk import imports
from bench.client import Client
from bench.delivery import deliveries
from mailsettings.servers.layout import Layout
from mailsettings.servers.private import private_layout

ROOT = Path(__file__).resolve().parent.parent
STACK = [sys.executable, "-m", "mailsettings.servers.stack"]
PASSWORDS = ("Tegami#Mail2026x", "Kumo#Asahi71bd")
Row = tuple[str, str, str, str]


def main() -> int:
    asked = _arguments()
    stack("start")
    try:
        layout = Layout.load(private_layout("bench", ROOT).layout_path)
        print_table(measure(Client(layout), layout, asked.accounts, asked.rounds))
    finally:
        if not asked.keep:
            stack("stop")
    return 0


def stack(verb: str, *components: str) -> None:
    """The instance's own command."""
    environment = {key: value for key, value in os.environ.items() if key != "TEGAMI_TESTING"}
    subprocess.run([*STACK, verb, "--name", "bench", *components], cwd=ROOT, env=environment, check=True, stdout=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--accounts", type=int, default=100_000, help="mailboxes in the large domain")
    parser.add_argument("--rounds", type=int, default=100, help="measurements of each figure")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    return parser.parse_args()


def measure(client: Client, layout: Layout, accounts: int, rounds: int) -> list[Row]:
    """All figures, the small domain first."""
    rows = []
    for size in (100, accounts):
        domain = client.domain("standard")
        rows.append(load(client, layout, domain, size))
        rows += changes(client, domain, size, rounds)
        rows += reads(client, domain, size, rounds)
    rows.append(rules(client, domain, accounts, rounds))
    rows += imports(client, 10_000, 2_000)
    rows += deliveries(client, max(rounds // 10, 5))
    rows.append(burst(client, domain, 1_000))
    rows.append(verify(layout, accounts))
    return rows


def load(client: Client, layout: Layout, domain: str, size: int) -> Row:
    began = time.perf_counter()
    environment = {**os.environ, **layout.environment()}
    environment.pop("TEGAMI_TESTING", None)
    done = subprocess.run(
        [sys.executable, "manage.py", "load_mailboxes", domain, str(size)],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    client.wait_live(done.stdout.split()[-1], 300)
    return ("load with one shared hash, until live", f"{size:,}", f"{time.perf_counter() - began:.1f} s", "")


def changes(client: Client, domain: str, size: int, rounds: int) -> list[Row]:
    """From the request until real mail is accepted, and until the new password works."""
    created = [timed(lambda n=n: accepted(client, f"new{n}@{domain}")) for n in range(rounds)]  # type: ignore[misc]
    box = f"new0@{domain}"
    changed = [timed(lambda n=n: password_works(client, box, PASSWORDS[(n + 1) % 2])) for n in range(rounds)]  # type: ignore[misc]
    return [row("new mailbox accepts mail", size, created), row("changed password works", size, changed)]


def rules(client: Client, domain: str, size: int, rounds: int) -> Row:
    """From the request for a changed rule until it is live."""
    path = f"/accounts/new0@{domain}/profiles/"
    profile, change = client.call("POST", path, {"action": "forward", "destinations": ["far@elsewhere.test"]})
    client.wait_live(change, 30)
    times = [timed(lambda n=n: rule_changes(client, f"{path}{profile['id']}/", n)) for n in range(rounds)]  # type: ignore[misc]
    return row("changed rule is live", size, times)


def rule_changes(client: Client, path: str, number: int) -> None:
    condition = {"field": "subject", "operator": "contains", "value": f"件名 {number}"}
    client.wait_live(client.call("PATCH", path, {"conditions": [condition]})[1], 30)


def accepted(client: Client, address: str) -> None:
    client.call("POST", "/accounts/", {"address": address, "password": PASSWORDS[0]})
    until(lambda: client.rcpt(address) == 250)


def password_works(client: Client, box: str, password: str) -> None:
    _, change = client.call("POST", f"/accounts/{box}/password/", {"password": password})
    client.wait_live(change, 30)  # a failed login would measure Dovecot's patience
    if not client.logs_in(box, password):
        raise RuntimeError("live, but the password does not work")


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Asks again at once until it holds."""
    end = time.monotonic() + seconds
    while not _quietly(holds):
        if time.monotonic() > end:
            raise TimeoutError


def _quietly(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except (smtplib.SMTPException, poplib.error_proto):
        return False


def reads(client: Client, domain: str, size: int, rounds: int) -> list[Row]:
    middle = f"box{size // 2:06d}"
    by_api = {
        "API list of 50": f"/accounts/?domain={domain}",
        "API search": f"/accounts/?domain={domain}&search={middle[:7]}",
        "API search, nothing found": f"/accounts/?domain={domain}&search=zzzyyy",
        "API detail": f"/accounts/{middle}@{domain}/",
    }
    by_page = {
        "page list of 50": f"/domains/{domain}/mailboxes/",
        "page search": f"/domains/{domain}/mailboxes/?q={middle[:7]}",
        "page sorted by usage": f"/domains/{domain}/mailboxes/?sort=-usage",
        "page of full ones": f"/domains/{domain}/mailboxes/?state=full",
        "page of nearly full ones": f"/domains/{domain}/mailboxes/?state=nearly",
        "page detail": f"/mailboxes/{middle}@{domain}/",
    }
    client.sign_in()
    rows = [row(name, size, [timed(lambda p=path: client.call("GET", p)) for _ in range(rounds)]) for name, path in by_api.items()]  # type: ignore[misc]
    return rows + [row(name, size, [timed(lambda p=path: client.page(p)) for _ in range(rounds)]) for name, path in by_page.items()]  # type: ignore[misc]


def burst(client: Client, domain: str, many: int) -> Row:
    """Aliases asked for while the worker is away, so that all wait at once: their live times tell into how many applies they went."""
    stack("stop", "worker")
    ids = [client.call("POST", "/aliases/", {"address": f"al{n}@{domain}", "destinations": ["x@elsewhere.test"]})[1] for n in range(many)]
    began = time.perf_counter()
    stack("start", "worker")
    client.wait_live(ids[-1], 120)
    took = time.perf_counter() - began
    moments = {client.wait_live(one, 120)["live_at"] for one in ids}
    return (f"{many:,} changes at once, all live, start of the worker included", f"{len(moments)} applies", f"{took:.1f} s", "")


def verify(layout: Layout, size: int) -> Row:
    environment = {**os.environ, **layout.environment()}
    environment.pop("TEGAMI_TESTING", None)
    began = time.perf_counter()
    subprocess.run([sys.executable, "manage.py", "mailhost", "verify"], cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
    return ("verify, process start included", f"{size:,}", f"{time.perf_counter() - began:.1f} s", "")


def timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def row(name: str, size: int, times: Sequence[float]) -> Row:
    ordered = sorted(times)
    return (name, f"{size:,}", f"{statistics.median(ordered):.0f} ms", f"{ordered[int(len(ordered) * 0.95) - 1]:.0f} ms")


def print_table(rows: list[Row]) -> None:
    sys.stdout.write("| what | accounts | median | p95 |\n|---|---|---|---|\n")
    for one in rows:
        sys.stdout.write("| " + " | ".join(one) + " |\n")


if __name__ == "__main__":
    sys.exit(main())
