"""Rows → what scripts are made of: the treatment of mail as plain values, and compiled.

However many mailboxes are asked for, the number of queries is constant (aliases: one more for each level of nesting).
Rules that the domain's present plan does not have are left out: they are kept, shown as not in force, and reach no server.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.utils import timezone

from accounts import selectors
from accounts.models import Domain, Mailbox
from mailsettings.models import AutoReply, DomainFilter, DomainSenders, Profile, SpamSettings
from mailsettings.servers.desired import tag
from mailsettings.services.spam import defaults
from mailsettings.shapes import filter_actions, fits
from mailsettings.sieve.compile import domain_script, mailbox_script
from mailsettings.sieve.settings import DomainFilter as DomainTreatment
from mailsettings.sieve.settings import MailboxFilter, Reply, Rule, Script, Spam


def scripts_of(mailboxes: Iterable[Mailbox]) -> dict[str, Script]:
    """The compiled scripts of those mailboxes that need one; `domain` with its plan is loaded on each."""
    zone = service_zone()
    found = {address: mailbox_script(one, zone) for address, one in filters_of(mailboxes).items()}
    return {address: script for address, script in found.items() if script is not None}


def service_zone() -> str:
    """The service's offset from UTC today, such as `+0900`: an auto-reply's days are the service's, not the machine's.

    Where clocks change with the season, the ten-minute verify writes the scripts anew.
    """
    return timezone.localtime(timezone=timezone.get_default_timezone()).strftime("%z")


def filters_of(mailboxes: Iterable[Mailbox]) -> dict[str, MailboxFilter]:
    """What each mailbox's script is made from; those with nothing but defaults that need none are left out."""
    boxes = {box.address: box for box in mailboxes}
    profiles = _profiles(boxes)
    replies = {row.pk: row for row in AutoReply.objects.filter(pk__in=boxes, enabled=True)}
    spam = {row.pk: row for row in SpamSettings.objects.filter(pk__in=boxes)}
    aliases = selectors.aliases_of(address for address in replies)
    treated = (
        box
        for address, box in boxes.items()
        if not box.receive or address in profiles or address in replies or (box.has_spam_handling() and (address in spam or box.spam_seat))
    )
    return {
        box.address: _filter(
            box,
            profiles.get(box.address, ()),
            _reply(box, replies.get(box.address), aliases.get(box.address, set())),
            _spam(box, spam.get(box.address)),
        )
        for box in treated
    }


def _profiles(boxes: Mapping[str, Mailbox]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = defaultdict(list)
    for row in Profile.objects.filter(mailbox__in=boxes, enabled=True).order_by("position", "pk"):
        if fits(row, boxes[row.mailbox_id].domain.rules):
            found[row.mailbox_id].append(row.rule())
    return {address: tuple(rules) for address, rules in found.items()}


def _filter(box: Mailbox, rules: tuple[Rule, ...], reply: Reply | None, spam: Spam) -> MailboxFilter:
    plan = box.domain.rules
    return MailboxFilter(
        address=box.address,
        tag=tag(box.address),
        style=plan.forwarding,
        receive=box.receive,
        rules=rules,
        reply=reply,
        reply_excludes_forwarding=plan.auto_reply_excludes_forwarding,
        spam=spam,
        own_script=plan.own_scripts,
    )


def _reply(box: Mailbox, row: AutoReply | None, aliases: set[str]) -> Reply | None:
    plan = box.domain.rules
    if row is None or not plan.auto_reply:
        return None
    subject = (row.subject or plan.auto_reply_default_subject) if plan.auto_reply_subject else ""
    return Reply(
        body=row.body,
        subject=subject or None,
        handle=f"reply-{row.record}",
        addresses=(box.address, *sorted(aliases)),
        interval_days=row.interval_days,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
    )


def _spam(box: Mailbox, row: SpamSettings | None) -> Spam:
    if not box.has_spam_handling():
        return Spam()
    row = row or defaults(box)
    return Spam(
        tag=box.domain.rules.spam_tag if row.tag_subject else "",
        to_folder=row.move_to_folder,
        skip_forwarding=row.skip_forwarding,
        quarantine_empty_sender=row.quarantine_empty_sender,
        allow=tuple(row.allow),
        block=tuple(row.block),
    )


def domain_scripts_of(domains: Collection[Domain]) -> dict[str, str]:
    """The scripts of those domains that need one, by name."""
    found = {name: domain_script(one) for name, one in domain_filters_of(domains).items()}
    return {name: text for name, text in found.items() if text is not None}


def domain_filters_of(domains: Collection[Domain]) -> dict[str, DomainTreatment]:
    """What each domain's script is made from."""
    by_id = {domain.pk: domain for domain in domains}
    senders = {row.pk: row for row in DomainSenders.objects.filter(pk__in=by_id)}
    rules: dict[int, list[Rule]] = defaultdict(list)
    for row in DomainFilter.objects.filter(domain__in=by_id, enabled=True).order_by("position", "pk"):
        if row.action in filter_actions(by_id[row.domain_id].rules):
            rules[row.domain_id].append(row.rule())
    return {domain.name: _domain(domain, tuple(rules[pk]), senders.get(pk)) for pk, domain in by_id.items()}


def _domain(domain: Domain, rules: tuple[Rule, ...], senders: DomainSenders | None) -> DomainTreatment:
    if not domain.rules.domain_filters:
        rules, senders = (), None
    lists = (tuple(senders.allow), tuple(senders.block)) if senders else ((), ())
    return DomainTreatment(domain.name, domain.virus_inbound, rules, *lists)
