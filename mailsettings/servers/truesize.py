"""A policy service for Postfix that asks Dovecot's quota-status once more when the message's true size is known.

A client need not announce a size, and quota-status (2.3) answers only at RCPT; so at END-OF-MESSAGE the question is
put to it again as if it came from RCPT, now with the size that Postfix counted. Postfix names the recipient only
when there is one: for several the answer is DUNNO. Where nobody answers, Postfix' default_action accepts.
SMTPD_POLICY_README describes the protocol: `name=value` lines, an empty line, `action=…`, an empty line.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from mailsettings.servers.owners import give

DUNNO = b"action=DUNNO\n\n"
PATIENCE_S = 4.0
# A request has about 40 lines; more than this is none.
LONGEST = 64 * 1024


def question(request: bytes) -> bytes | None:
    """What quota-status is to be asked; None where there is nothing to ask (no single recipient)."""
    lines = request.rstrip(b"\n").split(b"\n")
    if not any(line.startswith(b"recipient=") and line != b"recipient=" for line in lines):
        return None
    as_rcpt = (b"protocol_state=RCPT" if line.startswith(b"protocol_state=") else line for line in lines)
    return b"\n".join(as_rcpt) + b"\n\n"


async def answer(request: bytes, quota_status: Path) -> bytes:
    """Dovecot's answer to one request; DUNNO when there is none in time."""
    asked = question(request)
    if asked is None:
        return DUNNO
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(str(quota_status))
            try:
                writer.write(asked)
                return await reader.readuntil(b"\n\n")
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return DUNNO


async def serve(socket: Path, quota_status: Path, group: str) -> None:
    """Answer until SIGTERM or SIGINT."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                request = await reader.readuntil(b"\n\n")
                writer.write(await answer(request, quota_status))
                await writer.drain()
        writer.close()

    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(talk, str(socket), limit=LONGEST)
    socket.chmod(0o660)
    give(socket, group=group)
    async with server:
        await over.wait()


def main() -> None:
    """`python -m mailsettings.servers.truesize SOCKET QUOTA_STATUS GROUP`; who may connect is the group's matter."""
    socket, quota_status, group = sys.argv[1:]
    asyncio.run(serve(Path(socket), Path(quota_status), group))


if __name__ == "__main__":
    main()
