"""Names: local parts by the plan's grammar (A1), domains as A-labels, whole addresses.

Everything here is pure. Errors are `ValidationError`s with a code that names the broken rule.
"""

import re
from functools import lru_cache

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# RFC 5321 4.1.2: an atom's characters; what aliases may point to outside.
ATEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
LOCAL_MAX, ADDRESS_MAX, DOMAIN_MAX = 64, 254, 253

GRAMMARS = ("dot_string", "plain_ends", "separated")


def check_local_part(local: str, *, shortest: int, longest: int, grammar: str) -> None:
    """Raises for the first rule that `local` breaks; its case does not matter.

    Grammars: `dot_string` (platinum, warp, plusmail), `plain_ends` (standard: no symbol first or last),
    `separated` (hs: as `plain_ends`, and `.` and `-` never beside one another).
    """
    if not shortest <= len(local) <= longest:
        raise _broken("length", _("The name must have %(low)d to %(high)d characters.") % {"low": shortest, "high": longest})
    if strange := re.sub(r"[A-Za-z0-9._-]", "", local):
        shown = " ".join(dict.fromkeys(repr(c)[1:-1] if not c.isprintable() else c for c in strange))
        raise _broken("characters", _("Only letters, digits, “.”, “-” and “_” are allowed, not: %(found)s") % {"found": shown})
    _check_symbols(local, grammar)


def _check_symbols(local: str, grammar: str) -> None:
    if grammar in ("plain_ends", "separated") and not (local[0].isalnum() and local[-1].isalnum()):
        raise _broken("symbol_at_end", _("The name must begin and end with a letter or a digit."))
    if grammar == "separated" and re.search(r"[.-]{2}", local):
        raise _broken("adjacent_symbols", _("“.” and “-” must not stand side by side."))
    if local.startswith("-"):
        raise _broken("leading_hyphen", _("The name must not begin with “-”."))
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise _broken("dots", _("“.” must not stand first, last or doubled."))


def _broken(code: str, message: str) -> ValidationError:
    return ValidationError(message, code=code)


def to_ascii(domain: str) -> str:
    """The domain as lower-case A-labels (IDNA 2008, UTS 46 mapping). Raises `ValidationError`."""
    try:
        name = idna.encode(domain.strip(" ").rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise _broken("domain", _("This is not a domain name.")) from None
    labels = name.split(".")
    if len(name) > DOMAIN_MAX or len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise _broken("domain", _("This is not a domain name."))
    return name


def to_unicode(name: str) -> str:
    """A domain or an address with its domain as people read it (U-labels); what cannot be read stays as it is."""
    local, at, domain = name.rpartition("@")
    return local + at + _decoded(domain)


@lru_cache(maxsize=1024)
def _decoded(domain: str) -> str:
    """Remembered: lists and files name one domain thousands of times."""
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def split(address: str) -> tuple[str, str]:
    """`("info", "example.com")`, both lower case, the domain as A-labels. The local part is not judged here."""
    local, at, domain = address.strip(" ").rpartition("@")
    if not at or not local:
        raise _broken("address", _("Write the whole address, like info@example.com."))
    return local.lower(), to_ascii(domain)


def normalise(address: str) -> str:
    """The address as keys use it: lower case, A-labels."""
    return "@".join(split(address))


def destination(address: str) -> str:
    """A full address to send on to, lower case, its domain as A-labels.

    Refuses what could mean something to a program: quotes, control characters, a `-` in front (manual `standard` 6-1-4).
    """
    local, at, domain = address.strip(" ").rpartition("@")
    if not at or len(local) > LOCAL_MAX or local.startswith("-") or not ATEXT.fullmatch(local):
        raise _broken("address", _("“%(address)s” is not a mail address that can be sent to.") % {"address": address.strip()[:80]})
    found = f"{local.lower()}@{to_ascii(domain)}"
    if len(found) > ADDRESS_MAX:
        raise _broken("address", _("An address has at most %(most)d characters.") % {"most": ADDRESS_MAX})
    return found
