"""The second step of an admin's login (R10): TOTP, passkeys and recovery codes as allauth knows them.

Whatever this project uses of allauth is used here; addresses, forms and pages are ours. Its secrets are sealed.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from accounts.models import Admin, SignInPolicy
from panel.base import sealing

Kind = Authenticator.Type
STEPS = (Kind.TOTP, Kind.WEBAUTHN)  # recovery codes only stand in for one of these
PURPOSE = "two-step"


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What allauth asks us: how secrets are kept, and what names stand in an authenticator app and on a passkey."""

    def encrypt(self, text: str) -> str:
        return sealing.seal(text.encode(), PURPOSE).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text.encode(), PURPOSE).decode()

    def get_totp_label(self, user: Any) -> str:
        return f"{user.login} ({_host()})"

    def get_totp_issuer(self) -> str:
        return "Tegami"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey belongs to the host name that the panel is asked by, whatever the port."""
        return {"id": _host(), "name": "Tegami"}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        return {**super().get_public_key_credential_user_entity(user), "name": user.login, "display_name": user.login}


def _host() -> str:
    return urlsplit(f"//{context.request.get_host()}").hostname or ""


# --- what there is


@dataclass(frozen=True, slots=True)
class Steps:
    """The second steps of one admin. `unseen_codes`: the recovery codes nobody has confirmed to have kept."""

    app: Any
    passkeys: list[Any]
    codes_left: int
    unseen_codes: list[str]

    @property
    def is_on(self) -> bool:
        return self.app is not None or bool(self.passkeys)


def steps_of(admin: Admin) -> Steps:
    """One query."""
    rows = list(Authenticator.objects.filter(user=admin).order_by("pk"))
    codes = next((row.wrap() for row in rows if row.type == Kind.RECOVERY_CODES), None)
    return Steps(
        app=next((row for row in rows if row.type == Kind.TOTP), None),
        passkeys=[row for row in rows if row.type == Kind.WEBAUTHN],
        codes_left=len(codes.get_unused_codes()) if codes else 0,
        unseen_codes=codes.get_unused_codes() if codes and not codes.did_view else [],
    )


def is_on(admin: Admin) -> bool:
    return bool(Authenticator.objects.filter(user=admin, type__in=STEPS).exists())


def is_asked_of(role: str) -> bool:
    """Whether the operator's policy asks for two steps in this role."""
    return role in SignInPolicy.current().two_step_roles


def ready_by_role() -> dict[str, tuple[int, int]]:
    """First role → (active admins in it, those of them who have a second step)."""
    rows = Admin.objects.get_queryset().filter(is_active=True).annotate(ready=has_two_step()).order_by()
    counted = rows.values_list("role").annotate(everybody=Count("pk"), of_them=Count("pk", filter=Q(ready=True)))
    return {role: (everybody, of_them) for role, everybody, of_them in counted}


def has_two_step() -> Exists:
    """As an annotation of admins."""
    return Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=STEPS))


def roles_asked() -> Subquery:
    """As an annotation: the policy's roles; None before anybody wrote a policy."""
    return Subquery(SignInPolicy.objects.filter(pk=1).values("two_step_roles")[:1])


# --- codes


def new_secret() -> str:
    """20 random bytes in base 32 (RFC 4226 4, R6)."""
    return str(totp.generate_totp_secret())


def qr_code(admin: Admin, secret: str) -> str:
    """The secret for an authenticator app to photograph: an SVG as a data URL."""
    svg = get_adapter().build_totp_svg(get_adapter().build_totp_url(admin, secret))
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def time_step(secret: str, code: str) -> int | None:
    """The step of time (RFC 6238) whose code this is: the present one or one beside it."""
    for step in totp.yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, step))):
            return int(step)
    return None


def add_app(admin: Admin, secret: str, step: int) -> None:
    """`step`: that of the code which proved the app; it counts as used. Replaces the app that was there."""
    Authenticator.objects.filter(user=admin, type=Kind.TOTP).delete()
    row = totp.TOTP.activate(admin, secret).instance
    row.data["last_step"] = step
    row.save(update_fields=["data"])


def verify(admin: Admin, code: str) -> str:
    """`totp` or `recovery_codes`, whichever the code is right for; "" for neither. Each code counts once."""
    for row in Authenticator.objects.filter(user=admin, type__in=(Kind.TOTP, Kind.RECOVERY_CODES)).order_by("-type"):
        right = _uses_code(row.pk, code) if row.type == Kind.TOTP else row.wrap().validate_code(code)
        if right:
            row.record_usage()
            return str(row.type)
    return ""


@transaction.atomic
def _uses_code(pk: int, code: str) -> bool:
    """Right, and of a later step than any before (RFC 6238 5.2). Kept in the row: a cache may forget, or be away."""
    row = Authenticator.objects.select_for_update().get(pk=pk)
    step = time_step(get_adapter().decrypt(row.data["secret"]), code)
    if step is None or step <= row.data["last_step"]:
        return False
    row.data["last_step"] = step
    row.save(update_fields=["data"])
    return True


def new_codes(admin: Admin) -> None:
    """Ten recovery codes instead of those that there were. Call it inside a transaction."""
    Authenticator.objects.filter(user=admin, type=Kind.RECOVERY_CODES).delete()
    RecoveryCodes.activate(admin)


def codes_were_kept(admin: Admin) -> None:
    """From here on they are not shown again."""
    for row in Authenticator.objects.filter(user=admin, type=Kind.RECOVERY_CODES):
        row.wrap().mark_as_viewed()


# --- passkeys: options go to the browser as JSON, its credential comes back as JSON; the challenge waits in the session


def registration_options(admin: Admin) -> dict[str, Any]:
    """A passkey that the device keeps and unlocks by PIN, finger or face: it can sign in alone."""
    return dict(webauthn.begin_registration(admin, passwordless=True))


def add_passkey(admin: Admin, name: str, credential: Any) -> None:
    """Raises `ValidationError` for an answer that does not fit the question."""
    _read(webauthn.parse_registration_response, credential)
    webauthn.complete_registration(credential)
    webauthn.WebAuthn.add(admin, name, credential)


def sign_in_options(admin: Admin | None) -> dict[str, Any]:
    """For the passkeys of one admin, or (None) for whoever has one here."""
    return dict(webauthn.begin_authentication(admin))


def passkey_owner(admin: Admin | None, credential: Any) -> Admin | None:
    """Whose passkey answered: `admin`, or anybody where none is given; None for an answer that does not fit."""
    try:
        _read(webauthn.parse_authentication_response, credential)
        owner = admin or webauthn.extract_user_from_response(credential)
        row = webauthn.complete_authentication(owner, credential)
    except ValidationError:
        return None
    row.record_usage()
    found: Admin | None = Admin.objects.get_queryset().filter(pk=row.user_id, is_active=True).first()
    return found


def _read(parse: Callable[[Any], Any], credential: Any) -> None:
    try:
        parse(credential)
    except Exception as error:  # foreign bytes, parsed by a library: whatever it stumbles over is no passkey
        raise ValidationError(_("This passkey was not accepted."), code="passkey") from error


def remove(admin: Admin, pk: int | None = None) -> int:
    """Takes one step away, or all (None); recovery codes go with the last one. How many steps went."""
    mine = Authenticator.objects.filter(user=admin)
    chosen = mine.filter(type__in=STEPS) if pk is None else mine.filter(type__in=STEPS, pk=pk)
    gone = int(chosen.count())
    chosen.delete()
    if not mine.filter(type__in=STEPS).exists():
        mine.delete()
    return gone
