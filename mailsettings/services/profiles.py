"""Profiles of a mailbox: what is forwarded, refused, thrown away (F1 to F5, F7, F10)."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.models import Mailbox
from accounts.models.tenants import bump
from accounts.services.common import check, check_all
from accounts.services.mailboxes import locked
from mailsettings.models import Profile, Treatment
from mailsettings.services.common import finish, may_treat, no_such
from mailsettings.services.conditions import checked_conditions, checked_destinations
from mailsettings.shapes import WITH_DESTINATIONS, Shape, destinations_max, profiles_max, shape_of
from panel.base.errors import Forbidden
from panel.base.models import Change
from panel.base.tenancy import Principal, Role

EDITABLE = ("name", "match", "conditions", "action", "destinations", "keep_copy", "strip_attachments", "enabled")


def create_profile(mailbox: Mailbox, *, acting_user: Principal, position: int | None = None, **fields: Any) -> tuple[Profile, Change]:
    """`fields`: those of `EDITABLE`; a copy is kept or not by the manual's default. Raises `ValidationError` per field.

    The last one, or at `position`, in front of the one that is there.
    """
    may_treat(mailbox, "profile.write", acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        fields = {**_defaults(shape_of(fresh.domain.rules), fields), **fields}
        profile = Profile(mailbox=fresh, **fields)
        _may_forward(profile, acting_user)
        others = list(fresh.profiles.all())
        if len(others) >= profiles_max(fresh.domain.rules):
            text = _("At most %(most)d profiles.") % {"most": profiles_max(fresh.domain.rules)}
            raise ValidationError({"action": ValidationError(text, code="too_many")})
        _check(profile, others)
        profile.position = placed(fresh.profiles, others, position)
        profile.save(force_insert=True)
        return profile, finish(fresh, "profile.create", acting_user=acting_user, after=shown(profile))


def placed(rules: Any, others: Sequence[Treatment], position: int | None) -> int:
    """Where a new rule goes: behind the others, or at `position`, for which those from there on make way."""
    last = max((other.position for other in others), default=0) + 1
    if position is None or position > last:
        return last
    rules.filter(position__gte=position).update(position=F("position") + 1)
    return position


def _defaults(shape: Shape, fields: dict[str, Any]) -> dict[str, Any]:
    """Without conditions a forward is the plain one of every manual and keeps a copy; with them the plan's manual decides."""
    keeps = shape.keeps_by_default or not fields.get("conditions") or fields.get("action") != "forward"
    return {"keep_copy": keeps}


def change_profile(profile: Profile, *, acting_user: Principal, **fields: Any) -> tuple[Profile, Change]:
    """Changes the given ones of `EDITABLE`, by today's plan."""
    may_treat(profile.mailbox, "profile.write", acting_user)
    with transaction.atomic():
        mailbox, fresh = _held(profile)
        _may_forward(fresh, acting_user)
        before = shown(fresh)
        for key, value in fields.items():
            setattr(fresh, key, value)
        _may_forward(fresh, acting_user)
        _check(fresh, [other for other in mailbox.profiles.all() if other.pk != fresh.pk])
        bump(fresh, **{key: getattr(fresh, key) for key in EDITABLE})
        change = finish(mailbox, "profile.change", acting_user=acting_user, before=before, after=shown(fresh))
        return fresh, change


def delete_profile(profile: Profile, *, acting_user: Principal) -> Change:
    may_treat(profile.mailbox, "profile.write", acting_user)
    with transaction.atomic():
        mailbox, fresh = _held(profile)
        _may_forward(fresh, acting_user)
        before = {**shown(fresh), "position": fresh.position}
        fresh.delete()
        return finish(mailbox, "profile.delete", acting_user=acting_user, before=before)


def remove_destination(profile: Profile, address: str, *, acting_user: Principal) -> Change:
    """Takes one destination out; the profile goes with its last one (manual `standard`: an entry of its own)."""
    left = [one for one in profile.destinations if one != address]
    if not left:
        return delete_profile(profile, acting_user=acting_user)
    return change_profile(profile, acting_user=acting_user, destinations=left)[1]


def order_profiles(mailbox: Mailbox, ids: Sequence[int], *, acting_user: Principal) -> Change:
    """Puts the profiles in this order; `ids` are exactly the mailbox's. Raises `ValidationError` about `ids`."""
    may_treat(mailbox, "profile.write", acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        profiles = {profile.pk: profile for profile in fresh.profiles.all()}
        if sorted(ids) != sorted(profiles):
            raise ValidationError({"ids": ValidationError(_("Name every profile of the mailbox once."), code="invalid")})
        before = {"order": list(profiles)}
        for position, pk in enumerate(ids, start=1):
            profiles[pk].position = position
        Profile.objects.bulk_update(profiles.values(), ["position"])
        return finish(fresh, "profile.order", acting_user=acting_user, before=before, after={"order": list(ids)})


def _held(profile: Profile) -> tuple[Mailbox, Profile]:
    mailbox = locked(profile.mailbox)
    fresh: Profile = Profile.objects.select_for_update().get(pk=profile.pk)
    fresh.mailbox = mailbox
    return mailbox, fresh


def _may_forward(profile: Profile, user: Principal) -> None:
    """Users forward only where the plan or their admin lets them (R7); filters are always theirs."""
    if user.role == Role.MAILBOX_USER and profile.action in WITH_DESTINATIONS and not profile.mailbox.lets_user_forward():
        raise Forbidden(_("Your administrator has not permitted forwarding for this mailbox."))


def _check(profile: Profile, others: list[Profile]) -> None:
    """Every rule of the plan about the profile; conditions and destinations become what is stored."""
    domain = profile.mailbox.domain
    shape = shape_of(domain.rules)
    check_all(
        lambda: check(profile, exclude=("mailbox", "conditions", "destinations")),
        lambda: _check_action(profile, shape),
        lambda: _check_copy(profile, shape),
        lambda: _check_conditions(profile, shape),
        lambda: _check_destinations(profile, others, shape),
    )


def _check_action(profile: Profile, shape: Shape) -> None:
    if profile.action not in shape.actions:
        raise no_such(profile.mailbox.domain, "action", profile.action)
    if profile.match not in shape.matches:
        raise no_such(profile.mailbox.domain, "match", profile.match)


def _check_copy(profile: Profile, shape: Shape) -> None:
    domain = profile.mailbox.domain
    if profile.action == "forward" and not profile.keep_copy and not shape.may_drop_copy:
        raise no_such(domain, "keep_copy", _("forwarding without a copy"))
    if profile.strip_attachments and not shape.may_strip:
        raise no_such(domain, "strip_attachments", _("stripping attachments"))


def _check_conditions(profile: Profile, shape: Shape) -> None:
    profile.conditions = checked_conditions(profile.conditions, shape, profile.mailbox.domain.plan.title)


def _check_destinations(profile: Profile, others: list[Profile], shape: Shape) -> None:
    found = checked_destinations(profile.destinations)
    if profile.action not in WITH_DESTINATIONS:
        if found:
            raise ValidationError({"destinations": ValidationError(_("This action has no destinations."), code="invalid")})
        return
    if not found:
        raise ValidationError({"destinations": ValidationError(_("At least one address is needed."), code="required")})
    profile.destinations = sorted(found) if profile.mailbox.domain.rules.forwarding == "simple" else found
    most = destinations_max(profile.mailbox.domain.rules)
    used = sum(len(other.destinations) for other in others) if shape.per_account else 0
    if used + len(found) > most:
        text = _("At most %(most)d destinations; these are %(found)d.") % {"most": most, "found": used + len(found)}
        raise ValidationError({"destinations": ValidationError(text, code="too_many")})


def shown(profile: Profile) -> dict[str, Any]:
    """What the audit trail keeps."""
    return {"id": profile.pk, **{key: getattr(profile, key) for key in EDITABLE}}
