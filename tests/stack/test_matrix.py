"""Plan × shape of rules × shape of message: each delivered for real, compared with the manuals and with "What happens to this mail?"."""

import smtplib
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage

import pytest

from tests.mail import PASSWORD, World, parsed
from tests.stack.matrix import MESSAGES, RUN, SENDER, SHAPES, Message, Outcome, Shape

FOLDERS = ("INBOX", "Junk", "Refused")


@dataclass
class Case:
    """One message to one mailbox: what must come of it, and what did."""

    shape: Shape
    message: Message
    box: str
    sender: str
    message_id: str
    raw: bytes

    @property
    def name(self) -> str:
        return f"{self.shape.plan}:{self.shape.name}:{self.message.name}"

    def expected(self) -> tuple[str | None, str, list[tuple[str, str]]]:
        found: Outcome = self.shape.expect(self.message, self.box)
        sent = sorted((self.sender if to == SENDER else to, kind) for to, kind in found.sent)
        return found.folder, found.subject if found.folder else "", sent


@pytest.fixture(scope="module")
def cases(world: World) -> list[Case]:
    """Every mailbox set up by the API, every message sent through port 25; what leaves is waited for by `outcomes`."""
    plans = {plan: world.domain(plan) for plan in {shape.plan for shape in SHAPES}}
    found: list[Case] = []
    for number, shape in enumerate(SHAPES):
        box = set_up(world, shape, f"m{number}@{plans[shape.plan]}")
        found += [case_of(shape, message, box, number) for message in MESSAGES]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda part: send(world, part), [found[n::4] for n in range(4)]))
    return found


def set_up(world: World, shape: Shape, box: str) -> str:
    if shape.plan == "plusmail":  # names are unique on the server
        local, _, domain = box.partition("@")
        box = f"{domain.partition('.')[0]}{local}@{domain}"
    world.call("POST", "/accounts/", {"address": box, "password": PASSWORD})
    change = None
    for method, path, body in shape.settings(box):
        change = world.call(method, f"/accounts/{box}/{path}", body).change or change
    if change:
        world.wait_live(change)
    return box


def case_of(shape: Shape, message: Message, box: str, number: int) -> Case:
    message_id, raw = message.build(box)
    sender = "" if message.empty_sender else f"{message.name}-{number}-{RUN}@sender.test"
    return Case(shape, message, box, sender, message_id, raw)


def send(world: World, cases: list[Case]) -> None:
    with smtplib.SMTP(*world.port("smtp"), local_hostname="mx.outside.test", timeout=60) as smtp:
        for case in cases:
            smtp.sendmail(case.sender, [case.box], case.raw)


@pytest.fixture(scope="module")
def outcomes(world: World, cases: list[Case]) -> dict[str, tuple[str | None, str, list[tuple[str, str]]]]:
    """What became of each case, once nothing is under way any more."""
    deadline = time.monotonic() + 120
    while True:
        stored, sent = stored_in(world, cases), leaving(world)
        found = {case.name: outcome_of(case, stored, sent) for case in cases}
        if time.monotonic() > deadline or all(found[case.name] == case.expected() for case in cases):
            return found
        time.sleep(1)


def stored_in(world: World, cases: list[Case]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(mailbox, Message-ID) → [(folder, subject)]."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for box in dict.fromkeys(case.box for case in cases):
        for folder in FOLDERS:
            for message in world.folder(box, folder):
                found[box, str(message["Message-ID"])].append((folder, str(message["Subject"])))
    return found


def leaving(world: World) -> dict[tuple[str, str], int]:
    """(recipient, Message-ID or kind of rule mail) → how many the sink has."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for path in world.layout.sink_dir.glob("*.eml"):
        message = parsed(path.read_bytes())
        for to in str(message["X-Envelope-To"]).split(", "):
            found[to, kind_of(message)] += 1
    return found


def kind_of(message: EmailMessage) -> str:
    """A forwarded mail keeps its Message-ID; the rest is rule mail."""
    if message.get_content_type() == "multipart/report":
        return "bounce"
    if str(message["Subject"]) == "受信通知":
        return "notify"
    if str(message["Auto-Submitted"] or "").startswith("auto-replied"):
        return "auto_reply"
    return str(message["Message-ID"])


def outcome_of(
    case: Case, stored: dict[tuple[str, str], list[tuple[str, str]]], sent: dict[tuple[str, str], int]
) -> tuple[str | None, str, list[tuple[str, str]]]:
    places = stored.get((case.box, case.message_id), [])
    folder, subject = places[0] if len(places) == 1 else (None, "") if not places else ("|".join(p for p, _ in places), "")
    leaves = []
    for (to, mark), count in sent.items():
        if mark == case.message_id:
            leaves += [(to, "forward")] * count
        elif to == case.sender and mark in ("bounce", "auto_reply"):
            leaves += [(to, mark)] * count
    # A notice bears no Message-ID of its mail; how many came is compared for the whole mailbox.
    leaves += [(to, kind) for to, kind in case.expected()[2] if kind == "notify"]
    return folder, subject, sorted(leaves)


def test_the_matrix_has_more_than_300_cases(cases: list[Case]) -> None:
    assert len({case.name for case in cases}) >= 300


def test_each_mail_ends_as_the_plans_manual_says(
    cases: list[Case], outcomes: dict[str, tuple[str | None, str, list[tuple[str, str]]]]
) -> None:
    """F1 to F6, F9 to F11, AR1, AR3, S1, S2: stored where, sent to whom, in every case."""
    wrong = {case.name: (outcomes[case.name], "not", case.expected()) for case in cases if outcomes[case.name] != case.expected()}
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_as_many_notices_leave_as_there_are_mails_to_notify_of(
    world: World, cases: list[Case], outcomes: dict[str, tuple[str | None, str, list[tuple[str, str]]]]
) -> None:
    """F5."""
    wanted: dict[str, int] = defaultdict(int)
    for case in cases:
        for to, kind in case.expected()[2]:
            wanted[to] += kind == "notify"
    found = {to: count for (to, mark), count in leaving(world).items() if mark == "notify" and to in wanted}
    assert found == {to: count for to, count in wanted.items() if count}


def test_what_happens_to_this_mail_says_the_same(world: World, cases: list[Case]) -> None:
    """Issue 3.8: the explanation agrees with delivery in every case."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        said = dict(zip((case.name for case in cases), pool.map(lambda case: explained(world, case), cases), strict=True))
    wrong = {case.name: (said[case.name], "not", case.expected()) for case in cases if said[case.name] != case.expected()}
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def explained(world: World, case: Case) -> tuple[str | None, str, list[tuple[str, str]]]:
    if case.message.spam:
        fields = {"from": case.message.raw_from, "to": case.box, "subject": case.message.subject, "spam": True}
        answer = world.call("POST", f"/accounts/{case.box}/explain/", fields).json
    else:
        text = f"Return-Path: <{case.sender}>\r\n".encode() + case.raw
        answer = world.call("POST", f"/accounts/{case.box}/explain/", {"message": text.decode("ascii")}).json
    stored = answer["stored"]
    folder, subject = (stored[0]["folder"], stored[0]["subject"]) if stored else (None, "")
    sent = sorted((_sender(case, one["to"]), one["kind"]) for one in answer["sent"])
    return folder, subject, sent


def _sender(case: Case, to: str) -> str:
    """Asked by fields, the sender is who stands in From."""
    return case.sender if case.message.spam and to == case.message.address else to
