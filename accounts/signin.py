"""Who is signed in: admins by Django's session, mailbox users by address and mailbox password."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts import names, passwords
from accounts.models import Admin, Appointment, BareLogin, Mailbox
from panel.base import audit

MAILBOX, STAMP, ACTING = "mailbox_address", "mailbox_stamp", "acting"


class AdminBackend(BaseBackend):
    """Login and password of an active admin; an unknown login costs as much time as a wrong password."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> Admin | None:
        admin: Admin | None = Admin.objects.get_queryset().filter(login=(username or "").lower(), is_active=True).first()
        if admin is None:
            Admin().set_password(password)
            return None
        return admin if admin.check_password(password or "") else None

    def get_user(self, user_id: int) -> Admin | None:
        found: Admin | None = Admin.objects.get_queryset().filter(pk=user_id, is_active=True).select_related("customer").first()
        return found


def mailbox_for(login: str, password: str) -> Mailbox | None:
    """The mailbox whose address, `user%domain` or bare name (where its plan has them) and password these are."""
    mailbox = _named(login.strip())
    if mailbox is None:
        passwords.verify(password, "")
        return None
    return mailbox if passwords.verify(password, mailbox.password_hash) else None


def _named(login: str) -> Mailbox | None:
    boxes = Mailbox.objects.select_related("domain__plan", "domain__host")
    found: Mailbox | None
    if "@" not in login and "%" not in login:
        bare = BareLogin.objects.filter(login=login.lower()).values("mailbox_id")[:2]
        return boxes.get(pk=bare[0]["mailbox_id"]) if len(bare) == 1 else None
    try:
        found = boxes.filter(pk=names.normalise(login.replace("%", "@", 1) if "@" not in login else login)).first()
    except ValidationError:
        return None
    by_percent = "@" not in login
    return None if found and by_percent and found.domain.rules.login_form != "percent" else found


def sign_in_mailbox(request: HttpRequest, mailbox: Mailbox) -> None:
    """Starts a session that ends when the mailbox's password changes."""
    request.session.flush()
    request.session[MAILBOX] = mailbox.address
    request.session[STAMP] = stamp(mailbox)
    request.user = mailbox  # type: ignore[assignment]


def stamp(mailbox: Mailbox) -> str:
    """Changes with the password; reveals nothing of its hash."""
    return hmac.new(settings.SECRET_KEY.encode(), f"{mailbox.uuid}{mailbox.password_hash}".encode(), hashlib.sha256).hexdigest()


def _principal(request: HttpRequest) -> Admin | Mailbox | AnonymousUser:
    address = request.session.get(MAILBOX)
    if not address:
        return in_role(get_user(request), request.session.get(ACTING))  # type: ignore[arg-type]
    mailbox: Mailbox | None = Mailbox.objects.select_related("domain__plan", "domain__host").filter(pk=address).first()
    if mailbox and hmac.compare_digest(stamp(mailbox), request.session.get(STAMP, "")):
        return mailbox
    return AnonymousUser()


def in_role(user: Admin | AnonymousUser, appointment: int | None) -> Admin | AnonymousUser:
    """The admin in the further role of that key, in their first where it is not theirs (any more)."""
    if appointment and isinstance(user, Admin):
        found = Appointment.objects.filter(pk=appointment, admin=user).select_related("customer").first()
        if found is not None:
            user.act_as(found)
    return user


class PrincipalMiddleware:
    """Sets `request.user` to the admin, the mailbox or nobody, and tells the audit trail where a request came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(lambda: _principal(request))  # type: ignore[assignment]
        via = "api" if request.path.startswith("/api/") else "page"
        with audit.origin(via, request.META.get("REMOTE_ADDR") or None):
            return self.get_response(request)
