"""The stack's own behaviour: harmless when started twice, exact when stopped, and it survives its crashes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from mailsettings.servers import private, stack
from mailsettings.servers.layout import Layout
from mailsettings.servers.stack import components, process
from mailsettings.servers.stack.instance import running
from tests.servers.conftest import SERVERS
from tests.servers.host import Host

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def crash(layout: Layout) -> Layout:
    """The folder's instance, running, for a test to maltreat."""
    return layout


def pids(layout: Layout) -> dict[str, int | None]:
    return {name: pid for name, pid in stack.status(layout).items() if name in SERVERS}


def left(layout: Layout) -> list[int]:
    """Every process of the instance, whether it is noted or not."""
    found = [components.COMPONENTS[name] for name in SERVERS]
    return [one.pid for each in found for one in process.leftovers(components.mark_of(layout, each.name), each.folder(layout))]


def mail_flows(layout: Layout) -> None:
    host = Host(layout, f"{uuid.uuid4().hex[:8]}.example.com")
    box = host.mailbox("a")
    host.arrives(box, host.inject(box))
    host.sunk("o@elsewhere.test", host.submit(box, "o@elsewhere.test"))


def test_starting_twice_is_harmless(crash: Layout) -> None:
    before = pids(crash)
    assert all(before.values())
    assert set(stack.start(crash, SERVERS).values()) == {"running"}
    assert pids(crash) == before


def test_two_starts_at_once_start_one_stack(crash: Layout) -> None:
    stack.stop(crash)
    command = [sys.executable, "-m", "mailsettings.servers.stack", "start", "--name", crash.name, *SERVERS]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT) for _ in range(2)]
    # communicate() returns only when nobody holds the pipes any more: nothing that was started may.
    output = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], output
    assert sum(b"started" in text for text, _ in output) == 1
    mail_flows(crash)


def test_stop_leaves_no_process_and_no_stack_json(crash: Layout) -> None:
    stack.stop(crash)
    assert left(crash) == []
    assert not crash.stack_json.exists()
    assert all(private.is_free(crash.ports[name]) for name in ("smtp", "imaps", "sink"))


def test_killed_masters_with_their_children_are_replaced(crash: Layout) -> None:
    before = pids(crash)
    for pid in before.values():
        assert pid
        os.kill(pid, signal.SIGKILL)
    assert set(stack.start(crash, SERVERS).values()) == {"started"}
    assert not set(pids(crash).values()) & set(before.values())
    mail_flows(crash)


def test_one_dead_component_is_started_again_and_the_others_stay(crash: Layout) -> None:
    before = pids(crash)
    stack.stop(crash, ["dovecot"], kill=True)
    done = stack.start(crash, SERVERS)
    assert {name for name, what in done.items() if what == "started"} == {"dovecot"}
    assert {name for name, pid in pids(crash).items() if pid != before[name]} == {"dovecot"}
    mail_flows(crash)


def test_processes_whose_notes_were_lost_are_ended_first(crash: Layout) -> None:
    before = pids(crash)
    for note in crash.pids.iterdir():
        note.unlink()
    stack.start(crash, SERVERS)
    after = pids(crash)
    assert {name for name in SERVERS if after[name] == before[name]} == {"postfix"}  # it keeps its own pid file
    assert [name for name, pid in before.items() if pid and process.start_time(pid)] == ["postfix"]
    mail_flows(crash)


def test_a_note_that_names_somebody_elses_process_ends_nobody(crash: Layout) -> None:
    other = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    try:
        for name in SERVERS:
            stack.stop(crash, [name])
            found = process.this(other.pid)
            assert found
            process.remember(components.note_of(crash, name), replace(found, started=found.started - 1))
        (crash.run_dir / "master.pid").write_text(f"{other.pid}\n")
        assert not any(pids(crash).values())
        stack.start(crash, SERVERS)
        stack.stop(crash)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_taken_port_is_left_alone_and_another_one_written_down(crash: Layout) -> None:
    stack.stop(crash)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(crash.ports["imaps"])
        taken.listen()
        stack.start(crash, SERVERS)
        now = Layout.load(crash.layout_path)
    assert now.ports["imaps"] != crash.ports["imaps"]
    assert json.loads(now.stack_json.read_text())["imaps"] == list(now.ports["imaps"])
    mail_flows(now)


def test_redis_that_died_is_seen_and_a_foreign_one_untouched(crash: Layout) -> None:
    found = running(crash, "redis")
    assert found
    os.kill(found.pid, signal.SIGKILL)
    assert process.until(lambda: not found.alive(), 5)
    assert running(crash, "redis") is None
    assert stack.start(crash, ["redis"]) == {"redis": "started"}


def test_ports_of_two_instances_never_meet(crash: Layout) -> None:
    one, two = private.preferred_ports("stack"), private.preferred_ports("test")
    assert not set(one.values()) & set(two.values())
    assert private.preferred_ports("run")["panel"] == ("127.0.0.1", 8000)
    twice = private.free_ports([("a", ("127.0.0.1", 21_000)), ("b", ("127.0.0.1", 21_000))])
    assert twice["a"] != twice["b"]


def test_an_instance_of_an_older_version_gets_the_ports_that_it_lacks_and_keeps_the_others(files: Layout) -> None:
    older = replace(files, ports={name: port for name, port in files.ports.items() if name not in ("wayout", "srs")})
    newer = private.up_to_date(older)
    assert set(newer.ports) == set(private.PREFERRED)
    assert {name: newer.ports[name] for name in older.ports} == older.ports
    assert len({number for _, number in newer.ports.values()}) == len(newer.ports)


def test_a_checkout_that_others_cannot_reach_keeps_its_state_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed" / "checkout"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    state = private.state_folder("stack", closed)
    assert str(state).startswith("/var/tmp/tegami-")  # noqa: S108
    state.parent.rmdir()


def test_a_stack_starts_fast_when_it_has_been_set_up(crash: Layout) -> None:
    stack.stop(crash)
    begin = time.monotonic()
    stack.start(crash, SERVERS)
    assert time.monotonic() - begin < 6
