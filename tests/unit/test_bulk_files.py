"""Reading what people hand in: encodings, delimiters, quotes, and where exactly something is wrong (A13)."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.bulk.decoding import Undecodable, decoded
from accounts.bulk.faults import KEPT, Faulty
from accounts.bulk.reading import COLUMNS_MAX, ROWS_MAX, Table, delimiter_of, read

HEADER = "mail_account,mail_password,mail_capacity,comment\r\n"


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def fault_of(content: bytes) -> tuple[int, int, str]:
    """Line, column and code of the only fault of a file that cannot be read."""
    with pytest.raises(Faulty) as caught:
        read(content)
    (fault,) = caught.value.faults
    return fault.line, fault.column, fault.code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom", "cp932"])
def test_every_encoding_that_excel_writes_is_recognised(encoding: str) -> None:
    text = HEADER + "taro,Kumo#Asahi71bd,,営業①髙～\r\n"
    boms = {"utf-16-le-bom": "utf-16-le", "utf-16-be-bom": "utf-16-be"}
    content = ("\ufeff" + text).encode(boms[encoding]) if encoding in boms else text.encode(encoding)
    table = read(content)
    assert [cell.text for cell in table.header] == HEADER.strip().split(",")
    assert texts(table) == [["taro", "Kumo#Asahi71bd", "", "営業①髙～"]]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (HEADER.encode() + b"taro,x,,\x93\xfa\x96{\r\nhanako,x,,\xff\r\n", (3, 4)),  # Shift_JIS, then no text
        (HEADER.encode() + "taro,x,,日本\r\nhanako,x,".encode() + b"\x82\r\n", (3, 3)),
        ("\ufeff".encode("utf-16-le") + HEADER.encode("utf-16-le") + b"a\x00,\x00\x00\xdc\r\x00\n\x00", (2, 2)),
        (HEADER.encode() + b'"a\r\nb",x\r\nc,\xa0', (4, 2)),  # after a line break in a cell
        (b"mail_account\xff", (1, 1)),
    ],
)
def test_bytes_that_are_no_text_are_named_by_line_and_column(content: bytes, place: tuple[int, int]) -> None:
    assert fault_of(content) == (*place, "encoding")


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_undecodable(content: bytes) -> None:
    try:
        decoded(content)
    except Undecodable as error:
        assert isinstance(error.before, str)


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ("a", ","), ('"a;b;c;d",b', ","), ("a;b,c;d", ";")],
)
def test_the_header_line_tells_the_delimiter(header: str, delimiter: str) -> None:
    assert delimiter_of(header + "\r\n1;2;3;4,5") == delimiter


def test_a_file_as_excel_in_japanese_writes_it() -> None:
    """Shift_JIS, semicolons, quotes, a line break in a cell, empty columns and lines at the end."""
    lines = ['taro;"a;b";100;"営業 ""東京""\n第一"', "hanako;pw;;", ";;;;", ""]
    content = "\r\n".join(["mail_account;mail_password;mail_capacity;comment;;", *lines]).encode("cp932")
    table = read(content)
    assert len(table.header) == 4
    assert texts(table) == [["taro", "a;b", "100", '営業 "東京"\n第一'], ["hanako", "pw", "", ""]]
    assert [(cell.line, cell.column) for cell in table.rows[1]] == [(4, 1), (4, 2), (4, 3), (4, 4)]


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_lines_are_counted_by_every_kind_of_line_end(newline: str) -> None:
    text = newline.join(["a,b", f'"1{newline}2","3{newline}{newline}4"', "", "5,6"])
    first, second = read(text.encode()).rows
    assert [(cell.line, cell.column) for cell in first] == [(2, 1), (3, 2)]
    assert [(cell.line, cell.column) for cell in second] == [(7, 1), (7, 2)]


@pytest.mark.parametrize(
    ("row", "places"),
    [
        ('a"b,c', [(2, 1)]),
        ('"a"b,c', [(2, 1)]),
        ('a,"b\nc" d', [(2, 2)]),
        ('a,"never closed', [(2, 2)]),
        ('a, "b"', [(2, 2)]),
        ('"a"",b', [(2, 1)]),
        ("a\0,b", [(2, 1)]),
        ('x"y,"z"q', [(2, 1), (2, 2)]),
    ],
)
def test_stray_quotes_and_nul_are_reported_not_guessed(row: str, places: list[tuple[int, int]]) -> None:
    table = read(f"one,two\n{row}\n".encode())
    assert [(fault.line, fault.column) for fault in table.faults] == places
    assert all(fault.field == ("one", "two")[fault.column - 1] for fault in table.faults)
    assert all(cell.broken for row in table.rows for cell in row if (cell.line, cell.column) in places)


def test_reading_goes_on_after_a_stray_quote() -> None:
    assert texts(read(b'one,two\na"b,c\nd,e\n'))[1] == ["d", "e"]


@pytest.mark.parametrize("content", [b"", b"\r\n", b",,\r\na,b,c", b"\xef\xbb\xbf"])
def test_the_first_line_must_say_something(content: bytes) -> None:
    assert fault_of(content) == (1, 1, "no_header")


def test_a_file_has_so_many_rows_and_no_more() -> None:
    row = b"x,y\n"
    assert len(read(b"a,b\n" + row * ROWS_MAX).rows) == ROWS_MAX
    assert fault_of(b"a,b\n\n" + row * (ROWS_MAX + 1)) == (ROWS_MAX + 3, 1, "too_many_rows")


@pytest.mark.parametrize("content", [b"a,b\n" + b"x," * 5_000_000, b'a,b\n"x"' + b',"' * 5_000_000, b'a,b\n"' + b'""' * 5_000_000])
def test_monstrous_rows_cost_little(content: bytes) -> None:
    """What is past the header by more than one cell is not kept."""
    table = read(content)
    assert sum(len(row) for row in table.rows) <= 3 <= COLUMNS_MAX


def test_millions_of_faults_are_counted_and_the_first_kept() -> None:
    table = read(b"a,b\n" + b'x",y"\n' * 5_000)
    assert table.faults.count == 10_000
    assert len(list(table.faults)) == KEPT


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    newline=st.sampled_from(["\r\n", "\n"]),
)
@example(rows=[['"', "\r\n", "\ufeff"]], delimiter=";", encoding="utf-8", newline="\n")
def test_what_a_spreadsheet_writes_is_read_back(rows: list[list[str]], delimiter: str, encoding: str, newline: str) -> None:
    """Against the standard library's writer: every cell, and the line on which each row begins."""
    out = io.StringIO(newline="")
    # Python's writer leaves a lone CR bare where lines end by LF.
    quoting = csv.QUOTE_ALL if newline == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    starts = []
    for row in [["one", "two", "three"], *rows]:
        starts.append(1 + out.getvalue().replace("\r\n", "\n").replace("\r", "\n").count("\n"))
        writer.writerow(row)
    table = read(out.getvalue().encode(encoding))
    said = [(row, start) for row, start in zip(rows, starts[1:], strict=True) if any(cell.strip(" \t\u3000") for cell in row)]
    assert not table.faults
    assert texts(table) == [row for row, _start in said]
    assert [row[0].line for row in table.rows] == [start for _row, start in said]
