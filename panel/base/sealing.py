"""Secrets at rest: what the panel must read again (uploads, webhook secrets, private keys) is kept encrypted.

Fernet (AES-128-CBC with HMAC-SHA256) under a key that HKDF derives from `SECRET_KEY` for each purpose: a text sealed
for one purpose cannot be opened as another's. A changed `SECRET_KEY` makes all of it unreadable.
"""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """Sealed under another key or purpose, or damaged."""


def seal(content: bytes, purpose: str) -> bytes:
    """Encrypted and authenticated; a third longer than `content`."""
    return _fernet(settings.SECRET_KEY, purpose).encrypt(content)


def unseal(sealed: bytes, purpose: str) -> bytes:
    """What `seal` was given. Raises `Unreadable`."""
    try:
        return _fernet(settings.SECRET_KEY, purpose).decrypt(bytes(sealed))
    except InvalidToken as error:
        raise Unreadable(purpose) from error


@cache
def _fernet(secret: str, purpose: str) -> Fernet:
    key = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
