"""A file with 1,000 different faults, made by a generator: each is named at its line and column, and nothing changes (A13, A16)."""

import random
from collections.abc import Callable
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.bulk.sheet import open_sheet
from accounts.models import AddressKind, AddressName
from panel.base.models import JobState
from tests.api.conftest import under
from tests.api.test_imports import PASSWORD, Importer, nothing_changes
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db(transaction=True)

COLUMNS = ("command", "mail_account", "mail_password", "mail_capacity", "comment", "mobile_address")
PLACES = {name: number for number, name in enumerate(COLUMNS, start=1)}
Row = dict[str, str]
Spoil = Callable[[Row, random.Random], tuple[str, str]]  # spoils a row; the column and the code that must be named


def spoil(column: str, code: str, *texts: str) -> Spoil:
    def act(row: Row, rng: random.Random) -> tuple[str, str]:
        row[column] = rng.choice(texts).replace("{n}", row["mail_account"].removeprefix("good"))
        return column, code

    return act


def raw(text: str) -> str:
    """Cells that are written as they stand, wrong quotes and all."""
    return f"RAW{text}"


# standard: 2 to 32 characters, no symbol first or last, strict passwords
SPOILERS: tuple[Spoil, ...] = (
    spoil("command", "invalid_choice", "", "remove", "追加", "add modify", "1"),
    spoil("mail_account", "required", "", " ", "　"),
    spoil("mail_account", "length", "x" * 32 + "{n}"),
    spoil("mail_account", "characters", "a b{n}", "ab{n}!", "たろう{n}", "a/b{n}", "ab\ncd{n}"),
    spoil("mail_account", "symbol_at_end", "_ab{n}", "ab{n}-", ".ab{n}"),
    spoil("mail_account", "dots", "a..b{n}"),
    spoil("mail_account", "clash", "taken{n}", "TAKEN{n}@a.example.com"),
    spoil("mail_account", "domain", "taro@b.example.com", "taro@", "@", "a@b@c"),
    spoil("mail_account", "twice", "good0", "GOOD1", "good2@a.example.com"),
    spoil("mail_password", "required", ""),
    spoil("mail_password", "length", "Aa1#aaaaaaa", "Aa1#" * 33),
    spoil("mail_password", "characters", "Kumo#Asahi71bd=", "Kumo#Asahi71bd 雲", 'Kumo#"Asahi71bd'),
    spoil("mail_password", "lower", "KUMO#ASAHI71BD"),
    spoil("mail_password", "upper", "kumo#asahi71bd"),
    spoil("mail_password", "digit", "Kumo#Asahi-bd"),
    spoil("mail_password", "symbol", "KumoAsahi71bdx"),
    spoil("mail_password", "digit_run", "Kumo#Asahi710234"),
    spoil("mail_capacity", "invalid", "x", "1.5", "1,024", "１０２４", "-1", "+5", "1e3", "1 024"),
    spoil("mail_capacity", "min_value", "0", "000"),
    spoil("mail_capacity", "max_value", "10000001", "999999999"),
    spoil("comment", "max_length", "x" * 201),
    spoil("comment", "control", "a\x07b", "a\x85b", "a\u2028b", "a\tb"),
    spoil("mobile_address", "address", "090", "-x@example.net", "a b@example.net", "x@", "x@-.example"),
    spoil("comment", "quotes", raw('a"b'), raw('"a"b'), raw(' "a"')),
    spoil("mail_password", "quotes", raw('Kumo"Asahi71bd')),
    spoil("mobile_address", "nul", "a\0b@example.net"),
)


def generated(faults: int, rng: random.Random) -> tuple[str, list[tuple[int, int, str, str]]]:
    """The file, and where it is wrong. Among the bad rows are good ones, empty lines, and cells of several lines."""
    lines, wanted, number = [",".join(COLUMNS)], [], count()
    for bad in [False] * 3 + rng.sample([True] * faults + [False] * faults, 2 * faults):
        row = {"command": "add", "mail_account": f"good{next(number)}", "mail_password": PASSWORD, "mail_capacity": "100"}
        row |= {"comment": rng.choice(["", "x", '営業 "東京"', "two\nlines", "a,b\r\nc\r\n\r\nd"]), "mobile_address": ""}
        found = rng.choice(SPOILERS)(row, rng) if bad else None
        first = 1 + sum(line.replace("\r\n", "\n").count("\n") + 1 for line in lines)
        if found:
            wanted.append((_line_of(row, found[0], first), PLACES[found[0]], *found))
        lines.append(",".join(map(written, row.values())))
        if rng.random() < 0.1:
            lines.append(rng.choice(["", ",,,,,"]))
    return "\r\n".join(lines), wanted


def _line_of(row: Row, column: str, first: int) -> int:
    """The line where the cell begins: after the line breaks of the cells before it."""
    before = list(row.values())[: PLACES[column] - 1]
    return first + sum(text.replace("\r\n", "\n").count("\n") for text in before)


def written(text: str) -> str:
    if text.startswith("RAW"):
        return text[3:]
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\r\n') else text


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_faults_are_named_at_their_places(cast: Cast, seed: int) -> None:
    under(cast.domain, "standard")
    taken = [AddressName(address=f"taken{n}@a.example.com", domain=cast.domain, kind=AddressKind.ALIAS) for n in range(3_000)]
    AddressName.objects.bulk_create(taken)
    text, wanted = generated(1_000, random.Random(seed))
    bob = Importer(cast.bob)
    with nothing_changes():
        job = bob.job("commands", text)
    assert job.state == JobState.FAILED
    found = [(error["line"], error["column"], error["field"], error["code"]) for error in job.errors]
    assert found == [(line, column, name, code) for line, column, name, code in wanted]
    assert job.result is not None
    assert job.result["errors"] == 1_000
    assert PASSWORD not in str(job.errors)


def test_checking_takes_a_handful_of_queries_for_any_number_of_rows(cast: Cast) -> None:
    """Also where nearly each row is about an account that is there."""
    for number in range(5):
        make_mailbox(cast.domain, f"box{number}")
    asked = []
    for size in (10, 4_000):
        rows = "".join(f"modify,box{n},{PASSWORD}\r\n" if n < 5 else f"add,box{n},{PASSWORD}\r\n" for n in range(size))
        with CaptureQueriesContext(connection) as queries:
            sheet = open_sheet(f"command,mail_account,mail_password\r\n{rows}".encode(), "commands", cast.domain, may_hash=False)
            plan = sheet.checked(sheet.look())
        assert len(plan.acts) == size
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 8
