"""Apple's configuration profile for iPhone, iPad and Mac: the account without its password, which the device asks for.

Keys as Apple publishes them (github.com/apple/device-management: TopLevel, CommonPayloadKeys, com.apple.mail.managed).
Its UUIDs come from the address, so that installing it again replaces the account instead of adding another.
"""

import plistlib
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid5

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from django.utils.translation import gettext as _

from mailsettings.discovery.facts import Facts, Server

CONTENT_TYPE = "application/x-apple-aspen-config"
NAMESPACE = UUID("5f0c1a52-8f0b-5a35-9d0c-0f3f6f0f1d5e")  # of these profiles; never another
ACCOUNT_TYPES = {"imap": "EmailTypeIMAP", "pop3": "EmailTypePOP"}


def document(facts: Facts, address: str, name: str) -> bytes:
    """The profile of `address`; `name` is the address as people read it. Raises ValueError where nothing can be received."""
    if facts.receiving is None or facts.sending is None:
        raise ValueError("a profile needs a server to receive from and one to send by")
    identifier = f"{'.'.join(reversed(facts.domain.split('.')))}.mail.{_uuid('name', address)}"
    profile = {
        **_common("Configuration", identifier, _uuid("profile", address)),
        "PayloadDisplayName": _("Mail of %(address)s") % {"address": name},
        "PayloadDescription": _("Sets up mail for %(address)s. The password is asked for.") % {"address": name},
        "PayloadOrganization": facts.domain,
        "PayloadContent": [_mail(facts, address, name, identifier, facts.receiving, facts.sending)],
    }
    return plistlib.dumps(profile)


def _common(kind: str, identifier: str, uuid: UUID) -> dict[str, object]:
    return {"PayloadType": kind, "PayloadVersion": 1, "PayloadIdentifier": identifier, "PayloadUUID": str(uuid).upper()}


def _mail(facts: Facts, address: str, name: str, identifier: str, receiving: Server, sending: Server) -> dict[str, object]:
    return {
        **_common("com.apple.mail.managed", f"{identifier}.account", _uuid("account", address)),
        "PayloadDisplayName": name,
        "EmailAccountDescription": name,
        "EmailAccountType": ACCOUNT_TYPES[receiving.protocol],
        "EmailAddress": address,
        **_server("Incoming", receiving, facts.login or address),
        **_server("Outgoing", sending, facts.login or address),
        "OutgoingPasswordSameAsIncomingPassword": True,
    }


def _server(way: str, server: Server, login: str) -> dict[str, object]:
    return {
        f"{way}MailServerAuthentication": "EmailAuthPassword",
        f"{way}MailServerHostName": server.host,
        f"{way}MailServerPortNumber": server.port,
        f"{way}MailServerUseSSL": True,
        f"{way}MailServerUsername": login,
    }


def _uuid(what: str, address: str) -> UUID:
    return uuid5(NAMESPACE, f"{what}:{address}")


def signed(profile: bytes, certificate: Path, key: Path) -> bytes:
    """The profile in a CMS envelope, DER: devices then show who it is from. Raises OSError, ValueError for bad PEM files."""
    signer = _signer(certificate, key)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(profile).add_signer(signer.chain[0], signer.key, hashes.SHA256())
    for one in signer.chain[1:]:
        builder = builder.add_certificate(one)
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


class _Signer:
    def __init__(self, certificate: bytes, key: bytes) -> None:
        self.chain = x509.load_pem_x509_certificates(certificate)
        self.key: pkcs7.PKCS7PrivateKeyTypes = serialization.load_pem_private_key(key, None)  # type: ignore[assignment]


def _signer(certificate: Path, key: Path) -> _Signer:
    """Read anew after a renewal: the files' times are part of what it is remembered by."""
    return _read_signer(certificate, certificate.stat().st_mtime_ns, key, key.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read_signer(certificate: Path, changed: int, key: Path, key_changed: int) -> _Signer:
    return _Signer(certificate.read_bytes(), key.read_bytes())
