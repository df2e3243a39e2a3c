"""What a domain publishes in DNS: keys that sign its mail, and what the last look at it found (A20)."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Domain
from accounts.models.tenants import DomainQuerySet
from panel.base.tenancy import Principal, TenantQuerySet


class OfServedDomainQuerySet(TenantQuerySet):
    """Rows of domains whose DNS a principal may see: web admins too (R4)."""

    def narrowed(self, user: Principal) -> Any:
        served: DomainQuerySet = Domain.objects.served_for(user)
        return self.filter(domain__in=served.order_by().values("pk"))

    def in_domains(self, domains: Any) -> Any:
        return self.filter(domain__name__in=domains)


class KeyState(models.TextChoices):
    """The life of a key: publish, wait, switch, keep the old one for a while."""

    PUBLISHED = "published", _("to be published")  # in the records to publish; signs nothing yet
    ACTIVE = "active", _("signing")
    RETIRED = "retired", _("kept for mail on its way")  # signs nothing any more, its record stays for 7 days


class DkimKey(models.Model):
    """A key pair. `private` is sealed (purpose `dkim`), PKCS#8 PEM inside; `public` is the record's `p=`, base64 DER."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    private = models.BinaryField()
    public = models.TextField()
    state = models.CharField(max_length=9, choices=KeyState.choices, default=KeyState.PUBLISHED)
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True, blank=True)  # when its record was first found in DNS
    active_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = OfServedDomainQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="selector_once"),
            models.UniqueConstraint(fields=["domain"], condition=Q(state="active"), name="one_active_key"),
            models.UniqueConstraint(fields=["domain"], condition=Q(state="published"), name="one_key_to_come"),
        ]


class DnsCheck(models.Model):
    """What the last look at a domain's records found: one row a domain, for pages that ask "what needs me?"."""

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, primary_key=True, related_name="dns_check")
    findings = models.JSONField(default=list)  # [{"record", "state", "found", …}], see mailsettings.dns
    worst = models.CharField(max_length=10)  # good, missing, wrong, unknown
    checked_at = models.DateTimeField(default=timezone.now)
    objects: ClassVar[Any] = OfServedDomainQuerySet.as_manager()
