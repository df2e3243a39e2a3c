"""Mail that rules make: auto-replies, notices, error mails. It answers who wrote, and nobody else."""

import smtplib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from tests.mail import POLICY, World, note, parsed
from tests.stack.matrix import SPAM_PATTERN

BODY = "ただいま不在です。\n\n. 一行だけの点\n戻り次第、返信します。"


@pytest.fixture
def box(world: World) -> str:
    return world.mailbox(f"info@{world.domain('warp')}")


def replies_to(world: World, address: str) -> list[EmailMessage]:
    """Everything that the sink has for the address."""
    found = (parsed(path.read_bytes()) for path in world.layout.sink_dir.glob("*.eml"))
    return [message for message in found if address in str(message["X-Envelope-To"]).split(", ")]


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def unique(name: str, box: str) -> str:
    return f"{name}-{box.partition('@')[2][:11]}@sender.test"


def write(world: World, box: str, sender: str, *headers: tuple[str, str], body: str = "", header_from: str = "") -> str:
    message = note(header_from or sender or "someone@sender.test", box)
    for name, value in headers:
        message[name] = value
    if body:
        message.set_content(body)
    return world.inject(box, sender=sender, message=message)


def test_one_reply_per_sender_in_the_right_charset_and_again_after_clearing(world: World, box: str) -> None:
    """AR1, AR2: UTF-8, the plan's default subject, an empty envelope sender, one per sender until the record is cleared."""
    asks = unique("asks", box)
    world.live("PUT", f"/accounts/{box}/auto-reply/", {"body": BODY})
    write(world, box, asks)
    assert until(lambda: len(replies_to(world, asks)) == 1)
    reply = replies_to(world, asks)[0]
    assert str(reply["Subject"]) == "Notification for your mail."
    assert reply.get_content_charset() == "utf-8" and reply.get_content().replace("\r\n", "\n").rstrip("\n") == BODY
    assert reply["X-Envelope-From"] in ("", "<>", None) or not str(reply["X-Envelope-From"]).strip()
    assert str(reply["From"]).rstrip(">").endswith(box)
    world.arrives(box, write(world, box, asks))
    other = unique("other", box)
    write(world, box, other)
    assert until(lambda: len(replies_to(world, other)) == 1) and len(replies_to(world, asks)) == 1
    world.live("POST", f"/accounts/{box}/auto-reply/reset/")
    write(world, box, asks)
    assert until(lambda: len(replies_to(world, asks)) == 2)


def test_each_mail_is_answered_where_the_interval_is_nought(world: World, box: str) -> None:
    """AR2: up to a number per sender and hour."""
    asks = unique("often", box)
    world.live("PUT", f"/accounts/{box}/auto-reply/", {"body": "x", "interval_days": 0})
    for _ in range(3):
        write(world, box, asks)
    assert until(lambda: len(replies_to(world, asks)) == 3)
    for _ in range(30):
        write(world, box, asks)
    time.sleep(3)
    assert 3 <= len(replies_to(world, asks)) < 25


def test_a_reply_has_its_days(world: World, box: str) -> None:
    """AR1: before and after nothing is answered."""
    today = datetime.now(UTC).date()
    for name, first, last, answered in (
        ("before", today + timedelta(days=2), today + timedelta(days=9), 0),
        ("during", today - timedelta(days=1), today + timedelta(days=1), 1),
        ("after", today - timedelta(days=9), today - timedelta(days=2), 0),
    ):
        body = {"body": "x", "starts_on": str(first), "ends_on": str(last)}
        world.live("PUT", f"/accounts/{box}/auto-reply/", body)
        world.arrives(box, write(world, box, unique(name, box)))
        assert until(lambda name=name, answered=answered: len(replies_to(world, unique(name, box))) == answered, 5)  # type: ignore[misc]
        time.sleep(1)
        assert len(replies_to(world, unique(name, box))) == answered


NEVER = (
    "talk-request", "talk-admin", "owner-talk", "autoanswer", "echo", "listserv", "mailerdaemon", "mailer-daemon", "mirror", "netserv",
    "server", "uucp", "mailer", "listproc", "majordomo", "list.manager", "MAILER-DAEMON", "Owner-x",
)  # fmt: skip
MARKED = (
    ("Precedence", "bulk"), ("Precedence", "list"), ("Precedence", "junk"), ("List-Id", "<a.b.test>"),
    ("List-Unsubscribe", "<mailto:a@b.test>"),
    ("Auto-Submitted", "auto-replied"), ("Auto-Submitted", "auto-generated; x=y"),
)  # fmt: skip


def test_the_excluded_are_never_answered(world: World, box: str) -> None:
    """AR3: each name of the manual, lists, bulk and automatic mail, spam, the empty sender; who follows them still is."""
    world.live("PUT", f"/accounts/{box}/auto-reply/", {"body": "x", "interval_days": 0})
    domain = f"x{box.partition('@')[2][:11]}.test"
    for local in NEVER:
        write(world, box, f"{local}@{domain}")
    for number, header in enumerate(MARKED):
        write(world, box, f"m{number}@{domain}", header)
    write(world, box, f"spammer@{domain}", body=SPAM_PATTERN + "\n")
    write(world, box, "", header_from=f"nobody@{domain}")
    last = write(world, box, f"friend@{domain}")
    world.arrives(box, last)
    assert until(lambda: len(replies_to(world, f"friend@{domain}")) == 1)
    found = [m for p in world.layout.sink_dir.glob("*.eml") if domain in str((m := parsed(p.read_bytes()))["X-Envelope-To"])]
    assert [str(m["X-Envelope-To"]) for m in found] == [f"friend@{domain}"]


def test_rule_mail_is_no_weapon(world: World) -> None:
    """F11: forged senders in bulk: no error mail without SPF or DKIM, none for spam, notices and replies only so many an hour."""
    domain = world.domain("hs")
    box = world.mailbox(f"info@{domain}")
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "bounce"})
    with smtplib.SMTP(*world.port("smtp"), local_hostname="mx.outside.test") as smtp:
        for number in range(20):
            forged = f"victim{number}@bank{domain[:11]}.example"
            smtp.sendmail(forged, [box], note(forged, box).as_bytes(policy=POLICY))
    spam = f"spam@{domain[:11]}.test"
    write(world, box, spam, body=SPAM_PATTERN + "\n")
    honest = f"honest@{domain[:11]}.test"
    write(world, box, honest)
    assert until(lambda: len(replies_to(world, honest)) == 1)
    everything = [str(parsed(p.read_bytes())["X-Envelope-To"]) for p in world.layout.sink_dir.glob("*.eml")]
    assert not [to for to in everything if "victim" in to and domain[:11] in to] and spam not in everything


def test_notices_are_limited_per_hour(world: World, box: str) -> None:
    """F11."""
    phone = f"phone-{box.partition('@')[2][:11]}@phone.test"
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "notify", "destinations": [phone]})
    with smtplib.SMTP(*world.port("smtp"), local_hostname="mx.outside.test") as smtp:
        for number in range(150):
            smtp.sendmail("a@outside.test", [box], note(f"a{number}@outside.test", box, f"n{number}").as_bytes(policy=POLICY))
    last = write(world, box, "last@outside.test")
    world.arrives(box, last, seconds=60)
    time.sleep(3)
    assert 1 <= len(replies_to(world, phone)) <= 100


def test_a_notice_tells_sender_subject_and_recipient_as_plain_text(world: World, box: str) -> None:
    """F5: hostile text in the headers stays text."""
    phone = f"phone-{box.partition('@')[2][:11]}@phone.test"
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "notify", "destinations": [phone]})
    message = note('"<script>&body=x" <a@outside.test>', box, "請求書 100% & ?subject=forged\t${x}")
    world.inject(box, message=message)
    assert until(lambda: len(replies_to(world, phone)) == 1)
    notice = replies_to(world, phone)[0]
    assert str(notice["Subject"]) == "受信通知" and notice.get_content_type() == "text/plain"
    text = notice.get_content()
    assert "請求書 100% & ?subject=forged" in text and "a@outside.test" in text and box in text
    assert "a few" not in text  # the mail itself is not in it
