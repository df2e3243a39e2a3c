"""Asking ClamAV's daemon, over its unix socket (clamd(8), INSTREAM)."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

# Limits.Exceeded also stands for recursion, number of files and scan time: not scanned to the end, not infected.
TOO_LARGE = re.compile(r"^Heuristics\.Limits\.Exceeded|size limit exceeded")
# clamd itself gives up after 120 s (MaxScanTime).
PATIENCE_S = 150
LENGTH = struct.Struct("!I")
UNPRINTABLE = re.compile(r"[^\x21-\x7e]+")


class ClamdDown(Exception):
    """No answer, or none that says anything about the message."""


class Found(Enum):
    CLEAN = "clean"
    INFECTED = "infected"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Scan:
    """`signature` = the virus' name in printable ASCII without blanks, "" unless infected."""

    found: Found
    signature: str = ""


async def scan(socket: Path, chunks: Iterable[bytes]) -> Scan:
    """What clamd says of these bytes. Raises ClamdDown."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return verdict_of(await _instream(socket, chunks))
    except (OSError, TimeoutError) as error:
        raise ClamdDown(str(error) or type(error).__name__) from error


async def _instream(socket: Path, chunks: Iterable[bytes]) -> str:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        # When it has enough it answers and closes while we still write.
        with suppress(ConnectionError):
            writer.write(b"zINSTREAM\0")
            for chunk in chunks:
                if chunk:
                    writer.write(LENGTH.pack(len(chunk)) + chunk)
                    await writer.drain()
            writer.write(LENGTH.pack(0))
            await writer.drain()
        return (await reader.read(64 * 1024)).decode("utf-8", "replace").strip("\0\n ")
    finally:
        writer.close()


def verdict_of(answer: str) -> Scan:
    """`stream: OK`, `stream: NAME FOUND`, or an error. Raises ClamdDown."""
    text = answer.removeprefix("stream: ")
    if TOO_LARGE.search(text):
        return Scan(Found.TOO_LARGE)
    if text == "OK":
        return Scan(Found.CLEAN)
    if text.endswith(" FOUND"):
        return Scan(Found.INFECTED, UNPRINTABLE.sub("_", text.removesuffix(" FOUND")))
    raise ClamdDown(answer or "no answer")
