"""Many mailboxes at once: one transaction, one Change, one rebuild of the maps."""

from collections.abc import Iterable

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts import names
from accounts.models import AddressKind, AddressName, BareLogin, Domain, Mailbox
from accounts.permissions import require
from accounts.services.common import count
from panel.base import audit, changes
from panel.base.errors import Clash
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal

BATCH = 2_000


def load_mailboxes(domain: Domain, accounts: Iterable[tuple[str, str]], *, acting_user: Principal) -> tuple[int, Change]:
    """`accounts`: local part and ready hash (`{ARGON2ID}…`). All or nothing; returns their number.

    Raises `ValidationError` by the plan's grammar, `Clash` where a name is taken, `LimitReached`.
    """
    require(acting_user, "mailbox.create")
    rules = domain.rules
    rows = []
    for local, password_hash in accounts:
        names.check_local_part(local, shortest=rules.local_part_min, longest=rules.local_part_max, grammar=rules.local_part_grammar)
        rows.append((f"{local.lower()}@{domain.name}", password_hash))
    boxes = [Mailbox(name_id=address, domain=domain, password_hash=hashed, quota_mb=rules.storage_default_mb) for address, hashed in rows]
    with transaction.atomic():
        promised = (rules.storage_default_mb or 0) * len(rows)
        count(domain, "accounts", len(rows), field="address", extra={"storage_mb": promised})
        take_names(domain, [box.address for box in boxes])
        insert(domain, boxes)
        transaction.on_commit(count_anew)
        audit.record("mailbox.load", domain.name, acting_user=acting_user, domain=domain, after={"accounts": len(rows)})
        return len(rows), changes.record([(domain.host.name, TargetKind.DOMAIN_ALL, domain.name)], acting_user=acting_user)


def count_anew() -> None:
    """PostgreSQL plans by what it believes of a table: until it counts by itself, lists of a new large domain took 100 ms."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_addressname, accounts_mailbox, accounts_domain")


def take_names(domain: Domain, addresses: Iterable[str]) -> None:
    """In the order of the addresses, so that two who want the same names wait for one another and not in a circle. Raises `Clash`."""
    taken = [AddressName(address=address, domain=domain, kind=AddressKind.MAILBOX) for address in sorted(addresses)]
    try:
        with transaction.atomic():
            AddressName.objects.bulk_create(taken, batch_size=BATCH)
    except IntegrityError:
        raise Clash("address", _("One of the names is taken.")) from None


def insert(domain: Domain, boxes: list[Mailbox]) -> None:
    """The rows of taken names, with their bare logins where the plan has them. Raises `Clash`."""
    for box in boxes:
        box.search = box.searchable()
    Mailbox.objects.bulk_create(boxes, batch_size=BATCH)
    if not domain.rules.unique_on_server:
        return
    logins = [BareLogin(mailbox=box, host=domain.host, login=box.local_part) for box in boxes]
    try:
        with transaction.atomic():
            BareLogin.objects.bulk_create(sorted(logins, key=lambda one: one.login), batch_size=BATCH)
    except IntegrityError:
        raise Clash("address", _("One of the names is taken.")) from None
