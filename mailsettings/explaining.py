""" "What happens to this mail?" on the mail host: the scripts that are live there, run on the message, told in sentences."""

import os
from base64 import b64decode
from collections.abc import Iterable
from html import unescape
from typing import Any

from django.utils import translation
from django.utils.html import strip_tags

from accounts.models import Mailbox
from mailsettings import sentences
from mailsettings.models import DomainFilter, Profile
from mailsettings.servers import maps, scripts
from mailsettings.servers.desired import DOMAIN_SCRIPTS, FORWARDS, SCRIPTS, tag, way_out
from mailsettings.servers.homes import home_path
from mailsettings.servers.layout import Layout
from mailsettings.sieve import simulate, words
from mailsettings.sieve.explain import Question, Step, explain
from mailsettings.sieve.settings import Script


def answer(layout: Layout, asked: dict[str, Any]) -> dict[str, Any]:
    """`asked`: `{"address", "message" (base64), "sender", "language"}`. Gives what contract.md says of `explain`.

    Raises `SimulationError`, OSError, MapError, `Mailbox.DoesNotExist` (deleted meanwhile).
    """
    mailbox = Mailbox.objects.select_related("domain__plan").get(pk=asked["address"])
    found = explain(_host(layout), _question(layout, mailbox, asked))
    with translation.override(asked["language"]):
        return words.answer(found, _rules([*found.steps, *found.never_reached]))


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


def _rules(steps: Iterable[Step]) -> words.Rules:
    """The rules that the steps name, in two queries; one that was deleted meanwhile is missing."""
    found: dict[tuple[str, int], words.Said] = {}
    models: dict[str, type[DomainFilter | Profile]] = {"domain": DomainFilter, "mailbox": Profile}
    for of, model in models.items():
        ids = {step.number for step in steps if step.of == of and step.kind == "rule" and step.number is not None}
        for pk, row in model.objects.in_bulk(ids).items():
            found[of, pk] = words.Said(row.rule(), [_plain(sentences.condition(one)) for one in row.conditions])
    return found


def _plain(sentence: str) -> str:
    return unescape(strip_tags(sentence))
