"""Envelope senders rewritten so that bounces come back to this host, and undone: postsrsd, asked by its two TCP tables.

What is rewritten is not the sender alone but `<tag>=<local part>@<domain>`: the tag (`desired.tag`) says which of our
addresses sent the mail on, so that a bounce can name that one instead of the destination.
tcp_table(5): `get KEY`, then `200 VALUE`, `500 no`, or `400 not now`; both with %XX for what is no plain letter.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from mailsettings.servers.layout import Layout, Port

POSTSRSD = "/usr/sbin/postsrsd"
PATIENCE_S = 5.0
# Some hosts on the way back change the letter case; a tag has 13 letters of base32 (desired.tag), or is missing.
TAGGED = re.compile(r"([a-z2-7]{13})?=(.+)", re.IGNORECASE | re.DOTALL)
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
# Everything else postsrsd and Postfix read as it is.
PLAIN = "!#$&'()*+,/:;=?@[]\"<>\\^`{|}~-._"


class SrsDown(Exception):
    """postsrsd does not answer: what needs it has to wait."""


def command(layout: Layout, secret: Path) -> list[str]:
    """postsrsd for this layout, in the foreground. Options are glued to their values: it takes others for empty."""
    (host, forward), (_, reverse) = layout.ports["srs"], layout.ports["srs_reverse"]
    return [POSTSRSD, f"-s{secret}", f"-d{layout.hostname}", "-4", f"-l{host}", f"-f{forward}", f"-r{reverse}"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a mail at first, and the tag of our address that sent it on ("" = not known)."""

    tag: str
    sender: str


async def rewritten(forward: Port, sender: str, tag: str) -> str:
    """The address that stands for the sender (neither empty) outside. Raises SrsDown."""
    local, _, domain = sender.rpartition("@")
    found = await _ask(forward, f"{tag}={_bare(local)}@{domain}")
    if found is None:
        raise SrsDown(f"postsrsd cannot rewrite {sender!r}")
    return _outer(found)


async def undone(reverse: Port, address: str) -> Origin | None:
    """Whom an address of ours stands for; None for one that we did not make, or long ago. Raises SrsDown."""
    local, _, domain = address.rpartition("@")
    found = await _ask(reverse, f"{_bare(local)}@{domain}")
    tagged = TAGGED.fullmatch(found or "")
    return Origin((tagged[1] or "").lower(), _outer(tagged[2])) if tagged else None


async def _ask(table: Port, key: str) -> str | None:
    """The table's value; None where it has none."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*table)
            try:
                writer.write(f"get {quote(key, safe=PLAIN, errors='surrogateescape')}\n".encode())
                code, _, value = (await reader.readline()).decode().rstrip("\r\n").partition(" ")
            finally:
                writer.close()
    except (OSError, TimeoutError, UnicodeDecodeError, ValueError) as error:
        raise SrsDown(str(error) or "no answer in time") from error
    if code not in ("200", "500"):
        raise SrsDown(f"{code} {value}")
    return unquote(value, errors="surrogateescape") if code == "200" else None


def _bare(local: str) -> str:
    """A local part without its quotes: the tag goes in front of what they hold."""
    return re.sub(r"\\(.)", r"\1", local[1:-1]) if len(local) > 1 and local[0] == local[-1] == '"' else local


def _outer(address: str) -> str:
    """As SMTP writes it: with quotes where the local part needs them (RFC 5321, 4.1.2)."""
    local, _, domain = address.rpartition("@")
    if ATOMS.fullmatch(local) and not local.startswith(".") and not local.endswith(".") and ".." not in local:
        return address
    return '"{}"@{}'.format(re.sub(r'(["\\])', r"\\\1", local), domain)


def main() -> None:
    """`python -m mailsettings.servers.srs LAYOUT SECRET` becomes postsrsd."""
    layout, secret = sys.argv[1:]
    os.execv(POSTSRSD, command(Layout.load(layout), Path(secret)))  # noqa: S606


if __name__ == "__main__":
    main()
