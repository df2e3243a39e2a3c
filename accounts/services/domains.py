"""Domains: create, change, delete, and the system addresses that come with them (A5)."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts import names, passwords, selectors
from accounts.models import AddressKind, AddressName, BareLogin, Customer, Domain, MailHost, Plan
from accounts.models.tenants import bump
from accounts.permissions import require
from accounts.services import mailboxes
from accounts.services.common import COUNTERS, LABELS, check
from panel.base import audit, changes
from panel.base.errors import Clash, LimitReached
from panel.base.models import Change, TargetKind
from panel.base.tenancy import Principal

SERVED = ("admin_address", "virus_check")  # of what an admin changes, what the servers know
CONTRACT = ("plan", "customer", "limits", "overrides")
OPERATORS = ("plan", "customer", "overrides")  # of these; limits are shared out by customer admins too (A17)
ROLE_NAMES = ("postmaster", "mailer-daemon", "root")  # manual platinum; postmaster is RFC 5321 4.5.1


def create_domain(
    name: str,
    *,
    customer: Customer,
    plan: Plan,
    host: MailHost,
    admin_address: str,
    acting_user: Principal,
    limits: dict[str, Any] | None = None,
    overrides: dict[str, Any] | None = None,
) -> tuple[Domain, Change]:
    """With its system addresses. Raises `ValidationError` per field, `Clash`, `LimitReached`."""
    require(acting_user, "domain.create")
    domain = Domain(
        name=name, customer=customer, plan=plan, host=host, admin_address=admin_address, limits=limits or {}, overrides=overrides or {}
    )
    check(domain, exclude=("name",) if not name else ())
    _check_limits(domain, {})
    with transaction.atomic():
        _count_domain(customer)
        _save_new(domain)
        settle_system_addresses(domain)
        audit.record("domain.create", domain.name, acting_user=acting_user, domain=domain, after=shown(domain))
        return domain, changes.record(_whole(domain), acting_user=acting_user)


def _whole(domain: Domain) -> list[changes.Target]:
    """The domain with all in it, and what leads into it: to a domain of this host mail goes inside, to others by the way out."""
    leading = selectors.leading_into(domain.name, domain.host)
    host = domain.host.name
    return [(host, TargetKind.DOMAIN_ALL, domain.name), *((host, TargetKind.ADDRESS, address) for address in leading)]


def _count_domain(customer: Customer) -> None:
    fresh = Customer.objects.select_for_update().get(pk=customer.pk)
    limit, used = fresh.limits.get("domains"), fresh.domains.count()
    if limit is not None and used + 1 > limit:
        raise LimitReached("customer", LABELS["domains"](), used, limit)


def _check_room(domain: Domain, customer: Customer) -> None:
    """The contract that a domain moves to must have room for everything in it. Raises `LimitReached`."""
    _count_domain(customer)
    fresh = Customer.objects.get(pk=customer.pk)
    for key, column in COUNTERS.items():
        limit, mine = fresh.limits.get(key), getattr(domain, column)
        used = fresh.domains.aggregate(sum=Sum(column))["sum"] or 0
        if limit is not None and mine and used + mine > limit:
            raise LimitReached("customer", LABELS[key](), used, limit)


def _save_new(domain: Domain) -> None:
    try:
        with transaction.atomic():
            domain.save(force_insert=True)
    except IntegrityError:
        raise Clash("name", _("The domain %(name)s exists already.") % {"name": names.to_unicode(domain.name)}) from None


def change_domain(domain: Domain, *, acting_user: Principal, **fields: Any) -> tuple[Domain, Change | None]:
    """`admin_address` and `virus_check` by every mail admin, limits by customer admins; plan, customer, overrides by the operator."""
    for act in acts_of(fields):
        require(acting_user, act)
    with transaction.atomic():
        fresh = Domain.objects.select_for_update(of=("self",)).select_related("plan", "host", "customer").get(pk=domain.pk)
        before, old_rules = shown(fresh), fresh.rules
        for key, value in fields.items():
            setattr(fresh, key, value)
        fresh.__dict__.pop("rules", None)
        check(fresh)
        _check_virus_check(fresh, before)
        _check_limits(fresh, before["limits"])
        if before["customer"] != fresh.customer.name:
            _check_room(fresh, fresh.customer)
        bump(fresh, **{key: getattr(fresh, key) for key in fields})
        if before["customer"] != fresh.customer.name:  # the old contract's admins lose the domain with it
            fresh.admins.remove(*fresh.admins.exclude(customer=fresh.customer))
            fresh.appointments.remove(*fresh.appointments.exclude(customer=fresh.customer))
            fresh.notices.exclude(code="").update(customer=fresh.customer)  # the system's, about its accounts
        after = shown(fresh)
        audit.record("domain.change", fresh.name, acting_user=acting_user, domain=fresh, before=before, after=after)
        if fresh.rules != old_rules:
            settle_system_addresses(fresh)
            return fresh, changes.record([(fresh.host.name, TargetKind.DOMAIN_ALL, fresh.name)], acting_user=acting_user)
        if all(before[key] == after[key] for key in SERVED):
            return fresh, None
        return fresh, changes.record([(fresh.host.name, TargetKind.DOMAIN, fresh.name)], acting_user=acting_user)


def acts_of(fields: Iterable[str]) -> list[str]:
    """What `permissions.ACTIONS` asks of whoever changes these fields of a domain."""
    given = set(fields)
    limits, contract = given & {"limits"}, given & set(OPERATORS)
    return ["domain.change", *(["domain.limits"] if limits else []), *(["domain.contract"] if contract else [])]


def _check_limits(domain: Domain, before: dict[str, Any]) -> None:
    """A number that is set anew is within the contract's; several domains together may be promised more than there is (A17)."""
    found = {}
    for key, value in domain.limits.items():
        most = domain.customer.limits.get(key)
        if value is not None and most is not None and value > most and value != before.get(key):
            text = _("%(what)s: the contract has %(most)d.") % {"what": LABELS[key](), "most": most}
            found[f"limits.{key}"] = ValidationError(text, code="contract")
    if found:
        raise ValidationError(found)


def _check_virus_check(domain: Domain, before: dict[str, Any]) -> None:
    """Only where the plan leaves it to the domain. Raises `ValidationError` with the plan's name."""
    if domain.virus_check and not before["virus_check"] and "optional" not in (domain.rules.virus_inbound, domain.rules.virus_outbound):
        text = _("The plan %(plan)s decides about viruses by itself.") % {"plan": domain.plan.title}
        raise ValidationError({"virus_check": ValidationError(text, code="plan")})


def delete_domain(domain: Domain, *, acting_user: Principal) -> Change:
    """The domain with every address in it; mail goes from disk when the grace period ends."""
    require(acting_user, "domain.delete")
    with transaction.atomic():
        fresh = Domain.objects.select_for_update(of=("self",)).select_related("plan", "host", "customer").get(pk=domain.pk)
        mailboxes.removal_of_homes(list(fresh.mailboxes.select_related("domain__host")), acting_user=acting_user)
        audit.record("domain.delete", fresh.name, acting_user=acting_user, domain=fresh, before=shown(fresh))
        change = changes.record(_whole(fresh), acting_user=acting_user)
        fresh.delete()
        return change


def settle_system_addresses(domain: Domain) -> None:
    """Makes the plan's system addresses be there (A5), after creation and after a change of plan."""
    kind = domain.rules.system_addresses
    domain.mailboxes.filter(is_system=True).exclude(pk=f"{_system_mailbox(domain)}@{domain.name}").update(is_system=False)
    AddressName.objects.filter(domain=domain, kind=AddressKind.RESERVED).delete()
    if local := _system_mailbox(domain):
        _ensure_mailbox(domain, local)
    held = set(AddressName.objects.filter(domain=domain).values_list("pk", flat=True))
    reserved = [f"{name}@{domain.name}" for name in (ROLE_NAMES if kind == "reserved" else ROLE_NAMES[:1])]
    AddressName.objects.bulk_create([AddressName(address=a, domain=domain, kind=AddressKind.RESERVED) for a in reserved if a not in held])
    _settle_bare_logins(domain)


def _system_mailbox(domain: Domain) -> str:
    kind = domain.rules.system_addresses
    return {"postmaster_mailbox": "postmaster", "contact_mailbox": domain.name.partition(".")[0]}.get(kind, "")


def _ensure_mailbox(domain: Domain, local: str) -> None:
    """The system mailbox; an ordinary one of the name becomes it. No one can log in until an admin sets a password."""
    address = f"{local}@{domain.name}"
    if not domain.mailboxes.filter(pk=address).update(is_system=True):
        try:
            mailboxes.insert(domain, local, passwords.no_password(), is_system=True, by_grammar=False)
        except ValidationError as error:
            raise ValidationError({"name": [e for es in error.error_dict.values() for e in es]}) from None


def _settle_bare_logins(domain: Domain) -> None:
    if not domain.rules.unique_on_server:
        BareLogin.objects.filter(mailbox__domain=domain).delete()
        return
    wanted = [
        BareLogin(mailbox=mailbox, host=domain.host, login=mailbox.local_part)
        for mailbox in domain.mailboxes.filter(bare_login__isnull=True)
    ]
    try:
        with transaction.atomic():
            BareLogin.objects.bulk_create(wanted, batch_size=1000)
    except IntegrityError:
        raise Clash("plan", _("Mailbox names of this domain are taken on the server; this plan needs them unique.")) from None


def reserved_destination(domain: Domain) -> str:
    """Where mail to the reserved addresses goes: the contact mailbox where the plan has one, else the admin address."""
    if domain.rules.system_addresses == "contact_mailbox":
        return f"{_system_mailbox(domain)}@{domain.name}"
    return str(domain.admin_address)


def shown(domain: Domain) -> dict[str, Any]:
    """What the audit trail keeps."""
    return {
        "plan": domain.plan.name,
        "customer": domain.customer.name,
        "admin_address": domain.admin_address,
        "virus_check": domain.virus_check,
        "limits": dict(domain.limits),
        "overrides": dict(domain.overrides),
    }
