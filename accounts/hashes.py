"""Hashes that come from elsewhere (A13's `password_hash`): read strictly, bounded in what a login may cost, stored as Dovecot reads them.

Schemes: ARGON2ID, BLF-CRYPT ($2a, $2b, $2y), SHA512-CRYPT, as `{SCHEME}…` or bare `$…`. The last two are verified by the
machine's libcrypt, which is what Dovecot asks too. Nothing here repeats the hash in an error.
"""

import base64
import ctypes
import hmac
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST: Final = 255  # characters of the stored form
MEMORY_KIB, PASSES, LANES = 65_536, 10, 4  # the most that one login by ARGON2ID may cost
BCRYPT_COST: Final = range(4, 13)
SHA512_ROUNDS: Final = range(1_000, 200_001)
SHA512_DEFAULT: Final = 5_000
FORM: Final = re.compile(r"(?:\{([A-Za-z0-9-]{1,20})\})?(\$.+)", re.ASCII)
ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})"
)
BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
SHA512: Final = re.compile(r"\$6\$(?:rounds=([1-9][0-9]{0,8})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}")
# libxcrypt's struct crypt_data
SCRATCH: Final = 32_768


def parse(text: str) -> str:
    """`{ARGON2ID}$argon2id$…`, `{BLF-CRYPT}$2…` or `{SHA512-CRYPT}$6$…`; raises `ValidationError`: `scheme`, `format` or `cost`."""
    found = FORM.fullmatch(text)
    if found is None or len(text) > LONGEST:
        raise _scheme()
    named, rest = (found[1] or "").upper(), found[2]
    for scheme, begins, check in _schemes():
        if rest.startswith(begins):
            if named not in ("", scheme):
                raise _scheme()
            check(rest)
            return f"{{{scheme}}}{rest}"
    raise _scheme()


def _schemes() -> tuple[tuple[str, tuple[str, ...], Callable[[str], None]], ...]:
    return (
        ("ARGON2ID", ("$argon2id$",), _check_argon2id),
        ("BLF-CRYPT", ("$2a$", "$2b$", "$2y$"), _check_bcrypt),
        ("SHA512-CRYPT", ("$6$",), _check_sha512),
    )


def _check_argon2id(rest: str) -> None:
    found = _matched(ARGON2ID, rest)
    memory, passes, lanes = (int(found[n]) for n in (1, 2, 3))
    if not (_is_base64(found[4]) and _is_base64(found[5])):
        raise _malformed()
    if memory > MEMORY_KIB or memory < 8 * lanes or passes > PASSES or lanes > LANES:
        values = {"memory": MEMORY_KIB // 1024, "passes": PASSES, "lanes": LANES}
        raise _cost(_("ARGON2ID: at most %(memory)d MiB, %(passes)d passes and %(lanes)d lanes.") % values)


def _is_base64(text: str) -> bool:
    """Canonical, without padding: what other readers take for the same bytes is written in one way only."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False
    return base64.b64encode(decoded).decode().rstrip("=") == text


def _check_bcrypt(rest: str) -> None:
    if int(_matched(BCRYPT, rest)[1]) not in BCRYPT_COST:
        raise _cost(_("BLF-CRYPT: a cost from %(low)d to %(high)d.") % {"low": BCRYPT_COST[0], "high": BCRYPT_COST[-1]})


def _check_sha512(rest: str) -> None:
    if int(_matched(SHA512, rest)[1] or SHA512_DEFAULT) not in SHA512_ROUNDS:
        raise _cost(_("SHA512-CRYPT: from %(low)d to %(high)d rounds.") % {"low": SHA512_ROUNDS[0], "high": SHA512_ROUNDS[-1]})


def _matched(pattern: re.Pattern[str], rest: str) -> re.Match[str]:
    found = pattern.fullmatch(rest)
    if found is None:
        raise _malformed()
    return found


def _scheme() -> ValidationError:
    return ValidationError(_("A hash is one of ARGON2ID, BLF-CRYPT and SHA512-CRYPT, like {SHA512-CRYPT}$6$… or $6$…"), code="scheme")


def _malformed() -> ValidationError:
    return ValidationError(_("The hash is damaged: it has not the form of its scheme."), code="format")


def _cost(message: str) -> ValidationError:
    return ValidationError(message, code="cost")


def verified_by_crypt(password: str, rest: str) -> bool:
    """Whether `rest` (`$2b$…`, `$6$…`) is of this password, by libcrypt."""
    phrase = password.encode()
    if b"\0" in phrase:  # C's strings would end there
        return False
    scratch = ctypes.create_string_buffer(SCRATCH)
    found: bytes | None = _libcrypt().crypt_rn(phrase, rest.encode(), scratch, SCRATCH)
    return found is not None and hmac.compare_digest(found, rest.encode())


@cache
def _libcrypt() -> Any:
    """The library that `crypt(3)` is in; a part of every Debian."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
    return library
