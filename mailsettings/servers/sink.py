"""Where mail for outside goes in private instances: an SMTP server that keeps every message as a file.

`<n>.eml`, renamed into place, with `X-Envelope-From:` and `X-Envelope-To:` on top. Local parts that begin with
`refuse-` get 550; those that begin with `defer-` get 450 until a file `<local part>.go` lies in the folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailsettings.servers.layout import Layout

# Above what Postfix lets through, so that it is never the sink that refuses a size.
LARGEST = 200 * 1024 * 1024


class Sink:
    """aiosmtpd's handler; one process writes one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        used = (int(file.stem) for file in folder.glob("*.eml") if file.stem.isdigit())
        self.numbers = count(max(used, default=0) + 1)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        local = address.rpartition("@")[0]
        if local.startswith("refuse-"):
            return "550 5.1.1 The sink refuses this address"
        if local.startswith("defer-") and not self._go(local):
            return "450 4.2.1 The sink defers this address"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def _go(self, local: str) -> bool:
        return "/" not in local and (self.folder / f"{local}.go").exists()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        number = next(self.numbers)
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        top = f"X-Envelope-From: {envelope.mail_from or ''}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        temporary = self.folder / f".{number}.part"
        temporary.write_bytes(top.encode("utf-8", "surrogateescape") + content)
        os.rename(temporary, self.folder / f"{number}.eml")
        return f"250 2.0.0 Kept as {number}.eml"


async def serve(folder: Path, host: str, port: int) -> None:
    """Run until SIGTERM or SIGINT."""
    folder.mkdir(parents=True, exist_ok=True)
    loop, over, handler = asyncio.get_running_loop(), asyncio.Event(), Sink(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    server = await loop.create_server(lambda: SMTP(handler, data_size_limit=LARGEST, enable_SMTPUTF8=False), host, port)
    async with server:
        await over.wait()


def main() -> None:
    """`python -m mailsettings.servers.sink LAYOUT`."""
    layout = Layout.load(sys.argv[1])
    asyncio.run(serve(layout.sink_dir, *layout.ports["sink"]))


if __name__ == "__main__":
    main()
