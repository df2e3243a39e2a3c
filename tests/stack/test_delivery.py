"""The first mail: received, refused, sent on and sent out, under each plan, over the wire."""

import imaplib
import poplib
import smtplib
import time

import pytest

from mailsettings.servers.homes import home_path
from tests.mail import PASSWORD, Refused, World, note, refused, sources

PLANS = ("platinum", "hs", "warp", "standard", "plusmail")
NEW = "Kumo#Asahi71bd"


@pytest.fixture
def domains(world: World) -> dict[str, str]:
    """A fresh domain under each plan."""
    return {plan: world.domain(plan) for plan in PLANS}


def test_one_message_to_mailboxes_under_all_plans_an_alias_a_group_and_outside(world: World, domains: dict[str, str]) -> None:
    """P1, A7, A8: every recipient gets it once, by the rules of its own plan."""
    boxes = [world.mailbox(f"{domain[:10]}{n}@{domain}") for n, domain in enumerate(domains.values())]
    group_domain = domains["platinum"]
    member = world.mailbox(f"member@{group_domain}")
    world.live("POST", "/aliases/", {"address": f"info@{domains['standard']}", "destinations": [boxes[0], "far@elsewhere.test"]})
    world.live("POST", "/groups/", {"address": f"all@{group_domain}", "members": [member, boxes[3]]})
    message = world.inject(*boxes[1:3], boxes[4], f"info@{domains['standard']}", f"all@{group_domain}")
    for box in (*boxes, member):
        world.arrives(box, message)
    world.sunk("far@elsewhere.test", message)


@pytest.mark.parametrize("plan", PLANS)
def test_life_of_a_mailbox(world: World, plan: str) -> None:
    """A1, A3, P1, P6: made, used by IMAP and POP, password changed, deleted, made anew."""
    domain = world.domain(plan)
    tag = domain.partition(".")[0]  # plusmail: a name no other test has on this server
    box, other = world.mailbox(f"{tag}a@{domain}"), world.mailbox(f"{tag}b@{domain}")
    world.arrives(box, world.inject(box.upper()))
    world.arrives(other, world.submit(box, other))
    world.arrives(other, world.submit(box, other, secure=True))
    world.sunk("someone@elsewhere.test", world.submit(box, "someone@elsewhere.test"))
    world.live("POST", f"/accounts/{box}/password/", {"password": NEW})
    assert world.pop(box, NEW) == 1
    with pytest.raises(poplib.error_proto):
        world.pop(box)
    world.live("DELETE", f"/accounts/{box}/")
    assert "unknown" in refused(lambda: world.inject(box), 550).lower()
    world.mailbox(box)
    assert world.pop(box) == 0


def test_of_two_password_changes_in_one_second_the_last_works(world: World) -> None:
    """facts.md: a file that is only looked at by the second would keep the first."""
    box = world.mailbox(f"taro@{world.domain()}")
    many = [f"Tsuki{n}%Hoshi28qw" for n in range(6)]
    answers = [world.call("POST", f"/accounts/{box}/password/", {"password": password}) for password in many]
    world.wait_live(str(answers[-1].change))
    world.pop(box, many[-1])
    for old in (PASSWORD, *many[:-1]):
        with pytest.raises(poplib.error_proto):
            world.pop(box, old)


def test_nobody_relays_and_25_offers_no_login(world: World) -> None:
    """P1."""
    box = world.mailbox(f"taro@{world.domain()}")
    refused(lambda: world.inject("victim@elsewhere.test"), 554, 454)
    refused(lambda: world.inject("victim@elsewhere.test", sender=box), 554, 454)
    refused(lambda: world.inject(f"victim%elsewhere.test@{box.partition('@')[2]}"), 550, 554)
    refused(lambda: world.inject(f"nobody@{box.partition('@')[2]}"), 550)
    with smtplib.SMTP(*world.port("smtp"), timeout=30) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")


def test_submission_needs_tls_and_login(world: World) -> None:
    """P1, P8."""
    box = world.mailbox(f"taro@{world.domain()}")
    with smtplib.SMTP(*world.port("submission"), timeout=30) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.mail(box)[0] == 530
    with world.submission() as smtp:
        refused(lambda: smtp.sendmail(box, [box], b"Subject: x\r\n\r\nx\r\n"), 553, 554, 530)
    with world.submission() as smtp, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        smtp.login(box, "wrong")
    assert caught.value.smtp_code == 535


def test_login_without_tls_is_refused(world: World) -> None:
    """P8, by IMAP and POP."""
    box = world.mailbox(f"taro@{world.domain()}")
    imap = imaplib.IMAP4(*world.port("imap"), timeout=30)
    with pytest.raises(imaplib.IMAP4.error, match=r"(?i)privacyrequired|disabled|plaintext"):
        imap.login(box, PASSWORD)
    pop = poplib.POP3(*world.port("pop3"), timeout=30)
    with pytest.raises(poplib.error_proto, match=r"(?i)disallowed|tls|plaintext"):
        pop.user(box)
        pop.pass_(PASSWORD)


def test_a_login_sends_as_itself_and_its_aliases_only(world: World) -> None:
    """P6: own address, aliases over aliases, not groups, not others, not strangers."""
    domain = world.domain("platinum")
    box, other = world.mailbox(f"taro@{domain}"), world.mailbox(f"hanako@{domain}")
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [box]})
    world.live("POST", "/aliases/", {"address": f"sales@{domain}", "destinations": [f"info@{domain}", "x@elsewhere.test"]})
    world.live("POST", "/groups/", {"address": f"all@{domain}", "members": [box]})
    for sender in (box, f"info@{domain}", f"sales@{domain}", f"taro+tag@{domain}"):
        world.arrives(other, world.submit(box, other, sender=sender))
    for sender in (other, f"all@{domain}", f"nobody@{domain}", "someone@elsewhere.test"):
        refused(lambda sender=sender: world.submit(box, other, sender=sender), 553)
    world.live("DELETE", f"/aliases/info@{domain}/")
    refused(lambda: world.submit(box, other, sender=f"sales@{domain}"), 553)


def test_plus_addressing(world: World) -> None:
    """Issue 2, delivery: extensions reach the mailbox, aliases too; there is no catch-all."""
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}")
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [box]})
    world.arrives(box, world.inject(f"taro+news@{domain}"))
    world.arrives(box, world.inject(f"info+x@{domain}"))
    refused(lambda: world.inject(f"jiro+news@{domain}"), 550)


def test_two_recipients_of_one_mailbox_get_one_copy(world: World) -> None:
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}")
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [box]})
    message = world.inject(box, f"info@{domain}")
    world.arrives(box, message)
    world.arrives(box, world.inject(box))
    assert len([m for m in world.folder(box) if m["Message-ID"] == message]) == 1


def test_system_addresses_arrive_under_every_plan(world: World) -> None:
    """A5: and platinum's root and mailer-daemon too."""
    boss = world.mailbox(f"boss@{world.domain()}")
    for plan in ("platinum", "hs", "warp"):
        domain = world.domain(plan, admin_address=boss)
        for local in ("postmaster", "root", "mailer-daemon") if plan == "platinum" else ("postmaster",):
            world.arrives(boss, world.inject(f"{local}@{domain}"))
    standard, plusmail = world.domain("standard"), world.domain("plusmail")
    for address, reads in (
        (f"postmaster@{standard}", f"postmaster@{standard}"),
        (f"postmaster@{plusmail}", f"{plusmail.partition('.')[0]}@{plusmail}"),
    ):
        world.live("POST", f"/accounts/{reads}/password/", {"password": PASSWORD})
        world.arrives(reads, world.inject(address))
        with pytest.raises(Refused) as caught:
            world.call("DELETE", f"/accounts/{reads}/")
        assert caught.value.status == 400


def test_a_new_admin_address_takes_over(world: World) -> None:
    """A5."""
    domain = world.domain("platinum")
    boss = world.mailbox(f"boss@{domain}")
    world.live("PATCH", f"/domains/{domain}/", {"admin_address": boss})
    world.arrives(boss, world.inject(f"postmaster@{domain}"))


def test_login_names_of_platinum_and_plusmail(world: World) -> None:
    """`user%domain` of platinum, the bare name of plusmail; neither under the other plans."""
    platinum, plusmail, standard = (world.domain(plan) for plan in ("platinum", "plusmail", "standard"))
    bare = plusmail.partition(".")[0] + "x"
    boxes = [world.mailbox(a) for a in (f"taro@{platinum}", f"{bare}@{plusmail}", f"taro@{standard}")]
    world.pop(f"taro%{platinum}")
    world.pop(bare)
    for box in boxes:
        world.pop(box)
    world.arrives(boxes[0], world.submit(f"taro%{platinum}", boxes[0], sender=boxes[0]))
    for login in (f"taro%{standard}", f"{bare}%{plusmail}", f"no{bare}", standard.partition(".")[0]):
        with pytest.raises(poplib.error_proto):
            world.pop(login)


def test_a_full_mailbox_is_refused_at_rcpt_and_recovers(world: World) -> None:
    """A10, A4: storage; emptying keeps the settings."""
    domain = world.domain()
    box, other = world.mailbox(f"taro@{domain}", quota_mb=2), world.mailbox(f"hanako@{domain}")
    for _ in range(2):
        try:
            world.arrives(box, world.inject(box, message=note("x@outside.test", box, size=1_300_000)))
        except smtplib.SMTPRecipientsRefused:
            break
    refused(lambda: world.inject(box, message=note("x@outside.test", box, size=1_300_000)), 552)
    world.arrives(other, world.inject(other))
    world.live("POST", f"/accounts/{box}/purge/")
    assert world.pop(box) == 0
    world.arrives(box, world.inject(box, message=note("x@outside.test", box, size=1_300_000)))


def test_the_message_count_is_a_limit_too(world: World) -> None:
    """A10: over all folders."""
    box = world.mailbox(f"taro@{world.domain()}", quota_messages=3)
    for _ in range(3):
        world.arrives(box, world.inject(box))
    refused(lambda: world.inject(box), 552)


def test_a_full_mailbox_behind_an_alias_defers(world: World) -> None:
    """Issue 2, delivery 5: through aliases the mail waits until there is room; nothing bounces, nothing is lost."""
    domain = world.domain()
    box = world.mailbox(f"taro@{domain}", quota_messages=1)
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [box]})
    world.arrives(box, world.inject(box))
    waiting = world.inject(f"info@{domain}")
    time.sleep(1)
    assert world.pop(box) == 1
    world.live("PATCH", f"/accounts/{box}/", {"quota_messages": 5})
    world.arrives(box, waiting, seconds=60)


@pytest.mark.parametrize(("plan", "mb"), [("plusmail", 3), ("platinum", 20)])
@pytest.mark.parametrize("declared", [True, False])
def test_messages_above_the_plans_size_are_refused(world: World, plan: str, mb: int, declared: bool) -> None:
    """P2 (inbound size): by SIZE= at RCPT, and at the end of the data where a client keeps it to itself."""
    domain = world.domain(plan)
    box = world.mailbox(f"{domain.partition('.')[0]}x@{domain}", **({"quota_mb": 200} if plan == "plusmail" else {}))
    small, big = note("x@outside.test", box, size=int(mb * 0.6 * 1_048_576)), note("x@outside.test", box, size=mb * 1_048_576)
    world.arrives(box, world.inject(box, message=small, declare_size=declared))
    refused(lambda: world.inject(box, message=big, declare_size=declared), 552, 554)


def test_mail_of_deleted_mailboxes_leaves_the_disk(world: World) -> None:
    """A3."""
    box = world.mailbox(f"taro@{world.domain()}")
    world.arrives(box, world.inject(box))
    homes = {p for p in world.layout.homes.glob("*/*") if sources(p)}
    home = next(p for p in homes if any(str(box).encode() in f.read_bytes() for f in p.rglob("*") if f.is_file()))
    assert home == home_path(world.layout, home.name)
    world.live("DELETE", f"/accounts/{box}/")
    end = time.monotonic() + 30
    while home.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not home.exists()


def test_idn_domains_work_in_both_spellings(world: World) -> None:
    """Issue 2, models: IDNA names."""
    name = f"例え{time.time_ns()}.example.com"
    customer = f"c-{time.time_ns()}"
    world.call("POST", "/customers/", {"name": customer, "limits": {}})
    made = world.live("POST", "/domains/", {"name": name, "customer": customer, "plan": "standard"}).json["name"]
    assert made.startswith("xn--")
    box = world.live("POST", "/accounts/", {"address": f"taro@{name}", "password": PASSWORD}).json["address"]
    assert box == f"taro@{made}"
    world.arrives(box, world.inject(box))


def test_a_changed_plan_size_reaches_mailboxes(world: World) -> None:
    """Overrides of a domain: the operator's larger size is live."""
    domain = world.domain("plusmail")
    box = world.mailbox(f"{domain[:8]}@{domain}", quota_mb=50)
    big = note("x@outside.test", box, size=4 * 1_048_576)
    refused(lambda: world.inject(box, message=big), 552)
    world.live("PATCH", f"/domains/{domain}/", {"overrides": {"message_size_mb": 10}})
    world.arrives(box, world.inject(box, message=big))


def test_a_deleted_domain_is_gone_from_every_server(world: World) -> None:
    """A3: its addresses are refused, nobody logs in, its mail leaves the disk, and the name can be had anew."""
    domain = world.domain("platinum")
    box = world.mailbox(f"taro@{domain}")
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [box]})
    world.arrives(box, world.inject(f"info@{domain}"))
    customer = world.call("GET", f"/domains/{domain}/").json["customer"]
    world.live("DELETE", f"/domains/{domain}/")
    for local in ("taro", "info", "postmaster"):
        assert refused(lambda local=local: world.inject(f"{local}@{domain}"), 554, 550)
    with pytest.raises(poplib.error_proto):
        world.pop(box)
    world.live("POST", "/domains/", {"name": domain, "customer": customer, "plan": "hs"})
    world.mailbox(box)
    assert world.pop(box) == 0
    with pytest.raises(smtplib.SMTPException):
        world.inject(f"info@{domain}")


def test_a_change_of_plan_reaches_every_mailbox(world: World) -> None:
    """The size, the login name and the system addresses of the new plan, in one change."""
    domain = world.domain("platinum")
    tag = domain.partition(".")[0]
    box = world.mailbox(f"{tag}x@{domain}", quota_mb=100)
    world.pop(f"{tag}x%{domain}")
    world.live("PATCH", f"/domains/{domain}/", {"plan": "plusmail"})
    world.pop(f"{tag}x")
    with pytest.raises(poplib.error_proto):
        world.pop(f"{tag}x%{domain}")
    refused(lambda: world.inject(box, message=note("x@outside.test", box, size=4 * 1_048_576)), 552)
    world.live("POST", f"/accounts/{tag}@{domain}/password/", {"password": PASSWORD})
    world.arrives(f"{tag}@{domain}", world.inject(f"postmaster@{domain}"))
    refused(lambda: world.inject(f"root@{domain}"), 550)


def test_the_mail_hosts_own_name_is_no_domain_of_a_customer(world: World) -> None:
    """F8: rewritten senders are addresses of that name. The change fails and says so; nothing reaches a server."""
    customer = world.call("POST", "/customers/", {"name": f"c-{time.time_ns()}", "limits": {}}).json["name"]
    answer = world.call("POST", "/domains/", {"name": world.layout.hostname, "customer": customer, "plan": "standard"})
    try:
        found = world.call("GET", f"/changes/{answer.change}/?wait=20").json
        while found["state"] == "pending":
            found = world.call("GET", f"/changes/{answer.change}/?wait=20").json
        assert found["state"] == "failed" and "own name" in found["hosts"][0]["error"]
    finally:
        world.live("DELETE", f"/domains/{world.layout.hostname}/")
