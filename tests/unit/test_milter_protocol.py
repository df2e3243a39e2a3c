"""The milter protocol on a unix socket, spoken by a Postfix of straw."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mailsettings.servers.milter.protocol import ACTIONS, LONGEST_PACKET, STAGES, framed, serve
from mailsettings.servers.milter.session import ACCEPT, DISCARD, Header, Session, Verdict, defer, deletions, refuse

Talk = Callable[["Straw"], Awaitable[None]]


class Straw:
    """The other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, command: bytes, content: bytes = b"") -> None:
        self.writer.write(framed(command, content))

    async def heard(self) -> tuple[bytes, bytes]:
        (length,) = struct.unpack("!I", await self.reader.readexactly(4))
        packet = await self.reader.readexactly(length)
        return packet[:1], packet[1:]

    async def negotiated(self) -> None:
        self.say(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
        assert await self.heard() == (b"O", struct.pack("!III", 6, ACTIONS, STAGES))

    def connect(self) -> None:
        self.say(b"D", b"Cj\0mx1\0")
        self.say(b"C", b"mx.outside.test\x004" + struct.pack("!H", 4711) + b"192.0.2.7\0")
        self.say(b"H", b"mx.outside.test\0")

    def message(self, *headers: bytes, login: bytes = b"") -> None:
        self.say(b"D", b"M{auth_authen}\0" + login + b"\0")
        self.say(b"M", b"<a@outside.test>\0SIZE=10\0")
        self.say(b"R", b"<b@example.com>\0")
        self.say(b"R", b"<c@example.com>\0")
        for header in headers:
            name, _, value = header.partition(b":")
            self.say(b"L", name + b"\0" + value + b"\0")
        self.say(b"B", b"one\r\n")
        self.say(b"B", b"two\r\n")
        self.say(b"D", b"Ei\x004XyZ\0")
        self.say(b"E")


def run(folder: Path, talk: Talk, verdict: Verdict = ACCEPT) -> list[Session]:
    """Let the two talk; gives what the judge was shown (bodies read)."""
    seen: list[Session] = []

    async def judge(session: Session) -> Verdict:
        if session.sender == "fault@outside.test":
            raise RuntimeError("a fault")
        session.macros["whole"] = session.whole().decode("latin-1")
        seen.append(session)
        return verdict

    async def both() -> None:
        server = await serve(folder / "s", judge)
        straw = Straw(*await asyncio.open_unix_connection(str(folder / "s")))
        await asyncio.wait_for(talk(straw), 5)
        straw.writer.close()
        server.close()

    asyncio.run(both())
    return seen


def test_a_message_is_collected_whole(tmp_path: Path) -> None:
    async def talk(straw: Straw) -> None:
        await straw.negotiated()
        straw.connect()
        straw.message(b"From: a@outside.test", b"Subject:  folded\n\tover two", b"X-Raw: \xe9\x83", login=b"Box@Example.com")
        assert await straw.heard() == (b"c", b"")

    (session,) = run(tmp_path, talk)
    assert (session.client_name, session.client_address, session.helo) == ("mx.outside.test", "192.0.2.7", "mx.outside.test")
    assert (session.sender, session.recipients) == ("a@outside.test", ["b@example.com", "c@example.com"])
    assert (session.login, session.queue_id) == ("box@example.com", "4XyZ")
    assert session.head() == b"From: a@outside.test\r\nSubject:  folded\r\n\tover two\r\nX-Raw: \xe9\x83\r\n\r\n"
    assert session.macros["whole"].endswith("\r\n\r\none\r\ntwo\r\n")
    assert session.size == len(session.head()) + 10


def test_every_change_of_a_verdict_is_said_before_the_answer(tmp_path: Path) -> None:
    verdict = Verdict(
        delete=(("X-A", 2), ("X-A", 1)), top=(("T-1", "x"), ("T-2", "y")), bottom=(("B", "a\r\nb\0"),), sender="",
        delete_recipients=("b@example.com",), add_recipients=("d@example.com",),
    )  # fmt: skip

    async def talk(straw: Straw) -> None:
        await straw.negotiated()
        straw.connect()
        straw.message()
        assert [await straw.heard() for _ in range(9)] == [
            (b"m", b"\0\0\0\x02X-A\0\0"),
            (b"m", b"\0\0\0\x01X-A\0\0"),
            (b"i", b"\0\0\0\0T-2\0 y\0"),
            (b"i", b"\0\0\0\0T-1\0 x\0"),
            (b"h", b"B\0 a  b\0"),
            (b"e", b"<>\0"),
            (b"-", b"<b@example.com>\0"),
            (b"+", b"<d@example.com>\0"),
            (b"c", b""),
        ]

    run(tmp_path, talk, verdict)


@pytest.mark.parametrize(
    ("verdict", "packet"),
    [
        (DISCARD, (b"d", b"")),
        (defer(), (b"y", b"451 4.7.1 Service unavailable, try again later\0")),
        (refuse("550 5.7.1 日本\r\nlonger" + "x" * 600), (b"y", b"550 5.7.1 ?longer" + b"x" * 483 + b"\0")),
    ],
)
def test_final_answers(tmp_path: Path, verdict: Verdict, packet: tuple[bytes, bytes]) -> None:
    async def talk(straw: Straw) -> None:
        await straw.negotiated()
        straw.message()
        assert await straw.heard() == packet

    run(tmp_path, talk, verdict)


def test_two_messages_in_one_session_share_the_client_and_nothing_else(tmp_path: Path) -> None:
    async def talk(straw: Straw) -> None:
        await straw.negotiated()
        straw.connect()
        straw.message(b"X: 1", login=b"box@example.com")
        await straw.heard()
        straw.say(b"M", b"<z@outside.test>\0")
        straw.say(b"A")
        straw.say(b"M", b"<>\0")
        straw.say(b"E", b"short\r\n")
        await straw.heard()

    first, second = run(tmp_path, talk)
    assert first.login == "box@example.com"
    assert (second.login, second.sender, second.recipients, second.headers) == ("", "", [], [])
    assert second.client_address == "192.0.2.7"
    assert second.macros["whole"] == "\r\nshort\r\n"


def test_a_judge_that_fails_makes_the_mail_wait(tmp_path: Path) -> None:
    async def talk(straw: Straw) -> None:
        await straw.negotiated()
        straw.say(b"M", b"<fault@outside.test>\0")
        straw.say(b"E")
        assert (await straw.heard())[1].startswith(b"451 4.7.1")

    run(tmp_path, talk)


@pytest.mark.parametrize(
    "nonsense",
    [b"GET / HTTP/1.1\r\n\r\n", framed(b"?"), framed(b"O", struct.pack("!III", 2, 0x3F, 0x7F)), framed(b"O", b"x"),
     struct.pack("!I", LONGEST_PACKET + 1), struct.pack("!I", 0)],
)  # fmt: skip
def test_nonsense_ends_the_connection_only(tmp_path: Path, nonsense: bytes) -> None:
    async def talk(straw: Straw) -> None:
        straw.writer.write(nonsense)
        assert await straw.reader.read() == b""
        other = Straw(*await asyncio.open_unix_connection(str(tmp_path / "s")))
        await other.negotiated()
        other.writer.close()

    run(tmp_path, talk)


def test_a_large_body_is_read_whole_by_two_at_once() -> None:
    session = Session()
    session.body.write(bytes(range(256)) * 20_000)
    session.body_size = 5_120_000
    one, two = session.body_chunks(), session.body_chunks()
    pieces = list(zip(one, two, strict=True))
    assert len(pieces) > 1
    assert b"".join(first for first, _ in pieces) == b"".join(second for _, second in pieces) == bytes(range(256)) * 20_000


def test_headers_are_deleted_from_the_last_whatever_their_writing() -> None:
    session = Session(
        headers=[Header("X-Tegami-Virus ", " a"), Header("To", " b"), Header("x-tegami-virus", " c"), Header("X-Spam-Flag", "")]
    )
    assert deletions(session, lambda header: header.key != "to") == (("X-Spam-Flag", 1), ("x-tegami-virus", 2), ("X-Tegami-Virus", 1))
