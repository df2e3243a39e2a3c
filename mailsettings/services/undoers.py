"""How acts on the treatment of mail are undone (see accounts.services.history)."""

from datetime import date
from typing import Any

from accounts.models import Domain, Mailbox
from accounts.services.history import Undoer, Values, can_undo
from accounts.services.undoers import always, held_domain, held_mailbox
from mailsettings.models import AutoReply, DomainFilter, Profile
from mailsettings.services import filters, profiles, replies, spam
from panel.base.models import AuditEntry, Change
from panel.base.tenancy import Principal


def _held_profile(entry: AuditEntry, user: Principal) -> Profile | None:
    mailbox = held_mailbox(entry, user)
    return mailbox.profiles.filter(pk=entry.after.get("id")).first() if mailbox else None


def _profile(row: Profile, before: Values, user: Principal) -> Change:
    return profiles.change_profile(row, acting_user=user, **_without_id(before))[1]


def _profile_again(mailbox: Mailbox, before: Values, user: Principal) -> Change:
    return profiles.create_profile(mailbox, acting_user=user, **_without_id(before))[1]


def _without_id(values: Values) -> Values:
    return {key: value for key, value in values.items() if key != "id"}


def _none(owner: Any) -> None:
    """What was deleted cannot come back under its number."""


def _profile_order(mailbox: Mailbox) -> Values:
    return {"order": list(mailbox.profiles.values_list("pk", flat=True))}


def _order_profiles(mailbox: Mailbox, before: Values, user: Principal) -> Change:
    return profiles.order_profiles(mailbox, before["order"], acting_user=user)


def _held_filter(entry: AuditEntry, user: Principal) -> DomainFilter | None:
    domain = held_domain(entry, user)
    return domain.filters.filter(pk=entry.after.get("id")).first() if domain else None


def _filter(row: DomainFilter, before: Values, user: Principal) -> Change:
    return filters.change_filter(row, acting_user=user, **_without_id(before))[1]


def _filter_again(domain: Domain, before: Values, user: Principal) -> Change:
    return filters.create_filter(domain, acting_user=user, **_without_id(before))[1]


def _filter_order(domain: Domain) -> Values:
    return {"order": list(domain.filters.values_list("pk", flat=True))}


def _order_filters(domain: Domain, before: Values, user: Principal) -> Change:
    return filters.order_filters(domain, before["order"], acting_user=user)


def _reply_now(mailbox: Mailbox) -> Values | None:
    row = AutoReply.objects.filter(mailbox=mailbox).first()
    return replies.shown(row) if row else None


def _reply(mailbox: Mailbox, before: Values, user: Principal) -> Change | None:
    """The whole of it: what the entry does not name stays. Without old values there was none."""
    if not before:
        return replies.delete_auto_reply(mailbox, acting_user=user)
    fields = {**(_reply_now(mailbox) or {}), **before}
    for key in ("starts_on", "ends_on"):
        fields[key] = date.fromisoformat(fields[key]) if fields[key] else None
    return replies.set_auto_reply(mailbox, acting_user=user, **fields)[1]


def _spam_now(mailbox: Mailbox) -> Values:
    return spam.shown(spam.settings_of(mailbox))


def _spam(mailbox: Mailbox, before: Values, user: Principal) -> Change:
    return spam.change_spam(mailbox, acting_user=user, **before)[1]


def _senders_now(domain: Domain) -> Values:
    row = filters.senders_of(domain)
    return {"allow": row.allow, "block": row.block}


def _senders(domain: Domain, before: Values, user: Principal) -> Change:
    return filters.change_senders(domain, acting_user=user, **before)[1]


PROFILE, FILTER, REPLY, SPAM = always("profile.write"), always("filter.write"), always("auto_reply.write"), always("spam.write")
UNDOERS = {
    "profile.change": Undoer("accounts", PROFILE, _held_profile, profiles.shown, _profile),
    "profile.delete": Undoer("accounts", PROFILE, held_mailbox, _none, _profile_again),
    "profile.order": Undoer("accounts", PROFILE, held_mailbox, _profile_order, _order_profiles),
    "auto_reply.set": Undoer("accounts", REPLY, held_mailbox, _reply_now, _reply),
    "auto_reply.delete": Undoer("accounts", REPLY, held_mailbox, _reply_now, _reply),
    "spam.change": Undoer("accounts", SPAM, held_mailbox, _spam_now, _spam, spam.EDITABLE),
    "filter.change": Undoer("domains", FILTER, _held_filter, filters.shown, _filter),
    "filter.delete": Undoer("domains", FILTER, held_domain, _none, _filter_again),
    "filter.order": Undoer("domains", FILTER, held_domain, _filter_order, _order_filters),
    "senders.change": Undoer("domains", FILTER, held_domain, _senders_now, _senders),
}


def register() -> None:
    """Called once, when the app is ready."""
    for act, undoer in UNDOERS.items():
        can_undo(act, undoer)
