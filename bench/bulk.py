"""Files of accounts: with ready hashes until live, and with passwords at the speed of hashing."""

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from accounts import passwords
from bench.client import Client

Row = tuple[str, str, str, str]
HEADER = "mail_account,{},mail_capacity,comment\r\n"
PASSWORD = "Tegami#Mail2026x"  # noqa: S105 - of mailboxes on loopback
BARE = 200  # hashes for the bare rate
POLL_S = 1.0  # asking costs the same cores
CORES = len(os.sched_getaffinity(0))


def imports(client: Client, ready: int, hashed: int) -> list[Row]:
    """`ready` accounts with hashes, `hashed` with plain passwords; the ratio is to the same hash with nothing around it."""
    one = passwords.hash_password(PASSWORD)
    took, domain = _import(client, HEADER.format("password_hash"), f'"{one}"', ready)
    ends = (f"box000000@{domain}", f"box{ready - 1:06d}@{domain}")
    if not all(client.rcpt(box) == 250 and client.logs_in(box, PASSWORD) for box in ends):
        raise RuntimeError("live, but first or last of them does not work")
    rows = [("CSV with ready hashes, until live", f"{ready:,}", f"{took:.1f} s", f"{ready / took:.0f} accounts/s")]
    before = bare_rate()
    took, _domain = _import(client, HEADER.format("mail_password"), PASSWORD, hashed)
    bare = (before + bare_rate()) / 2
    ratio = f"{hashed / took:.1f} accounts/s, {hashed / took / bare:.2f} of the bare {bare:.1f} hashes/s on {CORES} cores"
    return [*rows, ("CSV with passwords, until live", f"{hashed:,}", f"{took:.1f} s", ratio)]


def bare_rate() -> float:
    """ARGON2ID hashes of our cost in a second, on all cores, in threads."""
    with ThreadPoolExecutor(CORES) as pool:
        began = time.perf_counter()
        for _hash in pool.map(passwords.CONTEXT.hash, [PASSWORD] * BARE):
            pass
        return BARE / (time.perf_counter() - began)


def _import(client: Client, header: str, secret: str, size: int) -> tuple[float, str]:
    """Seconds from handing the file in until the job is done, which includes being live; and the domain."""
    domain = client.domain("standard")
    content = header + "".join(f"box{number:06d},{secret},,\r\n" for number in range(size))
    began = time.perf_counter()
    job = _hand_in(client, domain, content)
    while (found := client.call("GET", f"/jobs/{job}/")[0])["state"] in ("queued", "running"):
        time.sleep(POLL_S)
    if found["state"] != "done":
        raise RuntimeError(f"import: {found['state']} {found['errors'][:3]}")
    return time.perf_counter() - began, domain


def _hand_in(client: Client, domain: str, content: str) -> Any:
    boundary = uuid.uuid4().hex
    fields = {'"domain"': domain, '"kind"': "create", '"file"; filename="bench.csv"': content}
    parts = (f"--{boundary}\r\nContent-Disposition: form-data; name={name}\r\n\r\n{text}\r\n" for name, text in fields.items())
    body = "".join(parts) + f"--{boundary}--\r\n"
    return client.post("/imports/", body, f"multipart/form-data; boundary={boundary}")["id"]
