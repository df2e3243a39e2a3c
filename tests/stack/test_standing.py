"""Suspended accounts and forced passwords with real servers (A11, A12): nobody signs in, mail is received."""

import contextlib
import imaplib
import poplib
import smtplib
import socket
from collections.abc import Callable

import pytest

from tests.mail import PASSWORD, Refused, World, codes, note

NEW = "Quiet%Harbour71bd"


@pytest.fixture
def box(world: World) -> str:
    return world.mailbox(f"info@{world.domain('standard')}", password=PASSWORD)


def ways_in(world: World, box: str, password: str = PASSWORD) -> dict[str, bool]:
    """By which protocols the account can be signed in to."""

    def submission(secure: bool) -> None:
        with world.submission(secure) as smtp:
            smtp.login(box, password)

    def imap() -> None:
        with world.imap(box, password):
            pass

    tries: dict[str, Callable[[], object]] = {
        "imap": imap,
        "pop": lambda: world.pop(box, password),
        "587": lambda: submission(False),
        "465": lambda: submission(True),
        "panel": lambda: world.call("POST", "/sessions/", {"login": box, "password": password}),
    }
    return {name: _works(call) for name, call in tries.items()}


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError):
        return False
    except Refused as error:
        assert error.status in (401, 403)
        return False
    return True


def suspended(world: World, box: str, value: bool = True) -> None:
    world.live("PATCH", f"/accounts/{box}/", {"suspended": value})


ALL_OPEN = dict.fromkeys(("imap", "pop", "587", "465", "panel"), True)
ALL_SHUT = dict.fromkeys(ALL_OPEN, False)


def test_a_suspended_account_lets_nobody_in_and_receives(world: World, box: str) -> None:
    """contract.md: no login, no sending, mail is received. Resuming opens it again, with what has arrived."""
    assert ways_in(world, box) == ALL_OPEN
    suspended(world, box)
    assert ways_in(world, box) == ALL_SHUT
    sent = world.inject(box)
    suspended(world, box, False)
    assert ways_in(world, box) == ALL_OPEN
    world.arrives(box, sent)


def ended(client: imaplib.IMAP4_SSL) -> bool:
    """Whether the server has closed the session."""
    with contextlib.suppress(imaplib.IMAP4.abort, OSError, socket.timeout):
        return client.noop()[0] != "OK"
    return True


@pytest.mark.parametrize("how", ["suspended", "forced"])
def test_an_open_imap_session_ends(world: World, box: str, how: str) -> None:
    """Whoever is in is put out by the time that the change is live; a session of somebody else goes on."""
    other = world.mailbox(f"other@{box.partition('@')[2]}")
    with world.imap(box) as theirs, world.imap(other) as others:
        theirs.select("INBOX")
        assert theirs.noop()[0] == "OK"
        if how == "suspended":
            suspended(world, box)
        else:
            world.live("POST", f"/accounts/{box}/force-password-change/")
        assert ended(theirs)
        assert others.noop()[0] == "OK"


def test_an_open_smtp_session_sends_nothing_more(world: World, box: str) -> None:
    """Not under the own address, nor under an alias of it: nobody owns these as long as the account is barred (P6)."""
    domain = box.partition("@")[2]
    world.live("POST", "/aliases/", {"address": f"sales@{domain}", "destinations": [box]})
    with world.submission() as smtp:
        smtp.login(box, PASSWORD)
        smtp.sendmail(box, ["someone@outside.test"], note(box, "someone@outside.test").as_bytes())
        suspended(world, box)
        for sender in (box, f"sales@{domain}"):
            with pytest.raises(smtplib.SMTPException) as caught:
                smtp.sendmail(sender, ["someone@outside.test"], note(sender, "someone@outside.test").as_bytes())
            assert codes(caught.value) & {553, 550}, caught.value
            smtp.rset()


def test_a_forced_account_stays_shut_until_a_new_password_is_set(world: World, box: str) -> None:
    """A12: login refused until changed; the old password never works again."""
    assert world.live("POST", f"/accounts/{box}/force-password-change/").json["status"]["code"] == "password_forced"
    assert ways_in(world, box) == ALL_SHUT
    sent = world.inject(box)
    with pytest.raises(Refused) as caught:
        world.call("POST", f"/accounts/{box}/password/", {"password": PASSWORD.swapcase()})
    assert caught.value.status == 400
    assert caught.value.body["errors"][0]["code"] == "case"
    assert ways_in(world, box) == ALL_SHUT
    answer = world.live("POST", f"/accounts/{box}/password/", {"password": NEW})
    assert answer.json["status"]["code"] == "normal"
    assert ways_in(world, box) == ALL_SHUT
    assert ways_in(world, box, NEW) == ALL_OPEN
    world.arrives(box, sent, password=NEW)


def test_manage_sieve_is_shut_too(world: World) -> None:
    """A plan with scripts of one's own: the one password query serves all protocols."""
    box = world.mailbox(f"own@{world.domain('platinum', overrides={'own_scripts': True})}")

    def signs_in() -> bool:
        import base64

        with socket.create_connection(world.port("sieve"), timeout=30) as plain:
            read = plain.makefile("rb")
            _until(read, b"OK")
            plain.sendall(b"STARTTLS\r\n")
            _until(read, b"OK")
            with world.trust.wrap_socket(plain, server_hostname=world.port("sieve")[0]) as secure:
                lines = secure.makefile("rb")
                _until(lines, b"OK")
                token = base64.b64encode(f"\0{box}\0{PASSWORD}".encode())
                secure.sendall(b'AUTHENTICATE "PLAIN" "' + token + b'"\r\n')
                return lines.readline().startswith(b"OK")

    assert signs_in()
    suspended(world, box)
    assert not signs_in()


def _until(lines: object, word: bytes) -> None:
    while not lines.readline().startswith(word):  # type: ignore[attr-defined]
        pass
