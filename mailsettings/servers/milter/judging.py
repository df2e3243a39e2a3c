"""What the judges of incoming and of submitted mail have in common: asking ClamAV, and the plans' limit on archives."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from mailsettings.servers.desired import REFUSED_DOMAIN
from mailsettings.servers.layout import Layout
from mailsettings.servers.milter import clamd, unpacked
from mailsettings.servers.milter.clamd import ClamdDown, Found, Scan
from mailsettings.servers.milter.policies import Policies
from mailsettings.servers.milter.session import Session, Verdict, refuse

log = logging.getLogger(__name__)

MB = 1024 * 1024
# clamd.conf's MaxScanSize: below it ClamAV says nothing.
CLAMD_MB = 100
TOO_LARGE = "550 5.7.1 message content rejected: it unpacks to more than the recipient takes"


class Deferred(Exception):
    """The message has to wait; the text is for the log."""


@dataclass(slots=True)
class Host:
    """What a judge works with."""

    layout: Layout
    policies: Policies

    async def scan(self, session: Session) -> Scan | None:
        """ClamAV's verdict; None when it is away and the operator lets mail pass then. Raises Deferred."""
        try:
            return await clamd.scan(self.layout.clamd_socket, session.chunks())
        except ClamdDown as reason:
            if self.layout.filters.virus_down == "defer":
                raise Deferred(f"ClamAV: {reason}") from reason
            log.warning("%s: passes unscanned, ClamAV: %s", session.queue_id, reason)
            return None

    async def past_limit(self, session: Session, scan: Scan | None, addresses: list[str]) -> list[str]:
        """Those of the addresses whose plan takes no message that unpacks to this much. Raises MapError."""
        limits = {address: (await self.policies.of(address)).unpacked_mb for address in addresses}
        sizes = {limit for limit in limits.values() if limit is not None}
        over = {limit: await asyncio.to_thread(_exceeds, session, scan, limit) for limit in sizes}
        return [address for address, limit in limits.items() if limit is not None and over[limit]]


def _exceeds(session: Session, scan: Scan | None, limit_mb: int) -> bool:
    """By our own measure: ClamAV counts what it unpacks on top of what it was in. Only of what we cannot open it decides."""
    suspected = scan is not None and scan.found is Found.TOO_LARGE
    if not suspected and scan is not None and limit_mb >= CLAMD_MB:
        return False
    measured = unpacked.exceeds(session.whole(), limit_mb * MB)
    return suspected if measured is None else measured


def without(session: Session, over: list[str], *, may_bounce: bool) -> Verdict:
    """How those past their limit do not get it while the others do.

    Postfix takes or refuses a message for all. Where its sender is proven, these recipients get an error mail each, by a
    transport that fails; where it is not, that would be backscatter, and all are refused.
    """
    if len(over) == len(session.recipients) or not may_bounce:
        log.warning("%s: refused, unpacks to too much for %s", session.queue_id, ", ".join(over))
        return refuse(TOO_LARGE)
    log.warning("%s: returned, unpacks to too much for %s", session.queue_id, ", ".join(over))
    return Verdict(replace_recipients=tuple((address, refused_address(address)) for address in over))


def refused_address(address: str) -> str:
    """What stands for a recipient that is not to get the message: main.cf's transport_maps answers it with 5.7.1."""
    local, _, domain = address.rpartition("@")
    return f"{local}={domain}@{REFUSED_DOMAIN}"
