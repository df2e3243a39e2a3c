"""Signing in: open sessions in browsers, failures that are counted, and what the operator asks of roles (R10)."""

from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models.addresses import Mailbox
from accounts.models.people import Admin, Token
from panel.base.tenancy import ADMIN_ROLES, Principal, TenantQuerySet


class OpenSessionQuerySet(TenantQuerySet):
    """One's own only, for every role."""

    def visible_to(self, user: Principal) -> Self:
        return self.narrowed(user)

    def narrowed(self, user: Principal) -> Self:
        if isinstance(user, Mailbox):
            return self.filter(mailbox_id=user.pk)
        return self.filter(admin_id=user.pk) if isinstance(user, Admin) else self.none()


class OpenSession(models.Model):
    """A browser, or a program by POST /sessions/, that is signed in: what the list of sessions shows, and what ends one from elsewhere.

    A browser's has Django's `session_key`: without the row that session is nobody's (it was ended elsewhere).
    A program's has its `token`, and goes with it.
    """

    session_key = models.CharField(max_length=40, unique=True, null=True)
    token = models.OneToOneField(Token, null=True, on_delete=models.CASCADE, related_name="open_session")
    admin = models.ForeignKey(Admin, null=True, on_delete=models.CASCADE, related_name="open_sessions")
    mailbox = models.ForeignKey(Mailbox, null=True, on_delete=models.CASCADE, related_name="open_sessions")
    remote = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300, blank=True)  # as the browser names itself: hostile text
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)  # to the minute
    objects: ClassVar[Any] = OpenSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(condition=Q(admin__isnull=True) ^ Q(mailbox__isnull=True), name="one_who_signed_in"),
            models.CheckConstraint(condition=Q(session_key__isnull=True) ^ Q(token__isnull=True), name="one_way_in"),
        ]


class SignInFailure(models.Model):
    """Failed sign-ins under one key, in one window of time: `account|network` or `network` (see accounts.brakes)."""

    key = models.CharField(max_length=400, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(default=timezone.now, db_index=True)  # forgotten from then on


class SignInPolicy(models.Model):
    """The operator's one row: roles that must sign in with two steps."""

    two_step_roles = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)

    @classmethod
    def current(cls) -> "SignInPolicy":
        """The row, or one with the defaults that is not saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @classmethod
    def locked(cls) -> "SignInPolicy":
        """The row, made where it is missing, held until the transaction ends."""
        cls.objects.get_or_create(pk=1)
        return cls.objects.select_for_update().get(pk=1)

    def clean(self) -> None:
        known = {role for role, _label in ADMIN_ROLES}
        if not isinstance(self.two_step_roles, list) or not set(self.two_step_roles) <= known:
            text = _("Choose from: %(roles)s") % {"roles": ", ".join(sorted(known))}
            raise ValidationError({"two_step_roles": ValidationError(text, code="invalid")})
