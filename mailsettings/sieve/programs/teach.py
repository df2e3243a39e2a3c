"""pipe "teach" spam|ham USER: tells rspamd what the user thinks of a message (S4).

rspamd keeps what it learns by the domain of `Deliver-To`, so that no tenant teaches another's filter. Nobody waits long:
the user's mail program stands still meanwhile. When rspamd is away the message is moved all the same, and nothing is learnt.
"""

from __future__ import annotations

import re
import socket
import sys

from .mime import Buffer
from .stream import end_in_time, read_message

PATIENCE_S = 3
ADDRESS = re.compile(r"^[\x21-\x7e]+@[a-z0-9.-]+$")
# 208: learnt already. 204: rspamd finds nothing in it to learn from.
FINE = (200, 204, 208)


def main(arguments: list[str], controller: str) -> int:
    """0: learnt. 1: not, with a line on standard error, which Dovecot logs. `controller` = rspamd's unix socket."""
    end_in_time()
    kind, user = arguments
    try:
        status = learn(controller, kind, user, read_message())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"teach {kind} for {user}: {error}\n")
        return 1
    if status not in FINE:
        sys.stderr.write(f"teach {kind} for {user}: rspamd answers {status}\n")
    return 0 if status in FINE else 1


def learn(controller: str, kind: str, user: str, message: Buffer) -> int:
    """The HTTP status of rspamd's answer. Raises OSError, ValueError for what is no user or no answer."""
    if kind not in ("spam", "ham") or not ADDRESS.match(user):
        raise ValueError(f"nobody is taught {kind!r} by {user!r}")
    with socket.socket(socket.AF_UNIX) as rspamd:
        rspamd.settimeout(PATIENCE_S)
        rspamd.connect(controller)
        head = f"POST /learn{kind} HTTP/1.0\r\nDeliver-To: {user}\r\nContent-Length: {len(message)}\r\n\r\n"
        rspamd.sendall(head.encode())
        rspamd.sendall(message)
        answer = re.match(rb"HTTP/1\.\d (\d{3})", rspamd.recv(512))
    if not answer:
        raise ValueError("rspamd gives no answer")
    return int(answer[1])
