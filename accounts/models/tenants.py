"""Plans, customers, mail hosts, domains."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names, rules
from panel.base.tenancy import Principal, Role, TenantQuerySet, token_domains

no_controls: list[Callable[[Any], None]] = [
    ProhibitNullCharactersValidator(),
    RegexValidator(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", gettext_lazy("Control characters are not allowed."), "control", inverse_match=True
    ),
]
slug = RegexValidator(r"^[a-z0-9][a-z0-9._-]{0,62}$", gettext_lazy("Use lower-case letters, digits, “.”, “_” and “-”."))
domain_name = RegexValidator(
    r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", gettext_lazy("This is no host name.")
)
LIMITS = ("domains", "accounts", "aliases", "groups", "lists", "spam_seats", "storage_mb")
DOMAIN_LIMITS = ("accounts", "aliases", "groups", "lists", "spam_seats", "storage_mb")


def check_limits(limits: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raises for a limit that does not exist or is neither null nor a whole number from 0."""
    if not isinstance(limits, dict):
        raise ValidationError(_("Limits are numbers by name."), code="invalid")
    for key, value in limits.items():
        if key not in known:
            raise ValidationError(_("There is no limit “%(key)s”.") % {"key": key}, code="unknown")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**12):
            raise ValidationError(_("%(key)s: a whole number from 0, or null for no limit.") % {"key": key}, code="invalid")


class Plan(models.Model):
    """A set of rules and limits; the five presets reproduce the five manuals."""

    name = models.CharField(gettext_lazy("name"), max_length=63, unique=True, validators=[slug])
    title = models.CharField(gettext_lazy("title"), max_length=100, validators=no_controls)
    values = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title

    @cached_property
    def rules(self) -> rules.Rules:
        return rules.Rules.of(self.values)


class CustomerQuerySet(TenantQuerySet):
    def narrowed(self, user: Principal) -> Self:
        if user.role == Role.CUSTOMER_ADMIN:
            return self.filter(pk=getattr(user, "customer_id", None))
        return self.none()


class Customer(models.Model):
    """One contract, with the numbers it includes."""

    name = models.CharField(gettext_lazy("name"), max_length=100, unique=True, validators=no_controls)
    limits = models.JSONField(gettext_lazy("limits"), default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if "/" in self.name:
            raise ValidationError({"name": ValidationError(_("“/” is not allowed."), code="invalid")})
        try:
            check_limits(self.limits, LIMITS)
        except ValidationError as error:
            raise ValidationError({"limits": error}) from None


# What DNS and mail programs are told of, and the port that is registered for it (RFC 8314 7).
PORTS = {"imaps": 993, "imap": 143, "pop3s": 995, "pop3": 110, "submissions": 465, "submission": 587, "smtp": 25}


class MailHost(models.Model):
    """A machine with the mail servers; its worker listens on the queue `mailhost.<name>`.

    `hostname` ("" = not set yet), addresses and `ports` are what mail programs and DNS are told. `ports`: by the names
    of `PORTS`, only where they differ; 0 = not offered. `seen_at`: when its worker last said that it is there.
    """

    name = models.CharField(gettext_lazy("name"), max_length=63, unique=True, validators=[slug])
    hostname = models.CharField(gettext_lazy("host name"), max_length=253, blank=True, validators=[domain_name])
    ipv4 = models.GenericIPAddressField(gettext_lazy("IPv4 address"), protocol="IPv4", null=True, blank=True)
    ipv6 = models.GenericIPAddressField(gettext_lazy("IPv6 address"), protocol="IPv6", null=True, blank=True)
    ports = models.JSONField(default=dict, blank=True)
    seen_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def port(self, service: str) -> int:
        """Where the service listens; 0 = it is not offered. Raises KeyError for a name that is not in `PORTS`."""
        return int(self.ports.get(service, PORTS[service]))

    def clean(self) -> None:
        if self.hostname.rpartition(".")[2].isdigit():
            raise ValidationError({"hostname": ValidationError(_("This is no host name."), code="invalid")})
        for service, port in self.ports.items():
            if service not in PORTS:
                text = _("There is no service “%(name)s”.") % {"name": service}
                raise ValidationError({"ports": ValidationError(text, code="unknown")})
            if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
                text = _("%(name)s: a port from 1 to 65535, or 0 where it is not offered.") % {"name": service}
                raise ValidationError({"ports": ValidationError(text, code="invalid")})


def held_by(user: Principal) -> Q:
    """The domains that a mail or web admin looks after in the role that they act in."""
    acting = getattr(user, "appointment_id", None)
    return Q(appointments__pk=acting) if acting else Q(admins__pk=getattr(user, "pk", 0))


class DomainQuerySet(TenantQuerySet):
    """Domains whose *mail* a principal may administer; a web admin has none (R4)."""

    def narrowed(self, user: Principal) -> Self:
        if user.role == Role.CUSTOMER_ADMIN:
            return self.filter(customer_id=getattr(user, "customer_id", None))
        if user.role == Role.MAIL_ADMIN:
            return self.filter(held_by(user))
        return self.none()

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(name__in=domains)

    def web_of(self, user: Principal) -> Any:
        """The domains of a web admin: DNS, host names and server information only (R4)."""
        return self._within(self.filter(held_by(user)), user) if user.role == Role.WEB_ADMIN else self.none()

    def served_for(self, user: Principal) -> Any:
        """Domains whose DNS and server information a principal may see: a web admin's too, a mailbox user's own."""
        if user.role == Role.WEB_ADMIN:
            return self.web_of(user)
        if user.role == Role.MAILBOX_USER:
            return self._within(self.filter(pk=getattr(user, "domain_id", None)), user)
        return self.visible_to(user)

    @staticmethod
    def _within(rows: Any, user: Principal) -> Any:
        limit = token_domains(user)
        return rows.in_domains(limit) if limit else rows


class Domain(models.Model):
    """A mail domain on one host under one plan. The counters move with their rows, in one transaction."""

    name = models.CharField(gettext_lazy("domain"), max_length=253, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="domains", verbose_name=gettext_lazy("customer"))
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="domains", verbose_name=gettext_lazy("plan"))
    host = models.ForeignKey(MailHost, on_delete=models.PROTECT, related_name="domains", verbose_name=gettext_lazy("mail host"))
    admin_address = models.CharField(gettext_lazy("admin address"), max_length=254)
    limits = models.JSONField(gettext_lazy("limits"), default=dict, blank=True)
    overrides = models.JSONField(gettext_lazy("overrides"), default=dict, blank=True)
    virus_check = models.BooleanField(gettext_lazy("virus check"), default=False)  # where the plan leaves it to the domain
    accounts_count = models.PositiveIntegerField(default=0, editable=False)
    aliases_count = models.PositiveIntegerField(default=0, editable=False)
    groups_count = models.PositiveIntegerField(default=0, editable=False)
    spam_seats_count = models.PositiveIntegerField(default=0, editable=False)
    promised_mb = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = DomainQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @cached_property
    def rules(self) -> rules.Rules:
        """The plan's rules with this domain's overrides."""
        return self.plan.rules.over(self.overrides)

    @property
    def virus_inbound(self) -> str:
        """What happens to infected mail: "none", "delete", "strip" or "strip_notice" (V1)."""
        optional = "strip_notice" if self.virus_check else "none"
        return optional if self.rules.virus_inbound == "optional" else self.rules.virus_inbound

    @property
    def virus_outbound(self) -> str:
        """What happens to infected mail that is sent: "none", "delete_warn" or "refuse" (V2)."""
        optional = "refuse" if self.virus_check else "none"
        return optional if self.rules.virus_outbound == "optional" else self.rules.virus_outbound

    def clean(self) -> None:
        found: dict[str, Any] = {}
        for field, check in (
            ("name", self._clean_name),
            ("admin_address", self._clean_admin),
            ("limits", self._clean_limits),
            ("overrides", self._clean_overrides),
        ):
            try:
                check()
            except ValidationError as error:
                found[field] = error.error_list if not hasattr(error, "error_dict") else [e for es in error.error_dict.values() for e in es]
        if found:
            raise ValidationError(found)

    def _clean_name(self) -> None:
        self.name = names.to_ascii(self.name)

    def _clean_admin(self) -> None:
        self.admin_address = names.destination(self.admin_address)

    def _clean_limits(self) -> None:
        check_limits(self.limits, DOMAIN_LIMITS)

    def _clean_overrides(self) -> None:
        unknown = sorted(set(self.overrides) - set(rules.enforced()))
        if unknown:
            raise ValidationError(_("There is no plan value “%(key)s”.") % {"key": unknown[0]}, code="unknown")
        rules.Rules.of(self.overrides)


class InDomainQuerySet(TenantQuerySet):
    """Rows that belong to a domain by a foreign key named `domain`."""

    def narrowed(self, user: Principal) -> Self:
        if user.role == Role.CUSTOMER_ADMIN:
            return self.filter(domain__customer_id=getattr(user, "customer_id", None))
        if user.role == Role.MAIL_ADMIN:
            return self.filter(domain__in=Domain.objects.filter(held_by(user)).values("pk"))
        return self.none()

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self.filter(domain__name__in=domains)


def bump(row: models.Model, **values: Any) -> None:
    """Saves only the given fields and counts the row's version up (the API's ETag)."""
    for key, value in values.items():
        setattr(row, key, value)
    row.version = F("version") + 1  # type: ignore[attr-defined]
    row.save(update_fields=[*values, "version"])
    row.refresh_from_db(fields=["version"])
