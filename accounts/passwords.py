"""Passwords: the plans' rules (A2) and the stored form.

Hashes of ours are ARGON2ID in the form that Dovecot's `password_query` returns, `{ARGON2ID}$argon2id$…`. The cost was
chosen by measurement (docs/passwords.md): 19 MiB, 2 passes, 1 lane. Imported ones may be of another scheme
(`accounts.hashes`). Nothing returns or logs a password.
"""

import re
import secrets

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from passlib.context import CryptContext

from accounts import hashes

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
CONTEXT = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=MEMORY_KIB,
    argon2__time_cost=PASSES,
    argon2__parallelism=LANES,
)
SYMBOLS = "#()+-.[]{}!<>_:*$@%^&,~"
LONGEST = 128  # characters; ASCII, so bytes too

RULES = ("basic", "strict")


def hash_password(password: str) -> str:
    """`{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$…`, verified by Dovecot and by `verify`."""
    return f"{{ARGON2ID}}{CONTEXT.hash(password)}"


def no_password() -> str:
    """A hash that no password fits: for mailboxes that the system makes (A5)."""
    return hash_password(secrets.token_urlsafe(48))


def verify(password: str, stored: str) -> bool:
    """True if `password` is the one that `stored` was made of. Costs a hash even when nothing is stored."""
    if not stored or len(password) > LONGEST:
        CONTEXT.dummy_verify()
        return False
    rest = stored.partition("}")[2]
    if rest.startswith("$argon2"):
        return bool(CONTEXT.verify(password, rest))
    return hashes.verified_by_crypt(password, rest)


def check(password: str, *, rule: str, address: str) -> None:
    """Raises one `ValidationError` with every broken rule, each with a code of its own (live in the form)."""
    broken = _strict(password, address) if rule == "strict" else _basic(password, address)
    if broken:
        raise ValidationError([ValidationError(message, code=code) for code, message in broken.items()])


def _basic(password: str, address: str) -> dict[str, str]:
    broken = {}
    if not 8 <= len(password) <= LONGEST:
        broken["length"] = _("A password has 8 to 128 characters.")
    if not all(" " <= c <= "~" for c in password):
        broken["characters"] = _("Only printable ASCII characters are allowed.")
    local = address.rpartition("@")[0].lower()
    if password.lower() in (local, address.lower()):
        broken["name"] = _("The password must not be the account's name.")
    return broken


def _strict(password: str, address: str) -> dict[str, str]:
    broken = {}
    if not 12 <= len(password) <= LONGEST:
        broken["length"] = _("A password has at least 12 and at most 128 half-width characters.")
    if strange := [c for c in dict.fromkeys(password) if not (c.isascii() and c.isalnum()) and c not in SYMBOLS]:
        shown = " ".join(c if c.isprintable() and c != " " else repr(c) for c in strange)
        broken["characters"] = _("Not allowed in a password: %(found)s") % {"found": shown}
    for code, pattern, message in _classes():
        if not re.search(pattern, password):
            broken[code] = message
    if password.lower() in _names(address):
        broken["name"] = _("The password must not be the account's or the domain's name.")
    if re.search(r"[0-9]{6}", password):
        broken["digit_run"] = _("Six or more digits must not follow one another.")
    return broken


def _classes() -> list[tuple[str, str, str]]:
    return [
        ("lower", r"[a-z]", _("At least one lower-case letter is needed.")),
        ("upper", r"[A-Z]", _("At least one upper-case letter is needed.")),
        ("digit", r"[0-9]", _("At least one digit is needed.")),
        ("symbol", "[" + re.escape(SYMBOLS) + "]", _("At least one symbol is needed: %(symbols)s") % {"symbols": SYMBOLS}),
    ]


def _names(address: str) -> set[str]:
    local, _at, domain = address.lower().rpartition("@")
    return {local, address.lower(), domain, domain.partition(".")[0]}
