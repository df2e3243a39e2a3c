"""CSV → cells that know where they stand (RFC 4180, read strictly: what is odd is reported, not guessed).

A cell in quotes may hold the delimiter, line breaks and doubled quotes; anywhere else a quote is a fault. The
delimiter is the one of comma, semicolon and tab that the header line has most of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from django.utils.translation import gettext as _

from accounts.bulk.decoding import Undecodable, decoded
from accounts.bulk.faults import Fault, Faults, Faulty

DELIMITERS: Final = ",;\t"
ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 20  # cells of a row that are looked at; far more than any header has
NEWLINE: Final = re.compile(r"\r\n|\n|\r")
BLANKS: Final = " \t\u3000"


class Cell(NamedTuple):
    """`line` = physical line where it begins, `column` = its number in the row, from 1. `broken`: unreadable, reported; empty then."""

    text: str
    line: int
    column: int
    broken: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.broken and not self.text.strip(BLANKS)


Row = list[Cell]


@dataclass(slots=True)
class Table:
    """The header's cells without empty ones at its end, the rows that say anything, and what is wrong with the quotes."""

    header: Row
    rows: list[Row] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)


def read(content: bytes) -> Table:
    """Raises `Faulty` where nothing can be read at all; single cells that are broken are in the table's faults."""
    text = _text(content)
    rows = _rows(text, delimiter_of(text))
    header, has_nul = _header(next(rows, [])), "\0" in text
    table = Table(header)
    for row in rows:
        if all(cell.is_blank for cell in row):
            continue
        if len(table.rows) == ROWS_MAX:
            text = _("A file has at most %(most)d rows.") % {"most": ROWS_MAX}
            raise Faulty(Faults([_fault(row[0], "too_many_rows", text)]))
        row = row[: len(header) + 1]  # one more shows that there are too many
        for fault in _faults_of(row, header):
            table.faults.add(fault)
        table.rows.append([cell._replace(text="", broken=True) if "\0" in cell.text else cell for cell in row] if has_nul else row)
    return table


def delimiter_of(text: str) -> str:
    """By the first line, what stands in quotes left out; a comma where there is none."""
    first = re.sub(r'"[^"]*"?', "", NEWLINE.split(text[:10_000], maxsplit=1)[0])
    return max(DELIMITERS, key=first.count)


def _text(content: bytes) -> str:
    try:
        return decoded(content)
    except Undecodable as error:
        raise Faulty(Faults([_undecodable(error.before)])) from None


def _undecodable(before: str) -> Fault:
    """At the cell that the bad byte stands in: the last one of what can be read, with something in place of the byte."""
    cell = Cell("", 1, 1)
    for row in _rows(before + "\ufffd", delimiter_of(before)):
        cell = row[-1]
    return _fault(cell, "encoding", _("These bytes are no text: the file is neither UTF-8 nor UTF-16 nor Shift_JIS."))


def _header(row: Row) -> Row:
    """Without the empty cells at its end, as spreadsheets leave them. Raises `Faulty` where there is nothing or it is broken."""
    while row and row[-1].is_blank:
        row = row[:-1]
    if not row:
        raise Faulty(Faults([Fault(1, 1, "", "no_header", _("The first line must name the columns."))]))
    if broken := Faults(_faults_of(row, [])):
        raise Faulty(broken)
    return row


def _faults_of(row: Row, header: Row) -> Iterator[Fault]:
    for cell in row:
        name = header[cell.column - 1].text.strip(BLANKS) if cell.column <= len(header) else ""
        if cell.broken:
            text = _("Quotes: a cell that begins with one ends with one, and holds quotes doubled; other cells hold none.")
            yield _fault(cell, "quotes", text, name)
        elif "\0" in cell.text:
            yield _fault(cell, "nul", _("The cell holds a NUL character. UTF-16 needs its mark at the beginning (BOM)."), name)


def _fault(cell: Cell, code: str, message: str, name: str = "") -> Fault:
    return Fault(cell.line, cell.column, name, code, message)


@cache
def _patterns(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """A plain line or what is left of it, a cell in quotes, and what may follow wrong quotes up to the next cell.

    Possessive (`*+`): an odd number of quotes must not be read another way in a second try, nor take a second look at 20 MB.
    """
    return (
        re.compile(r'[^"\r\n]*+(?=[\r\n]|\Z)'),
        re.compile(r'"([^"]*+(?:""[^"]*+)*+)"'),
        re.compile(rf"[^{delimiter}\r\n]*+"),
    )


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Every row, empty ones too. Of a row the first `COLUMNS_MAX` cells."""
    plain = _patterns(delimiter)[0]
    position, line = 0, 1
    while position < len(text):
        if found := plain.match(text, position):
            row = [Cell(one, line, number) for number, one in enumerate(found[0].split(delimiter, COLUMNS_MAX)[:COLUMNS_MAX], 1)]
            position = found.end()
        else:
            row, position, line = _with_quotes(text, position, line, delimiter)
        yield row
        if end := NEWLINE.match(text, position):
            position, line = end.end(), line + 1


def _with_quotes(text: str, position: int, line: int, delimiter: str) -> tuple[Row, int, int]:
    """One row cell by cell; also where it ends, and the line there."""
    row: Row = []
    while True:
        cell, position, line = _cell(text, position, line, len(row) + 1, delimiter)
        row.append(cell)
        if len(row) == COLUMNS_MAX:
            return row, _line_end(text, position), line
        if text[position : position + 1] != delimiter:
            return row, position, line
        position += 1


def _line_end(text: str, position: int) -> int:
    found = NEWLINE.search(text, position)
    return found.start() if found else len(text)


def _cell(text: str, position: int, line: int, column: int, delimiter: str) -> tuple[Cell, int, int]:
    _plain, quoted, rest = _patterns(delimiter)
    if text[position : position + 1] != '"':
        end = rest.match(text, position).end()  # type: ignore[union-attr]  # matches nothing at least
        inner = text[position:end]
        return Cell("", line, column, broken=True) if '"' in inner else Cell(inner, line, column), end, line
    found = quoted.match(text, position)
    if found is None:  # the quote is never closed: all the rest is inside
        return Cell("", line, column, broken=True), len(text), line
    end = rest.match(text, found.end()).end()  # type: ignore[union-attr]
    inner, is_broken = found[1].replace('""', '"'), end > found.end()
    cell = Cell("" if is_broken else inner, line, column, is_broken)
    return cell, end, line + len(NEWLINE.findall(found[1]))
