"""CSV that spreadsheets open without running anything, and that reads back as it was written (A15)."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panel.base import csvfile

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HOSTILE = st.one_of(TEXTS, st.tuples(st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "'", "''=", "＝"]), TEXTS).map("".join))


def written(rows: list[list[Any]]) -> str:
    return b"".join(csvfile.pieces(["one", "two"], rows)).decode("utf-8")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix(csvfile.BOM), newline="")))


@given(rows=st.lists(st.lists(HOSTILE, min_size=2, max_size=2), max_size=8))
@example(rows=[["=cmd|'/c calc'!A1", '@SUM(1)"\r\n,;']])
@example(rows=[["'=already", "''"]])
def test_no_cell_begins_as_a_formula_and_all_reads_back(rows: list[list[str]]) -> None:
    """A15: whatever people typed; taking the apostrophe off gives back exactly that."""
    found = read(written(rows))
    assert found[0] == ["one", "two"]
    assert not any(value[:1] in set("=+-@\t\r\n＝＋－＠") for row in found for value in row if value)
    assert [[csvfile.unescaped(value) for value in row] for row in found[1:]] == rows


def test_it_begins_with_a_mark_for_excel_and_its_lines_end_as_rfc_4180_says() -> None:
    assert written([["あ", "b,c"]]) == '\ufeffone,two\r\nあ,"b,c"\r\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "1"),
        (False, "0"),
        (2048, "2048"),
        (-1, "-1"),
        (1.5, "1.5"),
        ("+1", "'+1"),
        (["=a", "b"], "'=a b"),
        ({"a": "é"}, '{"a": "é"}'),
        (datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), "2026-01-01 09:00:00+09:00"),
    ],
)
def test_a_value_has_one_form(value: Any, text: str) -> None:
    """Our own numbers stay numbers, also below zero."""
    assert csvfile.cell(value) == text


def test_a_long_file_comes_in_pieces() -> None:
    """No piece holds more than some hundred rows, so a file of any length never stands in memory."""
    found = list(csvfile.pieces(["n"], ([n] for n in range(1_201))))
    assert [piece.count(b"\n") for piece in found] == [501, 500, 201]
