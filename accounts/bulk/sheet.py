"""A file that has been read, with the domain that it is for: checked as the database stands, a handful of queries for any size."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from accounts.bulk.checking import addresses, check
from accounts.bulk.columns import FORMS, Columns, columns_of
from accounts.bulk.faults import Faulty
from accounts.bulk.plan import Known, Plan, Room
from accounts.bulk.reading import Table, read
from accounts.models import AddressName, BareLogin, Customer, Domain, Mailbox
from accounts.services import standing
from accounts.services.common import rooms

BATCH = 5_000  # addresses in one query
COUNTED = ("accounts", "storage_mb")  # what a file can take of the contract


@dataclass(frozen=True, slots=True)
class Sheet:
    """`addresses` = every one that the file names, in order."""

    table: Table = field(repr=False)  # passwords
    columns: Columns
    kind: str
    domain: Domain
    addresses: Sequence[str] = field(repr=False)

    @property
    def password(self) -> str:
        """The column of new passwords."""
        return FORMS[self.kind].password

    def checked(self, known: Known) -> Plan:
        """Raises `Faulty`."""
        plan, faults = check(self.table, self.columns, self.kind, self.domain, known)
        if faults:
            raise Faulty(faults)
        return plan

    def look(self) -> Known:
        """What the database says now; others may change it at once."""
        boxes = {box.pk: box for box in self.boxes()}
        return Known(self.names(), boxes, self.bare(), rooms_of(self.domain, self.domain.customer))

    def names(self, except_for: Collection[str] = ()) -> dict[str, str]:
        """Kinds of the file's addresses that are taken."""
        rows = (row for part in _parts(self.addresses) for row in AddressName.objects.filter(pk__in=part).values_list("pk", "kind"))
        ours = set(except_for)
        return {address: kind for address, kind in rows if address not in ours}

    def boxes(self, *, locked: bool = False) -> Iterator[Mailbox]:
        """The domain's mailboxes among the file's addresses; `locked` until the transaction ends."""
        if self.kind == "create":
            return
        rows = self.domain.mailboxes.select_for_update() if locked else self.domain.mailboxes.all()
        for part in _parts(self.addresses):
            for box in rows.filter(pk__in=part).order_by("pk"):
                box.domain = self.domain
                yield box

    def forced(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        """Of these addresses those that the operator made change their password, with their last hashes."""
        rows = self.domain.mailboxes.filter(must_change_password=True)
        return {box.pk: standing.last_passwords(box) for part in _parts(addresses) for box in rows.filter(pk__in=part)}

    def bare(self) -> set[str]:
        """Names among the file's that log in on the host already, where the plan has such logins."""
        if not self.domain.rules.unique_on_server:
            return set()
        locals_ = [address.rpartition("@")[0] for address in self.addresses]
        logins = BareLogin.objects.filter(host=self.domain.host)
        return {login for part in _parts(locals_) for login in logins.filter(login__in=part).values_list("login", flat=True)}


def open_sheet(content: bytes, kind: str, domain: Domain, *, may_hash: bool) -> Sheet:
    """Raises `Faulty` where the file or its header cannot be read."""
    table = read(content)
    columns = columns_of(table.header, kind, may_hash=may_hash)
    return Sheet(table, columns, kind, domain, addresses(table, columns, domain.name))


def rooms_of(domain: Domain, customer: Customer) -> list[Room]:
    return [Room(what, used, limit) for what in COUNTED for used, limit in rooms(domain, customer, what)]


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    rows = list(values)
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
