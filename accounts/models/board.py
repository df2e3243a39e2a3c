"""The message board: notices of the operator and of the system."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models.addresses import Mailbox
from accounts.models.tenants import Customer, Domain, no_controls
from panel.base.tenancy import Principal, Role, TenantQuerySet

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # all but tab and line feed


class Audience(models.TextChoices):
    """Whom a notice is for, within its customer, domain or mailbox (all of them where it names none)."""

    OPERATORS = "operators", _("operators")
    CUSTOMER_ADMINS = "customer_admins", _("customer admins")
    MAIL_ADMINS = "mail_admins", _("customer admins and mail admins")
    ADMINS = "admins", _("all administrators")
    EVERYONE = "everyone", _("everybody, mailbox users too")


READ_BY: dict[str, tuple[str, ...]] = {
    Role.CUSTOMER_ADMIN: (Audience.CUSTOMER_ADMINS, Audience.MAIL_ADMINS, Audience.ADMINS, Audience.EVERYONE),
    Role.MAIL_ADMIN: (Audience.MAIL_ADMINS, Audience.ADMINS, Audience.EVERYONE),
    Role.WEB_ADMIN: (Audience.ADMINS, Audience.EVERYONE),
    Role.MAILBOX_USER: (Audience.EVERYONE,),
}


class Level(models.TextChoices):
    INFO = "info", _("information")
    WARNING = "warning", _("warning")
    PROBLEM = "problem", _("problem")


class NoticeQuerySet(TenantQuerySet):
    """An operator sees all; others what is for their role, and about nothing that is not theirs."""

    def narrowed(self, user: Principal) -> Self:
        rows = self.filter(audience__in=READ_BY.get(user.role, ()))
        if isinstance(user, Mailbox):
            about: Q = Q(mailbox=user.pk) | Q(mailbox=None)
            return rows.filter(about, self._nothing_or(domain=user.domain_id), self._nothing_or(customer=user.domain.customer_id))
        found = rows.filter(self._nothing_or(customer=getattr(user, "customer_id", None)))
        if user.role == Role.CUSTOMER_ADMIN:
            return found
        domains = Domain.objects.web_of(user) if user.role == Role.WEB_ADMIN else Domain.objects.visible_to(user)
        return found.filter(Q(domain=None) | Q(domain__in=domains.order_by().values("pk")))

    @staticmethod
    def _nothing_or(**value: Any) -> Q:
        ((key, wanted),) = value.items()
        return Q(**{f"{key}__isnull": True}) | Q(**{key: wanted})

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(Q(domain__name__in=domains) | Q(domain=None, customer=None))

    def board_of(self, user: Principal) -> Self:
        """What stands on somebody's message board now. An operator's holds what is for operators, not all they may see."""
        rows = self.visible_to(user).current()
        return rows.filter(audience=Audience.OPERATORS) if user.role == Role.OPERATOR else rows

    def dismissed_by(self, user: Principal) -> Self:
        return self.filter(Exists(Dismissal.objects.filter(notice=OuterRef("pk"), reader=user.actor)))

    def undismissed_by(self, user: Principal) -> Self:
        return self.filter(~Exists(Dismissal.objects.filter(notice=OuterRef("pk"), reader=user.actor)))

    def current(self) -> Self:
        """Begun and not over."""
        now = timezone.now()
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now)


class Notice(models.Model):
    """A notice. The operator's have `title` and `body`; the system's have a `code` and `values`, said in the reader's language.

    A domain's notice names its customer too. `topic` is unique: a system notice about the same thing replaces the old
    one, and goes when the thing is settled.
    """

    topic = models.CharField(max_length=360, null=True, unique=True)
    code = models.CharField(max_length=40, blank=True)
    values = models.JSONField(default=dict)
    level = models.CharField(_("kind"), max_length=8, choices=Level.choices, default=Level.INFO)
    title = models.CharField(_("title"), max_length=200, blank=True, validators=no_controls)
    body = models.TextField(_("text"), max_length=5_000, blank=True)
    audience = models.CharField(_("for"), max_length=16, choices=Audience.choices, default=Audience.ADMINS)
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    domain = models.ForeignKey(Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    starts_at = models.DateTimeField(_("shown from"), default=timezone.now)
    ends_at = models.DateTimeField(_("shown until"), null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes = [models.Index(fields=["audience", "-id"])]

    def __str__(self) -> str:
        return self.title or self.code

    def clean(self) -> None:
        self.body = self.body.replace("\r\n", "\n")
        found: dict[str, Any] = {}
        if not self.code and not self.title.strip():
            found["title"] = ValidationError(_t("A notice has a title."), code="required")
        if CONTROLS.search(self.body):
            found["body"] = ValidationError(_t("Control characters are not allowed."), code="control")
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            found["ends_at"] = ValidationError(_t("It must end after it begins."), code="order")
        if found:
            raise ValidationError(found)


class Dismissal(models.Model):
    """A reader who has put a notice away; `reader` is their `actor`."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="dismissals")
    reader = models.CharField(max_length=320)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "reader"], name="dismissed_once")]
