"""Admins and API tokens. Mailbox users are `Mailbox` rows: they sign in with address and mailbox password (R5)."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names
from accounts.models.addresses import Mailbox
from accounts.models.tenants import Customer, Domain, held_by
from accounts.networks import normalised
from panel.base.tenancy import Principal, Role, TenantQuerySet

login_form = RegexValidator(
    r"^[a-z0-9][a-z0-9._@+-]{1,99}$", gettext_lazy("Use 2 to 100 lower-case letters, digits, “.”, “_”, “@”, “+” and “-”.")
)


class AdminQuerySet(TenantQuerySet):
    """Operators see all; a customer admin sees who is mail or web admin in the contract, in a first role or a further one,
    and themselves.
    """

    def narrowed(self, user: Principal) -> Self:
        if user.role == Role.CUSTOMER_ADMIN:
            below = Q(customer_id=getattr(user, "customer_id", None), role__in=[Role.MAIL_ADMIN, Role.WEB_ADMIN])
            further = Appointment.objects.filter(below).values("admin_id")
            return self.filter(below | Q(pk__in=further) | Q(pk=getattr(user, "pk", None)))
        return self.none()


class AdminManager(BaseUserManager["Admin"]):
    def get_queryset(self) -> AdminQuerySet:
        return AdminQuerySet(self.model, using=self._db)

    def visible_to(self, user: Principal) -> AdminQuerySet:
        return self.get_queryset().visible_to(user)

    def get_by_natural_key(self, username: str | None) -> "Admin":
        found: Admin = self.get_queryset().get(login=(username or "").lower())
        return found


class Admin(AbstractBaseUser):
    """Someone who administers: all (operator), a contract, or the mail or web side of domains (R1 to R4)."""

    login = models.CharField(gettext_lazy("login"), max_length=100, unique=True, validators=[login_form])
    email = models.EmailField(gettext_lazy("mail address"), blank=True)
    language = models.CharField(gettext_lazy("language"), max_length=5, blank=True, choices=[("en", "English"), ("ja", "日本語")])
    role = models.CharField(gettext_lazy("role"), max_length=20, choices=[r for r in Role.choices if r[0] != Role.MAILBOX_USER])
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="admins", verbose_name=gettext_lazy("customer")
    )
    domains = models.ManyToManyField(Domain, blank=True, related_name="admins", verbose_name=gettext_lazy("domains"))
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = AdminManager()

    USERNAME_FIELD = "login"
    EMAIL_FIELD = "email"

    class Meta:
        ordering = ("login",)
        constraints = [
            models.CheckConstraint(condition=Q(role="operator") | Q(customer__isnull=False), name="admins_have_a_customer"),
        ]

    appointment_id: int | None = None  # the further role that this request acts in; None = the first
    # Set by the query that finds who is signed in, so that no page has to ask.
    has_further_roles = False
    has_two_step = False
    two_step_roles: list[str] | None = None  # the roles that the operator asks two steps of

    @property
    def actor(self) -> str:
        return f"admin:{self.login}"

    @property
    def owes_two_step(self) -> bool:
        """Of the one who is signed in: their role signs in with two steps, and they have set up none."""
        return not self.has_two_step and self.role in (self.two_step_roles or ())

    def act_as(self, appointment: "Appointment") -> None:
        """From here on this instance is somebody in another of their roles. In memory only: it must not be saved whole."""
        self.role, self.customer, self.appointment_id = appointment.role, appointment.customer, appointment.pk

    def domain_names(self) -> list[str]:
        """A-labels of the domains that a mail or web admin looks after in the role that they act in."""
        return list(Domain.objects.filter(held_by(self)).values_list("name", flat=True))

    def clean(self) -> None:
        if self.role != Role.OPERATOR and self.customer_id is None:  # type: ignore[attr-defined]
            raise ValidationError({"customer": ValidationError(_("This role belongs to a customer."), code="required")})


class Appointment(models.Model):
    """A further role of one person, beside the first that stands on the admin: in one request they act in one of them."""

    admin = models.ForeignKey(Admin, on_delete=models.CASCADE, related_name="appointments")
    role = models.CharField(gettext_lazy("role"), max_length=20, choices=[r for r in Role.choices if r[0] != Role.MAILBOX_USER])
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="appointments", verbose_name=gettext_lazy("customer")
    )
    domains = models.ManyToManyField(Domain, blank=True, related_name="appointments", verbose_name=gettext_lazy("domains"))

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(condition=Q(role="operator") | Q(customer__isnull=False), name="appointments_have_a_customer"),
        ]


class TokenQuerySet(TenantQuerySet):
    """One's own tokens only, for every role: an operator resets passwords, not keys."""

    def visible_to(self, user: Principal) -> Self:
        return self.narrowed(user)

    def narrowed(self, user: Principal) -> Self:
        if isinstance(user, Mailbox):
            return self.filter(mailbox_id=user.pk)
        return self.filter(admin_id=getattr(user, "pk", None)) if isinstance(user, Admin) else self.none()

    def in_domains(self, domains: Iterable[str]) -> Self:
        return self


class Token(models.Model):
    """A key for the API (R8): shown once, kept as a SHA-256 hash, never more than its owner may.

    `scopes`: `*`, or `<resource>:read` and `<resource>:write`. `domains`: A-labels; empty = all of the owner's.
    `networks`: CIDR; empty = from anywhere. `appointment`: the further role of its owner that it acts in.
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=100)
    admin = models.ForeignKey(Admin, null=True, on_delete=models.CASCADE, related_name="tokens")
    mailbox = models.ForeignKey(Mailbox, null=True, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.JSONField(default=list)
    domains = models.JSONField(default=list)
    networks = models.JSONField(default=list)
    appointment = models.ForeignKey(Appointment, null=True, on_delete=models.CASCADE, related_name="tokens")
    is_session = models.BooleanField(default=False)  # made by POST /sessions/: ends with the owner's password
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    objects: ClassVar[Any] = TokenQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(condition=Q(admin__isnull=True) ^ Q(mailbox__isnull=True), name="one_owner"),
        ]

    @staticmethod
    def new_key() -> str:
        return "tgm_" + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(key: str) -> str:
        """SHA-256 is enough: keys are 256 random bits, not chosen by people."""
        return hashlib.sha256(key.encode()).hexdigest()

    @property
    def owner(self) -> Admin | Mailbox:
        found = self.admin or self.mailbox
        assert found is not None
        return found

    @property
    def acts_as(self) -> str:
        """The role that a request with it acts in."""
        return (self.appointment or self.owner).role

    def clean(self) -> None:
        self.domains = [names.to_ascii(name) for name in self.domains]
        try:
            self.networks = normalised(self.networks)
        except ValidationError as error:
            raise ValidationError({"networks": error}) from None
