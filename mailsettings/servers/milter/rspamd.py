"""Asking rspamd for its opinion of a message: POST /checkv2 over its unix socket (rspamd.com/doc/architecture/protocol.html)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailsettings.servers.milter.session import Header, Session

# rspamd gives up after 8 s (task_timeout) and answers with what it has.
PATIENCE_S = 30
# What rspamd would do by itself; here all of it only marks. (GTUBE is "reject" whatever is set.)
SPAM = ("add header", "rewrite subject", "reject")
NO_ANSWER = (OSError, TimeoutError, EOFError, ValueError, KeyError, TypeError, AttributeError)
SELECTOR = re.compile(r"\bs=([a-z0-9._-]+);")
LINE_BREAKS = re.compile(r"[\r\n\0]+")


class RspamdDown(Exception):
    """No answer, or none that says anything about the message."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """`proven`: SPF or DKIM passed for the envelope sender's domain. `results` = text for Authentication-Results."""

    spam: bool
    score: float
    required: float
    proven: bool
    results: str = ""


async def check(socket: Path, session: Session, hostname: str) -> Opinion:
    """rspamd's opinion. Raises RspamdDown."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return opinion_of(await _ask(socket, session, request_headers(session, hostname)), session.sender)
    except NO_ANSWER as error:
        raise RspamdDown(f"{type(error).__name__} {error}") from error


async def sign(socket: Path, session: Session) -> tuple[str, ...]:
    """Values of DKIM-Signature headers for the login's mail; () where its domain has no key or From: is of another.

    Only signs, weighs nothing (templates/rspamd/settings.conf, dkim_signing.conf). Raises RspamdDown.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            return signatures_of(await _ask(socket, session, signing_headers(session)))
    except NO_ANSWER as error:
        raise RspamdDown(f"{type(error).__name__} {error}") from error


async def selector_in_use(socket: Path, domain: str) -> str | None:
    """The selector that it signs with for logins of the domain; None = it signs nothing. Raises RspamdDown."""
    sender = f"postmaster@{domain}"
    session = Session(macros={"auth_authen": sender}, sender=sender, headers=[Header("From", f" {sender}")])
    signatures = await sign(socket, session)
    found = (SELECTOR.search(signature) for signature in signatures)
    return next((match[1] for match in found if match), None)


async def _ask(socket: Path, session: Session, headers: Iterable[tuple[str, str]]) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        lines = (f"{name}: {LINE_BREAKS.sub(' ', value)}" for name, value in headers)
        request = "\r\n".join(("POST /checkv2 HTTP/1.1", *lines, "", ""))
        writer.write(request.encode("utf-8", "surrogateescape"))
        for chunk in session.chunks():
            writer.write(chunk)
            await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if " 200 " not in head.partition("\r\n")[0]:
            raise ValueError(head.partition("\r\n")[0])
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        return await reader.readexactly(int(length[1])) if length else await reader.read()
    finally:
        writer.close()


def request_headers(session: Session, hostname: str) -> Iterator[tuple[str, str]]:
    """What rspamd is told about the SMTP session."""
    yield "Host", "rspamd"
    yield "Connection", "close"
    yield "Content-Length", str(session.size)
    yield "IP", session.client_address or "127.0.0.1"
    yield "Hostname", session.client_name
    yield "Helo", session.helo
    yield "From", f"<{session.sender}>"
    for recipient in session.recipients:
        yield "Rcpt", recipient
    yield "Queue-Id", session.queue_id
    yield "MTA-Name", hostname
    domains = {recipient.rpartition("@")[2].lower() for recipient in session.recipients}
    # What one domain has taught counts for its mail only; of mail to several nobody's counts (classifier-bayes.conf).
    if len(domains) == 1:
        yield "Deliver-To", session.recipients[0]


def signing_headers(session: Session) -> Iterator[tuple[str, str]]:
    """Who signed in decides whose key signs; the recipients are nobody's business here."""
    yield "Host", "rspamd"
    yield "Connection", "close"
    yield "Content-Length", str(session.size)
    yield "Settings-Id", "submission"
    yield "User", session.login
    yield "From", f"<{session.sender}>"
    yield "IP", session.client_address or "127.0.0.1"
    yield "Queue-Id", session.queue_id


def signatures_of(answer: bytes) -> tuple[str, ...]:
    """Raises ValueError, AttributeError for an answer that is none."""
    found = json.loads(answer).get("dkim-signature", ())
    return (found,) if isinstance(found, str) else tuple(str(value) for value in found)


def opinion_of(answer: bytes, sender: str) -> Opinion:
    """Raises ValueError, KeyError, TypeError, AttributeError for an answer that is none."""
    found = json.loads(answer)
    symbols = found["symbols"]
    return Opinion(
        spam=found["action"] in SPAM,
        score=float(found["score"]),
        required=float(found["required_score"]),
        proven=bool(sender) and ("R_SPF_ALLOW" in symbols or _signed_by(symbols, sender)),
        results=_results(found),
    )


def _signed_by(symbols: dict[str, dict[str, list[str]]], sender: str) -> bool:
    """Whether a valid DKIM signature is of the sender's domain or one above it: anybody can sign as themselves."""
    domain = sender.rpartition("@")[2].lower()
    signers = (option.partition(":")[0].lower() for option in symbols.get("R_DKIM_ALLOW", {}).get("options", ()))
    return any(domain == signer or domain.endswith(f".{signer}") for signer in signers if "." in signer)


def _results(found: dict[str, dict[str, dict[str, object]]]) -> str:
    header = found.get("milter", {}).get("add_headers", {}).get("Authentication-Results", {})
    value = header.get("value", "") if isinstance(header, dict) else header
    return " ".join(str(value).split())
