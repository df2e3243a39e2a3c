"""The outbox (`Change`), the audit trail, jobs and remembered POST answers."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.base.tenancy import Principal, Role, TenantQuerySet


class State(models.TextChoices):
    """Where a change is on its way to the running servers."""

    PENDING = "pending", _("being applied")
    LIVE = "live", _("live")
    FAILED = "failed", _("failed")


class ActorQuerySet(TenantQuerySet):
    """Rows that belong to whoever caused them."""

    def narrowed(self, user: Principal) -> Self:
        return self.filter(actor=user.actor)

    def in_domains(self, domains: Iterable[str]) -> Self:
        """A token limited to domains still sees what it caused itself: its owner's rows."""
        return self


class Change(models.Model):
    """One request's effect on mail hosts: many targets, maybe several hosts. Its state is that of its targets."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.CharField(max_length=320)
    requested_at = models.DateTimeField(default=timezone.now)
    objects: ClassVar[Any] = ActorQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["requested_at"])]

    def hosts(self) -> list[dict[str, Any]]:
        """`[{"name", "state", "error", "live_at"}]`, worst state first within a host; one query."""
        worst: dict[str, dict[str, Any]] = {}
        for target in self.targets.order_by("pk"):
            row = {"name": target.host, "state": target.state, "error": target.error, "live_at": target.live_at}
            kept = worst.setdefault(target.host, row)
            if RANK[target.state] > RANK[kept["state"]] or _later(row, kept):
                worst[target.host] = row
        return [worst[name] for name in sorted(worst)]


RANK: dict[str, int] = {State.LIVE: 0, State.PENDING: 1, State.FAILED: 2}


def _later(row: dict[str, Any], kept: dict[str, Any]) -> bool:
    return bool(row["state"] == kept["state"] == State.LIVE and row["live_at"] > kept["live_at"])


class TargetKind(models.TextChoices):
    """What a target's key names."""

    ADDRESS = "address"  # info@example.com, whatever it is by now: mailbox, alias, group or nothing
    DOMAIN = "domain"  # the entries of the domain itself
    DOMAIN_ALL = "domain-all"  # the domain and every address in it
    JOB = "job"  # made live by the job of this id when it is done


class ChangeTarget(models.Model):
    """The outbox row: something on one host that has to become as the database says.

    `lease` names the run that claimed it and is empty when nobody did; it is no state, so a killed
    worker leaves nothing to undo: whoever holds the host's lock next may clear every lease.
    """

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="targets")
    host = models.CharField(max_length=63)
    kind = models.CharField(max_length=12, choices=TargetKind.choices)
    key = models.CharField(max_length=320)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    lease = models.UUIDField(null=True)
    error = models.TextField(blank=True)
    live_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["host", "id"], condition=Q(state="pending"), name="target_pending"),
            models.Index(fields=["lease"], condition=Q(lease__isnull=False), name="target_lease"),
            models.Index(fields=["change"], condition=Q(state="failed"), name="target_failed"),
        ]


SLACK = timedelta(hours=1)  # between an entry's moment and its key: longer than any transaction, or clocks that differ
HIGHEST = 2**63 - 1


class AuditQuerySet(TenantQuerySet):
    """A customer admin sees what concerned the contract, a mail admin what concerned their domains under it.

    By the contract at the time of the act: a domain name that changes hands shows its new owner nothing of the old one's.
    """

    def narrowed(self, user: Principal) -> Self:
        tenant = getattr(user, "customer_id", None)
        if tenant is None or user.role not in (Role.CUSTOMER_ADMIN, Role.MAIL_ADMIN):
            return self.none()
        found = self.filter(tenant=tenant)
        return found if user.role == Role.CUSTOMER_ADMIN else found.filter(domain__in=getattr(user, "domain_names", list)())

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(domain__in=domains)

    def since(self, moment: datetime) -> Self:
        """From that moment on. The key is bounded too: pages go by key, and keys grow as time does."""
        before = AuditEntry.objects.order_by("-at").filter(at__lt=moment - SLACK).values("pk")[:1]
        return self.filter(at__gte=moment, pk__gt=Coalesce(Subquery(before), 0))

    def until(self, moment: datetime) -> Self:
        """Before that moment; see `since`."""
        after = AuditEntry.objects.order_by("at").filter(at__gte=moment + SLACK).values("pk")[:1]
        return self.filter(at__lt=moment, pk__lt=Coalesce(Subquery(after), HIGHEST))

    def holding(self, text: str) -> Self:
        """Subject or actor with the text somewhere in it; by trigrams on PostgreSQL (migration 0005)."""
        return self.filter(Q(subject__icontains=text) | Q(actor__icontains=text))


class AuditEntry(models.Model):
    """Who changed what, from where, before and after (RP4). Never a password.

    `tenant`: key of the customer whom it concerned at the time; kept as a number, so that the trail outlives the row.
    """

    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=320)
    via = models.CharField(max_length=12)  # page, api, csv, command, task
    remote = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=40)
    domain = models.CharField(max_length=253, blank=True)
    tenant = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=320)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    undoes = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="undone_by")  # once
    objects: ClassVar[Any] = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes = [
            models.Index(fields=["domain", "-id"]),
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["subject", "-id"]),
            models.Index(fields=["actor", "-id"]),
            models.Index(fields=["action", "-id"]),
            models.Index(fields=["at"]),
        ]


class JobState(models.TextChoices):
    """The states of long work, as contract.md has them."""

    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Job(models.Model):
    """Long work on a mail host, claimed by a lease that its worker keeps renewing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20)
    host = models.CharField(max_length=63)
    actor = models.CharField(max_length=320)
    args = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=JobState.choices, default=JobState.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True)
    errors = models.JSONField(default=list)
    not_before = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    objects: ClassVar[Any] = ActorQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "not_before"])]


class Upload(models.Model):
    """A file that somebody handed in, sealed (`panel.base.sealing`, purpose `upload`), until its work is over.

    In the database and not in a folder: the web process that takes it and the worker that reads it may be two machines.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.CharField(max_length=320)
    name = models.CharField(max_length=255)
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    objects: ClassVar[Any] = ActorQuerySet.as_manager()


class Ask(models.Model):
    """A question to a mail host, and its answer; the asker waits and takes the row away. `answer` null = not yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=63)
    kind = models.CharField(max_length=20)
    question = models.JSONField()
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)


REMEMBERED_FOR = timedelta(hours=24)


class RememberedAnswer(models.Model):
    """The answer to a POST with an `Idempotency-Key`, kept for `REMEMBERED_FOR`.

    `status` 0 means that the first request is still at work.
    """

    actor = models.CharField(max_length=320)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, path and body
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="one_answer_per_key")]
