""" "What happens to this mail?" on the mail host: the scripts that are live there, run on the message, told in sentences."""

import os
from base64 import b64decode
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any

from django.utils import translation
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from accounts.models import Mailbox
from mailsettings import sentences
from mailsettings.models import DomainFilter, Profile, Treatment
from mailsettings.servers import maps, scripts
from mailsettings.servers.desired import DOMAIN_SCRIPTS, FORWARDS, SCRIPTS, tag, way_out
from mailsettings.servers.homes import home_path
from mailsettings.servers.layout import Layout
from mailsettings.sieve import simulate
from mailsettings.sieve.explain import Explanation, Question, Step, explain
from mailsettings.sieve.settings import Script

Rows = Mapping[tuple[str, int], Treatment]


def answer(layout: Layout, asked: dict[str, Any]) -> dict[str, Any]:
    """`asked`: `{"address", "message" (base64), "sender", "language"}`. Gives what contract.md says of `explain`.

    Raises `SimulationError`, OSError, MapError, `Mailbox.DoesNotExist` (deleted meanwhile).
    """
    mailbox = Mailbox.objects.select_related("domain__plan").get(pk=asked["address"])
    found = explain(_host(layout), _question(layout, mailbox, asked))
    with translation.override(asked["language"]):
        return told(found, _rows([*found.steps, *found.never_reached]))


def _host(layout: Layout) -> simulate.Host:
    owner = (layout.users.mail_uid, layout.users.mail_gid) if os.geteuid() == 0 else None
    return simulate.Host(layout.sieve_dir / "bin", owner)


def _question(layout: Layout, mailbox: Mailbox, asked: dict[str, Any]) -> Question:
    domain, address = mailbox.domain.name, mailbox.address
    text = scripts.read(layout, SCRIPTS, [address]).get(address)
    own = home_path(layout, mailbox.uuid.hex) / ".dovecot.sieve"
    return Question(
        address=address,
        message=b64decode(asked["message"]),
        sender=asked["sender"],
        domain_script=scripts.read(layout, DOMAIN_SCRIPTS, [domain]).get(domain),
        script=Script(text, _forwards(layout, address)) if text is not None else None,
        own=own if mailbox.domain.rules.own_scripts and own.exists() else None,
        receive=mailbox.receive,
    )


def _forwards(layout: Layout, address: str) -> tuple[tuple[str, ...], ...]:
    """Where the live script's redirects lead, as Postfix reads it."""
    mark = tag(address)
    number = int(maps.read(layout, FORWARDS, [mark]).get(mark, "- 0").rpartition(" ")[2])
    keys = [way_out(mark, n) for n in range(number)]
    found = maps.read(layout, FORWARDS, keys) if keys else {}
    return tuple(tuple(found.get(key, "").split(", ")) for key in keys)


def _rows(steps: Iterable[Step]) -> Rows:
    """The rules that the steps name, in two queries."""
    ids: dict[str, set[int]] = {"domain": set(), "mailbox": set()}
    for step in steps:
        if step.kind == "rule" and step.number is not None:
            ids[step.of].add(step.number)
    filters = {("domain", pk): row for pk, row in DomainFilter.objects.in_bulk(ids["domain"]).items()}
    return {**filters, **{("mailbox", pk): row for pk, row in Profile.objects.in_bulk(ids["mailbox"]).items()}}


def told(found: Explanation, rows: Rows) -> dict[str, Any]:
    """The explanation in the language that is active; texts are plain and hostile."""
    steps = [(step, text) for step in found.steps if (text := _text(step, rows))]
    return {
        "steps": [{"rule": _label(step, rows), "matched": step.matched, "text": text} for step, text in steps],
        "stored": [{"folder": one.folder, "subject": one.subject} for one in found.stored],
        "sent": [{"to": one.to, "kind": one.kind} for one in found.sent],
        "never_reached": [_label(step, rows) for step in found.never_reached],
    }


def _label(step: Step, rows: Rows) -> str:
    """What people call the rule or setting."""
    if step.kind == "rule":
        row = rows.get((step.of, step.number or 0))
        return step.name or (_sentence(row) if row else _("A rule that has been deleted"))
    known = {
        "virus": _("Virus check"),
        "verdict": _("Spam filter"),
        "spam": _("Spam filter"),
        "allow": _("Allowed senders"),
        "block": _("Blocked senders"),
        "empty-sender": _("Mail without a sender address"),
        "tag": _("Spam tag"),
        "auto-reply": _("Auto-reply"),
        "receive": _("Mail reception"),
        "own": _("Own Sieve script"),
    }
    return known.get(step.kind, _("Forwarding"))


def _sentence(row: Treatment) -> str:
    return unescape(strip_tags(sentences.rule(row)))


def _text(step: Step, rows: Rows) -> str:
    """The step as a sentence; "" for one that says nothing to people."""
    if step.kind == "rule":
        row = rows.get((step.of, step.number or 0))
        return _sentence(row) if row else _label(step, rows)
    if step.kind == "auto-reply":
        return _("The auto-reply is sent.") if step.matched else _no_reply(step.reason)
    return _when_matched(step) if step.matched else _when_not(step)


def _when_matched(step: Step) -> str:
    whole_domain = step.of == "domain"
    known = {
        "virus": _("It holds a virus: it is treated as the plan says, and nothing of it is sent on."),
        "verdict": _("It is marked as spam."),
        "spam": _("It is spam: it is treated as such, and no further rule is asked."),
        "allow": _("The domain allows this sender.") if whole_domain else _("The sender is on the list of allowed senders."),
        "block": _("The domain blocks this sender.") if whole_domain else _("The sender is on the list of blocked senders."),
        "empty-sender": _("It has no sender address: it goes to the spam folder."),
        "tag": _("“%(tag)s” is put in front of the subject.") % {"tag": step.name},
        "loop": _("It has been here before: this copy is not stored again."),
        "again": _("This mailbox has forwarded it before: it is not forwarded again."),
        "skip": _("It is spam: it is not forwarded."),
        "receive": _("Mail reception is off: it is not stored."),
        "strip": _("Its attachments are taken out of what is forwarded."),
        "own": _("The user's own script has the last word."),
    }
    return known.get(step.kind, "")


def _when_not(step: Step) -> str:
    whole_domain = step.of == "domain"
    known = {
        "verdict": _("It is not marked as spam."),
        "allow": _("The domain's list of allowed senders does not name the sender.")
        if whole_domain
        else _("The list of allowed senders does not name the sender."),
        "block": _("The domain's list of blocked senders does not name the sender.")
        if whole_domain
        else _("The list of blocked senders does not name the sender."),
        "empty-sender": _("It has a sender address."),
    }
    return known.get(step.kind, "")


def _no_reply(reason: str) -> str:
    known = {
        "nobody": _("No auto-reply: the envelope names no sender."),
        "program": _("No auto-reply: the sender is a program or a mailing list's own address."),
        "list": _("No auto-reply: it comes from a mailing list."),
        "bulk": _("No auto-reply: it is bulk mail."),
        "automatic": _("No auto-reply: a program wrote it."),
        "unwanted": _("No auto-reply: the sender asks for none."),
        "virus": _("No auto-reply: it holds a virus."),
        "spam": _("No auto-reply: it is spam."),
        "again": _("No auto-reply: this mailbox has forwarded it before."),
        "day": _("No auto-reply: today is not one of its days."),
        "not_addressed": _("No auto-reply: neither To nor Cc names an address of this mailbox."),
    }
    return known.get(reason, _("No auto-reply."))
