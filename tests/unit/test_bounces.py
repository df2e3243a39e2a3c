"""What a bounce becomes: the first sender's notification, with nothing in it that leads to the destination."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import random
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from types import SimpleNamespace

import pytest

from mailsettings.servers.bounces import handler
from mailsettings.servers.bounces.report import Failure, failure_in, notification, without
from mailsettings.servers.desired import tag
from mailsettings.servers.srs import Origin, SrsDown

SENT = """\
Received: from x by secret-host.far.test for <hidden@far.test>
Delivered-To: hidden@far.test
X-Original-To: hidden@far.test
From: =?utf-8?b?5aSq6YOO?= <taro@outside.test>
To: info@our.test,
 other@else.test
Subject: hello
 folded
Date: Sun, 22 Nov 2026 02:57:01 +0000
Message-ID: <one@outside.test>

a body that mentions hidden@far.test
"""
BLOCK = """\
Final-Recipient: rfc822; hidden@far.test
Original-Recipient: rfc822; hidden@far.test
Action: {action}
Status: {status}
Remote-MTA: dns; secret-host.far.test
Diagnostic-Code: smtp; 550 5.1.1 <hidden@far.test>: no such user
"""


def report(*blocks: str, returned: str = SENT, kind: str = "message/rfc822", report_type: str = "delivery-status") -> bytes:
    """As other hosts write it (RFC 3464)."""
    status = "Reporting-MTA: dns; secret-host.far.test\n\n" + "\n".join(blocks)
    parts = (("text/plain", "hidden@far.test could not be reached\n"), ("message/delivery-status", status), (kind, returned))
    body = "".join(f"--B\nContent-Type: {content}\n\n{text}\n" for content, text in parts)
    top = f'From: MAILER-DAEMON@far.test\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type={report_type}; boundary="B"\n\n'
    return (top + body + "--B--\n").replace("\n", "\r\n").encode()


FAILED = BLOCK.format(action="failed", status="5.1.1 (no such user)")
DELAYED = BLOCK.format(action="delayed", status="4.4.1")


def said(raw: bytes) -> bytes:
    """Everything that somebody can read in it: the bytes, and what they decode to."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    decoded = (part.get_payload(decode=True) for part in message.walk() if not part.is_multipart())
    return b"\n".join((raw, *(text for text in decoded if isinstance(text, bytes))))


def test_of_a_failure_the_status_and_what_the_sender_wrote_are_kept() -> None:
    found = failure_in(report(FAILED))
    assert found is not None
    assert found.status == "5.1.1"
    assert found.returned == (
        ("From", "=?utf-8?b?5aSq6YOO?= <taro@outside.test>"),
        ("To", "info@our.test, other@else.test"),
        ("Subject", "hello folded"),
        ("Date", "Sun, 22 Nov 2026 02:57:01 +0000"),
        ("Message-ID", "<one@outside.test>"),
    )


def test_returned_headers_alone_are_enough() -> None:
    found = failure_in(report(FAILED, kind="text/rfc822-headers"))
    assert found is not None
    assert found.message_id == "<one@outside.test>"


def test_one_failure_among_delays_counts() -> None:
    found = failure_in(report(DELAYED, FAILED))
    assert found is not None
    assert found.status == "5.1.1"


@pytest.mark.parametrize("status", ["", "2.0.0", "what", "5.1"])
def test_a_status_that_is_none_is_replaced(status: str) -> None:
    found = failure_in(report(BLOCK.format(action="Failed", status=status)))
    assert found is not None
    assert found.status == "5.0.0"


@pytest.mark.parametrize(
    "mail",
    [
        report(DELAYED),
        report(BLOCK.format(action="delivered", status="2.0.0")),
        report(BLOCK.format(action="relayed", status="2.0.0")),
        report(),
        b"Auto-Submitted: auto-replied\r\nSubject: away\r\n\r\nI am away\r\n",
        b"Subject: Undelivered Mail\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nsorry\r\n--B--\r\n",
        b"",
    ],
)
def test_everything_else_is_no_failure(mail: bytes) -> None:
    assert failure_in(mail) is None


def test_a_message_cut_anywhere_is_read_or_left() -> None:
    whole = report(FAILED)
    for length in range(0, len(whole), 7):
        failure_in(whole[:length])


def test_bytes_of_chance_are_read_or_left() -> None:
    chance = random.Random(1)
    whole = bytearray(report(FAILED))
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(5):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        failure = failure_in(bytes(broken))
        if failure:
            notification("mx1.our.test", "taro@outside.test", "info@our.test", failure).as_bytes()


def test_the_notification_names_the_forwarding_address_and_never_the_destination() -> None:
    failure = failure_in(report(FAILED))
    assert failure
    raw = notification("mx1.our.test", "taro@outside.test", "info@our.test", failure).as_bytes()
    assert b"hidden" not in said(raw)
    assert b"far.test" not in said(raw)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text, _status, returned = message.iter_parts()
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    assert text.get_content().count("info@our.test") == 2
    assert "could not be delivered" in text.get_content()
    assert "配送できませんでした" in text.get_content()
    assert b"Final-Recipient: rfc822; info@our.test\r\nAction: failed\r\nStatus: 5.1.1\r\n" in raw
    assert returned.get_content_type() == "text/rfc822-headers" and b"\r\nMessage-ID: <one@outside.test>\r\n" in raw


def test_headers_into_which_a_host_wrote_the_destination_are_left_out() -> None:
    failure = failure_in(report(FAILED, returned=SENT.replace("hello", "for Hidden@Far.test")))
    assert failure
    kept = without(failure, "info@our.test", ("hidden@far.test", "nobody@far.test"))
    assert [name for name, _ in kept.returned] == ["From", "To", "Date", "Message-ID"]


def test_a_to_that_does_not_name_the_forwarding_address_is_left_out() -> None:
    failure = failure_in(report(FAILED, returned=SENT.replace("info@our.test", "deeper@elsewhere.test")))
    assert failure
    assert "To" not in dict(without(failure, "info@our.test", ()).returned)
    assert "To" not in dict(without(failure, None, ()).returned)


def test_an_address_that_is_gone_is_not_named() -> None:
    raw = notification("mx1.our.test", "taro@outside.test", None, Failure("5.1.1")).as_bytes()
    assert b"Final-Recipient: rfc822; forwarding-address@mx1.our.test" in raw


def test_returned_headers_cannot_add_lines() -> None:
    sent = SENT.replace("Subject: hello\n folded", "Subject: =?utf-8?q?a=0AX-Evil:_1?=")
    failure = failure_in(report(FAILED, returned=sent))
    assert failure
    raw = notification("mx1.our.test", "taro@outside.test", "info@our.test", failure).as_bytes()
    assert not any(line.startswith(b"X-Evil") for line in raw.splitlines())


# --- the handler
ORIGIN = Origin(tag("info@our.test"), "taro@outside.test")


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Handled:
    return Handled(monkeypatch)


class Handled:
    """A handler with postsrsd, map and way out of straw. `sent` = (recipient, bytes); `refusal` = what sending raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.refusal: Exception | None = None
        self.origin: Origin | Exception | None = ORIGIN
        monkeypatch.setattr("mailsettings.servers.srs.undone", self._undone)
        monkeypatch.setattr(handler, "forwards_of", self._forwards_of)
        monkeypatch.setattr("smtplib.SMTP", self._smtp)
        layout = SimpleNamespace(hostname="mx1.our.test", ports={"srs_reverse": ("", 1), "wayout": ("127.0.0.1", 1)})
        self.handler = handler.Handler(layout)  # type: ignore[arg-type]

    def __call__(self, content: bytes, sender: str = "<>") -> str:
        envelope = SimpleNamespace(mail_from=sender, rcpt_tos=["SRS0=x@mx1.our.test"], content=content)
        return asyncio.run(self.handler.handle_DATA(None, None, envelope))  # type: ignore[arg-type]

    async def _undone(self, port: object, address: str) -> Origin | None:
        if isinstance(self.origin, Exception):
            raise self.origin
        return self.origin

    async def _forwards_of(self, layout: object, mark: str) -> tuple[str, tuple[str, ...]]:
        assert mark == ORIGIN.tag
        return "info@our.test", ("hidden@far.test",)

    @contextlib.contextmanager
    def _smtp(self, *where: object, **options: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(sendmail=self._sendmail)

    def _sendmail(self, sender: str, to: list[str], message: bytes) -> None:
        assert sender == ""
        if self.refusal:
            raise self.refusal
        self.sent.append((to[0], message))


def test_a_failure_is_told_to_the_first_sender_once_for_each_message(handled: Handled) -> None:
    assert handled(report(FAILED)) == handled(report(FAILED)) == handler.DONE
    assert [to for to, _ in handled.sent] == ["taro@outside.test"]
    handled(report(FAILED, returned=SENT.replace("<one@", "<two@")))
    assert len(handled.sent) == 2
    assert not any(b"hidden" in said(message) for _, message in handled.sent)


@pytest.mark.parametrize(("content", "sender"), [(report(DELAYED), "<>"), (b"Subject: away\r\n\r\n", "<>"), (report(FAILED), "a@far.test")])
def test_other_mail_is_taken_and_dropped(handled: Handled, content: bytes, sender: str) -> None:
    assert handled(content, sender) == handler.DONE
    assert handled.sent == []


def test_what_cannot_be_told_now_waits_and_is_told_later(handled: Handled) -> None:
    handled.refusal = smtplib.SMTPServerDisconnected("gone")
    assert handled(report(FAILED)) == handler.LATER
    handled.refusal = smtplib.SMTPRecipientsRefused({"taro@outside.test": (451, b"later")})
    assert handled(report(FAILED)) == handler.LATER
    handled.refusal = None
    assert handled(report(FAILED)) == handler.DONE
    assert len(handled.sent) == 1


def test_a_first_sender_who_does_not_exist_is_not_tried_again(handled: Handled) -> None:
    handled.refusal = smtplib.SMTPRecipientsRefused({"taro@outside.test": (550, b"unknown")})
    assert handled(report(FAILED)) == handler.DONE


def test_without_postsrsd_bounces_wait(handled: Handled) -> None:
    handled.origin = SrsDown("no")
    assert handled(report(FAILED)) == handler.LATER


def test_only_so_many_messages_are_remembered(handled: Handled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "TOLD_ALREADY", 3)
    for number in range(5):
        handled(report(FAILED, returned=SENT.replace("<one@", f"<{number}@")))
    assert len(handled.handler.told) == 3
