"""What happens when things die: workers, postmap, broker, database, panel. Mail goes on; changes go live afterwards."""

import os
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from mailsettings.servers.layout import Layout
from tests.mail import PASSWORD, World
from tests.stack.conftest import Command

SIGKILLED = -9
ByHand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def by_hand(stack: Command, manage: Command) -> Iterator[ByHand]:
    """The stack without its workers: the test applies by itself, in a process it may kill."""
    stack("stop", "worker", "jobs", "beat")
    try:
        yield lambda **env: manage("mailhost", "apply", env={key: str(value) for key, value in env.items()}, check=False)
    finally:
        stack("start", "worker", "jobs", "beat")


def changes_of(world: World, domain: str, round_: int) -> list[str]:
    """One of each kind of change at once; returns their ids."""
    box = f"keep@{domain}"
    calls = [
        ("POST", "/accounts/", {"address": f"n{round_}@{domain}", "password": PASSWORD}),
        ("POST", f"/accounts/{box}/password/", {"password": f"Round{round_}#Mail2026x"}),
        ("POST", "/aliases/", {"address": f"al{round_}@{domain}", "destinations": [box]}),
        ("POST", "/groups/", {"address": f"gr{round_}@{domain}", "members": [box, f"n{round_}@{domain}"]}),
    ]
    if round_:
        calls.append(("DELETE", f"/accounts/n{round_ - 1}@{domain}/", None))
        calls.append(("DELETE", f"/aliases/al{round_ - 1}@{domain}/", None))
    tag = f"{round_}.{domain}"
    calls.append(("POST", "/domains/", {"name": tag, "customer": world.call("GET", f"/domains/{domain}/").json["customer"], "plan": "hs"}))
    return [str(world.call(*call).change) for call in calls]


def states(world: World, changes: list[str]) -> set[str]:
    return {world.call("GET", f"/changes/{change}/").json["state"] for change in changes}


def test_killed_at_every_side_effect(world: World, by_hand: ByHand, manage: Command) -> None:
    """Before and after each effect of an apply, until a run ends unreached: afterwards no drift, all live."""
    domain = _domain_by_hand(world, by_hand)
    for number in range(1, 100):
        made = changes_of(world, domain, number - 1)
        if by_hand(TEGAMI_KILL_AT=number).returncode != SIGKILLED:
            break
        _all_is_well(world, manage, made)
    assert 10 < number < 99
    _all_is_well(world, manage, made)
    world.pop(f"keep@{domain}", f"Round{number - 1}#Mail2026x")


def test_postmap_killed_midway(world: World, by_hand: ByHand, manage: Command) -> None:
    """Each postmap of an apply: the change waits with the reason and goes live with the next run."""
    domain = _domain_by_hand(world, by_hand)
    for number in range(1, 50):
        made = changes_of(world, domain, number - 1)
        by_hand(TEGAMI_KILL_CHILD_AT=number)
        if "pending" not in states(world, made):
            break
        _all_is_well(world, manage, made)
    assert 4 < number < 49
    _all_is_well(world, manage, made)


def _all_is_well(world: World, manage: Command, made: list[str]) -> None:
    """After the next apply everything is live, and nothing differs."""
    found = manage("mailhost", "verify", "--apply", check=False)
    assert found.returncode == 0, found.stdout
    assert states(world, made) == {"live"}


def _domain_by_hand(world: World, by_hand: ByHand) -> str:
    tag = f"k{time.time_ns()}"
    world.call("POST", "/customers/", {"name": tag, "limits": {}})
    name = f"{tag}.example.com"
    world.call("POST", "/domains/", {"name": name, "customer": tag, "plan": "platinum"})
    world.call("POST", "/accounts/", {"address": f"keep@{name}", "password": PASSWORD})
    by_hand()
    return name


def test_a_killed_worker_is_made_good_by_the_next(world: World, stack: Command) -> None:
    """kill -9 of the Celery worker with changes on their way: the sweep finds them."""
    domain = world.domain()
    stack("kill", "worker")
    changes = [str(world.call("POST", "/accounts/", {"address": f"box{n}@{domain}", "password": PASSWORD}).change) for n in range(3)]
    assert states(world, changes) == {"pending"}
    stack("start", "worker")
    for change in changes:
        world.wait_live(change)
    world.arrives(f"box0@{domain}", world.inject(f"box0@{domain}"))


@pytest.mark.parametrize("away", ["redis", "panel", "postgres"])
def test_mail_goes_on_without(world: World, stack: Command, away: str) -> None:
    """Broker, panel or database stopped: in, out and read; what was asked before goes live by itself afterwards."""
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}")
    stack("stop", away)
    try:
        change = _try_to_change(world, box, away)
        world.arrives(box, world.inject(box))
        world.arrives(box, world.submit(box, box))
        world.sunk("far@elsewhere.test", world.submit(box, "far@elsewhere.test"))
    finally:
        stack("start", away)
    if change:
        world.wait_live(change, 60)
        world.pop(box, "Later#Mail2026xy")
    world.mailbox(f"after@{domain}")


def _try_to_change(world: World, box: str, away: str) -> str | None:
    """With the broker away a change is taken and waits; with the database away the panel says 503."""
    if away == "panel":
        return None
    if away == "postgres":
        from tests.mail import Refused

        with pytest.raises(Refused) as caught:
            world.call("GET", f"/accounts/{box}/")
        assert caught.value.status == 503
        return None
    change = world.call("POST", f"/accounts/{box}/password/", {"password": "Later#Mail2026xy"}).change
    assert states(world, [str(change)]) == {"pending"}
    world.pop(box)
    return str(change)


@pytest.mark.parametrize("server", ["dovecot", "postfix"])
def test_with_a_server_down_a_change_waits(world: World, stack: Command, server: str) -> None:
    """It is written, stays pending with the reason, and goes live when the server is back."""
    box = world.mailbox(f"taro@{world.domain()}")
    stack("stop", server)
    try:
        change = str(world.call("POST", f"/accounts/{box}/password/", {"password": "Later#Mail2026xy"}).change)
        end = time.monotonic() + 20
        while not (found := world.call("GET", f"/changes/{change}/?wait=1").json)["hosts"][0]["error"]:
            assert time.monotonic() < end, found
        assert found["state"] == "pending"
        assert "not running" in found["hosts"][0]["error"]
    finally:
        stack("start", server)
    world.wait_live(change, 60)
    world.pop(box, "Later#Mail2026xy")


def test_a_hand_edited_map_is_found_and_repaired(world: World, manage: Command, layout: Layout) -> None:
    """Drift: an entry taken out, one changed, one smuggled in; a broken directory row."""
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}")
    for words, text in ((["-d", "-"], f"{box}\n"), (["-r", "-i"], f"evil@{domain} attacker@elsewhere.test\n")):
        name = "mailboxes" if "-d" in words else "aliases"
        _postmap(layout, words, name, text)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        world.inject(box)
    found = manage("mailhost", "verify", check=False)
    assert found.returncode == 1
    assert box in found.stdout
    assert f"evil@{domain}" in found.stdout
    manage("mailhost", "verify", "--repair")
    world.arrives(box, world.inject(box))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        world.inject(f"evil@{domain}")
    assert manage("mailhost", "verify").stdout.strip().endswith("0 differences")


def _postmap(layout: Layout, words: list[str], name: str, text: str) -> None:
    command = ["postmap", "-c", str(layout.postfix_dir), *words, f"lmdb:{layout.map_path(name)}"]
    subprocess.run(command, input=text, text=True, check=True, env={**os.environ, "MAIL_CONFIG": str(layout.postfix_dir)})


def test_show_tells_what_the_servers_know(world: World, manage: Command) -> None:
    """`manage.py mailhost show`: from the servers' own files and tools; never a hash."""
    box = world.mailbox(f"taro@{world.domain()}", quota_mb=77)
    shown = manage("mailhost", "show", box).stdout
    assert box in shown
    assert "77" in shown
    assert "argon2id$" not in shown


def test_a_thousand_changes_become_a_handful_of_applies(world: World, stack: Command, layout: Layout) -> None:
    """Issue 2: coalesced, not a thousand."""
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}")
    stack("stop", "worker")
    try:
        body = [("POST", "/aliases/", {"address": f"a{n}@{domain}", "destinations": [box]}) for n in range(1000)]
        changes = [str(world.call(*one).change) for one in body]
    finally:
        began = time.monotonic()
        stack("start", "worker")
    world.wait_live(changes[0], 60)
    lives = {world.wait_live(change, 60)["live_at"] for change in changes}
    assert len(lives) <= 5, len(lives)
    assert time.monotonic() - began < 60
    world.arrives(box, world.inject(f"a999@{domain}"))


def test_a_killed_job_worker_is_made_good_by_the_next(world: World, stack: Command) -> None:
    """A4: emptying waits for a job worker and is done by the one that starts, also when it was left in the middle."""
    box = world.mailbox(f"taro@{world.domain()}")
    world.arrives(box, world.inject(box))
    stack("kill", "jobs")
    asked = world.call("POST", f"/accounts/{box}/purge/")
    assert asked.status == 202
    assert states(world, [str(asked.change)]) == {"pending"}
    stack("start", "jobs")
    world.wait_live(str(asked.change), 60)
    assert world.call("GET", f"/jobs/{asked.json['id']}/").json["state"] == "done"
    assert world.pop(box) == 0
