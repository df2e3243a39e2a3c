"""The header: which columns a kind of file has, must have, and where they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from accounts.bulk.faults import Fault, Faults, Faulty
from accounts.bulk.reading import BLANKS, Cell, Row

HASH: Final = "password_hash"


@dataclass(frozen=True, slots=True)
class Form:
    """`needed` = columns that must be there, `more` = those that may; `password` = the column of new passwords.

    `either` = of password and ready hash one must be there.
    """

    needed: tuple[str, ...]
    more: tuple[str, ...]
    password: str
    either: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        return (*self.needed, *self.more)


Columns = Mapping[str, int]  # name → index in a row
FORMS: Final[Mapping[str, Form]] = {
    # manual standard 6-1-3; the last two are ours (A9, issue 4)
    "create": Form(
        ("mail_account", "mail_capacity", "comment"), ("mail_password", "mobile_address", HASH), "mail_password", either=True
    ),
    "edit": Form(("mail_account", "password", "mail_capacity"), (), "password"),
    # manual platinum, user settings for many
    "commands": Form(
        ("command", "mail_account"), ("mail_password", "mail_capacity", "comment", "mobile_address", HASH), "mail_password"
    ),
}  # fmt: skip


def columns_of(header: Row, kind: str, *, may_hash: bool) -> Columns:
    """Raises `Faulty` for what is unknown, doubled, missing, or not the role's to use. A header cell is never repeated:
    where somebody forgot the header it may be a password."""
    form = FORMS[kind]
    cells = [(cell, cell.text.strip(BLANKS).lower()) for cell in header]
    if not any(name in form.known for _cell, name in cells):
        text = _("The first line must name the columns: %(names)s") % {"names": ", ".join(form.known)}
        raise Faulty(Faults([Fault(1, 1, "", "no_header", text)]))
    faults = Faults([*_wrong(cells, form, may_hash), *_missing({name for _cell, name in cells}, form, len(header))])
    if faults:
        raise Faulty(faults)
    return {name: cell.column - 1 for cell, name in cells}


def _wrong(cells: list[tuple[Cell, str]], form: Form, may_hash: bool) -> Iterator[Fault]:
    seen: set[str] = set()
    for cell, name in cells:
        if name not in form.known:
            text = _("There is no column of this name here; there are: %(names)s") % {"names": ", ".join(form.known)}
            yield Fault(cell.line, cell.column, "", "unknown_column", text)
        elif name in seen:
            yield Fault(cell.line, cell.column, name, "doubled_column", _("The column is there twice."))
        elif name == HASH and not may_hash:
            yield Fault(cell.line, cell.column, name, "forbidden", _("Ready hashes are for the operator only."))
        seen.add(name)


def _missing(names: set[str], form: Form, size: int) -> Iterator[Fault]:
    lacking = [name for name in form.needed if name not in names]
    if form.either and not names & {form.password, HASH}:
        lacking.append(form.password)
    for name in lacking:
        yield Fault(1, size + 1, name, "missing_column", _("The column %(name)s is missing.") % {"name": name})
