"""The judge of the way out: what leaves for outside because an address of ours sends it on, or because a rule wrote it.

- What is marked as infected goes nowhere (V5).
- A sender is rewritten so that SPF holds and a bounce comes back to this host (F8); an empty one stays empty.
- Mail that rules wrote has no sender, and is limited in number (F11, AR2).
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable

from mailsettings.servers.desired import OUT_DOMAIN, tag
from mailsettings.servers.layout import Port
from mailsettings.servers.milter.sender import addresses_in
from mailsettings.servers.milter.session import ACCEPT, DISCARD, Session, Verdict, defer
from mailsettings.servers.srs import SrsDown, rewritten

log = logging.getLogger(__name__)
Clock = Callable[[], float]

HOUR_S = 3600.0
# Replies and error mail from one of our addresses to one address, notices likewise, and all that one address writes.
REPLIES_AN_HOUR = 10
NOTICES_AN_HOUR = 60
ALL_AN_HOUR = 300
# The bounce handler's HELO. No rule can choose that, so no rule gets past the limits; `.invalid` is nobody's name.
BOUNCES_HELO = f"bounces.{OUT_DOMAIN}"
PANEL_HELO = f"panel.{OUT_DOMAIN}"  # likewise: what the panel itself tells an admin
WAY_OUT = re.compile(rf"([a-z2-7]{{13}})\.\d+@{re.escape(OUT_DOMAIN)}", re.IGNORECASE)
# RFC 3798: what Sieve's `reject` sends.
NOTIFICATION = re.compile(r"report-type\s*=\s*\"?disposition-notification", re.IGNORECASE)
TRY_LATER = "451 4.3.0 The sender cannot be rewritten now, try again later"


class WayOut:
    """`await WayOut(srs, hostname)(session)` → what becomes of the message. `clock` counts seconds."""

    def __init__(self, srs: Port, hostname: str, clock: Clock = time.monotonic) -> None:
        self.srs, self.hostname = srs, hostname
        self.limits = Limits(clock)

    async def __call__(self, session: Session) -> Verdict:
        if session.all("X-Tegami-Virus"):
            log.warning("%s: infected, goes nowhere: %s", session.queue_id, ", ".join(session.recipients))
            return DISCARD
        if session.helo in (BOUNCES_HELO, PANEL_HELO):
            return ACCEPT
        return self._written_by_a_rule(session) if is_rule_mail(session) else await self._sent_on(session)

    def _written_by_a_rule(self, session: Session) -> Verdict:
        author = ", ".join(addresses_in(*(header.raw for header in session.all("From"))))
        if not self.limits.allow(author, session.recipients, _limit_of(session)):
            log.warning("%s: dropped, too many an hour from %s to %s", session.queue_id, author, ", ".join(session.recipients))
            return DISCARD
        return Verdict(sender="") if session.sender else ACCEPT

    async def _sent_on(self, session: Session) -> Verdict:
        # Empty: a bounce of it could go to nobody. Rewritten already: it has been outside and comes by again.
        if not session.sender or session.sender.lower().endswith(f"@{self.hostname}"):
            return ACCEPT
        try:
            return Verdict(sender=await rewritten(self.srs, session.sender, tag_of(session)))
        except SrsDown as reason:
            log.warning("%s: waits: %s", session.queue_id, reason)
            return defer(TRY_LATER)


class Limits:
    """How much rules may write in any hour. In memory: a restart forgets."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: dict[tuple[str, str], deque[float]] = {}
        self.tidied = clock()

    def allow(self, author: str, recipients: list[str], limit: int) -> bool:
        """Whether one more may go to all of these; counted if so."""
        self._tidy()
        pairs = {(author, recipient.lower()): limit for recipient in recipients}
        wanted = {(author, ""): ALL_AN_HOUR, **pairs}
        if any(self._within_the_hour(key) >= most for key, most in wanted.items()):
            return False
        for key in wanted:
            self.times.setdefault(key, deque()).append(self.clock())
        return True

    def _within_the_hour(self, key: tuple[str, str]) -> int:
        times = self.times.get(key, deque())
        while times and times[0] <= self.clock() - HOUR_S:
            times.popleft()
        return len(times)

    def _tidy(self) -> None:
        """Once an hour those that have written nothing since the last time go."""
        if self.clock() - self.tidied < HOUR_S:
            return
        self.tidied = self.clock()
        self.times = {key: times for key, times in self.times.items() if self._within_the_hour(key)}


def is_rule_mail(session: Session) -> bool:
    """Whether a rule of ours wrote it (reply, notice, error mail), rather than sent on what somebody else wrote."""
    if any(WAY_OUT.fullmatch(recipient) for recipient in session.recipients) or session.all("X-Sieve-Redirected-From"):
        return False
    return bool(_automatic(session)) or any(NOTIFICATION.search(header.raw) for header in session.all("Content-Type"))


def _automatic(session: Session) -> str:
    """RFC 3834: auto-replied, auto-notified, auto-generated; "" for what a person wrote."""
    words = (header.text.partition(";")[0].split() for header in session.all("Auto-Submitted"))
    return next((found[0].lower() for found in words if found and found[0].lower() != "no"), "")


def _limit_of(session: Session) -> int:
    return NOTICES_AN_HOUR if _automatic(session) == "auto-notified" else REPLIES_AN_HOUR


def tag_of(session: Session) -> str:
    """The tag of our address that sends the message on; "" when nothing says which."""
    for recipient in session.recipients:
        if match := WAY_OUT.fullmatch(recipient):
            return match[1].lower()
    # Dovecot writes it on top of what a user's own script redirects.
    redirected = session.all("X-Sieve-Redirected-From")
    return tag(redirected[0].text.strip("<> ").lower()) if redirected else ""
