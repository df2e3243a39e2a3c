"""Files of accounts on real servers: first and last receive mail and log in; killed, cancelled and racing imports (A13 to A17)."""

import ctypes
import json
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import pytest

from accounts import hashes
from tests.mail import PASSWORD, Refused, World, parsed, refused
from tests.stack.conftest import Command

SIGKILLED = -9
CREATE = "mail_account,mail_password,mail_capacity,comment\r\n"
HASHES = "mail_account,password_hash,mail_capacity,comment\r\n"
# of PASSWORD: m=64 KiB, one pass
READY = "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$bwVPjlaA904$kO2b4SF02DtPky+eUCM12Q"
OTHERS = {
    "blf": "$2y$04$abcdefghijklmnopqrstuu",
    "sha": "$6$rounds=1000$saltsalt",
}


def hand_in(world: World, domain: str, kind: str, content: str | bytes, query: str = "", token: str = "") -> str:
    """The job's id."""
    boundary = uuid.uuid4().hex
    text = content.encode() if isinstance(content, str) else content
    named = {"domain": domain, "kind": kind}
    fields = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{named[name]}\r\n' for name in named)
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'
    body = fields.encode() + file.encode() + text + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Authorization": f"Bearer {token or world.token}", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(f"{world.layout.panel_url}/api/v1/imports/{query}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return str(json.loads(response.read())["id"])
    except urllib.error.HTTPError as error:
        raise Refused(error.code, json.loads(error.read())) from None


def job_of(world: World, job: str) -> Any:
    return world.call("GET", f"/jobs/{job}/").json


def over(world: World, job: str, seconds: float = 240) -> Any:
    """The job when it is over."""
    end = time.monotonic() + seconds
    while (found := job_of(world, job))["state"] in ("queued", "running"):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def rows_of(many: int, prefix: str = "box", password: str = PASSWORD) -> str:
    return "".join(f"{prefix}{n:05d},{password},,\r\n" for n in range(many))


def accounts(world: World, domain: str) -> int:
    return int(world.call("GET", f"/accounts/?domain={domain}&count=true&limit=1").json["count"])


def test_the_first_and_the_last_of_a_bulk_load_receive_mail_and_log_in(world: World) -> None:
    """A13: ready hashes; done says live."""
    domain = world.domain("platinum")
    found = over(world, hand_in(world, domain, "create", HASHES + rows_of(2_000, password=f'"{READY}"')))
    assert (found["state"], found["done"], found["total"]) == ("done", 2_000, 2_000), found["errors"][:3]
    assert found["result"]["create"] == 2_000
    for box in (f"box00000@{domain}", f"box01999@{domain}"):
        world.arrives(box, world.inject(box))
        world.pop(box)


def test_every_scheme_of_ready_hashes_logs_in(world: World) -> None:
    """By Dovecot and on the panel; a password of its own is one more."""
    domain = world.domain("platinum")
    rows = "".join(f'{name},"{made_by_crypt(setting)}",,,\r\n' for name, setting in OTHERS.items())
    header = "mail_account,password_hash,mail_capacity,comment,mail_password\r\n"
    found = over(world, hand_in(world, domain, "create", f'{header}{rows}argon,"{READY}",,,\r\nplain,,,,{PASSWORD}\r\n'))
    assert found["state"] == "done", found["errors"]
    for name in (*OTHERS, "argon", "plain"):
        world.pop(f"{name}@{domain}")
        assert world.call("POST", "/sessions/", {"login": f"{name}@{domain}", "password": PASSWORD}).status == 201
        with pytest.raises(Refused):
            world.call("POST", "/sessions/", {"login": f"{name}@{domain}", "password": PASSWORD + "x"})


def made_by_crypt(setting: str) -> str:
    scratch = ctypes.create_string_buffer(hashes.SCRATCH)
    return str(hashes._libcrypt().crypt_rn(PASSWORD.encode(), setting.encode(), scratch, hashes.SCRATCH).decode())


def test_what_became_of_a_file_is_mailed_to_the_domains_admin(world: World) -> None:
    """A16: counts; errors with line and column; English and Japanese where nobody's language is known; once; never a password."""
    domain = world.domain("platinum", admin_address="boss@elsewhere.test")
    over(world, hand_in(world, domain, "create", CREATE + rows_of(3)))
    over(world, hand_in(world, domain, "create", CREATE + f"box00001,{PASSWORD},,\r\nx y,geheim,,\r\n"))
    done, failed = letters_about(world, domain, 2)
    assert "3" in text_of(done)
    assert "Created: 3" in text_of(done)
    assert "Line 2, column 1 (mail_account)" in text_of(failed)
    assert "Line 3, column 2 (mail_password)" in text_of(failed)
    assert "2 行目" in text_of(failed)
    for letter in (done, failed):
        assert letter["X-Envelope-From"] in ("", "<>")
        assert letter["Auto-Submitted"] == "auto-generated"
        assert PASSWORD not in text_of(letter)
        assert "geheim" not in text_of(letter)


def test_a_preview_is_mailed_to_nobody_and_carried_out_by_the_same_file(world: World) -> None:
    domain = world.domain("platinum", admin_address="boss@elsewhere.test")
    preview = hand_in(world, domain, "create", CREATE + rows_of(2), query="?preview=true")
    assert over(world, preview)["result"]["create"] == 2
    assert accounts(world, domain) == 0
    assert over(world, world.call("POST", f"/imports/{preview}/carry-out/").json["id"])["state"] == "done"
    assert accounts(world, domain) == 2
    letters_about(world, domain, 1)


def letters_about(world: World, domain: str, many: int) -> list[EmailMessage]:
    """In the order of their coming; fails when there are more or less of them."""
    end = time.monotonic() + 20
    while True:
        paths = sorted(world.layout.sink_dir.glob("*.eml"), key=lambda path: int(path.stem))
        found = [letter for path in paths if domain in str((letter := parsed(path.read_bytes()))["Subject"])]
        if len(found) >= many or time.monotonic() > end:
            break
        time.sleep(0.2)
    assert len(found) == many
    return found


def text_of(letter: EmailMessage) -> str:
    return str(letter.get_content())


# --- stopped in the middle


def test_an_import_is_cancelled_while_it_hashes(world: World) -> None:
    """Nothing was changed, and the worker is free within a batch."""
    domain = world.domain("platinum")
    job = hashing(world, domain)
    world.call("DELETE", f"/jobs/{job}/")
    assert job_of(world, job)["state"] == "cancelled"
    assert over(world, hand_in(world, domain, "create", HASHES + f'next,"{READY}",,\r\n'))["state"] == "done"
    time.sleep(3)
    assert (job_of(world, job)["state"], accounts(world, domain)) == ("cancelled", 1)
    with pytest.raises(Refused) as caught:
        world.call("DELETE", f"/jobs/{job}/")
    assert caught.value.status == 409


def test_a_worker_killed_while_it_hashes_is_made_good(world: World, stack: Command) -> None:
    """kill -9: none; afterwards the next worker goes on, and it is all."""
    domain = world.domain("platinum")
    job = hashing(world, domain)
    stack("kill", "jobs")
    try:
        assert accounts(world, domain) == 0
    finally:
        stack("start", "jobs")
    found = over(world, job)
    assert (found["state"], accounts(world, domain)) == ("done", MANY), found


MANY = 200


def hashing(world: World, domain: str) -> str:
    """An import that has begun to hash."""
    job = hand_in(world, domain, "create", CREATE + rows_of(MANY))
    end = time.monotonic() + 60
    while not (found := job_of(world, job))["done"]:
        assert found["state"] in ("queued", "running"), found
        assert time.monotonic() < end
        time.sleep(0.05)
    assert found["done"] < MANY
    return job


# What the next worker does: takes up what was left, and goes on until it is live.
GO_ON = """
import time
from mailsettings import jobs
from mailsettings.servers import worker
jobs.release("mx1")
for step in range(2):
    for job in jobs.due("mx1"):
        jobs.run(job)
    worker.apply_pending("mx1")
    time.sleep(1)
"""


def test_killed_at_every_seam_it_is_all_or_none(world: World, stack: Command, manage: Command) -> None:
    """Before and after each effect, in the transaction too, until a run ends unreached; the next run goes on."""
    domain = world.domain("platinum")
    stack("stop", "worker", "jobs", "beat")
    try:
        for number in range(1, 30):
            job, there = hand_in(world, domain, "create", CREATE + rows_of(SIZE, f"n{number}x")), accounts(world, domain)
            is_killed = killed(manage, number)
            assert accounts(world, domain) in (there, there + SIZE)
            manage("shell", "-c", GO_ON)
            is_whole(world, job, domain, there + SIZE)
            if not is_killed:
                break
        assert 6 < number < 29
        for number in (1, 2):  # on the way from live to done
            job, there = hand_in(world, domain, "create", CREATE + rows_of(SIZE, f"e{number}x")), accounts(world, domain)
            manage("mailhost", "jobs")
            manage("mailhost", "apply")
            assert killed(manage, number)
            manage("shell", "-c", GO_ON)
            is_whole(world, job, domain, there + SIZE)
    finally:
        stack("start", "worker", "jobs", "beat")
    world.pop(f"n1x00000@{domain}")
    world.pop(f"e2x00004@{domain}")


SIZE = 5


def killed(manage: Command, number: int) -> bool:
    return manage("mailhost", "jobs", env={"TEGAMI_KILL_AT": str(number)}, check=False).returncode == SIGKILLED


def is_whole(world: World, job: str, domain: str, many: int) -> None:
    found = job_of(world, job)
    assert (found["state"], found["result"]["create"], accounts(world, domain)) == ("done", SIZE, many), found


# --- several at once


def test_two_imports_race_for_the_last_accounts_of_a_contract(world: World) -> None:
    """A17: exactly one is carried out, the other says how many there are."""
    domain = world.domain("platinum", limits={"accounts": 50})
    files = [HASHES + rows_of(30, prefix, f'"{READY}"') for prefix in ("a", "b", "c", "d")]
    found = at_once(world, domain, files)
    assert sorted(job["state"] for job in found) == ["done", "failed", "failed", "failed"]
    for job in found:
        if job["state"] == "failed":
            (error,) = job["errors"]
            assert (error["code"], error["line"], error["used"], error["limit"]) == ("limit_reached", 22, 30, 50)
    assert accounts(world, domain) == 30
    assert world.call("GET", f"/domains/{domain}/").json["used"]["accounts"] == 30


def test_of_the_same_file_twice_at_once_one_sees_the_others_accounts(world: World) -> None:
    domain = world.domain("platinum")
    found = at_once(world, domain, [HASHES + rows_of(200, password=f'"{READY}"')] * 3)
    assert sorted(job["state"] for job in found) == ["done", "failed", "failed"]
    assert all({error["code"] for error in job["errors"]} == {"clash"} for job in found if job["state"] == "failed")
    assert accounts(world, domain) == 200


def test_an_import_and_single_accounts_of_the_same_names(world: World) -> None:
    """Nobody waits in a circle, nobody gets an error of the database, and each name is there once."""
    domain = world.domain("platinum")
    names = [f"box{n:05d}" for n in range(0, 200, 10)]
    job = hand_in(world, domain, "create", HASHES + rows_of(200, password=f'"{READY}"'))
    statuses = {single(world, f"{name}@{domain}") for name in reversed(names)}
    found = over(world, job)
    assert statuses <= {201, 409}
    made = accounts(world, domain)
    assert made == 200 if found["state"] == "done" else {error["code"] for error in found["errors"]} == {"clash"}
    assert world.call("GET", f"/domains/{domain}/").json["used"]["accounts"] == made


def single(world: World, address: str) -> int:
    try:
        return world.call("POST", "/accounts/", {"address": address, "password": PASSWORD}).status
    except Refused as refusal:
        return refusal.status


def at_once(world: World, domain: str, files: list[str]) -> list[Any]:
    with ThreadPoolExecutor(len(files)) as pool:
        ids = list(pool.map(lambda text: hand_in(world, domain, "create", text), files))
    return [over(world, job) for job in ids]


def test_commands_reach_the_servers(world: World) -> None:
    """A16: added, changed and deleted in one file: seen by SMTP and POP."""
    domain = world.domain("platinum")
    for name in ("keep", "gone"):
        world.mailbox(f"{name}@{domain}")
    rows = f"add,new,{PASSWORD},\r\nmodify,keep,Kumo#Asahi71bd,55\r\ndelete,gone,,\r\n"
    found = over(world, hand_in(world, domain, "commands", f"command,mail_account,mail_password,mail_capacity\r\n{rows}"))
    assert found["state"] == "done", found
    world.arrives(f"new@{domain}", world.inject(f"new@{domain}"))
    world.pop(f"keep@{domain}", "Kumo#Asahi71bd")
    refused(lambda: world.inject(f"gone@{domain}"), 550)
