"""Events that webhooks tell of, made of the audit trail's entries in the transaction of what happened.

Apps above this one add theirs with `also` (imports run one way).
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Prefetch, Q

from accounts.models import Domain, Webhook, WebhookDelivery
from panel.base.models import AuditEntry
from panel.base.tenancy import Role

log = logging.getLogger(__name__)
AT_ONCE = 1_000  # rows of one INSERT
PING = "ping"  # by the test button only: nobody subscribes to it


class Told(NamedTuple):
    """What an act of the trail is told as. `field`: what stands for all that changed, where the act is about a part of the thing."""

    event: str
    field: str = ""


STATUS = "account.status_changed"
ACTS: dict[str, Told] = {
    "mailbox.create": Told("account.created"),
    "mailbox.change": Told("account.changed"),
    "mailbox.delete": Told("account.deleted"),
    "mailbox.password": Told("account.password_changed", "password"),
    "mailbox.suspend": Told(STATUS),
    "mailbox.resume": Told(STATUS),
    "mailbox.force_password": Told(STATUS),
    **{f"{kind}.{act}": Told(f"{kind}.{act}d") for kind in ("alias", "group", "domain") for act in ("create", "change", "delete")},
    "import.done": Told("import.done"),
}
# What a webhook may ask for, and the resource of the API that it is about.
EVENTS: dict[str, str] = {
    told.event: {"account": "accounts", "alias": "aliases"}.get(kind, f"{kind}s")
    for told in ACTS.values()
    for kind in [told.event.partition(".")[0]]
}


def also(acts: Mapping[str, Told]) -> None:
    """Registers further acts of events that exist."""
    ACTS.update(acts)


def tell(entries: list[AuditEntry]) -> None:
    """Listens to the trail: writes a delivery for each webhook that asked for the event and whose owner sees the entry.

    One query where nobody listens; some more and one INSERT a thousand deliveries where somebody does.
    """
    told = [entry for entry in entries if entry.action in ACTS]
    if not told:
        return
    hooks = _listening({entry.tenant for entry in told}, {entry.domain for entry in told})
    rows = [
        WebhookDelivery(webhook=hook, event=ACTS[entry.action].event, payload=payload(entry))
        for hook in hooks
        for entry in told
        if ACTS[entry.action].event in hook.events and _sees(hook, entry)
    ]
    if rows:
        WebhookDelivery.objects.bulk_create(rows, batch_size=AT_ONCE)
        wake_on_commit()


def _listening(tenants: Iterable[int | None], domains: Iterable[str]) -> list[Webhook]:
    """Webhooks of active admins who may see something of these contracts, with those of the named domains that they look after."""
    known = [tenant for tenant in tenants if tenant is not None]
    first = Q(appointment=None) & (Q(admin__role=Role.OPERATOR) | Q(admin__customer__in=known))
    further = Q(appointment__role=Role.OPERATOR) | Q(appointment__customer__in=known)
    theirs = Domain.objects.filter(name__in=domains).only("name")
    rows = Webhook.objects.filter(first | further, enabled=True, admin__is_active=True).select_related("admin", "appointment")
    return list(rows.prefetch_related(Prefetch("admin__domains", theirs), Prefetch("appointment__domains", theirs)))


def _sees(hook: Webhook, entry: AuditEntry) -> bool:
    """As `AuditQuerySet.visible_to` has it, for the role in which the webhook was made."""
    acts: Any = hook.appointment or hook.admin
    if acts.role == Role.OPERATOR:
        return True
    if entry.tenant is None or acts.customer_id != entry.tenant:
        return False
    if acts.role == Role.MAIL_ADMIN:
        return any(domain.name == entry.domain for domain in acts.domains.all())
    return bool(acts.role == Role.CUSTOMER_ADMIN)


def payload(entry: AuditEntry) -> dict[str, Any]:
    """What is sent, but for its `id`: that is the delivery's. Entries hold no passwords, and so do payloads."""
    told = ACTS[entry.action]
    verb = told.event.partition(".")[2]
    found: dict[str, Any] = {
        "event": told.event,
        "at": entry.at.isoformat(),
        "domain": entry.domain,
        "subject": entry.subject,
        "actor": entry.actor,
        "changed": [],
    }
    if told.field:
        return {**found, "changed": [told.field]}
    after = {key: value for key, value in entry.after.items() if key != "id"}
    if verb in ("changed", "status_changed"):
        found["changed"] = sorted(after | {key: None for key in entry.before if key != "id"})
    return {**found, "after": after} if after else found


def wake_on_commit() -> None:
    """Has the deliveries sent after the commit, asked for once however many there are."""
    pending = transaction.get_connection().run_on_commit
    if not any(function is _wake for _savepoints, function, _robust in pending):
        transaction.on_commit(_wake)


def _wake() -> None:
    from accounts.tasks import deliver_due

    try:
        deliver_due.delay()
    except Exception:
        log.warning("broker away: webhooks are told by the sweep", exc_info=True)
