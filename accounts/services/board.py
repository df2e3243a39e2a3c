"""The message board: what the system posts and settles, what the operator writes, what a reader puts away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Customer, Dismissal, Domain, Mailbox, Notice
from accounts.models.tenants import bump
from accounts.notices import KINDS
from accounts.permissions import require
from accounts.services.common import check
from panel.base import audit
from panel.base.tenancy import Principal

EDITABLE = ("title", "body", "level", "audience", "customer", "domain", "starts_at", "ends_at")


Posting = dict[str, Any]


def posting(
    code: str,
    *,
    topic: str,
    level: str,
    audience: str,
    values: dict[str, Any] | None = None,
    customer: Customer | None = None,
    domain: Domain | None = None,
    mailbox: Mailbox | None = None,
    ends_at: datetime | None = None,
) -> Posting:
    """A system notice that is not posted yet. Raises ValueError for a code that accounts.notices has no text for."""
    if code not in KINDS:
        raise ValueError(f"no text for the notice {code!r}")
    domain = domain or (mailbox.domain if mailbox else None)
    customer = customer or (domain.customer if domain else None)
    fields: Posting = {"topic": topic, "code": code, "values": values or {}, "level": level, "audience": audience}
    fields |= {"customer": customer, "domain": domain, "mailbox": mailbox, "ends_at": ends_at}
    return {**fields, "starts_at": timezone.now(), "created_at": timezone.now()}


def post(code: str, **more: Any) -> Notice:
    """A system notice (as `posting` takes it), in the caller's transaction. A mailbox stands for its domain, a domain for its customer.

    It takes the place of the topic's old one and is undismissed again.
    """
    fields = posting(code, **more)
    topic = fields.pop("topic")
    with transaction.atomic():
        again = {**fields, "version": F("version") + 1}
        notice, is_new = Notice.objects.update_or_create(topic=topic, defaults=again, create_defaults=fields)
        if not is_new:
            notice.dismissals.all().delete()
            notice.refresh_from_db(fields=["version"])
    made: Notice = notice
    return made


def post_many(postings: Sequence[Posting]) -> None:
    """Many in a few statements; for topics that nobody else posts meanwhile (the caller holds what they are about)."""
    with transaction.atomic():
        Notice.objects.filter(topic__in=[one["topic"] for one in postings]).delete()
        Notice.objects.bulk_create([Notice(**one) for one in postings], batch_size=500)


def settle(topic: str) -> None:
    """The thing is done with: its notice goes."""
    Notice.objects.filter(topic=topic).delete()


def create_notice(*, acting_user: Principal, **fields: Any) -> Notice:
    """The operator's own, out of `EDITABLE`; plain text. Raises `ValidationError` by field."""
    require(acting_user, "notice.write")
    notice = Notice(**fields)
    _check(notice)
    with transaction.atomic():
        notice.save(force_insert=True)
        audit.record("notice.create", _name(notice), acting_user=acting_user, **_whose(notice), after=shown(notice))
    return notice


def change_notice(notice: Notice, *, acting_user: Principal, **fields: Any) -> Notice:
    """Changes the given ones of `EDITABLE`. Who has put it away does not see it again."""
    require(acting_user, "notice.write")
    with transaction.atomic():
        fresh: Notice = Notice.objects.select_for_update(of=("self",)).select_related("customer", "domain").get(pk=notice.pk)
        if fresh.code:
            raise ValidationError({"": ValidationError(_("The system's notices cannot be edited."), code="system")})
        before = shown(fresh)
        for key, value in fields.items():
            setattr(fresh, key, value)
        _check(fresh)
        bump(fresh, **{**fields, "customer": fresh.customer})
        audit.record("notice.change", _name(fresh), acting_user=acting_user, **_whose(fresh), before=before, after=shown(fresh))
    return fresh


def delete_notice(notice: Notice, *, acting_user: Principal) -> None:
    """Takes it off every board."""
    require(acting_user, "notice.write")
    with transaction.atomic():
        audit.record("notice.delete", _name(notice), acting_user=acting_user, **_whose(notice), before=shown(notice))
        notice.delete()


def dismiss(notice: Notice, acting_user: Principal) -> None:
    """Puts it away for this reader alone; twice is once."""
    require(acting_user, "notice.dismiss")
    Dismissal.objects.get_or_create(notice=notice, reader=acting_user.actor)


def _check(notice: Notice) -> None:
    """The model's rules; a domain's notice names its customer, and what the operator writes has a title."""
    if notice.domain is not None:
        notice.customer = notice.domain.customer
    check(notice, exclude=("topic", "code", "values", "mailbox"))


def _name(notice: Notice) -> str:
    return notice.title or notice.code


def _whose(notice: Notice) -> dict[str, Any]:
    return {"domain": notice.domain, "tenant": notice.customer_id}  # type: ignore[attr-defined]


def shown(notice: Notice) -> dict[str, Any]:
    """What the audit trail keeps."""
    told = {key: getattr(notice, key) for key in ("title", "body", "level", "audience")}
    moments = {key: value and value.isoformat() for key, value in (("starts_at", notice.starts_at), ("ends_at", notice.ends_at))}
    return {**told, **moments, "customer": str(notice.customer or ""), "domain": str(notice.domain or "")}
