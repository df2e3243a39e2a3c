"""Is a new password a near copy of an old one, of which only the hash is known (A12)?

The *new* one is turned back into what the old one may have been, by the tricks that people use, and each of these is
tried against the old hashes. At most `MOST` variants, so that the work is bounded: three ARGON2ID hashes take about
20 ms of a core for each variant (docs/passwords.md has the figures).
"""

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import passwords

MOST = 60
WORDS = 3  # whose first letters are tried together: 7 variants
TAIL = re.compile(r"[^A-Za-z]{1,4}$")
KEYS = "!@#$%^&*()"  # the symbols over 1 to 0, as they are counted up
ENDINGS = "0123456789" + passwords.SYMBOLS + "?="  # what was taken from an old one's end


def refuse_near_copies(password: str, hashes: Iterable[str], *, field: str = "password") -> None:
    """Raises `ValidationError` with a message of its own for each trick. Hashes of any scheme that `passwords` knows."""
    old = [one for one in dict.fromkeys(hashes) if one]
    for code, variants in _kinds(password):
        tried = [(variant, one) for variant in variants for one in old]
        if any(_cores().map(lambda pair: passwords.verify(*pair), tried)):
            raise ValidationError({field: ValidationError(_messages()[code], code=code)})


@cache
def _cores() -> ThreadPoolExecutor:
    """One for the process, however many ask at once; the hash libraries let other threads run."""
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="nearness")


def variants(password: str) -> list[tuple[str, str]]:
    """`(code, what the old one may have been)`, each once, at most `MOST`."""
    return [(code, variant) for code, found in _kinds(password) for variant in found]


def _kinds(password: str) -> Iterator[tuple[str, list[str]]]:
    seen: set[str] = set()
    tricks: tuple[tuple[str, list[str]], ...]
    tricks = (("reused", [password]), ("reversed", [password[::-1]]), ("case", _case(password)), ("added", _added(password)))
    tricks += ("counted", _counted(password)), ("removed", _removed(password)), ("case", _single_letters(password))
    for code, found in tricks:
        fresh = [one for one in dict.fromkeys(found) if one and one not in seen][: MOST - len(seen)]
        seen.update(fresh)
        yield code, fresh


def _case(new: str) -> list[str]:
    """All letters at once, the letters that begin the first words in every way, and the last alone."""
    starts = [match.start() for match in re.finditer(r"(?<![A-Za-z0-9])[A-Za-z]", new)][:WORDS]
    ways = [chosen for n in range(1, len(starts) + 1) for chosen in combinations(starts, n)]
    return [new.lower(), new.upper(), new.swapcase(), new.title(), *(_turned(new, *way) for way in ways), _turned(new, len(new) - 1)]


def _single_letters(new: str) -> list[str]:
    """Each letter alone, as far as there is room."""
    return [_turned(new, place) for place in range(len(new))]


def _turned(text: str, *places: int) -> str:
    """With upper for lower case at these places, and the other way round."""
    return "".join(letter.swapcase() if place in places else letter for place, letter in enumerate(text))


def _added(new: str) -> list[str]:
    """The new one without the digits and symbols at its end, one after the other, or at its beginning."""
    tail = TAIL.search(new)
    ends = [new[:-n] for n in range(1, len(tail[0]) + 1)] if tail else []
    return [*ends, re.sub(r"[^A-Za-z]+$", "", new), *([new[1:]] if not new[:1].isalpha() else []), re.sub(r"^[^A-Za-z]+", "", new)]


def _counted(new: str) -> list[str]:
    """Numbers one more and one less, and the last symbol's neighbours on the keyboard."""
    found = []
    for match in list(re.finditer(r"[0-9]+", new))[-3:]:
        for step in (-1, 1):
            number = str(int(match[0]) + step).zfill(len(match[0]))
            found += [new[: match.start()] + number + new[match.end() :]] if int(match[0]) + step >= 0 else []
    symbol = re.search(rf"[{re.escape(KEYS)}](?=[^{re.escape(KEYS)}]*$)", new)
    if symbol:
        place = KEYS.index(symbol[0])
        found += [new[: symbol.start()] + KEYS[(place + step) % len(KEYS)] + new[symbol.end() :] for step in (-1, 1)]
    return found


def _removed(new: str) -> list[str]:
    """The new one with a digit or symbol at its end."""
    return [new + letter for letter in ENDINGS]


def _messages() -> dict[str, str]:
    return {
        "reused": _("This is one of the last three passwords."),
        "reversed": _("This is one of the last three passwords written backwards."),
        "case": _("This is one of the last three passwords in other upper and lower case."),
        "added": _("This is one of the last three passwords with digits or symbols added."),
        "counted": _("This is one of the last three passwords with a number or symbol counted up or down."),
        "removed": _("This is one of the last three passwords with a digit or symbol taken away."),
    }
