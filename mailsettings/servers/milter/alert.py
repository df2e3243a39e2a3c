"""The mail that tells a login of the virus in what it sent. To that mailbox only: From and envelope may name anybody."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from mailsettings.servers.layout import Layout
from mailsettings.servers.milter.session import Session

SUBJECT = "Virus Alert"
MOST_RECIPIENTS = 20
LONGEST = 400
TEXT = """\
A virus was found in a message that was sent with your account. The message was deleted; it reached nobody.

  Virus:   {signature}
  Subject: {subject}
  To:      {recipients}
  Client:  {client}

If you did not send it, somebody else knows your password, or a virus is at work on your computer: check the
computer and change the password.

お使いのアカウントから送信されたメールにウイルスが見つかりました。メールは削除され、どなたにも届いていません。

  ウイルス名: {signature}
  件名:       {subject}
  宛先:       {recipients}
  送信元:     {client}

お心当たりのない場合は、パスワードが他人に知られているか、パソコンがウイルスに感染している可能性があります。
パソコンを検査し、パスワードを変更してください。
"""


def deliver(layout: Layout, session: Session, signature: str) -> None:
    """Into the login's mailbox, past all aliases. Blocking. Raises OSError, smtplib.SMTPException."""
    # smtplib takes a path that begins with / for a unix socket.
    with smtplib.LMTP(str(layout.run_dir / "lmtp-postfix"), timeout=30) as lmtp:
        lmtp.sendmail("", [session.login], message(layout.hostname, session, signature).as_bytes(policy=SMTP))


def message(hostname: str, session: Session, signature: str) -> EmailMessage:
    """The alert."""
    found = EmailMessage(policy=SMTP)
    found["From"] = f"{SUBJECT} <postmaster@{session.login.rpartition('@')[2]}>"
    found["To"], found["Subject"] = session.login, SUBJECT
    found["Date"], found["Message-ID"] = formatdate(), make_msgid(domain=hostname)
    found["Auto-Submitted"] = "auto-generated"
    subject = " ".join(header.text for header in session.all("Subject"))
    recipients = ", ".join(session.recipients[:MOST_RECIPIENTS]) + (", …" if len(session.recipients) > MOST_RECIPIENTS else "")
    words = {"signature": signature, "subject": subject, "recipients": recipients, "client": session.client_address}
    found.set_content(TEXT.format_map({name: _plain(word) for name, word in words.items()}))
    return found


def _plain(text: str) -> str:
    """On one line, of printable characters: the text is the sender's, and a virus may have written it."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]}…"
