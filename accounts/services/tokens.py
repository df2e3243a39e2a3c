"""API tokens (R8): made, never reaching further than who makes them, and revoked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Admin, Mailbox, Token
from accounts.networks import within
from accounts.permissions import RESOURCES
from accounts.services.common import check, check_all
from panel.base import audit
from panel.base.errors import Forbidden
from panel.base.tenancy import Principal


def create_token(
    owner: Admin | Mailbox,
    name: str,
    *,
    scopes: Sequence[str],
    domains: Sequence[str] = (),
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
    key: str | None = None,
    made_with: Token | None = None,
) -> tuple[Token, str]:
    """The token and its key: the only time that anyone sees it. `key` is given at set-up of a stack only.

    It acts in the role that its owner acts in now. `made_with`: the token that asks for it, which it never exceeds.
    """
    key = key or Token.new_key()
    token = Token(name=name, scopes=list(dict.fromkeys(scopes)), domains=list(domains), networks=list(networks), expires_at=expires_at)
    token.digest = Token.digest_of(key)
    token.admin, token.mailbox = (owner, None) if isinstance(owner, Admin) else (None, owner)
    token.appointment_id = owner.appointment_id if isinstance(owner, Admin) else None  # type: ignore[attr-defined]
    excluded = ("digest", "admin", "mailbox", "appointment", "scopes", "domains", "networks")
    check_all(lambda: check(token, exclude=excluded), lambda: _check_scopes(token.scopes), lambda: _check_end(expires_at))
    if made_with is not None:
        _check_reach(token, made_with)
    with transaction.atomic():
        token.save(force_insert=True)
        audit.record("token.create", name, acting_user=owner, **_whose(token), after=shown(token))
    return token, key


def known_scopes() -> list[str]:
    """`*`, and read and write of each resource."""
    return ["*", *(f"{resource}:{verb}" for resource in RESOURCES for verb in ("read", "write"))]


def _check_scopes(scopes: Sequence[str]) -> None:
    unknown = [scope for scope in scopes if scope not in known_scopes()]
    if unknown or not scopes:
        text = _("Choose from: %(scopes)s") % {"scopes": ", ".join(known_scopes())}
        raise ValidationError({"scopes": ValidationError(text, code="invalid")})


def _check_end(moment: datetime | None) -> None:
    if moment is not None and moment <= timezone.now():
        raise ValidationError({"expires_at": ValidationError(_("This moment is over."), code="past")})


def _check_reach(token: Token, maker: Token) -> None:
    """Raises `Forbidden` where the token would reach further than its maker. A session is its owner, signed in: it may outlast it."""
    if "*" not in maker.scopes and not set(token.scopes) <= set(maker.scopes):
        raise Forbidden(_("A token cannot give away scopes that it lacks."))
    if maker.domains and not (token.domains and set(token.domains) <= set(maker.domains)):
        raise Forbidden(_("This token is limited to domains."))
    if maker.networks and not within(token.networks, maker.networks):
        raise Forbidden(_("This token is limited to networks."))
    if maker.expires_at is None or maker.is_session:
        return
    if token.expires_at is None or token.expires_at > maker.expires_at:
        raise Forbidden(_("This token has an end, and so must what it makes, no later."))


def delete_token(token: Token, *, acting_user: Principal) -> None:
    """Revokes it at once."""
    with transaction.atomic():
        audit.record("token.delete", token.name, acting_user=acting_user, **_whose(token), before=shown(token))
        token.delete()


def shown(token: Token) -> dict[str, Any]:
    """What the audit trail keeps."""
    end = token.expires_at.isoformat() if token.expires_at else None
    return {"scopes": token.scopes, "domains": token.domains, "networks": token.networks, "expires_at": end}


def _whose(token: Token) -> dict[str, Any]:
    """Under which domain or contract the trail keeps it: that of the role in which the token acts."""
    if token.mailbox is not None:
        return {"domain": token.mailbox.domain}
    acts = token.appointment or token.admin
    return {"tenant": acts.customer_id if acts else None}  # type: ignore[attr-defined]
