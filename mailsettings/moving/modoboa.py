"""Modoboa's database (1.10 to 2): admin_domain, admin_mailbox, core_user, admin_alias, admin_aliasrecipient, *_armessage.

Every mailbox has an internal alias of its own address; other recipients of it are its forwarding. Quotas are MB, 0 = none.
"""

from collections import defaultdict
from typing import Any

from mailsettings.moving.common import day, split, take_alias
from mailsettings.moving.rows import LeftOut, Moved, MovedDomain, MovedMailbox, MovedReply
from mailsettings.moving.source import Source

REPLIES = ("postfix_autoreply_armessage", "autoreply_armessage", "modoboa_postfix_autoreply_armessage")


def read(source: Source, prefix: str = "") -> Moved:
    """Every domain with what is in it. Raises SourceError where a table is missing."""
    moved = Moved()
    rows = {row["id"]: row for row in source.rows("admin_domain")}
    domains = _domains(rows, moved)
    by_id: dict[Any, MovedMailbox] = {}
    boxes = _mailboxes(source, domains, by_id)
    _aliases(source, moved, rows, domains, boxes)
    _replies(source, by_id)
    for row in source.rows("admin_domainalias"):
        target = rows.get(row["target_id"], {}).get("name", "?")
        moved.left_out.append(LeftOut(row["name"], f"a second name of {target}: make it a domain with aliases"))
    return moved


def _domains(rows: dict[Any, dict[str, Any]], moved: Moved) -> dict[Any, MovedDomain]:
    found: dict[Any, MovedDomain] = {}
    for key, row in rows.items():
        if row.get("type", "domain") != "domain":
            moved.left_out.append(LeftOut(row["name"], "only relayed there"))
        elif not row["enabled"]:
            moved.left_out.append(LeftOut(row["name"], "switched off there"))
        else:
            found[key] = MovedDomain(str(row["name"]).lower())
    moved.domains = list(found.values())
    return found


def _mailboxes(source: Source, domains: dict[Any, MovedDomain], by_id: dict[Any, MovedMailbox]) -> dict[str, dict[str, MovedMailbox]]:
    users = {row["id"]: row for row in source.rows("core_user")}
    boxes: dict[str, dict[str, MovedMailbox]] = {domain.name: {} for domain in domains.values()}
    for row in source.rows("admin_mailbox"):
        domain, user = domains.get(row["domain_id"]), users[row["user_id"]]
        if domain is None:
            continue
        name = " ".join(part for part in (user.get("first_name"), user.get("last_name")) if part)
        box = MovedMailbox(str(row["address"]).lower(), user["password"], row["quota"] or None, name, bool(user["is_active"]))
        by_id[row["id"]] = boxes[domain.name][box.local_part] = box
        domain.mailboxes.append(box)
    return boxes


def _aliases(
    source: Source,
    moved: Moved,
    rows: dict[Any, dict[str, Any]],
    domains: dict[Any, MovedDomain],
    boxes: dict[str, dict[str, MovedMailbox]],
) -> None:
    recipients: dict[Any, list[str]] = defaultdict(list)
    for row in source.rows("admin_aliasrecipient"):
        recipients[row["alias_id"]].append(str(row["address"]))
    by_name = {domain.name: domain for domain in domains.values()}
    for row in source.rows("admin_alias"):
        local, name = split(row["address"])
        if name not in by_name:
            continue
        if row["enabled"]:
            take_alias(moved, by_name[name], boxes[name], local, recipients[row["id"]])
        elif local not in boxes[name]:
            moved.left_out.append(LeftOut(row["address"], "switched off there"))


def _replies(source: Source, boxes: dict[Any, MovedMailbox]) -> None:
    for table in REPLIES:
        if source.has(table):
            for row in source.rows(table):
                box = boxes.get(row["mbox_id"])
                if box is not None and row["enabled"]:
                    box.reply = MovedReply(str(row["subject"]), str(row["content"]), day(row["fromdate"]), day(row["untildate"]))
