"""`python -m mailsettings.servers.milter OPEN_LAYOUT`: one process, three sockets, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from functools import partial

from mailsettings.servers.layout import Layout
from mailsettings.servers.milter import inbound, submission
from mailsettings.servers.milter.judging import Host
from mailsettings.servers.milter.policies import Policies
from mailsettings.servers.milter.protocol import Judge, serve
from mailsettings.servers.milter.wayout import WayOut


async def run(layout: Layout) -> None:
    """Serve the three; Postfix waits with the mail of a message under way when this ends (milter_default_action)."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    host = Host(layout, Policies(layout))
    judges: dict[str, Judge] = {
        "in": partial(inbound.judge, host),
        "out": WayOut(layout.ports["srs"], layout.hostname),
        # The last: once its socket is there, all are.
        "submission": partial(submission.judge, host),
    }
    servers = [await serve(layout.milter_dir / name, judge, group=layout.users.postfix) for name, judge in judges.items()]
    await over.wait()
    for server in servers:
        server.close()


def main() -> None:
    """Logs to stderr, a line for each message."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(run(Layout.load(sys.argv[1])))


if __name__ == "__main__":
    main()
