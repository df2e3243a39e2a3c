"""Addresses: one name space per domain (A6), kept by the database.

`AddressName` has the whole address as its primary key; a mailbox, alias or group *is* one of its rows
(one-to-one, primary key), so two objects cannot hold one name whatever the code above does.
"""

import uuid
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names
from accounts.models.tenants import Domain, InDomainQuerySet, MailHost, Plan, no_controls
from panel.base.tenancy import Principal, Role

MB = 1_048_576
EXPANSION_MAX = 1_000  # addresses that Postfix expands one recipient to (virtual_alias_expansion_limit)


class AddressKind(models.TextChoices):
    """What holds a name."""

    MAILBOX = "mailbox", gettext_lazy("mailbox")
    ALIAS = "alias", gettext_lazy("alias")
    GROUP = "group", gettext_lazy("group address")
    RESERVED = "reserved", gettext_lazy("system address")


class AddressName(models.Model):
    """A taken name. Reserved ones (A5) have no object of their own: the domain's admin address gets their mail."""

    address = models.CharField(max_length=254, primary_key=True)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="names")
    kind = models.CharField(max_length=8, choices=AddressKind.choices)

    class Meta:
        indexes = [models.Index(fields=["domain", "kind"])]

    def __str__(self) -> str:
        return self.address


def message_limit() -> Case:
    """A mailbox's limit of messages in SQL: its own, else the domain's override, else the plan's; NULL = none."""
    override = KeyTextTransform("mailbox_messages", "domain__overrides")
    plan = KeyTextTransform("mailbox_messages", "domain__plan__values")
    return Case(
        When(quota_messages__isnull=False, then=F("quota_messages")),
        # null in JSON is text to SQLite's cast
        When(domain__overrides__mailbox_messages=None, then=Value(None)),
        When(domain__overrides__has_key="mailbox_messages", then=Cast(override, models.BigIntegerField())),
        When(domain__plan__values__mailbox_messages=None, then=Value(None)),
        default=Cast(plan, models.BigIntegerField()),
        output_field=models.BigIntegerField(),
    )


def _message_limit_of(domain: Domain) -> Coalesce:
    limit = Value(domain.rules.mailbox_messages, models.BigIntegerField())
    return Coalesce(Cast("quota_messages", models.BigIntegerField()), limit)


def _most(domain: Domain | None = None) -> dict[str, Any]:
    """What a mailbox holds at most, in bytes and in messages. Cast first: a 4-byte product would end at 2 GB."""
    storage = Cast("quota_mb", models.BigIntegerField()) * Value(MB, models.BigIntegerField())
    return {"most_bytes": storage, "most_messages": _message_limit_of(domain) if domain else message_limit()}


def _beyond(percent: int, domain: Domain | None = None) -> Q:
    """A condition that indexes answer, and that whatever uses `percent` meets; from `NEARLY_FULL` on."""
    least = domain.rules.mailbox_messages if domain else _least_message_limit()
    own = Q(bytes_beyond__gte=0) | Q(messages_beyond__gte=0)
    return own if least is None else own | Q(used_messages__gte=least * percent // 100)


def _least_message_limit() -> int | None:
    """The smallest number of messages that a plan or a domain gives its mailboxes; one query."""
    plans = Plan.objects.order_by().values_list("values__mailbox_messages", flat=True)
    overrides = Domain.objects.order_by().exclude(overrides={}).values_list("overrides__mailbox_messages", flat=True)
    return min((limit for limit in plans.union(overrides) if limit is not None), default=None)


def _uses(percent: int) -> Q:
    """Never NULL, so that it can be negated."""
    storage = Q(quota_mb__isnull=False, used_bytes__gte=F("most_bytes") * percent / 100)
    return storage | Q(most_messages__isnull=False, used_messages__gte=F("most_messages") * percent / 100)


BARRED = Q(suspended=True) | Q(must_change_password=True)
NEARLY_FULL = 90  # percent, of storage or of messages: what lists and overviews warn of
# How far a mailbox is beyond that, by its own columns: 0 or more where it is. Indexed, so that no overview computes 100,000 rows.
BYTES_BEYOND = F("used_bytes") - Cast("quota_mb", models.BigIntegerField()) * Value(MB * NEARLY_FULL // 100, models.BigIntegerField())
MESSAGES_BEYOND = Cast("used_messages", models.BigIntegerField()) * 100 - Cast("quota_messages", models.BigIntegerField()) * NEARLY_FULL
BEYOND = {"bytes_beyond": BYTES_BEYOND, "messages_beyond": MESSAGES_BEYOND}


class MailboxQuerySet(InDomainQuerySet):
    def barred(self) -> Self:
        """Those that nobody may sign in to."""
        return self.filter(BARRED)

    def filled(self, percent: int, *, below: int | None = None, domain: Domain | None = None) -> Self:
        """Those that use at least this share of their storage or of their messages, and less than `below` of both.

        Within one `domain` the plan's number of messages is a constant, which spares 100,000 rows a look into JSON.
        """
        rows = self.alias(**_most(domain), **BEYOND)
        rows = rows.filter(_beyond(percent, domain)) if percent >= NEARLY_FULL else rows
        found = rows.filter(_uses(percent))
        return found.filter(~_uses(below)) if below else found

    def fullness(self, percent: int) -> dict[str, int]:
        """How many are `over_capacity` by their status, and how many are `nearly` full, from `percent` on; one query."""
        over = Count("pk", filter=_uses(100) & ~BARRED)
        rows = self.alias(**BEYOND).annotate(**_most()).filter(_beyond(percent), _uses(percent))
        found: dict[str, int] = rows.aggregate(over_capacity=over, nearly=Count("pk", filter=~_uses(100)))
        return found

    def narrowed(self, user: Principal) -> Self:
        if user.role == Role.MAILBOX_USER:
            return self.filter(pk=user.actor.removeprefix("mailbox:"))
        return super().narrowed(user)


class Mailbox(models.Model):
    """A mail account. `quota_mb` None = no limit of its own; `quota_messages` None = the plan's.

    `used_bytes` and `used_messages` are filled by a task; no page asks the mail servers for them.
    """

    name = models.OneToOneField(AddressName, on_delete=models.CASCADE, primary_key=True, db_column="address")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="mailboxes")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    password_hash = models.CharField(max_length=255)
    password_changed_at = models.DateTimeField(default=timezone.now)
    quota_mb = models.PositiveIntegerField(
        gettext_lazy("capacity (MB)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10_000_000)]
    )
    quota_messages = models.PositiveIntegerField(
        gettext_lazy("messages, all folders"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10**9)]
    )
    comment = models.CharField(gettext_lazy("comment"), max_length=200, blank=True, validators=no_controls)
    mobile_address = models.CharField(gettext_lazy("mobile address"), max_length=254, blank=True)
    receive = models.BooleanField(gettext_lazy("receive mail"), default=True)  # off: nothing new is stored (F6)
    user_may_forward = models.BooleanField(gettext_lazy("the user may forward"), default=False)  # where not every user may (R7)
    spam_seat = models.BooleanField(gettext_lazy("spam detection"), default=False)  # where the plan sells seats (S3)
    suspended = models.BooleanField(gettext_lazy("suspended"), default=False)  # no login, no sending; mail is received
    must_change_password = models.BooleanField(default=False)  # forced by the operator: no login until a new one is set (A12)
    language = models.CharField(max_length=5, blank=True)
    is_system = models.BooleanField(default=False)  # made with the domain, not counted, cannot be deleted (A5)
    used_bytes = models.PositiveBigIntegerField(default=0)
    used_messages = models.PositiveIntegerField(default=0)
    usage_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    search = models.TextField(default="", editable=False)  # lower(address + comment), under a trigram index
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = MailboxQuerySet.as_manager()

    is_authenticated = True
    role: str = Role.MAILBOX_USER

    class Meta:
        ordering = ("name_id",)
        indexes = [
            models.Index(fields=["domain", "name"]),
            models.Index(fields=["domain", "used_bytes", "name"]),
            models.Index(fields=["domain", "quota_mb", "name"]),
            models.Index(fields=["usage_at"]),
            models.Index(fields=["domain", "name"], condition=BARRED, name="mailbox_barred"),
            models.Index(BYTES_BEYOND, name="mailbox_bytes_beyond"),
            models.Index(MESSAGES_BEYOND, name="mailbox_messages_beyond"),
            models.Index(fields=["used_messages"]),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        return str(self.name_id)  # type: ignore[attr-defined]

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def is_barred(self) -> bool:
        """True while nobody signs in to it anywhere, and nothing is sent by it (see accounts.status)."""
        return self.suspended or self.must_change_password

    @property
    def actor(self) -> str:
        return f"mailbox:{self.address}"

    @property
    def is_over_capacity(self) -> bool:
        """True when the account itself cannot receive more (A11), for its storage or its number of messages."""
        messages = self.quota_messages or self.domain.rules.mailbox_messages
        by_storage = self.quota_mb is not None and self.used_bytes >= self.quota_mb * MB
        return by_storage or (messages is not None and self.used_messages >= messages)

    def lets_user_forward(self) -> bool:
        """Whether its user may set up forwarding (R7): by the plan, or because an admin said so."""
        return self.user_may_forward or self.domain.rules.forwarding_by_user

    def has_spam_handling(self) -> bool:
        """Whether spam settings have any effect: the plan has them, and the mailbox a seat where seats are sold (S3)."""
        rules = self.domain.rules
        return rules.spam != "none" and (self.spam_seat or not rules.spam_seats)

    def searchable(self) -> str:
        """What the list's search looks through."""
        return f"{names.to_unicode(self.address)}\n{self.address}\n{self.comment}".lower()

    def clean(self) -> None:
        if self.mobile_address:
            try:
                self.mobile_address = names.destination(self.mobile_address)
            except ValidationError as error:
                raise ValidationError({"mobile_address": error}) from None
        try:
            check_capacity(self.quota_mb, self.domain)
        except ValidationError as error:
            raise ValidationError({"quota_mb": error}) from None


def check_capacity(quota_mb: int | None, domain: Domain) -> None:
    """Raises `ValidationError` where the plan allows less (None = no limit of its own)."""
    highest = domain.rules.storage_max_mb
    if highest is not None and (quota_mb is None or quota_mb > highest):
        raise ValidationError(_("The plan allows at most %(most)d MB.") % {"most": highest}, code="plan")


class FormerPassword(models.Model):
    """Hash of a password that a mailbox had: the last `KEPT` are compared with a new one after a forced change (A12)."""

    KEPT: ClassVar[int] = 3

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="former_passwords")
    password_hash = models.CharField(max_length=255)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)


class BareLogin(models.Model):
    """The bare name that logs in on a host (`plusmail`): unique per server, kept by the database."""

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True, related_name="bare_login")
    host = models.ForeignKey(MailHost, on_delete=models.PROTECT)
    login = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "login"], name="one_bare_login_per_host")]


class RemovedHome(models.Model):
    """Mail of a deleted mailbox that is still on disk; the row goes when the folder is gone (A3)."""

    uuid = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=63)
    address = models.CharField(max_length=254)
    remove_at = models.DateTimeField()


class Expansion(models.Model):
    """What aliases and groups share: an address that stands for others."""

    name = models.OneToOneField(AddressName, on_delete=models.CASCADE, primary_key=True, db_column="address")
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True
        ordering = ("name_id",)

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        return str(self.name_id)  # type: ignore[attr-defined]

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]


class Alias(Expansion):
    """A forwarding address (A7): mail to it goes to its destinations; a login it reaches may send as it (P6)."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="aliases")
    objects: ClassVar[Any] = InDomainQuerySet.as_manager()

    def addresses(self) -> list[str]:
        """The destinations in the order they were given (prefetched where lists are shown)."""
        return [row.address for row in self.destinations.all()]


class AliasDestination(models.Model):
    alias = models.ForeignKey(Alias, on_delete=models.CASCADE, related_name="destinations")
    address = models.CharField(max_length=254, db_index=True)

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["alias", "address"], name="destination_once")]


class Group(Expansion):
    """A group address (A8): reaches every member; members may not send as it."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="groups")
    objects: ClassVar[Any] = InDomainQuerySet.as_manager()

    def addresses(self) -> list[str]:
        """The members in the order they were given (prefetched where lists are shown)."""
        return [row.address for row in self.members.all()]


class GroupMember(models.Model):
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    address = models.CharField(max_length=254, db_index=True)

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["group", "address"], name="member_once")]
