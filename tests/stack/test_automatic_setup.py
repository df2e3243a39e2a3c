"""A mail program that knows an address and a password: what it reads from the running panel gets it in (A18).

It logs in and sends by nothing but the documents: host, port, encryption and user name are theirs.
"""

import imaplib
import plistlib
import poplib
import smtplib
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree

from tests.mail import PASSWORD, POLICY, World, note
from tests.unit.test_discovery import AUTOCONFIG, AUTODISCOVER, REQUEST

OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


@dataclass(frozen=True)
class Found:
    """One server as a document names it."""

    protocol: str
    host: str
    port: int
    tls: bool  # from the first byte; else STARTTLS
    login: str


def ask(world: World, path: str, body: str | None = None, host: str = "") -> bytes:
    """The panel's answer to somebody who has not signed in, asked under `host`."""
    headers = {"Content-Type": "text/xml", **({"Host": host} if host else {})}
    request = urllib.request.Request(f"{world.layout.panel_url}{path}", body.encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def by_thunderbird(world: World, address: str) -> list[Found]:
    domain = address.rpartition("@")[2]
    document = etree.fromstring(ask(world, f"/mail/config-v1.1.xml?emailaddress={quote(address)}", host=f"autoconfig.{domain}"))
    AUTOCONFIG.assertValid(document)
    return [
        Found(
            server.get("type"),
            server.findtext("hostname"),
            int(server.findtext("port")),
            server.findtext("socketType") == "SSL",
            server.findtext("username"),
        )
        for server in (*document.iter("incomingServer"), *document.iter("outgoingServer"))
    ]


def by_outlook(world: World, address: str) -> list[Found]:
    domain = address.rpartition("@")[2]
    body = REQUEST.format(address=address, schema=OUTLOOK)
    document = etree.fromstring(ask(world, "/Autodiscover/Autodiscover.xml", body, f"autodiscover.{domain}"))
    AUTODISCOVER.assertValid(document)
    text = lambda node, name: node.findtext(f"{{{OUTLOOK}}}{name}")  # noqa: E731
    return [
        Found(text(p, "Type").lower(), text(p, "Server"), int(text(p, "Port")), text(p, "Encryption") == "SSL", text(p, "LoginName"))
        for p in document.iter(f"{{{OUTLOOK}}}Protocol")
    ]


def by_apple(world: World, address: str) -> list[Found]:
    profile = plistlib.loads(ask(world, f"/setup/apple.mobileconfig?address={quote(address)}"))
    mail = profile["PayloadContent"][0]

    def server(way: str, protocol: str) -> Found:
        part = {key: mail[f"{way}MailServer{key}"] for key in ("HostName", "PortNumber", "UseSSL", "Username")}
        return Found(protocol, part["HostName"], part["PortNumber"], part["UseSSL"], part["Username"])

    incoming = {"EmailTypeIMAP": "imap", "EmailTypePOP": "pop3"}[mail["EmailAccountType"]]
    return [server("Incoming", incoming), server("Outgoing", "smtp")]


def by_api(world: World, address: str) -> list[Found]:
    domain = address.rpartition("@")[2]
    told = world.call("GET", f"/domains/{domain}/server-information/?address={quote(address)}").json
    return [
        Found(s["protocol"], s["host"], s["port"], s["security"] == "tls", told["user_name"])
        for s in (*told["incoming"], *told["outgoing"])
    ]


WAYS = {"thunderbird": by_thunderbird, "outlook": by_outlook, "apple": by_apple, "api": by_api}


def read(trust: ssl.SSLContext, server: Found) -> int:
    """How many mails the inbox has; the certificate has to fit the name that the document gave."""
    return (_imap if server.protocol == "imap" else _pop)(trust, server, (server.host, server.port))


def _imap(trust: ssl.SSLContext, server: Found, place: tuple[str, int]) -> int:
    client: Any = imaplib.IMAP4_SSL(*place, ssl_context=trust) if server.tls else imaplib.IMAP4(*place)
    with client:
        if not server.tls:
            client.starttls(trust)
        client.login(server.login, PASSWORD)
        return int(client.select(readonly=True)[1][0])


def _pop(trust: ssl.SSLContext, server: Found, place: tuple[str, int]) -> int:
    client: Any = poplib.POP3_SSL(*place, context=trust) if server.tls else poplib.POP3(*place)
    if not server.tls:
        client.stls(trust)
    client.user(server.login)
    client.pass_(PASSWORD)
    found: int = client.stat()[0]
    client.quit()
    return found


def send(trust: ssl.SSLContext, server: Found, address: str) -> str:
    message = note(address, address)
    with smtplib.SMTP_SSL(server.host, server.port, context=trust) if server.tls else smtplib.SMTP(server.host, server.port) as client:
        if not server.tls:
            client.starttls(context=trust)
        client.login(server.login, PASSWORD)
        client.sendmail(address, [address], message.as_bytes(policy=POLICY))
    return str(message["Message-ID"])


@pytest.mark.parametrize("plan", ["platinum", "hs", "plusmail", "standard", "warp"])
def test_what_is_read_gets_a_program_in(plan: str, world: World) -> None:
    """Every server that any of the documents names, with the user name in the plan's form; and a mail there and back."""
    domain = world.domain(plan)
    local = f"mia{domain[1:7]}"  # plusmail: names are unique on the server
    address = world.mailbox(f"{local}@{domain}", quota_mb=10)
    login = {"platinum": f"{local}%{domain}", "plusmail": local}.get(plan, address)
    spoken = {"pop3", "smtp"} if plan in ("hs", "plusmail") else {"imap", "pop3", "smtp"}
    found = {way: read_by(world, address) for way, read_by in WAYS.items()}
    servers = {server for way in found.values() for server in way}
    assert {server.protocol for server in found["thunderbird"]} == {server.protocol for server in found["outlook"]} == spoken
    assert {server.login for server in servers} == {login}
    sent = [send(world.trust, server, address) for server in servers if server.protocol == "smtp"]
    assert len(sent) == 2  # 465 and 587, each once however many documents name it
    for message in sent:
        world.arrives(address, message)
    for server in servers:
        if server.protocol != "smtp":
            assert read(world.trust, server) == len(sent), server


def test_an_unknown_address_is_told_the_same(world: World) -> None:
    domain = world.domain("standard")
    world.mailbox(f"mia@{domain}")
    for way in ("thunderbird", "outlook", "apple"):
        known, unknown = (WAYS[way](world, f"{local}@{domain}") for local in ("mia", "zoe"))
        assert [{**vars(s), "login": ""} for s in known] == [{**vars(s), "login": ""} for s in unknown]


def test_a_domain_of_nobody_is_404_under_any_name(world: World) -> None:
    for path in ("/mail/config-v1.1.xml", "/autodiscover/autodiscover.xml"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(world, path, host="autoconfig.nowhere.example")
        assert refused.value.code == 404


def test_other_names_reach_nothing_else(world: World) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(world, "/login/", host="autoconfig.nowhere.example")
    assert refused.value.code == 400


def test_the_host_is_told_of_as_it_listens(world: World) -> None:
    """The stack's own set-up says it; a port on another address than the name's is not offered."""
    (host,) = world.call("GET", "/mail-hosts/").json["results"]
    ports = {
        name: number if address == "127.0.0.1" else 0 for name, (address, number) in world.layout.ports.items() if name in host["ports"]
    }
    assert (host["hostname"], host["ipv4"], host["ports"]) == ("localhost", "127.0.0.1", ports)
    assert host["health"]["last_live_at"] is not None
