"""What a test does to a mail host: write entries as the worker does, then send and read real mail."""

from __future__ import annotations

import contextlib
import email.policy
import imaplib
import poplib
import smtplib
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from functools import cache

from passlib.hash import argon2

from mailsettings.servers.apply import Applied, apply_entries
from mailsettings.servers.desired import Value, wanted_at, wanted_of_domain
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.states import AddressState, AliasState, DomainState, GroupState, MailboxState

GOOD = "Tegami#Mail2026x"


@cache
def hash_of(password: str) -> str:
    """As the panel stores it, but cheap."""
    return "{ARGON2ID}" + str(argon2.using(type="ID", memory_cost=8192, rounds=1, parallelism=1).hash(password))


class Host:
    """One domain on the running servers."""

    def __init__(self, layout: Layout, domain: str) -> None:
        self.layout, self.domain = layout, domain
        self.tls = ssl.create_default_context(cafile=str(layout.tls.authority))
        self.apply(wanted_of_domain(domain, DomainState(domain, ((f"postmaster@{domain}", f"boss@{domain}"),))))

    # --- writing entries
    def apply(self, wanted: dict[tuple[str, str], Value | None]) -> Applied:
        with host_lock(self.layout) as lock_fd:
            return apply_entries(self.layout, lock_fd, wanted)

    def put(self, state: AddressState) -> Applied:
        return self.apply(wanted_at(state.address, state))

    def remove(self, address: str) -> Applied:
        return self.apply(wanted_at(address, None))

    def state(self, local: str, password: str = GOOD) -> MailboxState:
        return MailboxState(f"{local}@{self.domain}", self.domain, uuid.uuid4().hex, hash_of(password))

    def mailbox(self, local: str, **fields: object) -> str:
        state = replace(self.state(local), **fields)  # type: ignore[arg-type]
        self.put(state)
        return state.address

    def alias(self, local: str, *to: str, owners: tuple[str, ...] = ()) -> str:
        self.put(AliasState(f"{local}@{self.domain}", to, owners))
        return f"{local}@{self.domain}"

    def group(self, local: str, *members: str) -> str:
        self.put(GroupState(f"{local}@{self.domain}", members))
        return f"{local}@{self.domain}"

    # --- mail
    def inject(self, *to: str, sender: str = "x@outside.test", size: int = 0, esmtp_size: bool = True) -> str:
        """By port 25; gives the Message-ID."""
        message = make_message(sender, to[0], size)
        with smtplib.SMTP(*self.layout.ports["smtp"], local_hostname="mx.outside.test", timeout=30) as smtp:
            smtp.ehlo()
            if not esmtp_size:
                del smtp.esmtp_features["size"]
            refused = smtp.sendmail(sender, list(to), message.as_bytes(policy=email.policy.SMTP))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
        return str(message["Message-ID"])

    @contextlib.contextmanager
    def submission(self, login: str, password: str = GOOD, *, secure: bool = False) -> Iterator[smtplib.SMTP]:
        if secure:
            client: smtplib.SMTP = smtplib.SMTP_SSL(*self.layout.ports["submissions"], context=self.tls, timeout=30)
        else:
            client = smtplib.SMTP(*self.layout.ports["submission"], timeout=30)
        with client as smtp:
            if not secure:
                smtp.starttls(context=self.tls)
            smtp.login(login, password)
            yield smtp

    def submit(self, login: str, to: str, *, sender: str | None = None, password: str = GOOD, secure: bool = False) -> str:
        message = make_message(sender or login, to)
        with self.submission(login, password, secure=secure) as smtp:
            smtp.sendmail(sender if sender is not None else login, [to], message.as_bytes(policy=email.policy.SMTP))
        return str(message["Message-ID"])

    @contextlib.contextmanager
    def imap(self, login: str, password: str = GOOD) -> Iterator[imaplib.IMAP4_SSL]:
        client = imaplib.IMAP4_SSL(*self.layout.ports["imaps"], ssl_context=self.tls, timeout=30)
        try:
            client.login(login, password)
            yield client
        finally:
            with contextlib.suppress(Exception):
                client.logout()

    def pop(self, login: str, password: str = GOOD) -> int:
        """Messages that POP sees."""
        client = poplib.POP3_SSL(*self.layout.ports["pop3s"], context=self.tls, timeout=30)
        try:
            client.user(login)
            client.pass_(password)
            return int(client.stat()[0])
        finally:
            with contextlib.suppress(Exception):
                client.quit()

    def message_ids(self, login: str, folder: str = "INBOX") -> list[str]:
        with self.imap(login) as client:
            client.select(folder, readonly=True)
            ids = client.search(None, "ALL")[1][0].split()
            fetched = [client.fetch(one, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1][0] for one in ids]
        return [part[1].decode().partition(":")[2].strip() for part in fetched if isinstance(part, tuple)]

    def arrives(self, login: str, message_id: str, seconds: float = 10) -> None:
        """Wait until the mailbox holds the message, once."""
        limit = time.monotonic() + seconds
        while (found := self.message_ids(login).count(message_id)) == 0 and time.monotonic() < limit:
            time.sleep(0.05)
        assert found == 1, f"{login} has {message_id} {found} times"

    def leaves(self, to: str, message_id: str, seconds: float = 10) -> str:
        """Wait until the sink holds the message for this recipient; its text."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            for file in self.layout.sink_dir.glob("*.eml"):
                text = file.read_text(errors="replace")
                if message_id in text and f"X-Envelope-To: {to}" in text:
                    return text
            time.sleep(0.05)
        raise AssertionError(f"nothing for {to} in the sink")


def make_message(sender: str, to: str, size: int = 0) -> EmailMessage:
    """A message with an identity of its own and about `size` bytes of text."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender or "nobody@outside.test", to, "hello"
    message["Message-ID"] = f"<{uuid.uuid4().hex}@tests.test>"
    message.set_content("a line\n" + ("x" * 72 + "\n") * (size // 73))
    return message


def code_of(error: smtplib.SMTPException) -> tuple[int, str]:
    """The SMTP reply in an exception."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return code, reply.decode()
    assert isinstance(error, smtplib.SMTPResponseException)
    text = error.smtp_error
    return error.smtp_code, text.decode() if isinstance(text, bytes) else text
