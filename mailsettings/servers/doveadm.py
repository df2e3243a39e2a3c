"""Client of Dovecot's doveadm HTTP API: one command at a time, on loopback, with the layout's key."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any

from mailsettings.servers.layout import Layout
from mailsettings.servers.seam import effect

# Emptying a large mailbox takes long; a lookup takes 3 ms.
TIMEOUT_S = 120
# doveadm's exit codes (sysexits.h) for a user that does not exist.
NO_USER = (67, 68)


class DovecotNotRunning(Exception):
    """Nobody answers on the API's port."""


class DoveadmError(Exception):
    """Dovecot refused the command. `code` = doveadm's exit code, or the HTTP status."""

    def __init__(self, command: str, code: int, text: str = "") -> None:
        super().__init__(f"doveadm {command}: code {code} {text}".strip())
        self.code = code


@dataclass(frozen=True, slots=True)
class Usage:
    """Storage in bytes (Dovecot counts in KiB), messages over all folders; limits None where there are none."""

    storage: int
    messages: int
    storage_limit: int | None
    messages_limit: int | None


def call(layout: Layout, command: str, **parameters: object) -> list[dict[str, Any]]:
    """One command of <https://doc.dovecot.org/2.3/admin_manual/doveadm_http_api/>; its result rows.

    Raises DovecotNotRunning, DoveadmError.
    """
    body = json.dumps([[command, parameters, "tegami"]])
    kind, answer, _ = json.loads(_post(layout, command, body))[0]
    if kind == "error":
        raise DoveadmError(command, int(answer.get("exitCode", 0)), str(answer.get("type", "")))
    return list(answer) if isinstance(answer, list) else [answer]


def _post(layout: Layout, command: str, body: str) -> bytes:
    host, port = layout.ports["doveadm"]
    key = base64.b64encode(layout.secrets.doveadm_api_key.encode()).decode()
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        headers = {"Authorization": f"X-Dovecot-API {key}", "Content-Type": "application/json"}
        connection.request("POST", "/doveadm/v1", body, headers)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DovecotNotRunning(str(error)) from error
    finally:
        connection.close()
    if response.status != 200:
        raise DoveadmError(command, response.status, text[:200].decode(errors="replace"))
    return text


def user(layout: Layout, address: str) -> dict[str, str] | None:
    """What the running Dovecot's userdb says of the address (uid, gid, home, quota_rule, …); None: no such user."""
    try:
        rows = call(layout, "user", userMask=[address])
    except DoveadmError as error:
        if error.code in NO_USER:
            return None
        raise
    return next((dict(row[address]) for row in rows if isinstance(row.get(address), dict)), None)


def usage(layout: Layout, address: str) -> Usage:
    """What the mailbox holds. Raises DoveadmError for a user that does not exist."""
    rows = {row["type"]: row for row in call(layout, "quotaGet", user=address)}
    storage, messages = rows.get("STORAGE", {}), rows.get("MESSAGE", {})
    limit = _number(storage.get("limit"))
    return Usage(
        (_number(storage.get("value")) or 0) * 1024,
        _number(messages.get("value")) or 0,
        limit * 1024 if limit else None,
        _number(messages.get("limit")),
    )


def _number(text: object) -> int | None:
    return int(str(text)) if str(text).isdigit() and int(str(text)) else None


def empty(layout: Layout, address: str) -> None:
    """Remove every message of every folder; folders, subscriptions and settings stay. Raises DoveadmError."""
    with effect("doveadm.expunge"):
        call(layout, "expunge", user=address, query=["mailbox", "*", "all"])


def kick(layout: Layout, address: str) -> None:
    """End the user's open sessions; none open is no error."""
    with effect("doveadm.kick"):
        try:
            call(layout, "kick", mask=[address])
        except DoveadmError as error:
            if error.code not in NO_USER:
                raise
