"""Who is signed in: admins by Django's session and, where they have one, a second step; mailbox users by address and password."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from accounts import brakes, names, passwords, sessions, two_step
from accounts.models import Admin, Appointment, BareLogin, Mailbox
from panel.base import audit
from panel.base.errors import Forbidden

MAILBOX, STAMP, ACTING = "mailbox_address", "mailbox_stamp", "acting"
PENDING = "second_step"  # in the session of somebody who has given the right password and still owes the second step
PATIENCE = 600  # seconds that the second step may take
# Pages that are open to whoever has to set up a second step first.
SETTING_UP = (
    "two-step",
    "two-step-app",
    "passkey-create",
    "recovery-codes",
    "confirm-password",
    "logout",
    "set-language",
    "set-theme",
    "act-as",
)


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


class Barred(Forbidden):
    """The password is right, and nobody may sign in to this mailbox now. `code` names why."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


def check_barred(mailbox: Mailbox) -> None:
    """Raises `Barred` where the mailbox is suspended or its password must be changed first (A11, A12)."""
    if mailbox.suspended:
        raise Barred(_("This mailbox is suspended: nobody can sign in to it. Mail still arrives. Ask your administrator."), "suspended")
    if mailbox.must_change_password:
        text = _("The password of this mailbox must be changed before anybody can sign in. Your administrator sets the new one.")
        raise Barred(text, "password_forced")


# --- beginning and ending a session


def source(request: HttpRequest, login: str) -> brakes.Source:
    """Who tries to sign in from where, for `brakes.tried`."""
    return brakes.source(login, request.META.get("REMOTE_ADDR", ""))


def sign_in_admin(request: HttpRequest, admin: Admin, *, by: str) -> None:
    """`by`: what proved who they are: password, totp, recovery_codes, webauthn, passkey."""
    request.session.pop(PENDING, None)
    auth.login(request, admin)
    _signed_in(request, admin, by)


def sign_in_mailbox(request: HttpRequest, mailbox: Mailbox) -> None:
    """Starts a session that ends when the mailbox's password changes."""
    request.session.flush()
    request.session[MAILBOX] = mailbox.address
    request.session[STAMP] = stamp(mailbox)
    request.session.cycle_key()  # it has a key from here on
    sessions.open_browser(request, mailbox)
    request.user = mailbox  # type: ignore[assignment]
    _signed_in(request, mailbox, "password")


def _signed_in(request: HttpRequest, who: Admin | Mailbox, by: str) -> None:
    brakes.forgive(source(request, who.actor.partition(":")[2]))
    note("session.create", who, by=by)


def note(action: str, who: Admin | Mailbox, **after: Any) -> None:
    """In the audit trail: somebody's coming or going, with the browser's name where it has one."""
    whose = {"domain": who.domain} if isinstance(who, Mailbox) else {"tenant": who.customer_id}  # type: ignore[attr-defined]
    audit.record(action, who.actor.partition(":")[2], acting_user=who, after=after, **whose)


def on_login(sender: Any, request: HttpRequest, user: Admin, **more: Any) -> None:
    """Whatever signs an admin in by Django, the session is listed."""
    sessions.open_browser(request, user)


user_logged_in.connect(on_login, dispatch_uid="accounts.signin")


def sign_out(request: HttpRequest) -> None:
    user: Any = request.user
    if user.is_authenticated:
        note("session.delete", user)
        sessions.close_browser(request)
    auth.logout(request)


def stay(request: HttpRequest, who: Admin | Mailbox) -> None:
    """After a change of one's own password, which ended every session: this one goes on."""
    if isinstance(who, Admin):
        auth.update_session_auth_hash(request, who)
    else:
        request.session[STAMP] = stamp(who)
    sessions.open_browser(request, who)


def ask_second_step(request: HttpRequest, admin: Admin) -> None:
    """The password was right. Nobody is signed in yet, and a new password makes this void."""
    request.session.cycle_key()
    request.session[PENDING] = {"admin": admin.pk, "hash": admin.get_session_auth_hash(), "at": time.time()}


def owing_second_step(request: HttpRequest) -> Admin | None:
    """Who has given the right password in this session within the last ten minutes."""
    pending = request.session.get(PENDING)
    if not pending or time.time() - pending["at"] > PATIENCE:
        return None
    admin: Admin | None = Admin.objects.get_queryset().filter(pk=pending["admin"], is_active=True).first()
    return admin if admin and hmac.compare_digest(admin.get_session_auth_hash(), pending["hash"]) else None


def stamp(mailbox: Mailbox) -> str:
    """Changes with the password; reveals nothing of its hash."""
    return hmac.new(settings.SECRET_KEY.encode(), f"{mailbox.uuid}{mailbox.password_hash}".encode(), hashlib.sha256).hexdigest()


# --- who asks


def _principal(request: HttpRequest) -> Admin | Mailbox | AnonymousUser:
    """One query: the person with the open session. Without its row the session is nobody's (it was ended elsewhere)."""
    found = _mailbox(request) if MAILBOX in request.session else _admin(request)
    if found is None:
        return AnonymousUser()
    sessions.note_seen(request, found.session_id, found.session_seen_at)  # type: ignore[union-attr]
    return found


def _mailbox(request: HttpRequest) -> Mailbox | None:
    session = request.session
    named = Mailbox.objects.filter(pk=session[MAILBOX], open_sessions__session_key=session.session_key)
    found: Mailbox | None = named.select_related("domain__plan", "domain__host").annotate(**_session()).first()
    right = found is not None and hmac.compare_digest(stamp(found), session.get(STAMP, ""))
    return found if right and found is not None and not found.is_barred else None


def _admin(request: HttpRequest) -> Admin | None:
    session = request.session
    if auth.SESSION_KEY not in session:
        return None
    here = {"pk": session[auth.SESSION_KEY], "open_sessions__session_key": session.session_key}
    active = Admin.objects.get_queryset().filter(is_active=True, **here)
    further = Exists(Appointment.objects.filter(admin=OuterRef("pk")))
    steps = {"has_two_step": two_step.has_two_step(), "two_step_roles": two_step.roles_asked()}
    found: Admin | None = active.select_related("customer").annotate(has_further_roles=further, **steps, **_session()).first()
    if found is None or not hmac.compare_digest(found.get_session_auth_hash(), session.get(auth.HASH_SESSION_KEY, "")):
        return None
    return in_role(found, session.get(ACTING))  # type: ignore[return-value]


def _session() -> dict[str, F]:
    return {"session_id": F("open_sessions__pk"), "session_seen_at": F("open_sessions__seen_at")}


def in_role(user: Admin | AnonymousUser, appointment: int | None) -> Admin | AnonymousUser:
    """The admin in the further role of that key, in their first where it is not theirs (any more)."""
    if appointment and isinstance(user, Admin):
        found = Appointment.objects.filter(pk=appointment, admin=user).select_related("customer").first()
        if found is not None:
            user.act_as(found)
    return user


class PrincipalMiddleware:
    """Sets `request.user` to the admin, the mailbox or nobody, and tells the audit trail where a request came from.

    Whoever has to set up a second step finds only the pages for that. (The API asks in accounts.api.authentication.)
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(lambda: _principal(request))  # type: ignore[assignment]
        via = "api" if request.path.startswith("/api/") else "page"
        with audit.origin(via, request.META.get("REMOTE_ADDR") or None):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, words: Any, named: Any) -> HttpResponse | None:
        match = request.resolver_match
        if request.path.startswith("/api/") or (match and match.url_name in SETTING_UP):
            return None
        return redirect("two-step") if getattr(request.user, "owes_two_step", False) else None
