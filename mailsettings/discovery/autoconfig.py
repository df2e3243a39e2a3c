"""Thunderbird's autoconfig document, which many other programs read (draft-ietf-mailmaint-autoconfig, version 1.1).

Without an address the user name is a placeholder that the program fills in. There is none for `user%domain` that
every program reads alike, so there the whole address stands, which signs in as well.
"""

from xml.etree import ElementTree as ET

from mailsettings.discovery.facts import TLS, Facts, Server

CONTENT_TYPE = "text/xml; charset=utf-8"
PLACEHOLDERS = {"address": "%EMAILADDRESS%", "percent": "%EMAILADDRESS%", "bare": "%EMAILLOCALPART%"}


def document(facts: Facts) -> bytes:
    """The document; its bytes depend on nothing but the facts."""
    root = ET.Element("clientConfig", version="1.1")
    provider = ET.SubElement(root, "emailProvider", id=facts.domain)
    for name in ("domain", "displayName", "displayShortName"):
        ET.SubElement(provider, name).text = facts.domain
    login = facts.login or PLACEHOLDERS[facts.login_form]
    for server in facts.incoming:
        _server(provider, "incomingServer", server, login)
    for server in facts.outgoing:
        _server(provider, "outgoingServer", server, login)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _server(provider: ET.Element, name: str, server: Server, login: str) -> None:
    found = ET.SubElement(provider, name, type=server.protocol)
    parts = {
        "hostname": server.host,
        "port": str(server.port),
        "socketType": "SSL" if server.security == TLS else "STARTTLS",
        "authentication": "password-cleartext",  # PLAIN or LOGIN, within TLS
        "username": login,
    }
    for part, text in parts.items():
        ET.SubElement(found, part).text = text
