"""One quoting function for each format that the servers read. What a format cannot carry is refused with ValueError.

The panel's models refuse control characters already; this is the second wall, right before the file.
"""

from __future__ import annotations

import unicodedata

# LMDB refuses longer keys (mdb.h: MDB_MAXKEYSIZE); no address comes near.
LONGEST_KEY = 511
# Cc: control characters, newlines among them; Cs: halves of surrogate pairs, which UTF-8 cannot carry;
# Zl, Zp: the line and paragraph separators, which some readers take for a new line.
FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


def _plain(text: str) -> str:
    for character in text:
        if unicodedata.category(character) in FORBIDDEN:
            raise ValueError(f"U+{ord(character):04X} cannot be written to a configuration file")
    return text


def map_key(key: str) -> str:
    """A key for postmap: printable ASCII without blanks and quotes, in lower case (postmap folds), not a comment.

    postmap(1): the key ends at white space, `#` begins a comment, double quotes enclose a key with blanks in it.
    """
    if not key or not key.isascii() or not key.isprintable() or len(key) > LONGEST_KEY:
        raise ValueError(f"{key!r} is no map key: printable ASCII of 1 to {LONGEST_KEY} characters")
    if key != key.lower() or key.startswith("#") or any(character in key for character in ' "\\'):
        raise ValueError(f"{key!r} is no map key: capitals, blanks, quotes, backslashes or a # in front")
    return key


def map_value(value: str) -> str:
    """A value for postmap: one line, not empty, no blanks at its ends (postmap(1) would drop them)."""
    if not value or value != value.strip():
        raise ValueError(f"{value!r} is no map value: empty, or blanks at its ends")
    return _plain(value)


def config_value(value: str) -> str:
    """A value for main.cf after `name = `: `$` doubled (postconf(5)); blanks at its ends cannot be carried."""
    if value != value.strip():
        raise ValueError(f"{value!r} has blanks at its ends, which main.cf drops")
    return _plain(value).replace("$", "$$")


def dovecot_value(value: str) -> str:
    """A quoted value for dovecot.conf, for settings in which Dovecot expands `%`: backslash, quote and `%` escaped."""
    escaped = _plain(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
