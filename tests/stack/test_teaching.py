"""S4: moving mail to and from the spam folder teaches the filter, each domain its own."""

import random
import re
import time
from email.message import EmailMessage

from tests.mail import World, note

WORDS = ["lantern", "harbour", "pillow", "copper", "meadow", "violin", "thunder", "basket", "ribbon", "walnut", "saddle", "candle"]
OTHERS = ["budget", "meeting", "invoice", "schedule", "project", "manager", "contract", "delivery", "office", "report", "ledger", "agenda"]


def written(to: str, words: list[str], seed: int) -> EmailMessage:
    message = note("someone@outside.test", to, " ".join(words[:4]))
    mixed = words * 4
    random.Random(seed).shuffle(mixed)
    message.set_content(" ".join(mixed) + "\n")
    return message


def score(message: EmailMessage) -> float:
    """What rspamd gave it."""
    found = re.search(r"-?\d+(\.\d+)?", str(message["X-Spam-Score"]))
    assert found, message["X-Spam-Score"]
    return float(found[0])


def weighed(world: World, box: str, words: list[str], seed: int) -> float:
    return score(world.arrives(box, world.inject(box, message=written(box, words, seed))))


def move(world: World, box: str, message_id: str, source: str, target: str) -> None:
    with world.imap(box) as client:
        client.select(source)
        number = client.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()[0].decode()
        assert client._simple_command("MOVE", number, target)[0] == "OK"  # type: ignore[attr-defined]


def test_moving_mail_teaches_the_filter_of_its_own_domain_only(world: World) -> None:
    taught, foreign = world.domain("standard"), world.domain("standard")
    box, other = world.mailbox(f"info@{taught}"), world.mailbox(f"info@{foreign}")
    before, before_other = weighed(world, box, WORDS, 0), weighed(world, other, WORDS, 0)
    for seed in range(1, 6):
        for words, ham in ((WORDS, False), (OTHERS, True)):
            message_id = world.inject(box, message=written(box, words, seed))
            world.arrives(box, message_id)
            move(world, box, message_id, "INBOX", "Junk")
            if ham:
                move(world, box, message_id, "Junk", "INBOX")
    time.sleep(1)
    assert weighed(world, box, WORDS, 99) > before + 1
    assert weighed(world, box, OTHERS, 99) < weighed(world, box, WORDS, 98)
    assert weighed(world, other, WORDS, 99) == before_other
