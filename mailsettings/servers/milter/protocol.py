"""The server side of the milter protocol, version 6, as Postfix speaks it (libmilter/mfdef.h of Sendmail 8.14).

`await serve(path, judge)` calls `await judge(session)` at the end of each message and carries its verdict out. The
stages before are only collected: Postfix does not wait for an answer to them, so a message costs one round trip.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from mailsettings.servers.milter.session import Action, Header, Session, Verdict, defer
from mailsettings.servers.owners import give

__all__ = ["Judge", "serve", "talk"]

log = logging.getLogger(__name__)
Judge = Callable[[Session], Awaitable[Verdict]]

VERSION = 6
# Add headers, add and delete recipients, change headers, change the sender, add recipients with parameters.
ACTIONS = 0x01 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
# Not wanted: end of headers (0x40), unknown commands (0x100), DATA (0x200). No answer to: headers (0x80), connect
# (0x1000), HELO, MAIL, RCPT (0x8000), body (0x80000). 0x100000: header values with their leading blanks, for DKIM.
STAGES = 0x40 | 0x80 | 0x100 | 0x200 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x80000 | 0x100000
NEGOTIATE = struct.Struct("!III")
LENGTH = struct.Struct("!I")
# Postfix sends 64 KiB of body at once; headers may have 100 KiB.
LONGEST_PACKET = 2 * 1024 * 1024
# Postfix waits 300 s for the end of a message (milter_content_timeout).
PATIENCE_S = 240


class ProtocolError(Exception):
    """What came is no milter protocol."""


async def serve(path: Path, judge: Judge, *, group: str | None = None) -> asyncio.Server:
    """Listen on this unix socket, for `group` only; the caller ends the server. Raises OSError, LookupError."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer, judge)
        except (ProtocolError, struct.error) as error:
            log.warning("%s: %s", path.name, error)
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(connected, str(path))
    path.chmod(0o660)
    give(path, group=group)
    return server


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, judge: Judge) -> None:
    """One connection from Postfix, until it ends. Raises ProtocolError, struct.error."""
    collected = Collector()
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            command, content = await _packet(reader)
            match command:
                case b"Q":
                    return
                case b"O":
                    writer.write(_negotiated(content))
                case b"E":
                    collected.body(content)
                    verdict = await _judged(judge, collected.session)
                    writer.writelines(answers(verdict))
                    collected.abort()
                case _:
                    collected.take(command, content)
            await writer.drain()
    collected.session.body.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if not 0 < length <= LONGEST_PACKET:
        raise ProtocolError(f"a packet of {length} bytes")
    packet = await reader.readexactly(length)
    return packet[:1], packet[1:]


def _negotiated(offer: bytes) -> bytes:
    version, actions, stages = NEGOTIATE.unpack(offer[: NEGOTIATE.size])
    if version < VERSION or actions & ACTIONS != ACTIONS or stages & STAGES != STAGES:
        raise ProtocolError(f"Postfix offers version {version}, {actions:#x}, {stages:#x}; milter_protocol must be 6")
    return framed(b"O", NEGOTIATE.pack(VERSION, ACTIONS, STAGES))


async def _judged(judge: Judge, session: Session) -> Verdict:
    """A judge that fails or hangs makes the mail wait; it is not lost and does not pass unseen."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await judge(session)
    except Exception:
        log.exception("%s: not judged", session.queue_id)
        return defer()


class Collector:
    """Packets → the session of the message that is being sent."""

    def __init__(self) -> None:
        self.session = Session()

    def take(self, command: bytes, content: bytes) -> None:
        """One packet that needs no answer. Raises ProtocolError."""
        session = self.session
        match command:
            case b"D":
                self._macros(content)
            case b"C":
                self._connect(content)
            case b"H":
                session.helo = _texts(content)[0]
            case b"M":
                session.sender = _address(content)
            case b"R":
                session.recipients.append(_address(content))
            case b"L":
                self._header(content)
            case b"B":
                self.body(content)
            case b"A":
                self.abort()
            case b"K":  # a new client on the same connection
                self.session = Session()
            case _:
                raise ProtocolError(f"unknown command {command!r}")

    def abort(self) -> None:
        """The message has ended, either way."""
        self.session = self.session.next_message()

    def body(self, piece: bytes) -> None:
        self.session.body.seek(0, 2)
        self.session.body.write(piece)
        self.session.body_size += len(piece)

    def _macros(self, content: bytes) -> None:
        words = _texts(content[1:])
        self.session.macros.update({name.strip("{}"): value for name, value in zip(words[::2], words[1::2], strict=False)})

    def _connect(self, content: bytes) -> None:
        name, _, rest = content.partition(b"\0")
        # Family, port (2 bytes), address; a family "U" has none.
        address = rest[3:].partition(b"\0")[0] if rest[:1] in b"46" else b""
        self.session.client_name = _text(name)
        self.session.client_address = _text(address).removeprefix("IPv6:")

    def _header(self, content: bytes) -> None:
        name, value = _texts(content)[:2]
        self.session.headers.append(Header(name, value))


def _texts(content: bytes) -> list[str]:
    return [_text(word) for word in content.removesuffix(b"\0").split(b"\0")]


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _address(content: bytes) -> str:
    return _texts(content)[0].removeprefix("<").removesuffix(">")


def answers(verdict: Verdict) -> Iterator[bytes]:
    """The packets that carry a verdict out."""
    if verdict.action is Action.CONTINUE:
        yield from _changes(verdict)
    yield framed(verdict.action.value, _strings(verdict.reply) if verdict.action is Action.REPLY else b"")


def _changes(verdict: Verdict) -> Iterator[bytes]:
    for name, which in verdict.delete:
        yield framed(b"m", LENGTH.pack(which) + _strings(name, ""))
    for name, value in reversed(verdict.top):
        yield framed(b"i", LENGTH.pack(0) + _strings(name) + _folded(value))
    for name, value in verdict.bottom:
        yield framed(b"h", _strings(name, f" {value}"))
    if verdict.sender is not None:
        yield framed(b"e", _strings(f"<{verdict.sender}>"))
    for address in (*verdict.delete_recipients, *(old for old, _ in verdict.replace_recipients)):
        yield framed(b"-", _strings(f"<{address}>"))
    for address in verdict.add_recipients:
        yield framed(b"+", _strings(f"<{address}>"))
    for old, new in verdict.replace_recipients:
        yield framed(b"2", _strings(f"<{new}>", f"ORCPT=rfc822;{xtext(old)}"))


def xtext(address: str) -> str:
    """As a parameter of RCPT takes it (RFC 3461, 4)."""
    return "".join(letter if "!" <= letter <= "~" and letter not in "+=" else f"+{ord(letter):02X}" for letter in address)


def framed(command: bytes, content: bytes = b"") -> bytes:
    """One packet."""
    return LENGTH.pack(len(content) + 1) + command + content


def _folded(value: str) -> bytes:
    """A header's value. Its line breaks become folds, which continue the header: none begins another one."""
    lines = (line.strip(" \t") for line in value.replace("\0", "").replace("\r", "\n").split("\n"))
    return b" " + "\n\t".join(line for line in lines if line).encode("utf-8", "surrogateescape") + b"\0"


def _strings(*words: str) -> bytes:
    """Each ended by NUL, so none may hold one; a line break would be a second header or reply."""
    clean = (word.replace("\0", "").replace("\r", " ").replace("\n", " ") for word in words)
    return b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in clean)
