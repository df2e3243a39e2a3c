"""The tables of the matrix: messages, and for each plan's shapes of rules what must come of each message.

What is expected is written down here, from the manuals and requirements, by plain Python over the messages' features;
nothing of it asks the compiler.
"""

import email.policy
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.header import Header
from email.message import EmailMessage
from typing import Any

RUN = uuid.uuid4().hex[:6]  # the sink keeps what earlier runs have sent
JAPANESE = "請求書"
QUOTES = 'say "hi" \\ done*?'
VIP = "vip@partner.test"
SPAM_PATTERN = "YJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True)
class Message:
    """One shape of message and what can be said of it. `raw_from` = the header as it stands on the wire."""

    name: str
    subject: str = "hello"
    charset: str = "utf-8"
    raw_from: str = f"Plain Person <{VIP}>"
    address: str = VIP
    shown_from: str = f"Plain Person <{VIP}>"
    body: str = "a few\nplain lines\n"
    headers: tuple[tuple[str, str], ...] = ()
    empty_sender: bool = False
    attachment: bool = False
    important: bool = False
    spam: bool = False
    is_list: bool = False
    automatic: bool = False

    def answerable(self) -> bool:
        """AR3: what may be answered at all."""
        return not (self.empty_sender or self.is_list or self.automatic or self.spam)

    def build(self, to: str) -> tuple[str, bytes]:
        """Message-ID and the bytes as a stranger's server sends them: header lines are written by hand."""
        message_id = f"<{uuid.uuid4().hex}@partner.test>"
        body = EmailMessage(policy=email.policy.SMTP)
        body.set_content(SPAM_PATTERN + "\n" if self.spam else self.body)
        if self.attachment:
            body.add_attachment(b"binary \x00\x01" * 50, maintype="application", subtype="octet-stream", filename="資料.bin")
        subject = Header(self.subject, self.charset, maxlinelen=70).encode() if not self.subject.isascii() else self.subject
        lines = [("From", self.raw_from), ("To", to), ("Subject", subject), ("Date", "Fri, 20 Nov 2026 10:00:00 +0900")]
        lines += [("Message-ID", message_id), *self.headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return message_id, head.replace("\n ", "\r\n ").replace("\r\r", "\r").encode() + body.as_bytes()


MESSAGES = (
    Message("plain"),
    Message("utf8", subject=f"今月の{JAPANESE}です"),
    Message("iso-2022-jp", subject=f"今月の{JAPANESE}です", charset="iso-2022-jp"),
    Message("quotes", subject=f"we {QUOTES} it"),
    Message(
        "quoted-name",
        raw_from=f'"O\'Neil, \\"X\\" \\\\ (K)" <{VIP}>',
        shown_from=f'"O\'Neil, \\"X\\" \\\\ (K)" <{VIP}>',
    ),
    Message(
        "bare-name",
        raw_from=f"{Header('(株)', 'utf-8').encode()} Yamada, Inc.: x <other@elsewhere.test>",
        address="other@elsewhere.test",
        shown_from="(株) Yamada, Inc.: x <other@elsewhere.test>",
    ),
    Message("empty-sender", raw_from=f"<{VIP}>", shown_from=f"<{VIP}>", empty_sender=True),
    Message("attachment", attachment=True),
    Message("important", headers=(("X-Priority", "1 (Highest)"), ("X-Note", "partner-42")), important=True),
    Message("spam", spam=True, subject="cheap watches"),
    Message("list", headers=(("List-Id", "<talk.lists.test>"), ("Precedence", "list")), is_list=True),
    Message("automatic", headers=(("Auto-Submitted", "auto-generated"),), automatic=True),
)


@dataclass
class Outcome:
    """Where it is stored (None: nowhere), under which subject, and what leaves: (address, kind)."""

    folder: str | None
    subject: str
    sent: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    """A mailbox under one plan with one set of rules. `settings`: (method, path below the account, body)."""

    plan: str
    name: str
    settings: Callable[[str], list[tuple[str, str, dict[str, Any]]]]
    expect: Callable[[Message, str], Outcome]


Test = Callable[[Message], bool]


# --- what the settings say to the API
def profile(action: str, *conditions: dict[str, str], to: tuple[str, ...] = (), **more: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", "profiles/", {"action": action, "conditions": list(conditions), "destinations": list(to), **more}


def cond(field_name: str, operator: str, value: str = "", header_name: str = "") -> dict[str, str]:
    found = {"field": field_name, "operator": operator, "value": value}
    return {**found, "header_name": header_name} if header_name else found


def reply() -> tuple[str, str, dict[str, Any]]:
    return "PUT", "auto-reply/", {"body": "ただいま不在です。", "interval_days": 1}


def spam(**fields: Any) -> tuple[str, str, dict[str, Any]]:
    return "PATCH", "spam/", fields


def account(**fields: Any) -> tuple[str, str, dict[str, Any]]:
    return "PATCH", "", fields


def far(box: str, name: str = "far") -> str:
    """An outside address of this mailbox alone."""
    return f"{name}-{box.partition('@')[0]}-{RUN}@far.test"


SENDER = "sender"  # stands for the case's own envelope sender


def header(operator: str, value: str, name: str = "") -> dict[str, str]:
    return cond("header", operator, value, name)


# --- what the messages are
def ja(m: Message) -> bool:
    return JAPANESE in m.subject


def quotes(m: Message) -> bool:
    return QUOTES in m.subject


def vip(m: Message) -> bool:
    return m.address == VIP


def everything(m: Message) -> bool:
    return True


def inbox(m: Message, box: str) -> Outcome:
    return Outcome("INBOX", m.subject)


def forwards(test: Test, *, keep: bool = True, name: str = "far") -> Callable[[Message, str], Outcome]:
    """What matches is sent on, and kept or not."""

    def expect(m: Message, box: str) -> Outcome:
        if not test(m):
            return inbox(m, box)
        return Outcome("INBOX" if keep else None, m.subject, [(far(box, name), "forward")])

    return expect


def goes(test: Test, folder: str | None, otherwise: Callable[[Message, str], Outcome] = inbox) -> Callable[[Message, str], Outcome]:
    """What matches ends in a folder, or nowhere, and nothing is sent."""
    return lambda m, box: Outcome(folder, m.subject) if test(m) else otherwise(m, box)


def answered(otherwise: Callable[[Message, str], Outcome] = inbox) -> Callable[[Message, str], Outcome]:
    """As otherwise, and the sender gets a reply where AR3 lets it."""

    def expect(m: Message, box: str) -> Outcome:
        found = otherwise(m, box)
        if m.answerable():
            found.sent.append((SENDER, "auto_reply"))
        return found

    return expect


def tagged(tag: str, otherwise: Callable[[Message, str], Outcome] = inbox) -> Callable[[Message, str], Outcome]:
    """Spam bears the tag."""

    def expect(m: Message, box: str) -> Outcome:
        found = otherwise(m, box)
        return Outcome(found.folder, f"{tag} {m.subject}", found.sent) if m.spam else found

    return expect


def bounced(test: Test, otherwise: Callable[[Message, str], Outcome] = inbox) -> Callable[[Message, str], Outcome]:
    """F11: an error mail, never for spam, never to nobody and never to a program (RFC 3834)."""

    def expect(m: Message, box: str) -> Outcome:
        if not test(m):
            return otherwise(m, box)
        return Outcome(None, m.subject, [] if m.spam or m.empty_sender or m.automatic else [(SENDER, "bounce")])

    return expect


def notified(test: Test) -> Callable[[Message, str], Outcome]:
    """F5, F11: kept, and a notice sent unless the mail is automatic or nobody's."""

    def expect(m: Message, box: str) -> Outcome:
        quiet = not test(m) or m.empty_sender or m.automatic
        return Outcome("INBOX", m.subject, [] if quiet else [(far(box), "notify")])

    return expect


def _is_spam(m: Message) -> bool:
    return m.spam


FROM_VIP = cond("from", "contains", VIP)
SUBJECT_JA = cond("subject", "contains", JAPANESE)
SUBJECT_QUOTES = cond("subject", "contains", QUOTES)

SHAPES = (
    # --- standard: All/From/Subject, always a copy
    Shape("standard", "nothing", lambda b: [], inbox),
    Shape("standard", "all", lambda b: [profile("forward", to=(far(b),))], forwards(everything)),
    Shape("standard", "from", lambda b: [profile("forward", FROM_VIP, to=(far(b),))], forwards(vip)),
    Shape("standard", "from-name", lambda b: [profile("forward", cond("from", "contains", "株"), to=(far(b),))],
          forwards(lambda m: "株" in m.shown_from)),
    Shape("standard", "subject", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),))], forwards(ja)),
    Shape("standard", "quotes", lambda b: [profile("forward", SUBJECT_QUOTES, to=(far(b),))], forwards(quotes)),
    Shape("standard", "twice", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),)), profile("forward", to=(far(b),))],
          forwards(everything)),
    Shape("standard", "off", lambda b: [profile("forward", to=(far(b),)), account(receive=False)], forwards(everything, keep=False)),
    Shape("standard", "off-subject", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),)), account(receive=False)],
          goes(lambda m: not ja(m), None, forwards(ja, keep=False))),
    Shape("standard", "reply", lambda b: [reply()], answered()),
    Shape("standard", "reply-and-forward", lambda b: [reply(), profile("forward", to=(far(b),))], answered(forwards(everything))),
    Shape("standard", "tag", lambda b: [spam(tag_subject=True)], tagged("[SPAM]")),
    Shape("standard", "folder", lambda b: [spam(move_to_folder=True)], goes(_is_spam, "Junk")),
    Shape("standard", "tag-and-folder", lambda b: [spam(tag_subject=True, move_to_folder=True)], tagged("[SPAM]", goes(_is_spam, "Junk"))),
    Shape("standard", "allow", lambda b: [spam(move_to_folder=True, tag_subject=True, allow=[VIP])], inbox),
    Shape("standard", "block", lambda b: [spam(block=["partner.test"]), profile("forward", to=(far(b),))],
          goes(vip, "Junk", forwards(everything))),
    # --- hs: two groups, first match ends
    Shape("hs", "delete", lambda b: [profile("discard", SUBJECT_JA)], goes(ja, None)),
    Shape("hs", "error", lambda b: [profile("bounce", SUBJECT_JA)], bounced(ja)),
    Shape("hs", "error-all", lambda b: [profile("bounce"), reply(), profile("forward", to=(far(b),))], bounced(everything)),
    Shape("hs", "forward", lambda b: [profile("forward", SUBJECT_QUOTES, to=(far(b),))], forwards(quotes)),
    Shape("hs", "delete-first", lambda b: [profile("forward", to=(far(b),)), profile("discard", SUBJECT_JA)],
          goes(ja, None, forwards(everything))),
    Shape("hs", "first-forward", lambda b: [profile("forward", SUBJECT_JA, to=(far(b, "one"),)), profile("forward", to=(far(b),))],
          lambda m, b: forwards(everything, name="one" if ja(m) else "far")(m, b)),
    Shape("hs", "reply-stops-forwarding", lambda b: [reply(), profile("forward", to=(far(b),)), profile("discard", SUBJECT_JA)],
          goes(ja, None, answered())),
    Shape("hs", "folder-first", lambda b: [spam(move_to_folder=True), profile("discard", cond("subject", "contains", "watches"))],
          goes(_is_spam, "Junk")),
    Shape("hs", "tag-first", lambda b: [spam(tag_subject=True), profile("forward", to=(far(b),))],
          tagged("[SPAM]", goes(_is_spam, "INBOX", forwards(everything)))),
    Shape("hs", "header", lambda b: [profile("discard", cond("header", "exists", "", "List-Id"))], goes(lambda m: m.is_list, None)),
    Shape("hs", "begins", lambda b: [profile("discard", cond("from", "begins", "other@"))],
          goes(lambda m: m.address.startswith("other@"), None)),
    Shape("hs", "not", lambda b: [profile("discard", cond("from", "not_contains", "partner.test"))], goes(lambda m: not vip(m), None)),
    # --- warp: rules in order, the first match ends the search
    Shape("warp", "forward", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),))], forwards(ja, keep=False)),
    Shape("warp", "forward-and-keep", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),), keep_copy=True)], forwards(ja)),
    Shape("warp", "notify", lambda b: [profile("notify", FROM_VIP, to=(far(b),))], notified(vip)),
    Shape("warp", "refuse", lambda b: [profile("refuse", SUBJECT_JA)], goes(ja, "Refused")),
    Shape("warp", "discard", lambda b: [profile("discard", SUBJECT_QUOTES)], goes(quotes, None)),
    Shape("warp", "exempt-attachments", lambda b: [profile("exempt", cond("attachment", "exists")), profile("forward", to=(far(b),))],
          lambda m, b: inbox(m, b) if m.attachment else forwards(everything)(m, b)),
    Shape("warp", "important", lambda b: [profile("forward", cond("importance", "is", "high"), to=(far(b),))],
          forwards(lambda m: m.important, keep=False)),
    Shape("warp", "spam", lambda b: [profile("discard", cond("spam", "is", "yes"))], goes(_is_spam, None)),
    Shape("warp", "body", lambda b: [profile("discard", cond("body", "contains", "plain lines"))], goes(lambda m: not m.spam, None)),
    Shape("warp", "any-header", lambda b: [profile("discard", header("contains", "Partner-42"))], goes(lambda m: m.important, None)),
    Shape("warp", "any-of", lambda b: [profile("discard", SUBJECT_JA, cond("attachment", "exists"), match="any")],
          goes(lambda m: ja(m) or m.attachment, None)),
    Shape("warp", "all-of", lambda b: [profile("discard", SUBJECT_JA, FROM_VIP, cond("attachment", "empty"))], goes(ja, None)),
    Shape("warp", "reply", lambda b: [reply()], answered()),
    Shape("warp", "folder-and-forward", lambda b: [spam(move_to_folder=True), profile("forward", to=(far(b),))],
          goes(_is_spam, "Junk", forwards(everything))),
    # --- platinum: quarantine before forwarding and reply
    Shape("platinum", "keep", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),))], forwards(ja)),
    Shape("platinum", "no-copy", lambda b: [profile("forward", to=(far(b),), keep_copy=False)], forwards(everything, keep=False)),
    Shape("platinum", "no-copy-if", lambda b: [profile("forward", SUBJECT_JA, to=(far(b),), keep_copy=False)], forwards(ja, keep=False)),
    Shape("platinum", "strip", lambda b: [profile("forward", to=(far(b),), strip_attachments=True)], forwards(everything)),
    Shape("platinum", "quarantine", lambda b: [profile("quarantine", SUBJECT_JA), profile("forward", to=(far(b),)), reply()],
          goes(ja, "Junk", answered(forwards(everything)))),
    Shape("platinum", "empty-sender",
          lambda b: [account(spam_seat=True), spam(quarantine_empty_sender=True), profile("forward", to=(far(b),))],
          lambda m, b: Outcome("Junk", m.subject) if m.empty_sender
          else tagged("[spam]", lambda m, b: inbox(m, b) if m.spam else forwards(everything)(m, b))(m, b)),
    Shape("platinum", "tag", lambda b: [account(spam_seat=True), profile("forward", to=(far(b),)), reply()],
          tagged("[spam]", answered(lambda m, b: inbox(m, b) if m.spam else forwards(everything)(m, b)))),
    Shape("platinum", "tag-and-forward", lambda b: [account(spam_seat=True), spam(skip_forwarding=False), profile("forward", to=(far(b),))],
          tagged("[spam]", forwards(everything))),
    Shape("platinum", "folder", lambda b: [account(spam_seat=True), spam(move_to_folder=True), profile("forward", to=(far(b),)), reply()],
          goes(_is_spam, "Junk", answered(forwards(everything)))),
    # --- plusmail: no rules
    Shape("plusmail", "nothing", lambda b: [], inbox),
)  # fmt: skip
