"""How large a message is with every archive unpacked (V3). Blocking: for a thread."""

from __future__ import annotations

import bz2
import email
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from typing import IO

CHUNK = 256 * 1024
DEEPEST = 8
# Files, not of ZIP's own: what opens as one without looking like one is none.
MAGIC = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
# We have no means to open these: only ClamAV does.
CLOSED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF", b"\x60\xea")
BROKEN = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


class TooLarge(Exception):
    """There is more than was asked for."""


class Unknown(Exception):
    """Something is in it that we cannot open."""


class Meter:
    """Counts up to `limit` bytes. Raises TooLarge there."""

    def __init__(self, limit: int) -> None:
        self.limit, self.counted = limit, 0

    def count(self, size: int) -> None:
        self.counted += size
        if self.counted > self.limit:
            raise TooLarge


def exceeds(message: bytes, limit: int) -> bool | None:
    """Whether headers, bodies and unpacked files are more than `limit` bytes; None: there is an archive we cannot open."""
    meter, unknown = Meter(limit), False
    try:
        for part in email.message_from_bytes(message).walk():
            meter.count(sum(len(name) + len(str(value)) for name, value in part.items()))
            unknown |= not part.is_multipart() and not _measured(_decoded(part), meter)
    except TooLarge:
        return True
    return None if unknown else False


def _decoded(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _measured(content: bytes, meter: Meter) -> bool:
    """Counts a part; False when it holds something closed."""
    try:
        _unpack(BytesIO(content), meter, DEEPEST)
    except Unknown:
        return False
    return True


def _unpack(file: IO[bytes], meter: Meter, depth: int) -> None:
    """Counts the file, or what is in it. Raises TooLarge, Unknown."""
    kind = _kind(file)
    if not kind or not depth:
        _count(file, meter)
        return
    before = meter.counted
    try:
        for inner in _inside(file, kind, meter):
            with inner:
                _unpack(inner, meter, depth - 1)
    except BROKEN:
        # What cannot be unpacked is as large as it is; encrypted archives are such.
        meter.counted = before
        _count(file, meter)


def _kind(file: IO[bytes]) -> str:
    head = file.read(8)
    file.seek(0)
    if head.startswith(CLOSED):
        raise Unknown
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")


def _count(file: IO[bytes], meter: Meter) -> None:
    meter.count(file.seek(0, 2))


def _inside(file: IO[bytes], kind: str, meter: Meter) -> Iterator[IO[bytes]]:
    if kind != "zip":
        opened: IO[bytes] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}[kind](file)  # type: ignore[operator]
        yield _spooled(opened, meter)
        return
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                yield _spooled(member, meter)


def _spooled(source: IO[bytes], meter: Meter) -> IO[bytes]:
    """What comes out, as a file: it may be an archive too. Never more than is left of the limit."""
    found = tempfile.SpooledTemporaryFile(4 * 1024 * 1024)  # noqa: SIM115
    while chunk := source.read(CHUNK):
        found.write(chunk)
        if found.tell() > meter.limit - meter.counted:
            found.close()
            raise TooLarge
    found.seek(0)
    return found  # type: ignore[return-value]
