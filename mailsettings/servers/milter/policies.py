"""What the domains' plans say to the milter, and who owns a sender: from the maps that the worker writes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from mailsettings.servers import maps
from mailsettings.servers.desired import policy_of
from mailsettings.servers.layout import Layout
from mailsettings.servers.states import Policy

DELIMITER = "+"


class Policies:
    """Every domain's policy, read anew when the map has changed: no message waits for a postmap of its own."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.read_at: tuple[int, ...] = ()
        self.known: dict[str, Policy] = {}

    async def of(self, address: str) -> Policy:
        """The policy of the address' domain; of a domain that is not ours, one that asks for nothing. Raises MapError."""
        now = self._stamp()
        if now != self.read_at:
            values = await asyncio.to_thread(maps.dump, self.layout, "policies")
            self.known = {domain: policy_of(value) for domain, value in values.items()}
            self.read_at = now
        return self.known.get(address.rpartition("@")[2].lower(), Policy())

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = maps.map_file(self.layout, "policies").stat()
        except OSError as error:
            raise maps.MapError(str(error)) from error
        return (found.st_mtime_ns, found.st_ino, found.st_size)


async def not_owned(layout: Layout, login: str, addresses: Collection[str]) -> list[str]:
    """Those of the addresses that the login may not send as (P6). Raises MapError."""
    plain = {address: without_extension(address) for address in addresses}
    found = await asyncio.to_thread(maps.read, layout, "senders", {*plain, *plain.values()})
    return [address for address, base in plain.items() if login not in owners(found.get(address) or found.get(base, ""))]


def owners(value: str) -> list[str]:
    """The logins in a value of the map `senders`."""
    return [login.lower() for login in value.split(", ")]


def without_extension(address: str) -> str:
    """`box+news@example.com` is box@example.com's."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition(DELIMITER)[0] or local}@{domain}"
