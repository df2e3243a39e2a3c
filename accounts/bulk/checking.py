"""A table against the rules of pages and API: every broken one, at its line and column (A13, A14, A16). No queries here."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import names
from accounts.bulk import values
from accounts.bulk.columns import FORMS, HASH, Columns
from accounts.bulk.faults import Fault, Faults
from accounts.bulk.plan import Act, Known, Plan, Verb
from accounts.bulk.reading import Table
from accounts.bulk.totals import past_the_limits
from accounts.bulk.values import ACCOUNT, CAPACITY, COMMAND, COMMENT, MOBILE, Line, address_in
from accounts.models import AddressKind, Domain
from accounts.models.addresses import check_capacity
from accounts.services.common import taken_text

COMMANDS: Final = {"add": Verb.ADD, "modify": Verb.MODIFY, "delete": Verb.DELETE}


def check(table: Table, columns: Columns, kind: str, domain: Domain, known: Known) -> tuple[Plan, Faults]:
    """What is to be done, and all that stands in the way."""
    checker = _Checker(kind, domain, known)
    plan = Plan(rows=len(table.rows))
    for row in table.rows:
        checker.row(Line(row, columns, checker.faults), plan)
    for fault in past_the_limits(checker.counted, known):
        checker.faults.add(fault)
    return plan, table.faults + checker.faults


def addresses(table: Table, columns: Columns, domain: str) -> list[str]:
    """Every address that the file names, in order, as far as they can be read."""
    found, nothing = set[str](), Faults()
    for row in table.rows:
        if text := Line(row, columns, nothing).text(ACCOUNT):
            try:
                found.add(address_in(text, domain))
            except ValidationError:
                continue
    return sorted(found)


class _Checker:
    """Goes through the rows. `seen`: address → the line that named it first; `counted` = what the contract would count,
    rows with another fault included."""

    def __init__(self, kind: str, domain: Domain, known: Known) -> None:
        self.kind, self.domain, self.known = kind, domain, known
        self.password = FORMS[kind].password
        self.faults, self.seen, self.counted = Faults(), dict[str, int](), list[Act]()

    def row(self, line: Line, plan: Plan) -> None:
        before = self.faults.count
        if len(line.row) > len(line.columns) and not line.row[-1].is_blank:
            last = line.row[-1]
            line.faults.add(Fault(last.line, last.column, "", "too_many_cells", _("The row has more cells than there are columns.")))
        address, verb = self._address(line), self._verb(line)
        if verb is None:
            return
        is_stranger = self.kind == "edit" and address != "" and address not in self.known.boxes
        fits = address != "" and not is_stranger and self._fits(line, verb, address)
        act = self._act(line, verb, address)
        if fits:
            self.counted.append(act)
        if self.faults.count > before or line.is_broken(*line.columns):
            return
        if is_stranger:
            plan.passed_over += 1
        elif verb == Verb.MODIFY and not self._changes(act):
            plan.unchanged += 1
        else:
            plan.acts.append(act)

    def _verb(self, line: Line) -> Verb | None:
        if self.kind != "commands":
            return Verb.ADD if self.kind == "create" else Verb.MODIFY
        verb = COMMANDS.get(line.text(COMMAND).lower())
        if verb is None and not line.is_broken(COMMAND):
            line.say(COMMAND, "invalid_choice", _("A command is add, modify or delete."))
        return verb

    # --- whose row it is

    def _address(self, line: Line) -> str:
        """ "" where it cannot be told, or another row has it already; either is said."""
        if line.is_broken(ACCOUNT):
            return ""
        if not (text := line.text(ACCOUNT)):
            line.say(ACCOUNT, "required", _("The account is missing."))
            return ""
        try:
            address = address_in(text, self.domain.name)
        except ValidationError as error:
            line.tell(ACCOUNT, error)
            return ""
        if (first := self.seen.setdefault(address, line.at(ACCOUNT)[0])) != line.at(ACCOUNT)[0]:
            line.say(ACCOUNT, "twice", _("The account is in the file already, in line %(line)d.") % {"line": first})
            return ""
        return address

    def _fits(self, line: Line, verb: Verb, address: str) -> bool:
        """Whether the verb can be done to the address; said where not."""
        try:
            if verb == Verb.ADD:
                self._check_free(address)
            else:
                self._check_there(verb, address)
        except ValidationError as error:
            line.tell(ACCOUNT, error)
            return False
        return True

    def _check_free(self, address: str) -> None:
        """By the plan's grammar, and nobody else's name (A1, A6)."""
        local, rules = address.rpartition("@")[0], self.domain.rules
        names.check_local_part(local, shortest=rules.local_part_min, longest=rules.local_part_max, grammar=rules.local_part_grammar)
        if len(address) > names.ADDRESS_MAX:
            raise ValidationError(_("The whole address is too long."), code="length")
        if kind := self.known.names.get(address):
            raise ValidationError(taken_text(address, kind), code="clash")
        if local in self.known.bare:
            raise ValidationError(_("User exists. Choose another username."), code="clash")

    def _check_there(self, verb: Verb, address: str) -> None:
        box, kind = self.known.boxes.get(address), self.known.names.get(address)
        if box is None and kind and kind != AddressKind.MAILBOX:
            raise ValidationError(taken_text(address, kind), code="unknown")
        if box is None:
            raise ValidationError(_("There is no mail account of this name."), code="unknown")
        if verb == Verb.DELETE and box.is_system:
            raise ValidationError(_("%(address)s belongs to the domain and cannot be deleted.") % {"address": address}, code="system")

    # --- what is set

    def _act(self, line: Line, verb: Verb, address: str) -> Act:
        act = Act(*line.at(ACCOUNT), verb, address, capacity_at=line.at(CAPACITY), password_at=line.at(self.password))
        if verb == Verb.DELETE:
            return act
        before = self.faults.count
        act.password, act.password_hash = values.password(line, self.password, self.domain, address)
        has_none = not (act.password or act.password_hash) and self.faults.count == before
        if verb == Verb.ADD and has_none and not line.is_broken(self.password, HASH):
            line.say(self.password, "required", _("A new account needs a password."))
        act.fields = self._fields(line)
        if verb == Verb.ADD:
            act.fields = {"quota_mb": self._default_capacity(line), COMMENT: "", MOBILE: ""} | act.fields
        return act

    def _fields(self, line: Line) -> dict[str, Any]:
        """What the row sets: a blank capacity nothing, a blank comment or mobile address that there is none."""
        found = {"quota_mb": values.capacity(line, self.domain), COMMENT: values.comment(line), MOBILE: values.mobile_address(line)}
        return {key: value for key, value in found.items() if value is not None}

    def _default_capacity(self, line: Line) -> int | None:
        """The plan's; a plan whose own is above its highest cannot give it."""
        default = self.domain.rules.storage_default_mb
        if not line.text(CAPACITY) and not line.is_broken(CAPACITY):
            try:
                check_capacity(default, self.domain)
            except ValidationError as error:
                line.tell(CAPACITY, error)
        return default

    def _changes(self, act: Act) -> bool:
        """Whether a modification makes any difference; what is the same already is left out of it."""
        box = self.known.boxes[act.address]
        act.fields = {key: value for key, value in act.fields.items() if getattr(box, key) != value}
        return bool(act.password or act.password_hash or act.fields)
