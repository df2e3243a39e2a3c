"""A message as Postfix hands it over, and what is to become of it: all that a judge has to do with."""

from __future__ import annotations

import email.header
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import IO

# Larger bodies wait in a file, not in memory: a hundred clients may send 100 MB each.
IN_MEMORY_BYTES = 2 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
# RFC 5321 4.5.3.1.5: 512 bytes with code and CR LF.
LONGEST_REPLY = 500


@dataclass(frozen=True, slots=True)
class Header:
    """One header as sent: `raw` = everything after the colon, folds as \\n, bytes that are no UTF-8 as surrogates."""

    name: str
    raw: str

    @property
    def key(self) -> str:
        """The name by which headers are compared; some write blanks before the colon."""
        return self.name.rstrip(" \t").lower()

    @property
    def text(self) -> str:
        """The value on one line, encoded words decoded as far as they can be."""
        plain = " ".join(self.raw.split())
        try:
            return str(email.header.make_header(email.header.decode_header(plain)))
        except (LookupError, UnicodeError, ValueError, email.errors.MessageError):
            return plain


@dataclass(slots=True)
class Session:
    """One message of an SMTP session. Addresses are without <>; the empty sender is ""."""

    client_name: str = ""
    client_address: str = ""
    helo: str = ""
    macros: dict[str, str] = field(default_factory=dict)
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    body: IO[bytes] = field(default_factory=lambda: tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115
    body_size: int = 0

    @property
    def login(self) -> str:
        """Who signed in, in lower case; "" for nobody."""
        return self.macros.get("auth_authen", "").lower()

    @property
    def queue_id(self) -> str:
        return self.macros.get("i", "")

    @property
    def size(self) -> int:
        """Bytes of the whole message."""
        return len(self.head()) + self.body_size

    def all(self, name: str) -> list[Header]:
        """The headers of this name, the topmost first."""
        return [header for header in self.headers if header.key == name.lower()]

    def head(self) -> bytes:
        """The headers and the empty line, as they came."""
        lines = (f"{header.name}:{header.raw}".replace("\r\n", "\n").replace("\n", "\r\n") for header in self.headers)
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("utf-8", "surrogateescape")

    def chunks(self) -> Iterator[bytes]:
        """The whole message with CR LF, piece by piece; nobody else may read it meanwhile."""
        yield self.head()
        yield from self.body_chunks()

    def body_chunks(self) -> Iterator[bytes]:
        """The body, piece by piece."""
        position = 0
        while True:
            # Each piece is sought anew: two readers may take turns.
            self.body.seek(position)
            piece = self.body.read(CHUNK_BYTES)
            if not piece:
                return
            position += len(piece)
            yield piece

    def whole(self) -> bytes:
        """The message in one piece."""
        return b"".join(self.chunks())

    def next_message(self) -> Session:
        """The session's next one: what the connection said stays."""
        self.body.close()
        return Session(self.client_name, self.client_address, self.helo)


class Action(Enum):
    """The protocol's words for the end of a message."""

    CONTINUE = b"c"
    DISCARD = b"d"
    REPLY = b"y"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the message, and the changes to it, done in this order. Addresses are without <>.

    `delete` = (header name, which of that name, from 1); `top` and `bottom` = new headers; `sender` = the new envelope
    sender (None: as it is); `replace_recipients` = (old, new): error mail names the old one as the original recipient.
    """

    action: Action = Action.CONTINUE
    reply: str = ""
    delete: tuple[tuple[str, int], ...] = ()
    top: tuple[tuple[str, str], ...] = ()
    bottom: tuple[tuple[str, str], ...] = ()
    sender: str | None = None
    delete_recipients: tuple[str, ...] = ()
    add_recipients: tuple[str, ...] = ()
    replace_recipients: tuple[tuple[str, str], ...] = ()


ACCEPT = Verdict()
DISCARD = Verdict(Action.DISCARD)


def refuse(text: str) -> Verdict:
    """Refused with this answer, such as `550 5.7.1 no`: one line of ASCII."""
    return Verdict(Action.REPLY, UNPRINTABLE.sub("?", text)[:LONGEST_REPLY])


def defer(text: str = "451 4.7.1 Service unavailable, try again later") -> Verdict:
    """Refused for now: the sender tries again, nothing is lost."""
    return refuse(text)


def deletions(session: Session, unwanted: Callable[[Header], bool]) -> tuple[tuple[str, int], ...]:
    """`Verdict.delete` for every header that is unwanted."""
    seen: dict[str, int] = {}
    found = []
    for header in session.headers:
        seen[header.key] = seen.get(header.key, 0) + 1
        if unwanted(header):
            found.append((header.name.rstrip(" \t"), seen[header.key]))
    # From the last: each one that goes renumbers those after it.
    return tuple(reversed(found))
