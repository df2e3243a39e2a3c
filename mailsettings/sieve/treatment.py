"""What is done with one mail, apart from forwarding: stored, refused, returned, announced, tagged."""

from __future__ import annotations

from mailsettings.sieve.conditions import EMPTY_SENDER, SPAM, unmarked
from mailsettings.sieve.quoting import pattern, percent, quoted, several
from mailsettings.sieve.settings import AUTH_HEADER, FROM_HEADER, SPAM_HEADER, VIRUS_HEADER
from mailsettings.sieve.writing import Lines, all_of, any_of, command, section, when

JUNK, REFUSED = "Junk", "Refused"
NOTICE_SUBJECT = "受信通知"
REJECTED = (
    "The recipient's settings do not accept this mail. It was not delivered.\n"
    "受信者の設定により、このメールは受け取られませんでした。メールは配送されていません。"
)
AUTOMATIC = 'allof (exists "Auto-Submitted", not header :matches "Auto-Submitted" ["no", "no;*", "no *"])'
# A domain's script cannot know the mailbox' settings; `sieve_env_receive` = off comes with the user's record.
RECEIVE_OFF = 'environment :is "vnd.dovecot.config.receive" "off"'
# A domain's allow list speaks to the mailbox' scripts by this header, for its own domain only: forwarded mail keeps it.
ALLOWED_HEADER = "X-Tegami-Allowed"


def file_into(folder: str, receive: bool | None) -> Lines:
    """Into the folder and no further, unless the mailbox receives nothing (F6); None: the user's record tells."""
    stored = [f'fileinto :create "{folder}";']
    if receive is None:
        return [*when(RECEIVE_OFF, ["discard;"], otherwise=stored), "stop;"]
    return [*(stored if receive else ["discard;"]), "stop;"]


def verdict(domain: str) -> Lines:
    """`spam`: what rspamd said, unless the domain allows the sender."""
    marked = all_of([f'header :is "{SPAM_HEADER}" "YES"', f'not header :is "{ALLOWED_HEADER}" {quoted(domain)}'])
    return section("verdict", None, "", when(marked, ['set "spam" "yes";']))


def senders(allow: tuple[str, ...], block: tuple[str, ...], receive: bool | None, *, tell: str = "") -> Lines:
    """The two lists (F9). Who is allowed is no spam, nor blocked by a wider entry; who is blocked goes to the spam folder.

    `tell`: the domain that tells its mailboxes' scripts.
    """
    lines: Lines = []
    if allow:
        told = [f'addheader "{ALLOWED_HEADER}" {quoted(tell)};'] if tell else []
        unmarked = when(SPAM, ['set "spam" "";', *told])
        lines += section("allow", None, "", when(any_of(_from_any_of(allow)), ['set "allowed" "yes";', *unmarked]))
    if block:
        blocked = when(any_of(_from_any_of(block)), file_into(JUNK, receive))
        lines += section("block", None, "", when('not string :is "${allowed}" "yes"', blocked) if allow else blocked)
    return lines


def _from_any_of(entries: tuple[str, ...]) -> Lines:
    """Who wrote it, by From or by the envelope."""
    exact = [entry for entry in entries if not entry.startswith("@")]
    domains = [f"*{pattern(entry)}" for entry in entries if entry.startswith("@")]
    asked = [(match, several(keys)) for match, keys in (("is", exact), ("matches", domains)) if keys]
    return [
        test
        for match, keys in asked
        for test in (
            f'header :{match} "{FROM_HEADER}" {keys}',
            f'envelope :{match} "from" {keys}',
            unmarked(f':{match} "From" {keys}'),
        )
    ]


def no_sender() -> Lines:
    """The test of the switch for mail whose sender's address is empty (F10): none in the envelope, or none in From."""
    somebody = [f'header :contains "{FROM_HEADER}" "@"', unmarked(':contains "From" "@"')]
    return any_of([EMPTY_SENDER, f"not anyof ({', '.join(somebody)})"])


def bounce() -> Lines:
    """An error mail, only to who is known to have written it and is no program without an address (F11)."""
    mail = [f"not {SPAM}", f"not {EMPTY_SENDER}", f"not {AUTOMATIC}", f'not exists "{VIRUS_HEADER}"']
    known = [*mail, f'header :is "{AUTH_HEADER}" "pass"']
    return [*when(all_of(known), command("reject", REJECTED), otherwise=["discard;"]), "stop;"]


def refuse(receive: bool | None) -> Lines:
    """Only the header is kept, in a folder of its own; should the program fail, the whole mail."""
    kept = file_into(REFUSED, receive)
    return kept if receive is False else [*when('filter "headers-only"', kept), *kept]


def notify(destinations: tuple[str, ...], address: str) -> Lines:
    """A short mail that says who wrote what to whom (F5); never about mail of programs (F11)."""
    body = "".join(f"{percent(label)}%3A%20${{{name}}}%0D%0A" for label, name in NOTICE.values())
    read = [line for header, (_, name) in NOTICE.items() for line in _read(header, name)]
    start = f"notify :from {quoted(address)} :message {quoted(NOTICE_SUBJECT)}"
    sent = [f'{start} "mailto:{percent(destination)}?body={body}";' for destination in destinations]
    return when(f"not anyof ({EMPTY_SENDER}, {AUTOMATIC})", [*read, *sent])


NOTICE = {"From": ("送信者 From", "sender"), "Subject": ("件名 Subject", "subject"), "To": ("宛先 To", "recipient")}


def _read(header: str, name: str) -> Lines:
    return [f'set "{name}" "";', *when(f'header :matches "{header}" "*"', [f'set :encodeurl "{name}" "${{1}}";'])]


def tagged(tag: str) -> Lines:
    """The tag in front of the subject, once (S2). What the subject held is decoded, and encoded anew by Pigeonhole."""
    new = [
        f'set "tagged" {quoted(tag)};',
        *when('header :matches "Subject" "*"', [f'set "tagged" "{quoted(tag)[1:-1]} ${{1}}";']),
        'deleteheader "Subject";',
        'addheader "Subject" "${tagged}";',
    ]
    return when(all_of([SPAM, f'not header :contains "Subject" {quoted(tag)}']), new)
