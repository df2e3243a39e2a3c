"""Passwords → hashes on all cores: the library lets go of Python's lock, so threads are enough."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.core.exceptions import ValidationError

from accounts import passwords
from accounts.bulk.faults import Fault, Faults
from accounts.bulk.plan import Act, Plan
from accounts.bulk.sheet import Sheet
from accounts.nearness import refuse_near_copies

BATCH: Final = 1_000  # handed to the threads at a time; what an end of a batch leaves idle is not worth a measurement
REPORT_S: Final = 1.0  # between two reports, however slow the machine is


def hash_passwords(acts: Sequence[Act], report: Callable[[int], None]) -> dict[str, str]:
    """Address → hash, of those with a password; ready hashes as they are. `report(done)` every second may raise to stop."""
    found = {act.address: act.password_hash for act in acts if act.password_hash}
    todo = [act for act in acts if act.password]
    pool = ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="hashing")
    try:
        for start in range(0, len(todo), BATCH):
            _hash_batch(pool, todo[start : start + BATCH], found, report)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _hash_batch(pool: ThreadPoolExecutor, batch: Sequence[Act], found: dict[str, str], report: Callable[[int], None]) -> None:
    told = time.monotonic()
    for act, hashed in zip(batch, pool.map(passwords.hash_password, [act.password for act in batch]), strict=True):
        found[act.address] = hashed
        if time.monotonic() - told >= REPORT_S:
            told = time.monotonic()
            report(len(found))
    report(len(found))


def near_copies(sheet: Sheet, plan: Plan) -> Faults:
    """New passwords of accounts whose old one the operator had changed, where they are near to it (A12). Seconds for each of them."""
    forced = sheet.forced([act.address for act in plan.acts if act.password])
    found = Faults()
    for act in plan.acts:
        if act.address in forced:
            try:
                refuse_near_copies(act.password, forced[act.address])
            except ValidationError as error:
                (one,) = error.error_dict["password"]
                found.add(Fault(*act.password_at, sheet.password, one.code or "invalid", "".join(one.messages)))
    return found


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
