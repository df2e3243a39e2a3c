"""Each new component stopped in the middle of traffic: what waits arrives once, what is refused is refused for now, nothing is lost."""

import contextlib
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from mailsettings.servers.layout import Layout
from tests.mail import World, note, refused
from tests.stack.matrix import SPAM_PATTERN

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@contextlib.contextmanager
def stopped(stack: Command, component: str) -> Iterator[None]:
    stack("stop", component)
    try:
        yield
    finally:
        stack("start", component)


def sunk_times(world: World, to: str) -> int:
    texts = (path.read_text(errors="replace")[:2000] for path in world.layout.sink_dir.glob("*.eml"))
    return sum(to in text.split("X-Envelope-To: ", 1)[-1].split("\n", 1)[0] for text in texts)


@pytest.fixture
def forwarding(world: World) -> tuple[str, str, str]:
    """A mailbox that forwards to outside and keeps a copy, an alias to outside, and where both lead."""
    domain = world.domain("platinum")
    box, far = world.mailbox(f"info@{domain}"), f"far-{domain[:11]}@outside.test"
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [far]})
    world.live("POST", "/aliases/", {"address": f"alias@{domain}", "destinations": [f"alias-{far}"]})
    return box, f"alias@{domain}", far


def test_without_rspamd_mail_arrives_unmarked(world: World, stack: Command) -> None:
    """S1: by the operator's choice; the default lets it pass."""
    box = world.mailbox(f"info@{world.domain()}")
    spam = note("someone@outside.test", box)
    spam.set_content(SPAM_PATTERN + "\n")
    with stopped(stack, "rspamd"):
        assert world.arrives(box, world.inject(box, message=spam))["X-Spam-Flag"] is None
    again = note("someone@outside.test", box)
    again.set_content(SPAM_PATTERN + "\n")
    assert world.arrives(box, world.inject(box, message=again))["X-Spam-Flag"] == "YES"


def test_without_clamd_mail_is_deferred_and_not_lost(world: World, stack: Command) -> None:
    """V4: the sender keeps it."""
    box = world.mailbox(f"info@{world.domain()}")
    message = note("someone@outside.test", box)
    with stopped(stack, "clamd"):
        refused(lambda: world.inject(box, message=message), 451)
    world.arrives(box, world.inject(box, message=message))


def test_without_the_milter_mail_is_deferred_and_not_lost(world: World, stack: Command) -> None:
    box = world.mailbox(f"info@{world.domain()}")
    message = note("someone@outside.test", box)
    with stopped(stack, "milter"), pytest.raises(smtplib.SMTPException):
        world.inject(box, message=message)
    world.arrives(box, world.inject(box, message=message))


def test_without_postsrsd_what_is_forwarded_waits_and_leaves_once(world: World, stack: Command, forwarding: tuple[str, str, str]) -> None:
    """F8."""
    box, alias, far = forwarding
    with stopped(stack, "postsrsd"):
        message = world.inject(box, alias)
        time.sleep(2)
        assert sunk_times(world, far) == sunk_times(world, f"alias-{far}") == 0
    world.arrives(box, message, seconds=60)
    world.sunk(far, message, seconds=60)
    world.sunk(f"alias-{far}", message, seconds=60)
    time.sleep(3)
    assert sunk_times(world, f"alias-{far}") == 1
    world.arrives(box, message)


def test_without_the_bounce_handler_an_error_mail_waits(world: World, stack: Command) -> None:
    """F8."""
    domain = world.domain()
    asks = f"asks-{domain[:11]}@outside.test"
    world.live("POST", "/aliases/", {"address": f"alias@{domain}", "destinations": [f"refuse-{domain[:11]}@hidden.test"]})
    with stopped(stack, "bounces"):
        world.inject(f"alias@{domain}", sender=asks)
        time.sleep(3)
        assert sunk_times(world, asks) == 0
    end = time.monotonic() + 60
    while sunk_times(world, asks) == 0 and time.monotonic() < end:
        time.sleep(0.2)
    assert sunk_times(world, asks) == 1


def test_without_the_filter_program_nothing_leaves_unstripped_and_the_copy_is_kept(world: World, layout: Layout) -> None:
    """F4."""
    domain = world.domain("platinum")
    box, far = world.mailbox(f"info@{domain}"), f"far-{domain[:11]}@outside.test"
    body = {"action": "forward", "destinations": [far], "strip_attachments": True}
    world.live("POST", f"/accounts/{box}/profiles/", body)
    program = layout.state / "sieve" / "bin" / "strip-attachments"
    aside = program.with_name("aside")
    program.rename(aside)
    try:
        message = world.inject(box)
        world.arrives(box, message)
        time.sleep(2)
        assert sunk_times(world, far) == 0
    finally:
        aside.rename(program)
    world.sunk(far, world.inject(box))


def test_a_full_mailbox_neither_forwards_nor_answers_again_at_each_try(world: World) -> None:
    """F8, AR2: behind an alias the mail waits; it is stored, forwarded and answered once, when there is room."""
    domain = world.domain("platinum")
    box, far = world.mailbox(f"info@{domain}", quota_messages=1), f"far-{domain[:11]}@outside.test"
    world.live("POST", "/aliases/", {"address": f"alias@{domain}", "destinations": [box]})
    world.arrives(box, world.inject(box))
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [far]})
    world.live("PUT", f"/accounts/{box}/auto-reply/", {"subject": "x", "body": "x", "interval_days": 0})
    asks = f"asks-{domain[:11]}@sender.test"
    message = world.inject(f"alias@{domain}", sender=asks, message=note(asks, f"alias@{domain}"))
    time.sleep(10)  # several tries
    assert sunk_times(world, far) == sunk_times(world, asks) == 0
    world.live("PATCH", f"/accounts/{box}/", {"quota_messages": 10})
    world.arrives(box, message, seconds=60)
    world.sunk(far, message, seconds=60)
    time.sleep(3)
    assert sunk_times(world, far) == sunk_times(world, asks) == 1
