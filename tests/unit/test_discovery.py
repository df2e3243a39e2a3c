"""What mail programs are told, judged by real validators: RELAX NG, XML Schema, Apple's published keys, a QR decoder (A18)."""

import contextlib
import plistlib
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from accounts.models.tenants import PORTS
from accounts.presets import PRESETS
from accounts.rules import Rules
from mailsettings.discovery import autoconfig, autodiscover, profile, qr
from mailsettings.discovery.facts import Facts, Server, facts, services

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
AUTOCONFIG = etree.RelaxNG(etree.parse(SCHEMAS / "autoconfig.rng"))
AUTODISCOVER = etree.XMLSchema(etree.parse(SCHEMAS / "autodiscover.xsd"))
DOMAIN, ADDRESS = "a.example.com", "mia.o'hara@a.example.com"
PLANS = sorted(PRESETS)


@dataclass
class Host:
    hostname: str = "mail.example.net"
    ipv4: str | None = "192.0.2.10"
    ipv6: str | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def port(self, service: str) -> int:
        return self.ports.get(service, PORTS[service])


def told(plan: str, address: str | None = ADDRESS, **host: Any) -> Facts:
    found = facts(DOMAIN, Rules.of(PRESETS[plan][1]), Host(**host), address)
    assert found is not None
    return found


def tell(server: Server) -> tuple[str, int, str]:
    return server.protocol, server.port, server.security


# --- the facts
def test_the_encrypted_ports_come_first_and_imap_before_pop() -> None:
    found = told("standard")
    assert [tell(s) for s in found.incoming] == [
        ("imap", 993, "tls"),
        ("imap", 143, "starttls"),
        ("pop3", 995, "tls"),
        ("pop3", 110, "starttls"),
    ]
    assert [tell(s) for s in found.outgoing] == [("smtp", 465, "tls"), ("smtp", 587, "starttls")]


@pytest.mark.parametrize(("plan", "login"), [("platinum", "mia.o'hara%a.example.com"), ("plusmail", "mia.o'hara"), ("hs", ADDRESS)])
def test_the_user_name_has_the_plans_form(plan: str, login: str) -> None:
    assert told(plan).login == login
    assert told(plan, None).login is None


@pytest.mark.parametrize("plan", ["hs", "plusmail"])
def test_a_manual_without_imap_has_pop_only(plan: str) -> None:
    assert {s.protocol for s in told(plan).incoming} == {"pop3"}


@pytest.mark.parametrize("plan", PLANS)
def test_programs_are_given_the_name_that_the_certificate_covers(plan: str) -> None:
    found = told(plan)
    assert {s.host for s in (*found.incoming, *found.outgoing)} == {"mail.example.net"}


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        ("platinum", []),
        ("warp", []),
        ("standard", []),
        ("hs", [("pop3", "pop.a.example.com"), ("smtp", "smtp.a.example.com")]),
        ("plusmail", [("pop3", DOMAIN), ("smtp", DOMAIN)]),
    ],
)
def test_the_plans_own_names_stand_beside_it(plan: str, names: list[tuple[str, str]]) -> None:
    assert [(name.protocol, name.host) for name in told(plan).other_names] == names


def test_other_ports_are_told_and_what_is_not_offered_is_not() -> None:
    found = told("standard", ports={"imaps": 2993, "imap": 0, "pop3": 0, "submissions": 0})
    assert [tell(s) for s in found.incoming] == [("imap", 2993, "tls"), ("pop3", 995, "tls")]
    assert [tell(s) for s in found.outgoing] == [("smtp", 587, "starttls")]


def test_a_host_without_a_name_tells_nothing() -> None:
    assert facts(DOMAIN, Rules(), Host(hostname=""), ADDRESS) is None


def test_dns_names_the_services_that_the_plan_has() -> None:
    """RFC 6186 3.4: a service that is not there has the target "."."""
    offered = {name: (port, target) for name, port, target in services(Rules(), Host(ports={"pop3s": 1995}))}
    name = "mail.example.net"
    assert offered == {"_imaps._tcp": (993, name), "_pop3s._tcp": (1995, name), "_submissions._tcp": (465, name)}
    hs = {name: (port, target) for name, port, target in services(Rules.of(PRESETS["hs"][1]), Host())}
    assert hs["_imaps._tcp"] == (0, ".")


# --- Thunderbird
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("address", [ADDRESS, None])
@pytest.mark.parametrize("ports", [{}, {"imaps": 0, "pop3s": 0, "submissions": 0}, {"imap": 0, "pop3": 0, "submission": 12_587}])
def test_autoconfig_is_valid_for_every_plan(plan: str, address: str | None, ports: dict[str, int]) -> None:
    document = etree.fromstring(autoconfig.document(told(plan, address, ports=ports)))
    AUTOCONFIG.assertValid(document)


@pytest.mark.parametrize(
    ("was", "made"),
    [
        (b">SSL<", b">ssl<"),
        (b"<port>993</port>", b"<port>0</port>"),
        (b"<port>993</port>", b""),
        (b'version="1.1"', b'version="1.0"'),
        (b'type="imap"', b'type="imap4"'),
        (b"password-cleartext", b"plain"),
        (b"<username>mia", b"<username>%NAME%mia"),
    ],
)
def test_the_schema_finds_what_is_wrong(was: bytes, made: bytes) -> None:
    broken = autoconfig.document(told("standard")).replace(was, made)
    assert not AUTOCONFIG.validate(etree.fromstring(broken))


def test_autoconfig_without_an_address_leaves_the_user_name_to_the_program() -> None:
    names = {plan: {n.text for n in etree.fromstring(autoconfig.document(told(plan, None))).iter("username")} for plan in PLANS}
    assert names["plusmail"] == {"%EMAILLOCALPART%"}
    assert all(found == {"%EMAILADDRESS%"} for plan, found in names.items() if plan != "plusmail")


# --- Outlook
REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
  <Request>
    <EMailAddress>{address}</EMailAddress>
    <AcceptableResponseSchema>{schema}</AcceptableResponseSchema>
  </Request>
</Autodiscover>"""


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("address", [ADDRESS, None])
@pytest.mark.parametrize("ports", [{}, {"imaps": 0, "pop3s": 0, "submissions": 0}])
def test_autodiscover_is_valid_for_every_plan(plan: str, address: str | None, ports: dict[str, int]) -> None:
    AUTODISCOVER.assertValid(etree.fromstring(autodiscover.settings(told(plan, address, ports=ports))))


@pytest.mark.parametrize("code", [autodiscover.INVALID, autodiscover.UNKNOWN_SCHEMA])
def test_autodiscovers_errors_are_valid_too(code: int) -> None:
    document = etree.fromstring(autodiscover.error(code))
    AUTODISCOVER.assertValid(document)
    assert document.findtext(f".//{{{autodiscover.OUTER}}}ErrorCode") == str(code)


@pytest.mark.parametrize(("was", "made"), [(b"<SSL>on<", b"<SSL>yes<"), (b"<Type>IMAP<", b"<Type>imap<"), (b"<Port>993</Port>", b"")])
def test_the_schema_of_outlook_finds_what_is_wrong(was: bytes, made: bytes) -> None:
    assert not AUTODISCOVER.validate(etree.fromstring(autodiscover.settings(told("standard")).replace(was, made)))


def test_outlooks_request_is_read() -> None:
    body = REQUEST.format(address="Mia@A.Example.com", schema=autodiscover.OUTLOOK)
    assert autodiscover.read(body.encode()) == autodiscover.Request("Mia@A.Example.com", autodiscover.OUTLOOK)
    assert autodiscover.read(body.replace("utf-8", "utf-16").encode("utf-16")).address == "Mia@A.Example.com"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
HOSTILE = {
    "nothing": b"",
    "no XML": b"EMailAddress=mia@a.example.com",
    "entity bomb": REQUEST.replace("?>\n", "?>" + BOMB).format(address="&c;", schema="").encode(),
    "external entity": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Autodiscover><Request><EMailAddress>&f;</EMailAddress></Request></Autodiscover>',
    "parameter entity": b'<!DOCTYPE x SYSTEM "http://169.254.169.254/x.dtd"><Autodiscover/>',
    "unknown entity": b"<Autodiscover><Request><EMailAddress>&x;</EMailAddress></Request></Autodiscover>",
    "huge": REQUEST.format(address="a" * 20_000 + "@a.example.com", schema="").encode(),
    "deep": b"<a>" * 3_000,
    "open": b"<Autodiscover><Request><EMailAddress>mia@a.example.com",
    "no address": REQUEST.format(address="", schema="").encode(),
    "elsewhere": b"<Autodiscover><EMailAddress>mia@a.example.com</EMailAddress></Autodiscover>",
    "encoding of nobody": b'<?xml version="1.0" encoding="klingon"?><Autodiscover/>',
    "bytes of no encoding": b"\xff\xfe\x00<\x00",
    "attributes": b"<Autodiscover " + b" ".join(b'a%d="x"' % n for n in range(900)) + b"/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_request_is_unreadable(kind: str) -> None:
    with pytest.raises(autodiscover.Unreadable):
        autodiscover.read(HOSTILE[kind])


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: REQUEST.format(address=text, schema="").encode(errors="replace")))
def test_whatever_is_posted_is_read_or_unreadable(body: bytes) -> None:
    with contextlib.suppress(autodiscover.Unreadable):
        assert autodiscover.read(body).address is not None


# --- Apple
# github.com/apple/device-management, mdm/profiles: key → type, or the values that it takes; the second set must be there.
COMMON = {"PayloadIdentifier": str, "PayloadUUID": str, "PayloadVersion": {1}, "PayloadDisplayName": str}
TOP = {**COMMON, "PayloadType": {"Configuration"}, "PayloadContent": list, "PayloadDescription": str, "PayloadOrganization": str}
AUTH = {"EmailAuthNone", "EmailAuthPassword", "EmailAuthCRAMMD5", "EmailAuthNTLM", "EmailAuthHTTPMD5"}
MAIL = {
    **COMMON,
    "PayloadType": {"com.apple.mail.managed"},
    "EmailAccountDescription": str,
    "EmailAccountName": str,
    "EmailAccountType": {"EmailTypeIMAP", "EmailTypePOP"},
    "EmailAddress": str,
    "OutgoingPasswordSameAsIncomingPassword": bool,
    **{f"{way}MailServer{key}": kind for way in ("Incoming", "Outgoing") for key, kind in
       {"Authentication": AUTH, "HostName": str, "PortNumber": int, "UseSSL": bool, "Username": str}.items()},
}  # fmt: skip
REQUIRED = {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadVersion"}
MAIL_REQUIRED = (
    REQUIRED | {"EmailAccountType"} | {f"{w}MailServer{k}" for w in ("Incoming", "Outgoing") for k in ("Authentication", "HostName")}
)


def check_payload(payload: dict[str, Any], known: dict[str, Any], required: set[str]) -> None:
    assert required <= set(payload) <= set(known)
    for key, value in payload.items():
        assert value in known[key] if isinstance(known[key], set) else type(value) is known[key], key
    assert re.fullmatch("[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", payload["PayloadUUID"])


def made_for(plan: str, address: str = ADDRESS) -> dict[str, Any]:
    found: dict[str, Any] = plistlib.loads(profile.document(told(plan, address), address, address))
    return found


@pytest.mark.parametrize("plan", PLANS)
def test_a_profile_has_apples_keys_and_no_password(plan: str) -> None:
    found = made_for(plan)
    check_payload(found, TOP, REQUIRED)
    (mail,) = found["PayloadContent"]
    check_payload(mail, MAIL, MAIL_REQUIRED)
    assert mail["IncomingMailServerUsername"] == told(plan).login
    assert mail["EmailAccountType"] == ("EmailTypePOP" if plan in ("hs", "plusmail") else "EmailTypeIMAP")
    assert (mail["IncomingMailServerPortNumber"], mail["OutgoingMailServerPortNumber"]) == (995 if plan in ("hs", "plusmail") else 993, 465)
    assert not {"IncomingPassword", "OutgoingPassword"} & set(mail)


def test_a_profile_installed_again_replaces_the_first() -> None:
    def ids(made: dict[str, Any]) -> list[str]:
        return [one[key] for one in (made, made["PayloadContent"][0]) for key in ("PayloadUUID", "PayloadIdentifier")]

    assert ids(made_for("platinum")) == ids(made_for("standard"))
    assert not set(ids(made_for("standard"))) & set(ids(made_for("standard", "max@a.example.com")))


def authority(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and a certificate under it with its chain: PEM files as a web server has them."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("authority", "mail.example.net")]
    made = []
    for number in (0, 1):
        builder = x509.CertificateBuilder().subject_name(names[number]).issuer_name(names[0]).public_key(keys[number].public_key())
        now = datetime.now(UTC)
        builder = builder.serial_number(number + 1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        made.append(builder.add_extension(x509.BasicConstraints(ca=not number, path_length=None), True).sign(keys[0], hashes.SHA256()))
    pem = [one.public_bytes(serialization.Encoding.PEM) for one in made]
    key = keys[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = folder / "ca.pem", folder / "chain.pem", folder / "key.pem"
    for path, text in zip(paths, (pem[0], pem[1] + pem[0], key), strict=True):
        path.write_bytes(text)
    return paths


def test_a_signed_profile_verifies_and_holds_the_same(tmp_path: Path) -> None:
    trusted, chain, key = authority(tmp_path)
    plain = profile.document(told("standard"), ADDRESS, ADDRESS)
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-CAfile", str(trusted), "-purpose", "any", "-binary"]
    opened = subprocess.run(command, input=profile.signed(plain, chain, key), capture_output=True, check=True)
    assert opened.stdout == plain


# --- QR
def decoded(drawn: str, folder: Path) -> str:
    """The SVG's own squares, eight pixels each, through a real decoder."""
    root = etree.fromstring(drawn)
    size = int(root.attrib["viewBox"].split()[2])
    dark = {tuple(map(int, square)) for square in re.findall(r"M(\d+) (\d+)h1v1h-1z", root.find("path").attrib["d"])}
    rows = [" ".join("1" if (x // 8, y // 8) in dark else "0" for x in range(size * 8)) for y in range(size * 8)]
    picture = folder / "qr.pbm"
    picture.write_text(f"P1\n{size * 8} {size * 8}\n" + "\n".join(rows) + "\n")
    return subprocess.run(["zbarimg", "-q", "--raw", str(picture)], capture_output=True, text=True, check=True).stdout.strip()


def test_a_qr_code_is_read_back(tmp_path: Path) -> None:
    text = "https://panel.example.com/setup/apple.mobileconfig?address=mia%40a.example.com"
    drawn = qr.svg(text, "Scan & set up")
    assert decoded(drawn, tmp_path) == text
    assert etree.fromstring(drawn).attrib["aria-label"] == "Scan & set up"
