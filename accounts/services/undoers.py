"""How acts on accounts, addresses, domains and contracts are undone (see `history`)."""

from collections.abc import Callable, Collection
from typing import Any

from django.utils.translation import gettext as _

from accounts import names, rules
from accounts.models import Admin, Alias, Customer, Domain, Group, Mailbox, Plan
from accounts.services import contracts, domains, expansions, mailboxes, people
from accounts.services.history import Undoer, Values, can_undo
from panel.base.errors import Clash
from panel.base.models import AuditEntry, Change
from panel.base.tenancy import Principal


def always(*acts: str) -> Callable[[AuditEntry], Collection[str]]:
    """The same acts are needed whatever the entry holds."""
    return lambda entry: acts


def held_mailbox(entry: AuditEntry, user: Principal) -> Mailbox | None:
    """The mailbox that the entry is about."""
    seen = Mailbox.objects.visible_to(user).filter(pk=entry.subject).first()
    return mailboxes.locked(seen) if seen else None


def held_domain(entry: AuditEntry, user: Principal) -> Domain | None:
    """The domain that the entry is about."""
    rows = Domain.objects.visible_to(user).select_for_update(of=("self",)).select_related("plan", "host", "customer")
    found: Domain | None = rows.filter(name=entry.domain).first()
    return found


def _mailbox(row: Mailbox, before: Values, user: Principal) -> Change | None:
    return mailboxes.change_mailbox(row, acting_user=user, **before)[1]


def _needs_of_domain(entry: AuditEntry) -> Collection[str]:
    return domains.acts_of({*entry.before, *entry.after})


def _domain(row: Domain, before: Values, user: Principal) -> Change | None:
    for field, model in (("plan", Plan), ("customer", Customer)):
        if field in before:
            before[field] = _named(model, before[field], user)
    return domains.change_domain(row, acting_user=user, **before)[1]


def _named(model: Any, name: str, user: Principal) -> Any:
    found = model.objects.visible_to(user).filter(name=name).first()
    if found is None:
        raise Clash("", _("There is no such thing: %(name)s") % {"name": name}, code="gone")
    return found


def _expansion(model: type[Alias | Group]) -> Callable[[AuditEntry, Principal], Any]:
    """Holds the host first, as the services do."""

    def find(entry: AuditEntry, user: Principal) -> Any:
        rows = model.objects.visible_to(user).select_related("domain__host", "domain__plan")
        seen = rows.filter(pk=entry.subject).first()
        if seen is None:
            return None
        expansions.hold_host(seen.domain)
        return rows.filter(pk=entry.subject).first()

    return find


def _alias(row: Alias, before: Values, user: Principal) -> Change | None:
    return expansions.change_alias(row, before["destinations"], acting_user=user)[1]


def _group(row: Group, before: Values, user: Principal) -> Change | None:
    return expansions.change_group(row, before["members"], acting_user=user)[1]


class _Gone:
    """What was deleted, by its name; made anew in its domain."""

    def __init__(self, domain: Domain, address: str) -> None:
        self.domain, self.local_part, self.created_at = domain, names.split(address)[0], domain.created_at


def _deleted(entry: AuditEntry, user: Principal) -> _Gone | None:
    domain = held_domain(entry, user)
    return _Gone(domain, entry.subject) if domain else None


def _alias_again(gone: _Gone, before: Values, user: Principal) -> Change | None:
    return expansions.create_alias(gone.domain, gone.local_part, before["destinations"], acting_user=user)[1]


def _group_again(gone: _Gone, before: Values, user: Principal) -> Change | None:
    return expansions.create_group(gone.domain, gone.local_part, before["members"], acting_user=user)[1]


def _held_plan(entry: AuditEntry, user: Principal) -> Plan | None:
    found: Plan | None = Plan.objects.visible_to(user).select_for_update().filter(name=entry.subject).first()
    return found


def _plan_now(row: Plan) -> Values:
    return {"title": row.title, **rules.as_json(row.rules)}


def _plan(row: Plan, before: Values, user: Principal) -> Change | None:
    return contracts.change_plan(row, title=before.pop("title", None), values=before, acting_user=user)[1]


def _held_customer(entry: AuditEntry, user: Principal) -> Customer | None:
    found: Customer | None = Customer.objects.visible_to(user).select_for_update().filter(name=entry.subject).first()
    return found


def _customer(row: Customer, before: Values, user: Principal) -> None:
    contracts.change_customer(row, limits=before["limits"], acting_user=user)


def _held_admin(entry: AuditEntry, user: Principal) -> Admin | None:
    found: Admin | None = Admin.objects.visible_to(user).select_for_update(of=("self",)).filter(login=entry.subject).first()
    return found


def _admin(row: Admin, before: Values, user: Principal) -> None:
    if "domains" in before:
        before["domains"] = [_named(Domain, name, user) for name in before["domains"]]
    people.change_admin(row, acting_user=user, **before)


def _destinations(row: Alias) -> Values:
    return {"destinations": row.addresses()}


def _members(row: Group) -> Values:
    return {"members": row.addresses()}


def _limits(row: Customer) -> Values:
    return {"limits": dict(row.limits)}


def _admin_now(row: Admin) -> Values:
    return people.shown(row, row.domains.all())


def _none(gone: _Gone) -> None:
    """It is not there; where there is one again, the service refuses the name."""


DOMAIN = (*domains.CONTRACT, *domains.SERVED)
ADMIN = ("email", "language", "domains", "is_active")  # neither roles nor passwords: what somebody may do is given by hand
UNDOERS = {
    "mailbox.change": Undoer("accounts", always("mailbox.change"), held_mailbox, mailboxes.shown, _mailbox, mailboxes.EDITABLE),
    "domain.change": Undoer("domains", _needs_of_domain, held_domain, domains.shown, _domain, DOMAIN),
    "alias.change": Undoer("aliases", always("alias.write"), _expansion(Alias), _destinations, _alias),
    "alias.delete": Undoer("aliases", always("alias.write"), _deleted, _none, _alias_again),
    "group.change": Undoer("groups", always("group.write"), _expansion(Group), _members, _group),
    "group.delete": Undoer("groups", always("group.write"), _deleted, _none, _group_again),
    "plan.change": Undoer("plans", always("plan.write"), _held_plan, _plan_now, _plan),
    "customer.change": Undoer("customers", always("customer.write"), _held_customer, _limits, _customer, ("limits",)),
    "admin.change": Undoer("admins", always("admin.write"), _held_admin, _admin_now, _admin, ADMIN),
}


def register() -> None:
    """Called once, when the app is ready."""
    for act, undoer in UNDOERS.items():
        can_undo(act, undoer)
