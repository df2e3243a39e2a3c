"""Each switch and limit in the servers' files does something: with its line taken out by hand, what it promises no longer holds.

Every row: the file, the line as it is written, what it is replaced by, and a promise that must hold before, fail with
the line gone, and hold again once the file is put back.
"""

import contextlib
import poplib
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailsettings.servers.layout import Layout
from mailsettings.servers.postfix import postfix_reload
from tests.mail import PASSWORD, POLICY, World, codes, note


@dataclass
class Place:
    """What the promises speak of: one small and one ordinary mailbox, an alias and another mailbox."""

    world: World
    domain: str
    box: str
    other: str
    full: str
    alias: str


@pytest.fixture(scope="module")
def place(world: World) -> Place:
    domain = world.domain("platinum", overrides={"message_size_mb": 1})
    box, other = world.mailbox(f"taro@{domain}"), world.mailbox(f"hanako@{domain}")
    full = world.mailbox(f"full@{domain}", quota_messages=1)
    world.live("POST", "/aliases/", {"address": f"info@{domain}", "destinations": [full]})
    world.arrives(full, world.inject(full))
    return Place(world, domain, box, other, full, f"info@{domain}")


def is_refused(call: Callable[[], object], *wanted: int) -> bool:
    """Whether SMTP refuses with one of the codes."""
    try:
        call()
    except smtplib.SMTPException as error:
        return bool(codes(error) & set(wanted))
    return False


def no_relay(p: Place) -> bool:
    return is_refused(lambda: p.world.inject("victim@elsewhere.test"), 554, 454)


def full_is_refused(p: Place) -> bool:
    return is_refused(lambda: p.world.inject(p.full), 552)


def full_is_refused_at_rcpt(p: Place) -> bool:
    """Before the message is sent, and not only at its end."""
    return _refused_at_rcpt(lambda: p.world.inject(p.full))


def full_is_refused_at_submission(p: Place) -> bool:
    return _refused_at_rcpt(lambda: p.world.submit(p.box, p.full))


def _refused_at_rcpt(call: Callable[[], object]) -> bool:
    try:
        call()
    except smtplib.SMTPRecipientsRefused as error:
        return codes(error) == {552}
    except smtplib.SMTPDataError:
        return False
    return False


def large_is_refused(p: Place) -> bool:
    return is_refused(lambda: p.world.inject(p.box, message=note("x@outside.test", p.box, size=2_000_000)), 552)


def undeclared_large_is_refused(p: Place) -> bool:
    big = note("x@outside.test", p.box, size=2_000_000)
    return is_refused(lambda: p.world.inject(p.box, message=big, declare_size=False), 552)


def foreign_sender_is_refused(p: Place) -> bool:
    return is_refused(lambda: p.world.submit(p.box, p.other, sender="someone@elsewhere.test", header=p.box), 553)


def submission_wants_tls(p: Place) -> bool:
    with smtplib.SMTP(*p.world.port("submission"), timeout=30) as smtp:
        smtp.ehlo()
        return smtp.mail(p.box)[0] == 530


def submission_offers_login(p: Place) -> bool:
    with p.world.submission() as smtp:
        smtp.ehlo()
        return smtp.has_extn("auth")


def port_25_offers_no_login(p: Place) -> bool:
    with smtplib.SMTP(*p.world.port("smtp"), timeout=30) as smtp:
        smtp.starttls(context=p.world.trust)
        smtp.ehlo()
        return not smtp.has_extn("auth")


def pop_wants_tls(p: Place) -> bool:
    pop = poplib.POP3(*p.world.port("pop3"), timeout=30)
    try:
        pop.user(p.box)
        pop.pass_(PASSWORD)
    except poplib.error_proto:
        return True
    finally:
        pop.close()
    return False


def percent_logs_in(p: Place) -> bool:
    try:
        p.world.pop(p.box.replace("@", "%"))
    except poplib.error_proto:
        return False
    return True


def plus_reaches_the_mailbox(p: Place) -> bool:
    try:
        p.world.inject(p.box.replace("@", "+tag@"))
    except smtplib.SMTPException:
        return False
    return True


def unknown_is_refused_at_rcpt(p: Place) -> bool:
    return is_refused(lambda: p.world.inject(f"nobody@{p.domain}"), 550)


def one_copy(p: Place) -> bool:
    """A mailbox and an alias to it in one message."""
    alias = f"al{time.time_ns()}@{p.domain}"
    p.world.live("POST", "/aliases/", {"address": alias, "destinations": [p.other]})
    message = p.world.inject(p.other, alias)
    p.world.arrives(p.other, p.world.inject(p.other))  # what came in before has been delivered
    time.sleep(0.3)
    return len([m for m in p.world.folder(p.other) if m["Message-ID"] == message]) == 1


def full_behind_an_alias_waits(p: Place) -> bool:
    """It is still in the queue two seconds later, and nobody got a bounce."""
    sender = f"s{time.time_ns()}@elsewhere.test"
    p.world.inject(p.alias, sender=sender)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if any(sender.encode() in path.read_bytes()[:600] for path in p.world.layout.sink_dir.glob("*.eml")):
            return False
        time.sleep(0.2)
    return True


def forged_marks_are_taken_off(p: Place) -> bool:
    message = note("x@outside.test", p.other)
    message["X-Tegami-Forged"] = "yes"
    return p.world.arrives(p.other, p.world.inject(p.other, message=message))["X-Tegami-Forged"] is None


def foreign_from_is_refused(p: Place) -> bool:
    return is_refused(lambda: p.world.submit(p.box, p.other, sender=p.box, header="boss@elsewhere.test"), 553)


def a_missing_date_is_added(p: Place) -> bool:
    message = note(p.box, p.other)
    del message["Date"]
    with p.world.submission() as smtp:
        smtp.login(p.box, PASSWORD)
        smtp.sendmail(p.box, [p.other], message.as_bytes(policy=POLICY))
    return p.world.arrives(p.other, str(message["Message-ID"]))["Date"] is not None


def names_in_headers_stay(p: Place) -> bool:
    """A bare comma: Postfix would make an address of this host of the word before it, and that is not the login's."""
    return not is_refused(lambda: p.world.submit(p.box, p.other, sender=p.box, header=f"Sales, Tokyo <{p.box}>"), 553)


MAIN, MASTER = "postfix/main.cf", "postfix/master.cf"
DOVECOT, SQL = "dovecot/dovecot.conf", "dovecot/dovecot-sql.conf.ext"
ROWS: list[tuple[str, str, str, Callable[[Place], bool]]] = [
    # smtpd refuses to run without a rule against relaying: a rule that does not, instead
    (
        MAIN,
        "smtpd_recipient_restrictions = reject_unauth_destination, ",
        "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = ",
        no_relay,
    ),
    (MAIN, "$mailbox_quota\n# Once more", "permit\n# Once more", full_is_refused_at_rcpt),
    (MAIN, "$mailbox_quota, permit_sasl", "permit_sasl", full_is_refused_at_submission),
    (MAIN, "smtpd_end_of_data_restrictions =", "#", undeclared_large_is_refused),
    (MAIN, "reject_authenticated_sender_login_mismatch", "", foreign_sender_is_refused),
    (MAIN, "recipient_delimiter = +", "#", plus_reaches_the_mailbox),
    (MAIN, "enable_original_recipient = no", "#", one_copy),
    (MAIN, "smtpd_sasl_auth_enable = no", "smtpd_sasl_auth_enable = yes", port_25_offers_no_login),
    (MAIN, "smtpd_milters = ", "smtpd_milters =\n#", forged_marks_are_taken_off),
    (MAIN, "local_header_rewrite_clients =\n", "local_header_rewrite_clients = permit_sasl_authenticated\n", names_in_headers_stay),
    (MASTER, "/milter/submission\n", "/milter/in\n", foreign_from_is_refused),
    (MASTER, "    -o cleanup_service_name=cleanup-submission\n", "", a_missing_date_is_added),
    (MASTER, "    -o smtpd_tls_security_level=encrypt\n", "", submission_wants_tls),
    (MASTER, "    -o smtpd_sasl_auth_enable=yes\n", "", submission_offers_login),
    (DOVECOT, "ssl = required\ndisable_plaintext_auth = yes", "ssl = yes\ndisable_plaintext_auth = no", pop_wants_tls),
    (DOVECOT, "  quota = count:User quota\n", "", full_is_refused),
    (DOVECOT, "quota_full_tempfail = yes", "", full_behind_an_alias_waits),
    (SQL, ":messages=' || coalesce(quota_messages, 0)", ":messages=0'", full_is_refused),
    (SQL, "max_message_mb || 'M'", "'100M'", large_is_refused),
    (
        SQL,
        "password \\\n  FROM mailbox WHERE (address = '%Lu' OR other_login = '%Lu')",
        "password \\\n  FROM mailbox WHERE (address = '%Lu')",
        percent_logs_in,
    ),
]


@contextlib.contextmanager
def without(layout: Layout, file: str, line: str, instead: str) -> Iterator[None]:
    """The file with the line replaced, the server told; put back afterwards."""
    path = (layout.postfix_dir if file.startswith("postfix/") else layout.dovecot_dir) / Path(file).name
    kept = path.read_text()
    assert line in kept, f"{file} has no line {line!r}"
    try:
        path.write_text(kept.replace(line, instead))
        tell(layout, file)
        yield
    finally:
        path.write_text(kept)
        tell(layout, file)


def tell(layout: Layout, file: str) -> None:
    if file.startswith("postfix/"):
        postfix_reload(layout)
    else:
        subprocess.run(["doveadm", "-c", str(layout.dovecot_conf), "reload"], check=True)


def becomes(wanted: bool, promise: Callable[[Place], bool], place: Place, seconds: float = 8) -> bool:
    """A reload takes a moment: asks until the promise holds (or fails) as wanted."""
    end = time.monotonic() + seconds
    while True:
        try:
            if promise(place) is wanted:
                return True
        except (smtplib.SMTPException, OSError, EOFError):
            pass  # a session that the reload cut
        if time.monotonic() > end:
            return False
        time.sleep(0.2)


@pytest.mark.parametrize(("file", "line", "instead", "promise"), ROWS, ids=[f"{row[3].__name__}-{n}" for n, row in enumerate(ROWS)])
def test_taking_the_line_out_is_noticed(
    place: Place, layout: Layout, file: str, line: str, instead: str, promise: Callable[[Place], bool]
) -> None:
    """P1, P6, P8, A10 and the login names: the test of each would fail without its line."""
    assert becomes(True, promise, place)
    with without(place.world.layout, file, line, instead):
        assert becomes(False, promise, place), "nothing changed: the line does nothing, or its test sees nothing"
    assert becomes(True, promise, place)


def test_an_unlisted_recipient_is_refused_at_rcpt(place: Place) -> None:
    """Without the rule Postfix would refuse it all the same (smtpd_reject_unlisted_recipient): no line to take out."""
    assert unknown_is_refused_at_rcpt(place)
