"""Passwords → hashes on all cores: the library lets go of Python's lock, so threads are enough."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.core.exceptions import ValidationError

from accounts import passwords
from accounts.bulk.faults import Fault, Faults
from accounts.bulk.plan import Act, Plan
from accounts.bulk.sheet import Sheet
from accounts.nearness import refuse_near_copies

A_BATCH: Final = 64  # hashes of one core between two reports: about two seconds


def hash_passwords(acts: Sequence[Act], report: Callable[[int], None]) -> dict[str, str]:
    """Address → hash, of those with a password; ready hashes as they are. `report(done)` after each batch may raise to stop."""
    found = {act.address: act.password_hash for act in acts if act.password_hash}
    todo = [act for act in acts if act.password]
    size = A_BATCH * cores()
    with ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="hashing") as pool:
        for start in range(0, len(todo), size):
            batch = todo[start : start + size]
            hashed = pool.map(passwords.hash_password, [act.password for act in batch])
            found.update(zip((act.address for act in batch), hashed, strict=True))
            report(len(found))
    return found


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
