"""Webhooks through the real worker and broker, to a receiver on loopback (which a private stack allows)."""

import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Iterator

import pytest

from tests.mail import PASSWORD, World
from tests.receiver import Receiver, receiving
from tests.stack.conftest import Command

SECRET = "0123456789abcdef"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as kept:
        yield kept


@pytest.fixture
def hook(world: World, receiver: Receiver) -> Iterator[str]:
    """The address of a webhook that is told of new accounts."""
    body = {"url": f"http://127.0.0.1:{receiver.port}/hook", "events": ["account.created"], "secret": SECRET}
    path = f"/webhooks/{world.call('POST', '/webhooks/', body).json['id']}/"
    yield path
    world.call("DELETE", path)


def test_an_integrator_is_told_at_once(world: World, hook: str, receiver: Receiver) -> None:
    tag = uuid.uuid4().hex[:10]
    address = f"ken@d{tag}.example.com"
    world.call("POST", "/customers/", {"name": f"c-{tag}"})
    world.call("POST", "/domains/", {"name": f"d{tag}.example.com", "customer": f"c-{tag}", "plan": "hs"})
    world.call("POST", "/accounts/", {"address": address, "password": PASSWORD})
    came = next(one for one in receiver.wait(1) if json.loads(one["body"])["subject"] == address)
    moment = came["tegami-signature"].removeprefix("t=").partition(",")[0]
    expected = hmac.new(SECRET.encode(), f"{moment}.".encode() + came["body"], hashlib.sha256).hexdigest()
    assert came["tegami-signature"] == f"t={moment},v1={expected}"
    assert PASSWORD not in came["body"].decode()


def test_a_worker_killed_while_the_receiver_thinks_loses_nothing(
    world: World, hook: str, receiver: Receiver, stack: Command, manage: Command
) -> None:
    receiver.held = threading.Event()
    world.call("POST", hook + "ping/")
    receiver.wait(1)
    stack("kill", "jobs")
    receiver.held.set()
    stack("start", "jobs")
    assert world.call("GET", hook + "deliveries/").json["results"][0]["state"] == "waiting"
    now = "from django.utils import timezone; from accounts.models import WebhookDelivery as rows"
    over = f"{now}; rows.objects.filter(state='waiting').update(next_at=timezone.now())"
    manage("shell", "-v", "0", "-c", over)  # the lease of the killed one, 90 s, is over
    first, second = receiver.wait(2)[:2]
    assert first["tegami-delivery"] == second["tegami-delivery"]


def test_while_the_broker_is_away_nothing_is_lost(world: World, hook: str, receiver: Receiver, stack: Command) -> None:
    stack("stop", "redis")
    try:
        world.call("POST", hook + "ping/")
    finally:
        stack("start", "redis")
    assert receiver.wait(1, 60)[0]["tegami-event"] == "ping"
