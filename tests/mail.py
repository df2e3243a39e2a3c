"""The outside world of the tests with real servers: REST, SMTP, IMAP, POP and the sink, the wire by the standard library only."""

import contextlib
import email
import email.policy
import imaplib
import json
import poplib
import smtplib
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailsettings.servers.layout import Layout

PASSWORD = "Tegami#Mail2026x"
POLICY = email.policy.SMTP.clone(max_line_length=None)


class Refused(Exception):
    """The API said no."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


@dataclass
class Answer:
    """What the API said: status, JSON and headers."""

    status: int
    json: Any
    headers: Any

    @property
    def change(self) -> str | None:
        return self.headers.get("Change-Id")


@dataclass
class Mail:
    """A running instance's mail servers as outsiders see them."""

    layout: Layout
    trust: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.trust = ssl.create_default_context(cafile=str(self.layout.tls.authority or self.layout.tls.certificate))

    def port(self, name: str) -> tuple[str, int]:
        return self.layout.ports[name]

    # --- SMTP
    def inject(self, *to: str, sender: str = "someone@outside.test", message: EmailMessage | None = None, declare_size: bool = True) -> str:
        """Through port 25, as a stranger. Raises smtplib's exceptions; returns the Message-ID."""
        message = message or note(sender, to[0])
        with smtplib.SMTP(*self.port("smtp"), local_hostname="mx.outside.test", timeout=60) as smtp:
            smtp.ehlo()
            if not declare_size:
                smtp.esmtp_features.pop("size", None)
            refused = smtp.sendmail(sender, list(to), message.as_bytes(policy=POLICY))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
        return str(message["Message-ID"])

    def submit(
        self, login: str, *to: str, password: str = PASSWORD, sender: str | None = None, secure: bool = False, header: str = ""
    ) -> str:
        """Through 587 (or 465), logged in."""
        sender = login if sender is None else sender
        message = note(header or sender or login, to[0])
        with self.submission(secure) as smtp:
            smtp.login(login, password)
            refused = smtp.sendmail(sender, list(to), message.as_bytes(policy=POLICY))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
        return str(message["Message-ID"])

    @contextlib.contextmanager
    def submission(self, secure: bool = False) -> Iterator[smtplib.SMTP]:
        """A session with TLS, not logged in yet; the certificate is checked."""
        if secure:
            with smtplib.SMTP_SSL(*self.port("submissions"), context=self.trust, local_hostname="client.test", timeout=60) as smtp:
                yield smtp
            return
        with smtplib.SMTP(*self.port("submission"), local_hostname="client.test", timeout=60) as smtp:
            smtp.starttls(context=self.trust)
            yield smtp

    # --- reading
    @contextlib.contextmanager
    def imap(self, login: str, password: str = PASSWORD) -> Iterator[imaplib.IMAP4_SSL]:
        client = imaplib.IMAP4_SSL(*self.port("imaps"), ssl_context=self.trust, timeout=30)
        try:
            client.login(login, password)
            yield client
        finally:
            with contextlib.suppress(Exception):
                client.logout()

    def folder(self, login: str, name: str = "INBOX", password: str = PASSWORD) -> list[EmailMessage]:
        with self.imap(login, password) as client:
            if client.select(f'"{name}"', readonly=True)[0] != "OK":
                return []
            numbers = client.search(None, "ALL")[1][0].split()
            return [parsed(client.fetch(n, "(BODY.PEEK[])")[1][0][1]) for n in numbers]  # type: ignore[index]

    def pop(self, login: str, password: str = PASSWORD) -> int:
        """How many messages POP shows; raises poplib.error_proto where the login is refused."""
        client = poplib.POP3_SSL(*self.port("pop3s"), context=self.trust, timeout=30)
        try:
            client.user(login)
            client.pass_(password)
            return client.stat()[0]
        finally:
            with contextlib.suppress(Exception):
                client.quit()

    def arrives(self, login: str, message_id: str, seconds: float = 20, count: int = 1, password: str = PASSWORD) -> EmailMessage:
        """Waits for the message in the inbox; fails when it comes more or less often than `count`."""
        end = time.monotonic() + seconds
        while True:
            hits = [m for m in self.folder(login, password=password) if m["Message-ID"] == message_id]
            if len(hits) >= count or time.monotonic() > end:
                break
            time.sleep(0.1)
        assert len(hits) == count, f"{login}: {len(hits)} of {count}"
        return hits[0]

    def sunk(self, to: str, message_id: str, seconds: float = 20) -> EmailMessage:
        """Waits for a message to an outside address in the sink."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path in self.layout.sink_dir.glob("*.eml"):
                message = parsed(path.read_bytes())
                if message["Message-ID"] == message_id and to in str(message["X-Envelope-To"]).split(", "):
                    return message
            time.sleep(0.1)
        raise AssertionError(f"nothing for {to} in the sink")


@dataclass
class World(Mail):
    """A running instance as outsiders see it: its mail servers and its API."""

    token: str

    # --- REST
    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        url = path if path.startswith("http") else f"{self.layout.panel_url}/api/v1{path}"
        found = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), found, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read()
                return Answer(response.status, json.loads(text) if text else None, response.headers)
        except urllib.error.HTTPError as error:
            text = error.read()
            raise Refused(error.code, json.loads(text) if text.startswith(b"{") else text[:300]) from None

    def live(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """A write, waited for until it is live."""
        answer = self.call(method, path, body, **more)
        if answer.change:
            self.wait_live(answer.change)
        return answer

    def wait_live(self, change: str, seconds: float = 30) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found: dict[str, Any] = self.call("GET", f"/changes/{change}/?wait=5").json
            if found["state"] == "live":
                return found
            assert found["state"] != "failed", found
        raise AssertionError(f"change {change} is not live after {seconds} s: {found}")

    def domain(self, plan: str = "standard", *, limits: dict[str, int] | None = None, **fields: Any) -> str:
        tag = uuid.uuid4().hex[:10]
        self.call("POST", "/customers/", {"name": f"c-{tag}", "limits": limits or {}})
        name = f"d{tag}.example.com"
        self.live("POST", "/domains/", {"name": name, "customer": f"c-{tag}", "plan": plan, **fields})
        return name

    def mailbox(self, address: str, password: str = PASSWORD, **fields: Any) -> str:
        self.live("POST", "/accounts/", {"address": address, "password": password, **fields})
        return address


def note(sender: str, to: str, subject: str = "hello", size: int = 0) -> EmailMessage:
    """A plain message, with an attachment of `size` bytes if asked."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender or "nobody@outside.test", to, subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = f"<{uuid.uuid4().hex}@outside.test>"
    message.set_content("a few\nplain lines\n")
    if size:
        message.add_attachment(b"x" * size, maintype="application", subtype="octet-stream", filename="a.bin")
    return message


def bounce(first: str, to: str) -> EmailMessage:
    """A notification of failure as a destination's host writes it: with the destination all over it (RFC 3464)."""
    far = to.rpartition("@")[2]
    returned = f"From: {first}\nTo: {to}\nMessage-ID: <1@outside.test>\n\nbody\n"
    said = f"Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 <{to}>\n"
    status = f"Reporting-MTA: dns; {far}\n\n{said}"
    parts = (("text/plain", f"{to} is full\n"), ("message/delivery-status", status), ("message/rfc822", returned))
    body = "".join(f"--B\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts) + "--B--\n"
    top = f"From: MAILER-DAEMON@{far}\nTo: {first}\nMessage-ID: <{uuid.uuid4().hex}@{far}>\nMIME-Version: 1.0\n"
    return parsed(f'{top}Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n{body}'.encode())


def parsed(raw: Any) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def refused(call: Callable[[], object], *wanted: int) -> str:
    """The words of the SMTP refusal; fails when the call went through or the code is another."""
    with pytest.raises(smtplib.SMTPException) as caught:
        call()
    assert codes(caught.value) & set(wanted), caught.value
    return texts(caught.value)


def sources(folder: Path) -> int:
    """Number of regular files below a folder; 0 where it is not there."""
    return sum(path.is_file() for path in folder.rglob("*")) if folder.is_dir() else 0


def codes(error: smtplib.SMTPException) -> set[int]:
    """The status codes that an SMTP refusal carries."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return {code for code, _text in error.recipients.values()}
    return {error.smtp_code} if isinstance(error, smtplib.SMTPResponseException) else set()


def texts(error: smtplib.SMTPException) -> str:
    """The words of an SMTP refusal."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return " ".join(text.decode() for _code, text in error.recipients.values())
    return str(error)
