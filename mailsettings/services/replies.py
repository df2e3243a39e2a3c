"""Auto-replies (AR1, AR2, AR4)."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Mailbox
from accounts.models.tenants import bump
from accounts.services.common import check, check_all
from accounts.services.mailboxes import locked
from mailsettings.models import AutoReply
from mailsettings.services.common import finish, may_treat, no_such
from panel.base.models import Change
from panel.base.tenancy import Principal

DEFAULTS: dict[str, Any] = {"subject": "", "body": "", "starts_on": None, "ends_on": None, "interval_days": 1, "enabled": True}
EDITABLE = tuple(DEFAULTS)
# Manual standard 6-1-5: characters that CP932 and its cousins map two ways, and their twins (AR4).
REFUSED = "\u2015\uff5e\u2225\uff0d\uffe0\uffe1\uffe2\u2014\u301c\u2016\u2212\u00a2\u00a3\u00ac"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def set_auto_reply(mailbox: Mailbox, *, acting_user: Principal, **fields: Any) -> tuple[AutoReply, Change]:
    """Makes or replaces it: what is not given has its default. Raises `ValidationError` per field."""
    may_treat(mailbox, "auto_reply.write", acting_user)
    _check_plan(mailbox, fields)
    with transaction.atomic():
        fresh = locked(mailbox)
        row = AutoReply.objects.filter(mailbox=fresh).first()
        before = shown(row) if row else {}
        row = row or AutoReply(mailbox=fresh, version=0)
        for key, default in DEFAULTS.items():
            setattr(row, key, fields.get(key, default))
        _settle(row)
        if row.version == 0:
            row.version = 1
            row.save(force_insert=True)
        else:
            bump(row, **{key: getattr(row, key) for key in EDITABLE})
        return row, finish(fresh, "auto_reply.set", acting_user=acting_user, before=before, after=shown(row))


def _check_plan(mailbox: Mailbox, fields: dict[str, Any]) -> None:
    domain = mailbox.domain
    if not domain.rules.auto_reply:
        raise no_such(domain, "body", _("auto-reply"))
    if fields.get("subject") and not domain.rules.auto_reply_subject:
        raise no_such(domain, "subject", _("a subject of the auto-reply"))
    by_text = bool(str(fields.get("body", "")).strip())
    if not domain.rules.auto_reply_subject and fields.get("enabled", by_text) != by_text:
        raise no_such(domain, "enabled", _("a switch of the auto-reply besides its text"))


def _settle(row: AutoReply) -> None:
    """The body as it is stored; on exactly when there is a text where the plan has no switch (`standard`)."""
    rules = row.mailbox.domain.rules
    row.body = row.body.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not rules.auto_reply_subject:
        row.enabled = bool(row.body.strip())
    check_all(lambda: check(row, exclude=("mailbox",)), lambda: _check_body(row), lambda: _check_dates(row))


def _check_dates(row: AutoReply) -> None:
    if row.starts_on and row.ends_on and row.starts_on > row.ends_on:
        raise ValidationError({"ends_on": ValidationError(_("The last day is before the first."), code="order")})


def _check_body(row: AutoReply) -> None:
    if row.enabled and not row.body.strip():
        raise ValidationError({"body": ValidationError(_("A text is needed."), code="required")})
    if CONTROLS.search(row.body):
        raise ValidationError({"body": ValidationError(_("Control characters are not allowed."), code="control")})
    if most := row.mailbox.domain.rules.auto_reply_bytes_cp932:
        check_cp932(row.body, most)


def check_cp932(text: str, most: int) -> None:
    """AR4: length in CP932 and the characters that are refused, each named. Raises `ValidationError` under `body`."""
    bad = [
        ValidationError(_("“%(char)s” (%(code)s) cannot be used.") % {"char": char, "code": f"U+{ord(char):04X}"}, code="character")
        for char in dict.fromkeys(text)
        if char in REFUSED
    ]
    if (found := length_cp932(text)) > most:
        values = {"most": most, "wide": most // 2, "found": found}
        text = _("At most %(most)d half-width or %(wide)d full-width characters; these count %(found)d.")
        bad.append(ValidationError(text % values, code="length"))
    if bad:
        raise ValidationError({"body": bad})


def length_cp932(text: str) -> int:
    """Bytes in CP932; a character that it lacks counts two, a line's end one."""
    return sum(len(char.encode("cp932", "replace")) if _in_cp932(char) else 2 for char in text)


def _in_cp932(char: str) -> bool:
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def delete_auto_reply(mailbox: Mailbox, *, acting_user: Principal) -> Change | None:
    """Takes it away; None where there was none."""
    may_treat(mailbox, "auto_reply.write", acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        row = AutoReply.objects.filter(mailbox=fresh).first()
        if row is None:
            return None
        before = shown(row)
        row.delete()
        return finish(fresh, "auto_reply.delete", acting_user=acting_user, before=before)


def reset_auto_reply(mailbox: Mailbox, *, acting_user: Principal) -> tuple[AutoReply, Change]:
    """Forgets who has been answered (AR2): everybody is answered anew. Raises `ValidationError` where there is none."""
    may_treat(mailbox, "auto_reply.write", acting_user)
    with transaction.atomic():
        fresh = locked(mailbox)
        row = AutoReply.objects.filter(mailbox=fresh).first()
        if row is None:
            raise ValidationError({"body": ValidationError(_("There is no auto-reply."), code="required")})
        bump(row, record=row.record + 1)
        return row, finish(fresh, "auto_reply.reset", acting_user=acting_user)


def shown(row: AutoReply) -> dict[str, Any]:
    """What the audit trail keeps."""
    dates = {key: str(getattr(row, key) or "") for key in ("starts_on", "ends_on")}
    return {**{key: getattr(row, key) for key in EDITABLE}, **dates}
