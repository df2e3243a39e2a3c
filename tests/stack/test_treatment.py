"""One message to recipients under several plans, an alias, a group and outside: each is treated as its own plan says."""

import io
import smtplib
import time
import zipfile
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest

from tests.mail import World, note, refused
from tests.stack.matrix import SPAM_PATTERN

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
BODY = "the text that was written\n"
MB = 1_048_576


@dataclass
class Town:
    """A mailbox under each plan, and an alias and a group that lead to some of them and outside."""

    world: World
    boxes: dict[str, str]
    alias: str
    group: str
    far: str

    @property
    def everybody(self) -> list[str]:
        return [*self.boxes.values(), self.alias, self.group]

    def reached(self) -> list[str]:
        """Mailboxes that get a mail to everybody, each once."""
        return [*self.boxes.values(), self.member]

    @property
    def member(self) -> str:
        return f"member@{self.group.partition('@')[2]}"


@pytest.fixture(scope="module")
def town(world: World) -> Town:
    domains = {plan: world.domain(plan) for plan in ("platinum", "hs", "warp", "standard", "plusmail")}
    boxes = {plan: world.mailbox(f"{domain.partition('.')[0]}b@{domain}") for plan, domain in domains.items()}
    found = Town(world, boxes, f"info@{domains['standard']}", f"all@{domains['platinum']}", f"far-{domains['hs'][:11]}@outside.test")
    world.mailbox(found.member)
    world.live("POST", "/aliases/", {"address": found.alias, "destinations": [boxes["hs"], found.far]})
    world.live("POST", "/groups/", {"address": found.group, "members": [found.member, boxes["warp"]]})
    world.live("PATCH", f"/accounts/{boxes['platinum']}/", {"spam_seat": True})
    world.live("PATCH", f"/accounts/{boxes['platinum']}/spam/", {"move_to_folder": True})
    world.live("PATCH", f"/accounts/{boxes['standard']}/spam/", {"tag_subject": True})
    world.live("PATCH", f"/accounts/{boxes['hs']}/spam/", {"move_to_folder": True})
    return found


def written(
    sender: str = "someone@outside.test", subject: str = "hello", body: str = BODY, *attachments: tuple[str, bytes]
) -> EmailMessage:
    message = note(sender, "everybody@outside.test", subject)
    message.set_content(body)
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def text_of(message: EmailMessage) -> str:
    part: Any = message.get_body(("plain",))
    return str(part.get_content()) if part else ""


def nowhere(world: World, login: str, message_id: str, folders: tuple[str, ...] = ("INBOX", "Junk")) -> bool:
    return not any(m["Message-ID"] == message_id for folder in folders for m in world.folder(login, folder))


def in_folder(world: World, login: str, folder: str, message_id: str, seconds: float = 20) -> EmailMessage:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hits = [m for m in world.folder(login, folder) if m["Message-ID"] == message_id]
        if hits:
            assert len(hits) == 1
            return hits[0]
        time.sleep(0.1)
    raise AssertionError(f"nothing in {folder} of {login}")


def test_a_clean_message_reaches_everybody_once_and_outside_with_a_rewritten_sender(town: Town) -> None:
    """F8: alias to outside."""
    message_id = town.world.inject(*town.everybody, message=written())
    for box in town.reached():
        town.world.arrives(box, message_id)
    far = town.world.sunk(town.far, message_id)
    assert str(far["X-Envelope-From"]).startswith("SRS0=")
    assert "someone" in str(far["X-Envelope-From"]) and str(far["From"]) == "someone@outside.test"


def test_spam_is_tagged_moved_or_left_by_each_plan(town: Town) -> None:
    """S1, S2: marked by header everywhere; nothing is bounced or deleted for being spam."""
    world = town.world
    message_id = world.inject(*town.everybody, message=written(subject="cheap", body=SPAM_PATTERN + "\n"))
    for plan in ("platinum", "hs"):
        assert in_folder(world, town.boxes[plan], "Junk", message_id)["Subject"] == "cheap"
    assert world.arrives(town.boxes["standard"], message_id)["Subject"] == "[SPAM] cheap"
    for box in (town.boxes["plusmail"], town.boxes["warp"], town.member):
        found = world.arrives(box, message_id)
        assert (found["Subject"], found["X-Spam-Flag"]) == ("cheap", "YES")
    assert world.sunk(town.far, message_id)["X-Spam-Flag"] == "YES"


def test_an_infected_message_is_stripped_deleted_or_left_and_never_leaves(town: Town) -> None:
    """V1, V5."""
    world = town.world
    infected = written("someone@outside.test", "hello", BODY, ("bad.com", EICAR.encode()), ("good.txt", b"harmless"))
    message_id = world.inject(*town.everybody, message=infected)
    platinum = world.arrives(town.boxes["platinum"], message_id)
    assert BODY.strip() not in text_of(platinum) and "bad.com" in text_of(platinum)
    attached = [part for one in platinum.iter_attachments() for part in one.walk()]
    assert "good.txt" in [part.get_filename() for part in attached]
    assert any(BODY.strip() in str(part.get_content()) for part in attached if part.get_content_type() == "text/plain")
    hs = text_of(world.arrives(town.boxes["hs"], message_id))
    assert "bad.com" in hs and hs.rstrip().endswith(BODY.strip()) and hs.lower().index("virus") < hs.index("ウイルス")
    for found in (platinum, world.arrives(town.boxes["hs"], message_id)):
        assert EICAR.encode() not in b"".join(part.get_payload(decode=True) or b"" for part in found.walk() if not part.is_multipart())  # type: ignore[misc]
    assert nowhere(world, town.boxes["standard"], message_id)
    time.sleep(2)
    with pytest.raises(AssertionError):
        world.sunk(town.far, message_id, seconds=1)


def test_the_optional_virus_check_is_switched_on_by_the_domain(world: World) -> None:
    """V1: warp."""
    domain = world.domain("warp")
    box = world.mailbox(f"info@{domain}")
    infected = written("someone@outside.test", "one", BODY, ("bad.com", EICAR.encode()))
    assert world.arrives(box, world.inject(box, message=infected))["X-Tegami-Virus"]
    world.live("PATCH", f"/domains/{domain}/", {"virus_check": True})
    infected = written("someone@outside.test", "two", BODY, ("bad.com", EICAR.encode()))
    assert "bad.com" in text_of(world.arrives(box, world.inject(box, message=infected)))


def test_too_large_a_message_is_refused_for_whom_it_is_too_large(town: Town) -> None:
    """The plan's message size, by SIZE=: plusmail takes 3 MB."""
    large = note("someone@outside.test", town.boxes["standard"], size=4 * MB)
    with smtplib.SMTP(*town.world.port("smtp"), local_hostname="mx.outside.test", timeout=60) as smtp:
        answers = smtp.sendmail("someone@outside.test", town.everybody, large.as_bytes(policy=large.policy.clone(linesep="\r\n")))
    assert set(answers) == {town.boxes["plusmail"]} and answers[town.boxes["plusmail"]][0] == 552
    for box in town.reached():
        if box != town.boxes["plusmail"]:
            town.world.arrives(box, str(large["Message-ID"]))


def bomb(size: int) -> bytes:
    """A small archive that unpacks to `size` bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(size))
    return packed.getvalue()


def test_an_archive_past_the_limit_is_refused_where_the_plan_says_so(town: Town) -> None:
    """V3: hs, alone, at the door and at submission; other plans get it, called too large and not infected."""
    world, packed = town.world, bomb(150 * MB)
    large = written("someone@outside.test", "big", BODY, ("big.zip", packed))
    assert "content" in refused(lambda: world.inject(town.boxes["hs"], message=large), 550)
    with world.submission() as smtp, pytest.raises(smtplib.SMTPDataError) as caught:
        smtp.login(town.boxes["hs"], "Tegami#Mail2026x")
        own = written(town.boxes["hs"], "big", BODY, ("big.zip", packed))
        smtp.sendmail(town.boxes["hs"], [town.boxes["hs"]], own.as_bytes())
    assert caught.value.smtp_code == 550
    found = world.arrives(town.boxes["standard"], world.inject(town.boxes["standard"], message=large))
    assert found["X-Tegami-Scan"] == "too-large" and found["X-Tegami-Virus"] is None


def test_an_archive_past_the_limit_to_several_plans_reaches_those_that_take_it(town: Town) -> None:
    """V3: after DATA there is one answer for all: the sender of those it was refused for gets an error mail."""
    world = town.world
    large = written("asks@outside.test", "big", BODY, ("big.zip", bomb(150 * MB)))
    message_id = world.inject(town.boxes["hs"], town.boxes["standard"], sender="asks@outside.test", message=large)
    world.arrives(town.boxes["standard"], message_id)
    assert nowhere(world, town.boxes["hs"], message_id)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        reports = [p.read_text(errors="replace") for p in world.layout.sink_dir.glob("*.eml")]
        if any("X-Envelope-To: asks@outside.test" in report and town.boxes["hs"] in report for report in reports):
            return
        time.sleep(0.2)
    raise AssertionError("the sender was not told")


def test_an_infected_message_is_not_sent_and_only_the_login_is_told(town: Town) -> None:
    """V2: platinum: deleted, a Virus Alert to the login's mailbox; hs: refused at submission."""
    world = town.world
    login = town.boxes["platinum"]
    with world.submission() as smtp:
        smtp.login(login, "Tegami#Mail2026x")
        message = written(login, "x", BODY, ("bad.com", EICAR.encode()))
        smtp.sendmail(login, ["victim@elsewhere.test", town.boxes["standard"]], message.as_bytes())
    end = time.monotonic() + 20
    while time.monotonic() < end and not any("Virus Alert" in str(m["Subject"]) for m in world.folder(login)):
        time.sleep(0.1)
    assert sum("Virus Alert" in str(m["Subject"]) for m in world.folder(login)) == 1
    assert nowhere(world, town.boxes["standard"], str(message["Message-ID"]))
    for plan in ("hs", "standard"):
        login = town.boxes[plan]
        with world.submission() as smtp, pytest.raises(smtplib.SMTPDataError) as caught:
            smtp.login(login, "Tegami#Mail2026x")
            smtp.sendmail(login, ["victim@elsewhere.test"], written(login, "x", BODY, ("bad.com", EICAR.encode())).as_bytes())
        assert caught.value.smtp_code in (550, 554)


def test_the_header_from_belongs_to_the_login(town: Town) -> None:
    """P6: an alias that leads to the login is its own; somebody else's address is refused and named."""
    world, login = town.world, town.boxes["hs"]
    world.sunk("friend@elsewhere.test", world.submit(login, "friend@elsewhere.test", sender=town.alias, header=town.alias))
    with pytest.raises(smtplib.SMTPException) as caught:
        world.submit(login, "friend@elsewhere.test", header=town.boxes["standard"])
    assert town.boxes["standard"].encode() in str(caught.value).encode()


def test_300_destinations_really_receive(world: World) -> None:
    """F1: and the 301st is refused by the API."""
    domain = world.domain("standard")
    box = world.mailbox(f"info@{domain}")
    far = [f"r{n:03}-{domain[:9]}@many.test" for n in range(300)]
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "conditions": [], "destinations": far})
    with pytest.raises(Exception, match="300"):
        world.call("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": ["more@many.test"]})
    message_id = world.inject(box)
    world.arrives(box, message_id)
    for to in (far[0], far[150], far[299]):
        world.sunk(to, message_id, seconds=60)
    reached: set[str] = set()
    end = time.monotonic() + 60
    while time.monotonic() < end and len(reached) < 300:
        reached = set()
        for path in world.layout.sink_dir.glob("*.eml"):
            head = path.read_text(errors="replace")[:40_000]
            if message_id in head:
                reached |= set(head.split("X-Envelope-To: ")[1].split("\n")[0].strip().split(", "))
        time.sleep(0.2)
    assert reached == set(far)


def test_attachments_are_gone_from_the_forwarded_copy_and_stay_in_the_stored_one(world: World) -> None:
    """F4: also when several accounts forward to one destination."""
    domain = world.domain("platinum")
    boxes = [world.mailbox(f"u{n}@{domain}") for n in range(2)]
    far = f"far-{domain[:11]}@outside.test"
    for box in boxes:
        body = {"action": "forward", "destinations": [far], "strip_attachments": True}
        world.live("POST", f"/accounts/{box}/profiles/", body)
    message_id = world.inject(*boxes, message=written("someone@outside.test", "資料", BODY, ("資料.bin", b"\x00" * 999)))
    for box in boxes:
        stored = world.arrives(box, message_id)
        assert [part.get_filename() for part in stored.iter_attachments()] == ["資料.bin"]
    far_copy = world.sunk(far, message_id)
    assert b"\x00" * 99 not in (far_copy.as_bytes()) and BODY.strip() in text_of(far_copy)
    assert not [part for part in far_copy.walk() if part.get_content_disposition() == "attachment"]


def test_two_mailboxes_that_forward_to_each_other_get_a_mail_once(world: World) -> None:
    """F8: and one that forwards to itself."""
    domain = world.domain("platinum")
    a, b, own = (world.mailbox(f"{name}@{domain}") for name in ("a", "b", "own"))
    for box, to in ((a, b), (b, a), (own, own)):
        world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [to]})
    message_id = world.inject(a, own)
    for box in (a, b, own):
        world.arrives(box, message_id)
    time.sleep(3)
    for box in (a, b, own):
        world.arrives(box, message_id)


def test_a_loop_without_copies_loses_nothing(world: World) -> None:
    """F8: each forwards without a copy: the mail ends where it began."""
    domain = world.domain("platinum")
    a, b = (world.mailbox(f"{name}@{domain}") for name in ("a", "b"))
    for box, to in ((a, b), (b, a)):
        world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [to], "keep_copy": False})
    message_id = world.inject(a)
    world.arrives(a, message_id)
    assert nowhere(world, b, message_id)


def test_the_first_sender_learns_of_the_forwarding_address_only(world: World) -> None:
    """F8: by profile, alias and group; the destination is nowhere in the error mail."""
    domain = world.domain("platinum")
    tag = domain[:11]
    box = world.mailbox(f"info@{domain}")
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [f"refuse-p{tag}@hidden.test"]})
    world.live("POST", "/aliases/", {"address": f"alias@{domain}", "destinations": [f"refuse-a{tag}@hidden.test"]})
    world.live("POST", "/groups/", {"address": f"all@{domain}", "members": [f"refuse-g{tag}@hidden.test"]})
    for address in (box, f"alias@{domain}", f"all@{domain}"):
        sender = f"asks-{address.partition('@')[0]}-{tag}@outside.test"
        world.inject(address, sender=sender)
        report = report_to(world, sender)
        assert f"Final-Recipient: rfc822; {address}" in report
        assert "hidden.test" not in report and "refuse-" not in report


def report_to(world: World, address: str, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in world.layout.sink_dir.glob("*.eml"):
            text = path.read_text(errors="replace")
            if f"X-Envelope-To: {address}" in text[:1000] and "multipart/report" in text:
                return text
        time.sleep(0.2)
    raise AssertionError(f"no report for {address}")


def test_what_was_read_wrong_from_a_bare_display_name_is_read_right(world: World) -> None:
    """F9: the allow list knows the sender although the name has bare special characters."""
    domain = world.domain("hs")
    box = world.mailbox(f"info@{domain}")
    world.live("PATCH", f"/accounts/{box}/spam/", {"move_to_folder": True, "allow": ["friend@partner.test"]})
    message = note("friend@partner.test", box, "cheap")
    message.set_content(SPAM_PATTERN + "\n")
    raw = message.as_bytes().replace(b"From: friend@partner.test", b"From: (K) Otsuka, Inc.: sales <friend@partner.test>")
    with smtplib.SMTP(*world.port("smtp"), local_hostname="mx.outside.test") as smtp:
        smtp.sendmail("friend@partner.test", [box], raw.replace(b"\n", b"\r\n"))
    assert world.arrives(box, str(message["Message-ID"]))["X-Spam-Flag"] == "YES"


def test_a_domains_filters_and_blocked_senders_come_before_the_users_own(world: World) -> None:
    """F9, F10."""
    domain = world.domain("platinum")
    box = world.mailbox(f"info@{domain}")
    far = f"far-{domain[:11]}@outside.test"
    world.live("POST", f"/accounts/{box}/profiles/", {"action": "forward", "destinations": [far]})
    rule = {"action": "quarantine", "conditions": [{"field": "subject", "operator": "contains", "value": "未承諾広告"}]}
    world.live("POST", f"/domains/{domain}/filters/", rule)
    world.live("PATCH", f"/domains/{domain}/senders/", {"block": ["blocked.test"]})
    advert = world.inject(box, message=written("someone@outside.test", "※未承諾広告"))
    blocked = world.inject(box, sender="x@blocked.test", message=written("x@blocked.test", "hello"))
    for message_id in (advert, blocked):
        in_folder(world, box, "Junk", message_id)
        assert nowhere(world, box, message_id, ("INBOX",))
    clean = world.inject(box, message=written("someone@outside.test", "fine"))
    world.sunk(far, clean)
    for message_id in (advert, blocked):
        with pytest.raises(AssertionError):
            world.sunk(far, message_id, seconds=0.5)
