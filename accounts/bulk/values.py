"""One row's cells as values, by the rules of pages and API; what breaks one is said at its cell."""

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import hashes, names, passwords
from accounts.bulk.columns import HASH, Columns
from accounts.bulk.faults import Fault, Faults
from accounts.bulk.reading import BLANKS, NEWLINE, Cell, Row
from accounts.models import Domain, Mailbox
from accounts.models.addresses import check_capacity
from panel.base.csvfile import unescaped

ACCOUNT, CAPACITY, COMMENT, MOBILE, COMMAND = "mail_account", "mail_capacity", "comment", "mobile_address", "command"
DIGITS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
STRANGE_SHOWN: Final = 3  # of the characters that a password may not hold: its refusal must not tell it back
QUOTA_FIELD = Mailbox._meta.get_field("quota_mb")
COMMENT_FIELD = Mailbox._meta.get_field("comment")


class Line:
    """A row with its columns; a broken cell reads as left out, and has been reported."""

    def __init__(self, row: Row, columns: Columns, faults: Faults) -> None:
        self.row, self.columns, self.faults = row, columns, faults

    def cell(self, name: str) -> Cell | None:
        """None where the column or, in a row that ends early, the cell is left out."""
        place = self.columns.get(name)
        return self.row[place] if place is not None and place < len(self.row) else None

    def at(self, name: str) -> tuple[int, int]:
        """Line and number of the cell; of the row's first one where there is no such column."""
        place = self.columns.get(name)
        if place is None:
            return self.row[0].line, self.row[0].column
        return (self.row[place].line, place + 1) if place < len(self.row) else (self.row[-1].line, place + 1)

    def text(self, name: str) -> str:
        """Without blanks around it and without our export's guard; "" where it is left out."""
        cell = self.cell(name)
        return "" if cell is None else unescaped(cell.text).strip(BLANKS)

    def is_broken(self, *names: str) -> bool:
        return any(cell.broken for name in names if (cell := self.cell(name)))

    def say(self, name: str, code: str, message: str) -> None:
        self.faults.add(Fault(*self.at(name), name, code, message))

    def tell(self, name: str, error: ValidationError) -> None:
        for one in error.error_list:
            self.say(name, one.code or "invalid", "".join(one.messages))


def address_in(text: str, domain: str) -> str:
    """The address that a cell of `mail_account` means: a local part, or a whole address of the domain. Raises `ValidationError`."""
    if "@" not in text:
        return f"{text.lower()}@{domain}"
    try:
        local, found = names.split(text)
    except ValidationError:
        local, found = "", ""
    if found != domain:
        raise ValidationError(_("This account is not of the domain %(domain)s.") % {"domain": names.to_unicode(domain)}, code="domain")
    return f"{local}@{domain}"


def password(line: Line, column: str, domain: Domain, address: str) -> tuple[str, str]:
    """A password by the plan's rule (A2), or the stored form of a ready hash; both "" where the row has none."""
    cell = line.cell(column)
    given = cell.text if cell else ""  # every character counts, blanks too
    ready = line.text(HASH)
    if given and ready:
        line.say(HASH, "both", _("A password or a hash, not both."))
    if given:
        _check_password(line, column, given, domain, address)
    return given, _hash(line, ready) if ready else ""


def _check_password(line: Line, column: str, given: str, domain: Domain, address: str) -> None:
    try:
        passwords.check(given, rule=domain.rules.password_rule, address=address or f"@{domain.name}")
    except ValidationError as error:
        for one in error.error_list:
            text = _strange(given) if one.code == "characters" else "".join(one.messages)
            line.say(column, one.code or "invalid", text)


def _strange(given: str) -> str:
    """Names a few of the characters that are not allowed, in no order of the password's."""
    strange = sorted({c for c in given if not (c.isascii() and c.isalnum()) and c not in passwords.SYMBOLS})
    if len(strange) > STRANGE_SHOWN:
        return _("The password holds %(count)d characters that are not allowed.") % {"count": len(strange)}
    shown = " ".join(c if c.isprintable() and c != " " else f"U+{ord(c):04X}" for c in strange)
    return _("Not allowed in a password: %(found)s") % {"found": shown}


def _hash(line: Line, ready: str) -> str:
    try:
        return hashes.parse(ready)
    except ValidationError as error:
        line.tell(HASH, error)
        return ""


def capacity(line: Line, domain: Domain) -> int | None:
    """In MB; None where the row has none."""
    text = line.text(CAPACITY)
    if not text:
        return None
    if not DIGITS.fullmatch(text):
        line.say(CAPACITY, "invalid", _("The capacity is a whole number of MB."))
        return None
    try:
        found: int = QUOTA_FIELD.clean(int(text), None)
        check_capacity(found, domain)
    except ValidationError as error:
        line.tell(CAPACITY, error)
        return None
    return found


def comment(line: Line) -> str | None:
    """One line: a line break in its cell becomes a blank. None where it is left out."""
    cell = line.cell(COMMENT)
    if cell is None or cell.broken:
        return None
    text = NEWLINE.sub(" ", unescaped(cell.text).strip("\r\n"))
    try:
        COMMENT_FIELD.clean(text, None)
    except ValidationError as error:
        line.tell(COMMENT, error)
    return text


def mobile_address(line: Line) -> str | None:
    """Only ever what is written (manual platinum: theirs became the account's own address). None where it is left out."""
    cell = line.cell(MOBILE)
    if cell is None or cell.broken:
        return None
    text = line.text(MOBILE)
    try:
        return names.destination(text) if text else ""
    except ValidationError:
        line.say(MOBILE, "address", _("This is not a mail address that can be sent to."))
        return None
