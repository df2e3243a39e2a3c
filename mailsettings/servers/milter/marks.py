"""The marks that a message carries to the recipients' rules, and the taking away of those that it came with."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from mailsettings.servers.milter import clamd
from mailsettings.servers.milter.clamd import Found, Scan
from mailsettings.servers.milter.rspamd import Opinion
from mailsettings.servers.milter.sender import addresses_in
from mailsettings.servers.milter.session import Header, Session, deletions
from mailsettings.sieve.programs.mime import Part, TooComplex, parse
from mailsettings.sieve.programs.words import content

Headers = tuple[tuple[str, str], ...]

PREFIX = "x-tegami-"
SPAM = ("x-spam-flag", "x-spam-score", "x-spam-status")
# Written by a mailbox' script, to know mail again that comes back to it from outside; no verdict of ours.
KEPT = "x-tegami-moved"
# Nobody means a From header with more.
MOST_ADDRESSES = 50
# A message with more parts is left to its recipients as infected as a whole.
MOST_PARTS = 300
COMMENT = re.compile(r"\([^()]*\)")


def forged(session: Session, authority: str = "") -> tuple[tuple[str, int], ...]:
    """What a message must not bring along: our own marks, and test results in the name of `authority` (RFC 8601, 5)."""
    return deletions(session, lambda header: _is_ours(header, authority))


def _is_ours(header: Header, authority: str) -> bool:
    if header.key == "authentication-results":
        return bool(authority) and authority in _authority(header)
    return (header.key.startswith(PREFIX) and header.key != KEPT) or header.key in SPAM


def _authority(header: Header) -> list[str]:
    """The words before the first `;`: the name of who tested, and perhaps a version."""
    return [word.lower().rstrip(".") for word in COMMENT.sub(" ", header.raw.partition(";")[0]).replace('"', " ").split()]


def of_sender(session: Session, proven: bool) -> Headers:
    """Whose mail it is."""
    addresses = addresses_in(*(header.raw for header in session.all("From")))[:MOST_ADDRESSES]
    marks = [("X-Tegami-From", address) for address in addresses or ("<>",)]
    return (*marks, ("X-Tegami-Auth", "pass" if proven else "fail"))


def of_spam(opinion: Opinion) -> Headers:
    """Whether it is spam, and by how much."""
    score = max(opinion.score, opinion.required) if opinion.spam else opinion.score
    status = f"{'Yes' if opinion.spam else 'No'}, score={score:.2f} required={opinion.required:.2f}"
    flag = (("X-Spam-Flag", "YES"),) if opinion.spam else ()
    return (*flag, ("X-Spam-Score", f"{score:.2f}"), ("X-Spam-Status", status))


async def of_scan(socket: Path, session: Session, scan: Scan | None) -> Headers:
    """What ClamAV found; `scan` = None when nobody looked. Raises ClamdDown."""
    if scan is None:
        return (("X-Tegami-Scan", "not-scanned"),)
    if scan.found is Found.TOO_LARGE:
        return (("X-Tegami-Scan", "too-large"),)
    if scan.found is Found.CLEAN:
        return ()
    parts = [("X-Tegami-Virus-Part", f"{path} {name}") for path, name in await infected_parts(socket, session)]
    return (("X-Tegami-Virus", scan.signature), *parts)


async def infected_parts(socket: Path, session: Session) -> list[tuple[str, str]]:
    """The infected leaves of an infected message by path; [] when no leaf is infected by itself, or there are too many.

    Raises ClamdDown.
    """
    message = session.whole()
    found = await asyncio.to_thread(leaves, message)
    if len(found) > MOST_PARTS:
        return []
    scans = [(part.path, await clamd.scan(socket, [await asyncio.to_thread(content, message, part)])) for part in found]
    return [(path, scan.signature) for path, scan in scans if scan.found is Found.INFECTED]


def leaves(message: bytes) -> list[Part]:
    """Every part that holds no others, read as the program reads that takes them out; [] for more than anybody means.

    Two readings of a hostile message would differ: one part would be found infected, and another taken out.
    """
    try:
        return list(parse(message).leaves())
    except TooComplex:
        return []
