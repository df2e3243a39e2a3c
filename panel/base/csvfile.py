"""CSV files that people open in spreadsheets: RFC 4180, UTF-8 with BOM (Excel), and no cell that is taken for a formula."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

BOM = "\ufeff"
AT_ONCE = 500  # rows of one piece of the answer
FETCHED = 2_000  # rows of one fetch from the database
# What a spreadsheet takes for a formula (CWE-1236), full-width twins included; with apostrophes in front, so that
# taking one away is the exact inverse.
FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
Cells = Sequence[Any]


def escaped(text: str) -> str:
    """The text as a cell holds it: an apostrophe in front of what would be a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """The inverse, for files that come in."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def cell(value: Any) -> str:
    """None is empty, a switch 1 or 0, a moment ISO 8601 in the service's time zone, lists by blanks, objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(" ", "seconds")
    if isinstance(value, list | tuple):
        return escaped(" ".join(str(one) for one in value))
    return escaped(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value))


def pieces(header: Sequence[str], rows: Iterable[Cells]) -> Iterator[bytes]:
    """The file piece by piece, so that it is never whole in memory."""
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for number, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if number % AT_ONCE == 0:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode("utf-8")


def response(name: str, header: Sequence[str], rows: Iterable[Cells]) -> StreamingHttpResponse:
    """A download `<name>-<today>.csv`; `name` is ASCII."""
    found = StreamingHttpResponse(pieces(header, rows), content_type="text/csv; charset=utf-8")
    found["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate():%Y-%m-%d}.csv"'
    found["Cache-Control"] = "no-store"
    return found
