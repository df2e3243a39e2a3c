"""A certificate authority and a certificate for a private instance. Production brings its own."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Tls
from mailsettings.servers.owners import make_folder

ADDRESSES = ("127.0.0.1", "127.0.0.2")
LIFE = datetime.timedelta(days=3650)


def private_tls(folder: Path) -> Tls:
    """Where a private instance's files are."""
    return Tls(folder / "server.pem", folder / "server.key", folder / "ca.pem")


def ensure_certificate(tls: Tls, hostname: str) -> None:
    """Make the files unless they are there; the certificate covers 127.0.0.1, 127.0.0.2, localhost and the host name."""
    if tls.authority is None or all(path.exists() for path in (tls.certificate, tls.key, tls.authority)):
        return
    make_folder(tls.certificate.parent)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Tegami private instance")
    authority = _certificate(issuer, issuer, authority_key, authority_key, ca=True)
    names = x509.SubjectAlternativeName(
        [
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES),
            *(x509.DNSName(name) for name in ("localhost", hostname)),
        ]
    )
    server = _certificate(_name(hostname), issuer, key, authority_key, names=names)
    write_atomically(tls.key, _key_pem(key), mode=0o600)
    write_atomically(tls.authority, _pem(authority))
    write_atomically(tls.certificate, _pem(server) + _pem(authority))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if names:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(names, critical=False).add_extension(usage, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
