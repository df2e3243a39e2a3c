"""The judge of port 25: marks what rspamd and ClamAV say, and refuses nothing but what a plan cannot take (V3)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from mailsettings.servers.milter import marks, rspamd
from mailsettings.servers.milter.judging import Deferred, Host, without
from mailsettings.servers.milter.rspamd import Opinion, RspamdDown
from mailsettings.servers.milter.session import Action, Session, Verdict, defer

log = logging.getLogger(__name__)


async def judge(host: Host, session: Session) -> Verdict:
    """rspamd and ClamAV are asked side by side. Raises MapError, ClamdDown."""
    try:
        opinion, scan = await asyncio.gather(_opinion(host, session), host.scan(session))
    except Deferred as reason:
        log.warning("%s: waits, %s", session.queue_id, reason)
        return defer()
    proven = is_proven(session.sender, opinion, host.layout.filters.proven_suffix)
    over = await host.past_limit(session, scan, session.recipients)
    verdict = without(session, over, may_bounce=proven) if over else Verdict()
    if verdict.action is not Action.CONTINUE:
        return verdict
    scanned = await marks.of_scan(host.layout.clamd_socket, session, scan)
    headers = (*marks.of_sender(session, proven), *(marks.of_spam(opinion) if opinion else ()), *scanned)
    _note(session, headers)
    results = (("Authentication-Results", opinion.results),) if opinion and opinion.results else ()
    return replace(verdict, delete=marks.forged(session, host.layout.hostname), top=results, bottom=headers)


async def _opinion(host: Host, session: Session) -> Opinion | None:
    """None when rspamd is away and the operator lets mail pass then. Raises Deferred."""
    try:
        return await rspamd.check(host.layout.rspamd_socket, session, host.layout.hostname)
    except RspamdDown as reason:
        if host.layout.filters.spam_down == "defer":
            raise Deferred(f"rspamd: {reason}") from reason
        log.warning("%s: passes unmarked, rspamd: %s", session.queue_id, reason)
        return None


def is_proven(sender: str, opinion: Opinion | None, suffix: str) -> bool:
    """Whether the envelope sender is who it says: SPF or DKIM, or a name that the operator believes. Nobody is "nobody"."""
    believed = bool(suffix) and f".{sender.rpartition('@')[2].lower()}".endswith(suffix)
    return bool(sender) and (believed or (opinion is not None and opinion.proven))


def _note(session: Session, headers: marks.Headers) -> None:
    said = " ".join(f"{name.removeprefix('X-')}={value}" for name, value in headers)
    log.info("%s: <%s> to %d: %s", session.queue_id, session.sender, len(session.recipients), said)
