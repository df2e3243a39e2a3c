"""The lines that treat mail: with one taken out by hand, what it promises no longer holds (as test_configuration.py has it)."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mailsettings.servers.layout import Layout
from tests.mail import World, note
from tests.stack.test_configuration import DOVECOT, MAIN, MASTER, becomes, is_refused, without


@dataclass
class Place:
    """A mailbox that forwards to outside and quarantines by subject, in a domain that blocks a sender."""

    world: World
    box: str
    far: str
    alias: str


@pytest.fixture(scope="module")
def place(world: World) -> Place:
    domain = world.domain("platinum")
    found = Place(world, world.mailbox(f"info@{domain}"), f"far-{domain[:11]}@outside.test", f"alias@{domain}")
    condition = {"field": "subject", "operator": "contains", "value": "quarantine"}
    world.live("POST", f"/accounts/{found.box}/profiles/", {"action": "quarantine", "conditions": [condition]})
    world.live("POST", f"/accounts/{found.box}/profiles/", {"action": "forward", "destinations": [found.far]})
    world.live("POST", "/aliases/", {"address": found.alias, "destinations": [f"alias-{found.far}"]})
    world.live("PATCH", f"/domains/{domain}/senders/", {"block": ["blocked.test"]})
    return found


def ends_in(p: Place, message_id: str) -> str:
    """The folder that it comes to."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for folder in ("INBOX", "Junk"):
            if any(m["Message-ID"] == message_id for m in p.world.folder(p.box, folder)):
                return folder
        time.sleep(0.1)
    return ""


def leaves(p: Place, to: str, message_id: str, seconds: float = 3) -> str:
    """The envelope sender with which it reaches the sink; "" when it does not."""
    try:
        return str(p.world.sunk(to, message_id, seconds)["X-Envelope-From"])
    except AssertionError:
        return ""


def the_domain_blocks(p: Place) -> bool:
    return ends_in(p, p.world.inject(p.box, sender="x@blocked.test", message=note("x@blocked.test", p.box))) == "Junk"


def the_mailbox_quarantines(p: Place) -> bool:
    return ends_in(p, p.world.inject(p.box, message=note("x@outside.test", p.box, "quarantine this"))) == "Junk"


def a_rule_forwards(p: Place) -> bool:
    return bool(leaves(p, p.far, p.world.inject(p.box)))


def senders_are_rewritten(p: Place) -> bool:
    return leaves(p, f"alias-{p.far}", p.world.inject(p.alias)).startswith("SRS0=")


def bad_hashes_are_refused(p: Place) -> bool:
    forged = f"SRS0=AAAA=BB=outside.test=someone@{p.world.layout.hostname}"
    return is_refused(lambda: p.world.inject(forged, sender="", message=note("x@outside.test", forged)), 550)


def only_bounces_come_back(p: Place) -> bool:
    rewritten = leaves(p, f"alias-{p.far}", p.world.inject(p.alias), 10)
    return is_refused(lambda: p.world.inject(rewritten, sender="x@outside.test", message=note("x@outside.test", rewritten)), 550)


ROWS: list[tuple[str, str, str, Callable[[Place], bool]]] = [
    (DOVECOT, r"  sieve_before = file:.*", "", the_domain_blocks),
    (DOVECOT, r"  sieve_before2 = file:.*", "", the_mailbox_quarantines),
    (DOVECOT, r"submission_host = .*", "", a_rule_forwards),
    (MASTER, r"    -o smtpd_milters=unix:\S*/out\n", "", senders_are_rewritten),
    (MAIN, r"relay_recipient_maps = tcp:.*", "relay_recipient_maps = static:known", bad_hashes_are_refused),
    (MAIN, r"reject_unlisted_recipient, \$rewritten_sender, ", "reject_unlisted_recipient, ", only_bounces_come_back),
]


@pytest.mark.parametrize(("file", "line", "instead", "promise"), ROWS, ids=[row[3].__name__ for row in ROWS])
def test_taking_the_line_out_is_noticed(
    place: Place, layout: Layout, file: str, line: str, instead: str, promise: Callable[[Place], bool]
) -> None:
    """F8, F9, F10 and that scripts run at all."""
    found = Layout.load(layout.layout_path)
    folder = found.postfix_dir if file.startswith("postfix/") else found.dovecot_dir
    literal = re.search(line, (folder / file.partition("/")[2]).read_text())
    assert literal, f"{file} has no line {line!r}"
    asked: Callable[..., bool] = promise
    assert becomes(True, asked, place, 20)  # type: ignore[arg-type]
    with without(found, file, literal[0], instead):
        assert becomes(False, asked, place, 20)  # type: ignore[arg-type]
    assert becomes(True, asked, place, 20)  # type: ignore[arg-type]
