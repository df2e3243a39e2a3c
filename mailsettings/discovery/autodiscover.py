"""Outlook's autodiscover, plain XML (MS-OXDSCLI): the request is hostile, the answer names IMAP, POP and SMTP.

Errors are answers too, as the protocol has them: 600 for a request that cannot be read, 601 for a schema that is not
spoken here (Exchange's mobile devices ask with one).
"""

from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.parsers import expat

from django.utils import timezone

from mailsettings.discovery.facts import TLS, Facts, Server

CONTENT_TYPE = "text/xml; charset=utf-8"
OUTER = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
REQUEST_MAX = 10_000  # bytes; a request has about 400
INVALID, UNKNOWN_SCHEMA = 600, 601
MESSAGES = {INVALID: "Invalid Request", UNKNOWN_SCHEMA: "Provider is not available"}
TYPES = {"imap": "IMAP", "pop3": "POP3", "smtp": "SMTP"}


class Unreadable(Exception):
    """The request is no request: too large, no XML, with a DTD, or without an address."""


@dataclass(frozen=True, slots=True)
class Request:
    address: str
    schema: str  # "" = any


def read(body: bytes) -> Request:
    """What is asked for. Raises `Unreadable`; entities and external references are never looked at."""
    if len(body) > REQUEST_MAX:
        raise Unreadable("too large")
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: an encoding that Python does not have
        raise Unreadable(str(error)) from error
    if not reader.found.get("EMailAddress"):
        raise Unreadable("no address")
    return Request(reader.found["EMailAddress"].strip(), reader.found.get("AcceptableResponseSchema", "").strip())


class _Reader:
    """Collects the text of the elements inside of `Request`, by their local names. A DTD ends the reading."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.path: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *about: object) -> None:
        raise Unreadable("a DTD")

    def _start(self, name: str, attributes: object) -> None:
        self.path.append(name.rpartition(" ")[2])

    def _end(self, name: str) -> None:
        self.path.pop()

    def _text(self, text: str) -> None:
        if self.path[:-1] == ["Autodiscover", "Request"]:
            self.found[self.path[-1]] = self.found.get(self.path[-1], "") + text


def settings(facts: Facts) -> bytes:
    """The answer: the best server for each protocol, the recommended one first."""
    root = ET.Element("Autodiscover", xmlns=OUTER)
    response = ET.SubElement(root, "Response", xmlns=OUTLOOK)
    if facts.address:
        _texts(ET.SubElement(response, "User"), {"DisplayName": facts.address})
    account = ET.SubElement(response, "Account")
    _texts(account, {"AccountType": "email", "Action": "settings"})
    for server in facts.best():
        _texts(ET.SubElement(account, "Protocol"), _protocol(server, facts.login))
    return _written(root)


def _protocol(server: Server, login: str | None) -> dict[str, str]:
    """The elements in the order of the reference. `Encryption` is for programs that know it; `SSL` alone for the others."""
    named = {"LoginName": login} if login else {}
    secured = {"SSL": "on", "Encryption": "SSL"} if server.security == TLS else {"SSL": "off", "Encryption": "TLS"}
    return {
        "Type": TYPES[server.protocol],
        "Server": server.host,
        "Port": str(server.port),
        **named,
        "DomainRequired": "off",
        "SPA": "off",
        **secured,
        "AuthRequired": "on",
        **({"UsePOPAuth": "off", "SMTPLast": "off"} if server.protocol == "smtp" else {}),
    }


def error(code: int) -> bytes:
    """A refusal by its number (`MESSAGES`)."""
    root = ET.Element("Autodiscover", xmlns=OUTER)
    found = ET.SubElement(ET.SubElement(root, "Response"), "Error", Time=f"{timezone.now():%H:%M:%S.%f}", Id="0")
    _texts(found, {"ErrorCode": str(code), "Message": MESSAGES[code], "DebugData": ""})
    return _written(root)


def _texts(parent: ET.Element, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _written(root: ET.Element) -> bytes:
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
