"""Spam settings of a mailbox (S2, F4, F9, F10)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Mailbox
from accounts.models.tenants import bump
from accounts.rules import Rules
from accounts.services.mailboxes import locked
from mailsettings.models import SpamSettings
from mailsettings.services.common import finish, may_treat, no_such
from mailsettings.services.conditions import checked_senders
from panel.base.models import Change
from panel.base.tenancy import Principal

SWITCHES = ("tag_subject", "move_to_folder", "skip_forwarding", "quarantine_empty_sender")
EDITABLE = (*SWITCHES, "allow", "block")
ONE_OF_TWO = {"tag_subject": "move_to_folder", "move_to_folder": "tag_subject"}
PLATINUM_ONLY = {  # F4, F10
    "skip_forwarding": gettext_lazy("neither forwarding nor answering spam"),
    "quarantine_empty_sender": gettext_lazy("quarantining mail without a sender address"),
}


def settings_of(mailbox: Mailbox) -> SpamSettings:
    """The row, or the plan's defaults as a row that is not saved."""
    row: SpamSettings | None = SpamSettings.objects.filter(mailbox=mailbox).first()
    return row or defaults(mailbox)


def defaults(mailbox: Mailbox) -> SpamSettings:
    """`platinum`: the tag, and spam is neither forwarded nor answered; elsewhere everything off."""
    one = tags_by_default(mailbox.domain.rules)
    return SpamSettings(mailbox=mailbox, tag_subject=one, skip_forwarding=one, version=0)


def tags_by_default(rules: Rules) -> bool:
    """Whether spam is marked in the subject before anybody has set anything."""
    return rules.spam == "one_of_two"


def change_spam(mailbox: Mailbox, *, acting_user: Principal, **fields: Any) -> tuple[SpamSettings, Change]:
    """Changes the given ones of `EDITABLE`. Raises `ValidationError` per field."""
    may_treat(mailbox, "spam.write", acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        _check_plan(fresh, fields)
        row = settings_of(fresh)
        before = shown(row)
        for key, value in _settled(fresh, fields).items():
            setattr(row, key, value)
        if row.version == 0:
            row.version = 1
            row.save(force_insert=True)
        else:
            bump(row, **{key: getattr(row, key) for key in EDITABLE})
        return row, finish(fresh, "spam.change", acting_user=acting_user, before=before, after=shown(row))


def _check_plan(mailbox: Mailbox, fields: dict[str, Any]) -> None:
    domain, first = mailbox.domain, next(iter(fields), "tag_subject")
    if domain.rules.spam == "none":
        raise no_such(domain, first, _("spam handling"))
    if not mailbox.has_spam_handling():
        raise ValidationError({first: ValidationError(_("This mailbox has no seat of spam detection."), code="seat")})
    if domain.rules.spam != "one_of_two":
        for key, what in PLATINUM_ONLY.items():
            if fields.get(key):
                raise no_such(domain, key, str(what))


def _settled(mailbox: Mailbox, fields: dict[str, Any]) -> dict[str, Any]:
    """Lists as they are stored; where the plan has one choice of two, turning one on turns the other off."""
    found = dict(fields)
    for key in ("allow", "block"):
        if key in found:
            found[key] = checked_senders(found[key], key)
    if mailbox.domain.rules.spam == "one_of_two":
        if found.get("tag_subject") and found.get("move_to_folder"):
            raise ValidationError({"move_to_folder": ValidationError(_("Choose one of the two."), code="one_of_two")})
        for key, other in ONE_OF_TWO.items():
            if found.get(key):
                found[other] = False
    return found


def shown(row: SpamSettings) -> dict[str, Any]:
    """What the audit trail keeps."""
    return {key: getattr(row, key) for key in EDITABLE}
