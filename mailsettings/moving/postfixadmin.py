"""PostfixAdmin's database (2.3 to 4): tables domain, mailbox, alias, alias_domain, vacation.

A mailbox has an alias row of its own address; other destinations in it are its forwarding, and one ending in the
vacation domain is how the auto-reply is reached. Quotas are bytes, 0 = none.
"""

from mailsettings.moving.common import MB, day, split, take_alias
from mailsettings.moving.rows import LeftOut, Moved, MovedDomain, MovedMailbox, MovedReply
from mailsettings.moving.source import Source

EVERYTHING = "ALL"  # the pseudo domain that superadmins are bound to


def read(source: Source, prefix: str = "") -> Moved:
    """Every domain with what is in it. Raises SourceError where a table is missing."""
    moved = Moved()
    domains = _domains(source, prefix, moved)
    boxes = _mailboxes(source, prefix, domains)
    _aliases(source, prefix, moved, domains, boxes)
    _replies(source, prefix, boxes)
    if source.has(f"{prefix}alias_domain"):
        for row in source.rows(f"{prefix}alias_domain"):
            moved.left_out.append(LeftOut(row["alias_domain"], f"a second name of {row['target_domain']}: make it a domain with aliases"))
    return moved


def _domains(source: Source, prefix: str, moved: Moved) -> dict[str, MovedDomain]:
    found: dict[str, MovedDomain] = {}
    for row in source.rows(f"{prefix}domain"):
        name = str(row["domain"]).lower()
        if name == EVERYTHING.lower():
            continue
        if row.get("backupmx"):
            moved.left_out.append(LeftOut(name, "only relayed there (backup MX)"))
        elif not row["active"]:
            moved.left_out.append(LeftOut(name, "switched off there"))
        else:
            found[name] = MovedDomain(name)
    moved.domains = list(found.values())
    return found


def _mailboxes(source: Source, prefix: str, domains: dict[str, MovedDomain]) -> dict[str, dict[str, MovedMailbox]]:
    """By domain and local part."""
    found: dict[str, dict[str, MovedMailbox]] = {name: {} for name in domains}
    for row in source.rows(f"{prefix}mailbox"):
        local, name = split(row["username"])
        if name in found:
            box = MovedMailbox(local, row["password"], _megabytes(row["quota"]), str(row["name"] or ""), bool(row["active"]))
            found[name][local] = box
            domains[name].mailboxes.append(box)
    return found


def _megabytes(quota: int | None) -> int | None:
    """Whole megabytes, at least 1; 0 and negative numbers mean no limit there."""
    return max(1, int(quota) // MB) if quota and quota > 0 else None


def _aliases(source: Source, prefix: str, moved: Moved, domains: dict[str, MovedDomain], boxes: dict[str, dict[str, MovedMailbox]]) -> None:
    for row in source.rows(f"{prefix}alias"):
        local, name = split(row["address"])
        if name not in domains:
            continue
        if not row["active"] and local not in boxes[name]:
            moved.left_out.append(LeftOut(row["address"], "switched off there"))
        elif row["active"]:
            goto = [one for one in str(row["goto"]).split(",") if not _is_vacation(one, name, domains)]
            take_alias(moved, domains[name], boxes[name], local, goto)


def _is_vacation(address: str, own: str, domains: dict[str, MovedDomain]) -> bool:
    """`user#domain@autoreply.domain`, which only the vacation program understands."""
    local, name = split(address)
    return "#" in local and name not in domains


def _replies(source: Source, prefix: str, boxes: dict[str, dict[str, MovedMailbox]]) -> None:
    if not source.has(f"{prefix}vacation"):
        return
    for row in source.rows(f"{prefix}vacation"):
        local, name = split(row["email"])
        box = boxes.get(name, {}).get(local)
        if box is not None and row["active"]:
            days = max(0, int(row.get("interval_time") or 86_400) // 86_400)
            box.reply = MovedReply(
                str(row["subject"]), str(row["body"]), day(row.get("activefrom")), day(row.get("activeuntil")), min(days, 30)
            )
