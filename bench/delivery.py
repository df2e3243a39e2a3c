"""Deliveries by LMTP with and without a script, in turns, so that both see the same machine."""

import smtplib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from bench.client import Client

SESSIONS, BLOCK = 4, 200
MESSAGE = (
    b"From: someone@outside.test\r\nTo: you\r\nSubject: the monthly figures\r\nMessage-ID: <%d@bench.test>\r\n\r\n"
    + b"a line of text\r\n" * 60
)
Row = tuple[str, str, str, str]


def typical_rules(client: Client, box: str, domain: str) -> None:
    """What a busy user has: ten profiles with conditions, spam tagged and moved, lists of senders; a domain's filters too."""
    change = ""
    for number in range(10):
        condition = {"field": ("subject", "from")[number % 2], "operator": "contains", "value": f"件名 {number}"}
        body = {"action": "forward", "conditions": [condition], "destinations": [f"far{number}@elsewhere.test"]}
        _, change = client.call("POST", f"/accounts/{box}/profiles/", body)
    client.call("PUT", f"/accounts/{box}/auto-reply/", {"body": "away", "starts_on": "2030-01-01"})
    lists = {"allow": ["friend@partner.test"], "block": ["spammer.test"]}
    client.call("PATCH", f"/accounts/{box}/spam/", {"tag_subject": True, "move_to_folder": True, **lists})
    _, change = client.call("PATCH", f"/domains/{domain}/senders/", {"block": ["worse.test"]})
    client.wait_live(change, 30)


def deliveries(client: Client, rounds: int) -> list[Row]:
    """Messages a second, medians over the rounds, and how far they are apart."""
    domain, plain_domain = client.domain("standard"), client.domain("plusmail")
    boxes = {"no script": f"plain{plain_domain[1:6]}@{plain_domain}", "a typical script": f"busy@{domain}"}
    for box in boxes.values():
        _, change = client.call("POST", "/accounts/", {"address": box, "password": "Tegami#Mail2026x", "quota_mb": None})
        client.wait_live(change, 30)
    typical_rules(client, boxes["a typical script"], domain)
    rates: dict[str, list[float]] = {name: [] for name in boxes}
    for _ in range(rounds):
        for name, box in boxes.items():
            rates[name].append(_rate(client, box))
    found = {name: statistics.median(many) for name, many in rates.items()}
    ratio = found["a typical script"] / found["no script"]
    rows = [(f"LMTP deliveries/s, {name}", f"{rounds} × {BLOCK}", f"{found[name]:.0f}/s", "") for name in boxes]
    return [*rows, ("with a typical script, of without", "", f"{ratio:.0%}", "")]


def _rate(client: Client, box: str) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(lambda n: _session(client, box, n), range(SESSIONS)))
    return BLOCK / (time.perf_counter() - began)


def _session(client: Client, box: str, number: int) -> None:
    with smtplib.LMTP(*client.layout.ports["lmtp"]) as lmtp:
        for n in range(BLOCK // SESSIONS):
            lmtp.sendmail("someone@outside.test", [box], MESSAGE % (time.perf_counter_ns() + number + n))
