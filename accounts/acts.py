"""What the audit trail says: each act as a plain sentence, its values as people read them.

Everything that somebody typed is escaped. Apps above this one add their kinds, acts and fields to the tables.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.formats import number_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.names import to_unicode
from accounts.rules import Rules
from accounts.services.common import LABELS
from panel.base.models import AuditEntry
from panel.base.tenancy import Role

LONG = 60  # characters of a value that still stands in a sentence
NAMED = 3  # fields that a sentence names
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What acts are about. `named`: how a sentence calls it; `group`: the filter of the page it belongs to."""

    named: Any
    icon: str
    group: str


GROUPS: dict[str, Any] = {
    "mailboxes": gettext_lazy("Mailboxes"),
    "addresses": gettext_lazy("Aliases and groups"),
    "treatment": gettext_lazy("Forwarding, replies, filters"),
    "domains": gettext_lazy("Domains"),
    "people": gettext_lazy("Administrators and access"),
    "service": gettext_lazy("Contracts and service"),
    "work": gettext_lazy("Imports and jobs"),
}
KINDS: dict[str, Kind] = {
    "mailbox": Kind(gettext_lazy("{what}"), "envelope", "mailboxes"),
    "alias": Kind(gettext_lazy("the alias {what}"), "arrow-left-right", "addresses"),
    "group": Kind(gettext_lazy("the group address {what}"), "people", "addresses"),
    "domain": Kind(gettext_lazy("the domain {what}"), "globe2", "domains"),
    "plan": Kind(gettext_lazy("the plan {what}"), "sliders", "service"),
    "customer": Kind(gettext_lazy("the customer {what}"), "buildings", "service"),
    "host": Kind(gettext_lazy("the mail host {what}"), "hdd-network", "service"),
    "notice": Kind(gettext_lazy("the notice “{what}”"), "megaphone", "service"),
    "admin": Kind(gettext_lazy("the administrator {what}"), "person-badge", "people"),
    "appointment": Kind(gettext_lazy("a further role of {what}"), "person-badge", "people"),
    "token": Kind(gettext_lazy("the API token “{what}”"), "key", "people"),
    "session": Kind(gettext_lazy("a session of {what}"), "box-arrow-in-right", "people"),
    "two_step": Kind(gettext_lazy("the two-step sign-in of {what}"), "shield-lock", "people"),
    "policy": Kind(gettext_lazy("what sign-in asks for"), "shield-lock", "people"),
    "webhook": Kind(gettext_lazy("the webhook {what}"), "broadcast", "people"),
    "import": Kind(gettext_lazy("an import into {what}"), "upload", "work"),
    "job": Kind(gettext_lazy("the job {what}"), "hourglass-split", "work"),
    "change": Kind(gettext_lazy("the change {what}"), "arrow-repeat", "work"),
}
VERBS: dict[str, Any] = {
    "create": gettext_lazy("{who} created {object}"),
    "change": gettext_lazy("{who} changed {object}"),
    "set": gettext_lazy("{who} set up {object}"),
    "delete": gettext_lazy("{who} deleted {object}"),
    "order": gettext_lazy("{who} changed the order of {object}"),
}
ACTS: dict[str, Any] = {  # what is not its verb with its object
    "mailbox.create": gettext_lazy("{who} created the mailbox {what}"),
    "mailbox.delete": gettext_lazy("{who} deleted the mailbox {what}"),
    "mailbox.password": gettext_lazy("{who} set a new password for {what}"),
    "mailbox.force_password": gettext_lazy("{who} demands a new password for {what}"),
    "mailbox.purge": gettext_lazy("{who} emptied the mailbox {what}"),
    "mailbox.load": gettext_lazy("{who} created mailboxes in {what}"),
    "admin.password": gettext_lazy("{who} changed the own password"),
    "token.delete": gettext_lazy("{who} revoked the API token “{what}”"),
    "session.create": gettext_lazy("{who} signed in"),
    "session.delete": gettext_lazy("{who} signed out"),
    "session.end": gettext_lazy("{who} ended a session"),
    "session.refuse": gettext_lazy("Signing in as {what} was refused"),
    "two_step.create": gettext_lazy("{who} set up a second step for signing in"),
    "two_step.delete": gettext_lazy("{who} removed a second step for signing in"),
    "two_step.codes": gettext_lazy("{who} made new recovery codes"),
    "two_step.reset": gettext_lazy("{who} took away the second step of {what}"),
    "mailbox.suspend": gettext_lazy("{who} suspended {what}"),
    "mailbox.resume": gettext_lazy("{who} resumed {what}"),
    "webhook.ping": gettext_lazy("{who} sent a test to the webhook {what}"),
    "webhook.retry": gettext_lazy("{who} sent a notice of the webhook {what} again"),
    "import.start": gettext_lazy("{who} handed in a file for {what}"),
    "import.done": gettext_lazy("{who} finished a file for {what}"),
    "job.cancel": gettext_lazy("{who} cancelled a job"),
    "change.retry": gettext_lazy("{who} sent a failed change again"),
}
VIAS: dict[str, Any] = {
    "page": gettext_lazy("on a page"),
    "api": gettext_lazy("by the API"),
    "csv": gettext_lazy("by CSV"),
    "command": gettext_lazy("by command"),
    "task": gettext_lazy("by a job"),
}


# --- values

Show = Callable[[Any], str]


def plain(value: Any) -> str:
    """Any value: a switch as a word, a list by commas, nothing as a word."""
    if value is None or value == "" or value == [] or value == {}:
        return _("nothing")
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, int | float):
        return number_format(value, force_grouping=True)
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else to_unicode(str(value))


def unlimited(value: Any) -> str:
    """A number, or no limit."""
    return _("no limit") if value is None else plain(value)


def mebibytes(value: Any) -> str:
    """A number of MB, or no limit."""
    return _("no limit") if value is None else _("%(figure)s MB") % {"figure": plain(value)}


def limits(value: Any) -> str:
    """The numbers of a contract that are set."""
    known = value if isinstance(value, dict) else {}
    return ", ".join(f"{LABELS[key]() if key in LABELS else key} {unlimited(most)}" for key, most in known.items()) or _("no limit")


def one_of(words: Mapping[str, Any]) -> Show:
    """A value that has a word."""
    return lambda value: str(words.get(value) or plain(value))


ROLES = dict(Role.choices)
STEPS = {"password": gettext_lazy("password"), "totp": gettext_lazy("authenticator app"), "webauthn": gettext_lazy("passkey")}


def roles(value: Any) -> str:
    """Some of the roles, by their words."""
    return plain([str(ROLES.get(one, one)) for one in value or []])


class Field(NamedTuple):
    """How a field is called within a sentence, and how its values are shown."""

    label: Any
    show: Show = plain


FIELDS: dict[str, Field] = {
    "quota_mb": Field(gettext_lazy("capacity"), mebibytes),
    "quota_messages": Field(gettext_lazy("number of mails it holds"), unlimited),
    "comment": Field(gettext_lazy("comment")),
    "mobile_address": Field(gettext_lazy("mobile address")),
    "receive": Field(gettext_lazy("mail reception")),
    "user_may_forward": Field(gettext_lazy("forwarding by its user")),
    "spam_seat": Field(gettext_lazy("spam detection")),
    "suspended": Field(gettext_lazy("suspension")),
    "language": Field(gettext_lazy("language"), one_of({"en": "English", "ja": "日本語", "": gettext_lazy("by the browser")})),
    "destinations": Field(gettext_lazy("destinations")),
    "members": Field(gettext_lazy("members")),
    "admin_address": Field(gettext_lazy("admin address")),
    "virus_check": Field(gettext_lazy("virus check")),
    "plan": Field(gettext_lazy("plan")),
    "customer": Field(gettext_lazy("customer")),
    "limits": Field(gettext_lazy("limits"), limits),
    "overrides": Field(gettext_lazy("own values")),
    "title": Field(gettext_lazy("title")),
    "role": Field(gettext_lazy("role"), one_of(ROLES)),
    "domains": Field(gettext_lazy("domains")),
    "email": Field(gettext_lazy("mail address")),
    "is_active": Field(gettext_lazy("sign-in")),
    "password": Field(gettext_lazy("password"), lambda value: _("changed")),
    "scopes": Field(gettext_lazy("scopes")),
    "networks": Field(gettext_lazy("networks")),
    "expires_at": Field(gettext_lazy("end")),
    "accounts": Field(gettext_lazy("mailboxes")),
    "hostname": Field(gettext_lazy("host name")),
    "ports": Field(gettext_lazy("ports")),
    "two_step_roles": Field(gettext_lazy("roles that sign in with two steps"), roles),
    "order": Field(gettext_lazy("order")),
    "kind": Field(gettext_lazy("kind")),
    "name": Field(gettext_lazy("name")),
    "enabled": Field(gettext_lazy("operation")),
    "by": Field(gettext_lazy("means"), one_of(STEPS)),
    "url": Field(gettext_lazy("address")),
    "events": Field(gettext_lazy("events")),
    "level": Field(gettext_lazy("level")),
    "body": Field(gettext_lazy("text")),
    "subject": Field(gettext_lazy("subject")),
}


def field(kind: str, key: str) -> Field:
    """A kind's own word for the key, the common one, the plan's label, or the key as it stands."""
    found = FIELDS.get(f"{kind}.{key}") or FIELDS.get(key)
    if found is not None:
        return found
    spec = Rules.__dataclass_fields__.get(key)
    label = str(spec.metadata["label"]) if spec else ""
    return Field(label[:1].lower() + label[1:] or key, unlimited if spec and spec.default is None else plain)


def also(kinds: Mapping[str, Kind], acts: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    """Adds what an app above this one says of its own."""
    KINDS.update(kinds)
    ACTS.update(acts)
    FIELDS.update(fields)


# --- sentences


def who(actor: str) -> str:
    """The login or address; the program itself by its name."""
    return to_unicode(actor.partition(":")[2]) if ":" in actor else "Tegami"


def icon(entry: AuditEntry) -> str:
    """The picture of what it is about."""
    found = KINDS.get(entry.action.partition(".")[0])
    return found.icon if found else "dot"


def sentence(entry: AuditEntry, before: Values, after: Values, href: str = "") -> SafeString:
    """Who did what, of the values that the reader may see. `href`: where the subject leads."""
    subject = to_unicode(entry.subject)
    what = format_html('<a class="said-what" href="{}">{}</a>' if href else '<b class="said-what">{1}</b>', href, subject)
    kind, _dot, verb = entry.action.partition(".")
    named = KINDS[kind].named if kind in KINDS else gettext_lazy("{what}")
    parts = {"who": format_html('<b class="said-by">{}</b>', who(entry.actor)), "what": what, "object": _filled(named, what=what)}
    if verb == "change" or (verb == "set" and before):
        return _changed(kind, before, after, parts)
    pattern = ACTS.get(entry.action) or VERBS.get(verb) or f"{{who}}: {verb.replace('_', ' ')} {{object}}"
    return _filled(pattern, **parts)


def _filled(pattern: Any, **parts: Any) -> SafeString:
    return format_html(conditional_escape(str(pattern)), **parts)


def _changed(kind: str, before: Values, after: Values, parts: dict[str, Any]) -> SafeString:
    keys = [key for key in _in_order(kind, before, after) if key != "id"]
    if not keys:
        return _filled(_("{who} saved {object} without a change"), **parts)
    if len(keys) > 1:
        return _filled(_("{who} changed the {fields} of {object}"), **parts, fields=_names(kind, keys))
    (key,) = keys
    spec = field(kind, key)
    old, new = before.get(key), after.get(key)
    if isinstance(new, bool):
        pattern = _("{who} switched on {field} for {object}") if new else _("{who} switched off {field} for {object}")
        return _filled(pattern, **parts, field=spec.label)
    values = {"before": spec.show(old), "after": spec.show(new)}
    if isinstance(new, list | dict) or any(len(text) > LONG or "\n" in text for text in values.values()):
        return _filled(_("{who} changed the {fields} of {object}"), **parts, fields=_names(kind, keys))
    marked = {name: format_html('<span class="value">{}</span>', text) for name, text in values.items()}
    return _filled(_("{who} changed the {field} of {object} from {before} to {after}"), **parts, field=spec.label, **marked)


def _in_order(kind: str, before: Values, after: Values) -> list[str]:
    """The fields as the table above has them: PostgreSQL keeps no order of keys."""
    places = {key: place for place, key in enumerate(FIELDS)}
    return sorted({**before, **after}, key=lambda key: (places.get(f"{kind}.{key}", places.get(key, len(places))), key))


def _names(kind: str, keys: list[str]) -> SafeString:
    shown = format_html_join(_(", "), "{}", ((field(kind, key).label,) for key in keys[:NAMED]))
    rest = len(keys) - NAMED
    return format_html("{} {}", shown, _("and %(rest)s more") % {"rest": rest}) if rest > 0 else shown


class Difference(NamedTuple):
    """One line of the details; `before` or `after` None = there was no such value."""

    label: Any
    before: str | None
    after: str | None


def differences(entry: AuditEntry, before: Values, after: Values) -> Iterator[Difference]:
    """What differed, value by value, in full."""
    kind = entry.action.partition(".")[0]
    for key in _in_order(kind, before, after):
        if key != "id":
            spec = field(kind, key)
            yield Difference(spec.label, _shown(spec, before, key), _shown(spec, after, key))


def _shown(spec: Field, values: Values, key: str) -> str | None:
    return spec.show(values[key]) if key in values else None


def actions_of(group: str) -> list[str]:
    """The names of all acts of a group: what the page's filter asks the database for."""
    kinds = [name for name, kind in KINDS.items() if kind.group == group]
    verbs = {*VERBS, *(act.partition(".")[2] for act in ACTS)}
    return [f"{kind}.{verb}" for kind in kinds for verb in sorted(verbs)]
