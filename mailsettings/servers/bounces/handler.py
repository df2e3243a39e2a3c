"""Mail for rewritten senders, taken by LMTP: failures are told, everything else is dropped."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections import OrderedDict

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from mailsettings.servers import srs
from mailsettings.servers.bounces.report import Failure, failure_in, notification, without
from mailsettings.servers.desired import way_out
from mailsettings.servers.layout import Layout
from mailsettings.servers.maps import postmap_program
from mailsettings.servers.milter.wayout import BOUNCES_HELO
from mailsettings.servers.srs import Origin, SrsDown

log = logging.getLogger(__name__)
LATER = "451 4.3.0 Try again later"
DONE = "250 2.0.0 Taken"
UNKNOWN = "550 5.1.1 User unknown"
PATIENCE_S = 60
TOLD_ALREADY = 10_000


class MapUnreadable(Exception):
    """postmap cannot read the map of forwards; the message is its own."""


async def forwards_of(layout: Layout, tag: str) -> tuple[str | None, tuple[str, ...]]:
    """The address with this tag and every destination behind it; (None, ()) where there is none any more."""
    address, _, number = (await _values(layout, tag)).get(tag, "").partition(" ")
    found = await _values(layout, *(way_out(tag, n) for n in range(int(number or 0))))
    return address or None, tuple(to for value in found.values() for to in value.split(", "))


async def _values(layout: Layout, *keys: str) -> dict[str, str]:
    if not any(keys):
        return {}
    command = (postmap_program() or "postmap", "-c", str(layout.postfix_dir), "-q", "-", f"lmdb:{layout.map_path('forwards')}")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(PATIENCE_S):
        found, complaint = await child.communicate("".join(f"{key}\n" for key in keys).encode())
    # 1 without a complaint: none of the keys is there.
    if child.returncode not in (0, 1) or b"fatal:" in complaint or b"error:" in complaint:
        raise MapUnreadable(complaint.decode(errors="replace").strip() or f"postmap ended with {child.returncode}")
    pairs = (line.partition("\t") for line in found.decode().splitlines())
    return {key: value for key, _, value in pairs}


class Handler:
    """aiosmtpd's. What cannot be done now is answered 451: the mail waits in Postfix' queue and comes again."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        # (first sender, tag, Message-ID): a group of 300 whose members fail one by one is one failure to its sender.
        self.told: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def handle_RCPT(self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        try:
            if await srs.undone(self.layout.ports["srs_reverse"], address) is None:
                return UNKNOWN
        except SrsDown:
            return LATER
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        sender = (envelope.mail_from or "").strip("<>")
        # LMTP wants an answer for each recipient; aiosmtpd sends the lines as they are.
        return "\r\n".join([await self._answer(address, sender, content) for address in envelope.rcpt_tos])

    async def _answer(self, address: str, sender: str, content: bytes) -> str:
        try:
            origin, failure = await srs.undone(self.layout.ports["srs_reverse"], address), failure_in(content)
            if origin is None or failure is None or sender:
                log.info("dropped: to %s, no notification of a failure", address)
            else:
                await self._tell_once(origin, failure)
        except (SrsDown, MapUnreadable, OSError, TimeoutError, smtplib.SMTPException) as reason:
            log.warning("waits: to %s: %s", address, reason)
            return LATER
        return DONE

    async def _tell_once(self, origin: Origin, failure: Failure) -> None:
        key = (origin.sender, origin.tag, failure.message_id)
        if failure.message_id and key in self.told:
            log.info("told already: %s of %s", origin.sender, failure.message_id)
            return
        self._remember(key)
        try:
            await self._tell(origin, failure)
        except BaseException:
            self.told.pop(key, None)
            raise

    async def _tell(self, origin: Origin, failure: Failure) -> None:
        address, destinations = await forwards_of(self.layout, origin.tag)
        report = notification(self.layout.hostname, origin.sender, address, without(failure, address, destinations))
        await asyncio.to_thread(self._send, origin.sender, report.as_bytes())
        log.info("told: %s that %s failed with %s", origin.sender, address or f"tag {origin.tag!r}", failure.status)

    def _send(self, to: str, message: bytes) -> None:
        """By the way out, with the empty sender. Who is refused for good hears nothing."""
        with smtplib.SMTP(*self.layout.ports["wayout"], local_hostname=BOUNCES_HELO, timeout=PATIENCE_S) as smtp:
            try:
                smtp.sendmail("", [to], message)
            except smtplib.SMTPRecipientsRefused as refused:
                if any(code < 500 for code, _ in refused.recipients.values()):
                    raise
                log.info("nobody to tell: %s", refused)

    def _remember(self, key: tuple[str, str, str]) -> None:
        self.told[key] = None
        while len(self.told) > TOLD_ALREADY:
            self.told.popitem(last=False)
