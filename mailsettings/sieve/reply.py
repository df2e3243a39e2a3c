"""The auto-reply of a mailbox as Sieve (RFC 5230, RFC 6131): when it is due, whom it is never sent to, the text."""

from __future__ import annotations

from datetime import date

from mailsettings.sieve.conditions import EMPTY_SENDER, SPAM
from mailsettings.sieve.quoting import quoted, several
from mailsettings.sieve.settings import FROM_HEADER, VIRUS_HEADER, Reply
from mailsettings.sieve.writing import Lines, command, when

# AR3: names of programs. Pigeonhole leaves some of them out by itself; here all stand, seen and tested.
PROGRAMS = (
    "autoanswer", "echo", "listserv", "mailerdaemon", "mailer-daemon", "mirror", "netserv", "server",
    "uucp", "mailer", "listproc", "majordomo", "list.manager",
)  # fmt: skip
SHAPES = ("*-request", "*-admin", "owner-*")
# RFC 2369, RFC 2919, and what fml, Mailman 2 and Exchange write.
LIST_HEADERS = (
    "List-Id", "List-Post", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Owner", "List-Archive",
    "Mailing-List", "X-ML-Name", "X-ML-Server", "X-MLServer", "X-Mailman-Version",
)  # fmt: skip
# A mail program wraps no line for us: RFC 5322 2.1.1 ends a line at 998 bytes.
LONGEST_LINE = 990


def is_due(reply: Reply, zone: str | None) -> Lines:
    """The tests of the day, in this zone (`+0900`; None: the server's); both days are inside."""
    place = f":zone {quoted(zone)} " if zone else ""
    ends = (("ge", reply.starts_on), ("le", reply.ends_on))
    return [f'currentdate {place}:value "{order}" "date" "{_day(day)}"' for order, day in ends if day]


def _day(day: date) -> str:
    return day.isoformat()


def never(again: str | None) -> Lines:
    """The tests that each alone forbid a reply (AR3). `again`: the test that this mailbox has sent the mail on before."""
    names = [f"{name}@*" for name in (*PROGRAMS, *SHAPES)]
    return [
        EMPTY_SENDER,
        f'envelope :localpart :is "from" {several(PROGRAMS)}',
        f'envelope :localpart :matches "from" {several(SHAPES)}',
        f'header :matches "{FROM_HEADER}" {several(names)}',
        f'header :contains {several(LIST_HEADERS)} ""',
        'header :is "Precedence" ["bulk", "list", "junk"]',
        'allof (exists "Auto-Submitted", not header :matches "Auto-Submitted" ["no", "no;*", "no *"])',
        'header :contains "X-Auto-Response-Suppress" ["all", "autoreply", "oof"]',
        f'exists "{VIRUS_HEADER}"',
        SPAM,
        *([again] if again else []),
    ]


def subject_of(reply: Reply) -> Lines:
    """Lines that put the subject of the reply into `reply`."""
    if reply.subject is not None:
        return [f'set "reply" {quoted(reply.subject)};']
    return ['set "reply" "Re:";', *when('header :matches "Subject" "*"', ['set "reply" "Re: ${1}";'])]


def answer(reply: Reply, address: str) -> Lines:
    """The command itself."""
    every = f":days {reply.interval_days}" if reply.interval_days else ":seconds 0"
    own = several(list(dict.fromkeys((address, *reply.addresses))))
    head = f'vacation {every} :handle {quoted(reply.handle)} :addresses {own} :subject "${{reply}}" :mime'
    return command(head, _mime(reply.body))


def _mime(body: str) -> str:
    return f"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n{_wrapped(body)}"


def _wrapped(body: str) -> str:
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(piece for line in lines for piece in _pieces(line))


def _pieces(line: str) -> Lines:
    """The line in pieces short enough to be sent; only pasted text without line ends is ever that long."""
    pieces, size = [""], 0
    for character in line:
        size += len(character.encode())
        if size > LONGEST_LINE:
            pieces.append("")
            size = len(character.encode())
        pieces[-1] += character
    return pieces
