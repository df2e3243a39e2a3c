"""What is wrong with a file, and exactly where."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """`line` = physical line where the cell begins, `column` = the cell's number in its row, both from 1; `field` = the
    header's name there. `used` and `limit` with the code `limit_reached`. Never holds what a cell says: it may be a password."""

    line: int
    column: int
    field: str
    code: str
    message: str
    used: int | None = None
    limit: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As a job's errors have it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Faults:
    """All are counted, the first `KEPT` are kept: a file of 20 MB can hold millions."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.kept: list[Fault] = []
        self.count = 0
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(fault)

    def __bool__(self) -> bool:
        return self.count > 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.kept)

    def __add__(self, other: "Faults") -> "Faults":
        """Both, in the file's order."""
        found = Faults(sorted((*self.kept, *other.kept), key=lambda fault: (fault.line, fault.column)))
        found.count = self.count + other.count
        return found


class Faulty(Exception):
    """The file cannot be carried out, for all these reasons."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(f"{faults.count} faults")
        self.faults = faults
