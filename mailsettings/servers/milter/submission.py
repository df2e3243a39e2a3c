"""The judge of submitted mail: From: is the login's own (P6), nothing infected leaves (V2), the domain's key signs it (A20).

It is never weighed as spam.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
from dataclasses import replace

from mailsettings.servers.milter import marks, rspamd
from mailsettings.servers.milter.alert import deliver
from mailsettings.servers.milter.clamd import Found
from mailsettings.servers.milter.judging import TOO_LARGE, Deferred, Host, without
from mailsettings.servers.milter.policies import not_owned
from mailsettings.servers.milter.rspamd import RspamdDown
from mailsettings.servers.milter.sender import addresses_in
from mailsettings.servers.milter.session import DISCARD, Action, Session, Verdict, defer, refuse

log = logging.getLogger(__name__)


async def judge(host: Host, session: Session) -> Verdict:
    """Raises MapError."""
    complaint = await _foreign(host, session)
    if complaint:
        log.warning("%s: %s: %s", session.queue_id, session.login, complaint)
        return refuse(complaint)
    try:
        return await _scanned(host, session)
    except Deferred as reason:
        log.warning("%s: waits, %s", session.queue_id, reason)
        return defer()


async def _foreign(host: Host, session: Session) -> str:
    """The answer to a From header that is somebody else's; "" for one's own."""
    addresses = addresses_in(*(header.raw for header in session.all("From")))
    if not session.login:
        return "530 5.7.0 Authentication required"
    if not addresses:
        # No From header at all: Postfix writes one, from the envelope sender, which is the login's own.
        return "553 5.7.1 From: holds no address" if session.all("From") else ""
    foreign = await not_owned(host.layout, session.login, addresses)
    return f"553 5.7.1 <{foreign[0]}>: From: address not owned by user {session.login}" if foreign else ""


async def _scanned(host: Host, session: Session) -> Verdict:
    scan = await host.scan(session)
    if scan and scan.found is Found.INFECTED:
        return await _infected(host, session, scan.signature)
    if await host.past_limit(session, scan, [session.login]):
        log.warning("%s: %s: unpacks to too much", session.queue_id, session.login)
        return refuse(TOO_LARGE)
    over = await host.past_limit(session, scan, session.recipients)
    verdict = without(session, over, may_bounce=True) if over else Verdict()
    if verdict.action is not Action.CONTINUE:
        return verdict
    headers = (*marks.of_sender(session, proven=True), *await marks.of_scan(host.layout.clamd_socket, session, scan))
    return replace(verdict, delete=marks.forged(session), top=await _signature(host, session), bottom=headers)


async def _signature(host: Host, session: Session) -> marks.Headers:
    """DKIM. What nobody signs is mail all the same: it waits for no rspamd (S1)."""
    try:
        signatures = await rspamd.sign(host.layout.rspamd_socket, session)
    except RspamdDown as reason:
        log.warning("%s: %s: leaves unsigned, rspamd: %s", session.queue_id, session.login, reason)
        return ()
    return tuple(("DKIM-Signature", value) for value in signatures)


async def _infected(host: Host, session: Session, signature: str) -> Verdict:
    """Refused, or deleted and told to the mailbox that signed in; nobody else ever hears of it."""
    log.warning("%s: %s: infected with %s", session.queue_id, session.login, signature)
    if (await host.policies.of(session.login)).outbound != "delete_warn":
        return refuse(f"554 5.7.1 The message holds a virus ({signature}) and was not sent")
    try:
        await asyncio.to_thread(deliver, host.layout, session, signature)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("%s: waits, no alert could be delivered: %s", session.queue_id, error)
        return defer()
    return DISCARD
