"""Brakes and pace on the real thing: PostgreSQL, Redis, several processes, many tries at one moment (R10)."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailsettings.servers.layout import Layout
from tests.mail import PASSWORD, World
from tests.stack.conftest import Command

RATE = 600  # requests a minute, as settings have it


class Client:
    """One address on loopback, and maybe a token. Each request has a connection of its own."""

    def __init__(self, layout: Layout, address: str, token: str = "") -> None:
        self.place, self.address = layout.ports["panel"], address
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection(*self.place, timeout=30, source_address=(self.address, 0))
        try:
            connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, self.headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
        finally:
            connection.close()

    def sign_in(self, login: str, password: str) -> int:
        return self.ask("POST", "/sessions/", {"login": login, "password": password})[0]


def at_once(count: int, call: Callable[[], int], threads: int = 12) -> Counter[int]:
    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(lambda _: call(), range(count)))


@pytest.fixture(scope="module")
def box(world: World) -> str:
    domain = world.domain("platinum")
    return world.mailbox(f"taro@{domain}")


def test_many_wrong_tries_at_one_moment_are_ten(world: World, layout: Layout, box: str) -> None:
    """However many processes answer: ten are told that it was wrong, and then the right one is refused as well."""
    near, far = Client(layout, "127.0.71.1"), Client(layout, "127.0.72.1")
    found = at_once(40, lambda: near.sign_in(box, "wrong"))
    assert found[401] <= 10
    assert found == {401: found[401], 429: 40 - found[401]}
    status, problem, headers = Client(layout, "127.0.71.9").ask("POST", "/sessions/", {"login": box, "password": PASSWORD})
    assert (status, problem["code"]) == (429, "too_many_failures")
    assert 0 < int(headers["Retry-After"]) <= 900
    assert far.sign_in(box, PASSWORD) == 201


def test_many_right_ones_at_one_moment_all_get_in(layout: Layout, box: str) -> None:
    assert at_once(20, lambda: Client(layout, "127.0.73.1").sign_in(box, PASSWORD)) == {201: 20}


def test_a_session_is_throttled_over_all_processes_and_the_operators_token_is_not(world: World, layout: Layout, box: str) -> None:
    """contract.md; the counter is Redis'."""
    token = Client(layout, "127.0.74.1").ask("POST", "/sessions/", {"login": box, "password": PASSWORD})[1]["token"]
    session, operator = Client(layout, "127.0.74.1", token), Client(layout, "127.0.74.1", world.token)
    _whole_minute()
    found = at_once(RATE + 20, lambda: session.ask("GET", "/me/")[0])
    assert found == {200: RATE, 429: 20}
    assert 0 < int(session.ask("GET", "/me/")[2]["Retry-After"]) <= 60
    assert at_once(RATE + 20, lambda: operator.ask("GET", "/me/")[0]) == {200: RATE + 20}


def _whole_minute() -> None:
    """Counters are by the minute: waits for the next one where little of this one is left."""
    while time.time() % 60 > 25:
        time.sleep(0.5)


def test_without_redis_every_request_is_answered(stack: Command, layout: Layout, world: World, box: str) -> None:
    """A cache that is away never fails a request, and signing in needs none."""
    stack("stop", "redis")
    try:
        client = Client(layout, "127.0.75.1")
        begun = time.monotonic()
        assert {client.sign_in(box, PASSWORD) for _ in range(3)} == {201}
        assert Client(layout, "127.0.75.1", world.token).ask("GET", "/me/")[0] == 200
        assert time.monotonic() - begun < 10
    finally:
        stack("start", "redis")
        stack("start")


def fast(seconds: Iterable[float]) -> float:
    """The median."""
    found = sorted(seconds)
    return found[len(found) // 2]


def test_time_does_not_tell_which_logins_exist(layout: Layout, box: str) -> None:
    """Both cost the same hashes and queries; the bound is wide, as two cores serve many."""

    def once(login: str, number: int) -> float:
        begun = time.monotonic()
        assert Client(layout, f"127.0.{80 + number}.1").sign_in(login, "wrong") == 401
        return time.monotonic() - begun

    known, unknown = [], []
    for number in range(20):
        known.append(once(box, number))
        unknown.append(once(f"nobody@{box.partition('@')[2]}", number))
    assert 0.6 < fast(known) / fast(unknown) < 1.6
