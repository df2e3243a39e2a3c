"""What happens to a mailbox's or a domain's mail: profiles, auto-reply, spam settings, filters.

A mailbox without a row has the plan's defaults; none of these rows is needed for mail to be received.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Domain, Mailbox
from accounts.models.tenants import no_controls
from mailsettings.sieve import settings as sieve
from panel.base.tenancy import Principal, TenantQuerySet

NAME_MAX, VALUE_MAX, BODY_MAX = 100, 500, 10_000  # characters
INTERVAL_MAX = 30  # days


class OfMailboxQuerySet(TenantQuerySet):
    """Rows that belong to a mailbox: whoever sees the mailbox sees them."""

    def narrowed(self, user: Principal) -> Self:
        return self.filter(mailbox__in=Mailbox.objects.visible_to(user).order_by().values("pk"))

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(mailbox__domain__name__in=domains)


class OfDomainQuerySet(TenantQuerySet):
    """Rows that belong to a domain: its mail admins see them."""

    def narrowed(self, user: Principal) -> Self:
        return self.filter(domain__in=Domain.objects.visible_to(user).order_by().values("pk"))

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(domain__name__in=domains)


class Action(models.TextChoices):
    """What a rule does with a mail (F1 to F5, F10)."""

    FORWARD = "forward", _("forward")
    NOTIFY = "notify", _("notify")
    REFUSE = "refuse", _("refuse")
    DISCARD = "discard", _("discard")
    BOUNCE = "bounce", _("return an error mail")
    EXEMPT = "exempt", _("leave alone")
    QUARANTINE = "quarantine", _("move to the spam folder")


class Match(models.TextChoices):
    """How many of a rule's conditions must hold."""

    ALL = "all", _("all conditions")
    ANY = "any", _("any condition")


class Treatment(models.Model):
    """What a mailbox's profile and a domain's filter share.

    `conditions`: `[{"field", "operator", "value", "header_name"}]` by `sieve.settings`; empty = all mail.
    """

    position = models.PositiveIntegerField(default=0)
    name = models.CharField(_("name"), max_length=NAME_MAX, blank=True, validators=no_controls)
    match = models.CharField(_("match"), max_length=3, choices=Match.choices, default=Match.ALL)
    conditions = models.JSONField(_("conditions"), default=list, blank=True)
    action = models.CharField(_("action"), max_length=10, choices=Action.choices)
    enabled = models.BooleanField(_("in use"), default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True

    def parsed_conditions(self) -> tuple[sieve.Condition, ...]:
        """The conditions as the compiler takes them."""
        return tuple(sieve.Condition(**one) for one in self.conditions)


class Profile(Treatment):
    """One rule of a mailbox. `destinations`: addresses in A-labels, for forward and notify."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="profiles")
    destinations = models.JSONField(_("destinations"), default=list, blank=True)
    keep_copy = models.BooleanField(_("keep a copy"), default=True)
    strip_attachments = models.BooleanField(_("strip attachments"), default=False)
    objects: ClassVar[Any] = OfMailboxQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")

    def rule(self) -> sieve.Rule:
        """As the compiler takes it."""
        return sieve.Rule(
            id=self.pk,
            name=self.name,
            action=self.action,
            conditions=self.parsed_conditions(),
            match=self.match,
            destinations=tuple(self.destinations),
            keep_copy=self.keep_copy,
            strip_attachments=self.strip_attachments,
        )


class DomainFilter(Treatment):
    """One rule for the mail of every mailbox in the domain, before the users' own (F9)."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="filters")
    objects: ClassVar[Any] = OfDomainQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")

    def rule(self) -> sieve.Rule:
        """As the compiler takes it."""
        return sieve.Rule(self.pk, self.name, self.action, self.parsed_conditions(), self.match)


class AutoReply(models.Model):
    """A mailbox's auto-reply (AR1, AR2). `record` counts how often the record of who was answered was cleared."""

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True, related_name="auto_reply")
    subject = models.CharField(_("subject"), max_length=200, blank=True, validators=no_controls)
    body = models.TextField(_("text"), max_length=BODY_MAX, blank=True)
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    interval_days = models.PositiveSmallIntegerField(
        _("days between two replies to one sender"), default=1, validators=[MaxValueValidator(INTERVAL_MAX)]
    )
    enabled = models.BooleanField(_("in use"), default=True)
    record = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = OfMailboxQuerySet.as_manager()


class SpamSettings(models.Model):
    """How a mailbox's spam is treated (S2, F4, F9, F10). Lists hold `user@domain` and `@domain`."""

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True, related_name="spam")
    tag_subject = models.BooleanField(_("tag the subject"), default=False)
    move_to_folder = models.BooleanField(_("move to the spam folder"), default=False)
    skip_forwarding = models.BooleanField(_("neither forward nor answer spam"), default=False)
    quarantine_empty_sender = models.BooleanField(_("quarantine mail without a sender address"), default=False)
    allow = models.JSONField(_("allowed senders"), default=list, blank=True)
    block = models.JSONField(_("blocked senders"), default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = OfMailboxQuerySet.as_manager()


class DomainSenders(models.Model):
    """Senders that a domain's admin allows or blocks for all mailboxes (F9)."""

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, primary_key=True, related_name="senders")
    allow = models.JSONField(_("allowed senders"), default=list, blank=True)
    block = models.JSONField(_("blocked senders"), default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = OfDomainQuerySet.as_manager()
