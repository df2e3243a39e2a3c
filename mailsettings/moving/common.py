"""What the readers share: both panels keep a mailbox's forwarding as an alias of its own address."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from mailsettings.moving.rows import LeftOut, Moved, MovedDomain, MovedMailbox

MB = 1_048_576


def split(address: str) -> tuple[str, str]:
    """Local part and domain, in lower case; an address without `@` has no domain."""
    local, _at, domain = str(address).strip().lower().rpartition("@")
    return local, domain


def take_alias(moved: Moved, domain: MovedDomain, boxes: dict[str, MovedMailbox], local: str, goto: Iterable[str]) -> None:
    """An alias, or what a mailbox forwards to: itself among the destinations means that a copy is kept."""
    wanted = list(dict.fromkeys(one.strip().lower() for one in goto if one.strip()))
    own = f"{local}@{domain.name}"
    if not local:
        moved.left_out.append(LeftOut(own, "a catch-all has no place here: unknown addresses are refused"))
    elif local in boxes:
        boxes[local].forwards = [address for address in wanted if address != own]
        boxes[local].keeps_copy = own in wanted or not boxes[local].forwards
    elif wanted:
        domain.aliases[local] = wanted


def day(value: Any) -> date | None:
    """A date out of what the three databases give; None for none, and for MySQL's zero and far-away dates."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value[:19])
        except ValueError:
            return None
    found = value.date() if isinstance(value, datetime) else value
    return found if isinstance(found, date) and 2000 < found.year < 2100 else None
