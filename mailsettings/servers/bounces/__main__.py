"""`python -m mailsettings.servers.bounces LAYOUT`: the LMTP server that the transport `bounces` leads to."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from aiosmtpd.lmtp import LMTP

from mailsettings.servers.bounces.handler import Handler
from mailsettings.servers.layout import Layout
from mailsettings.servers.owners import give

# Above Postfix' own limit.
LARGEST = 200 * 1024 * 1024


async def serve(layout: Layout) -> None:
    """Answer until SIGTERM or SIGINT; only Postfix' group may connect."""
    loop, over, handler = asyncio.get_running_loop(), asyncio.Event(), Handler(layout)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    socket = layout.bounces_socket
    socket.unlink(missing_ok=True)
    server = await loop.create_unix_server(lambda: LMTP(handler, data_size_limit=LARGEST, hostname=layout.hostname), str(socket))
    socket.chmod(0o660)
    give(socket, group=layout.users.postfix)
    async with server:
        await over.wait()


def main() -> None:
    """The layout without its secrets is enough."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's: each command
    asyncio.run(serve(Layout.load(sys.argv[1])))


if __name__ == "__main__":
    main()
