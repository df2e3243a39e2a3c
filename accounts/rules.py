"""What a plan decides: one typed field for each parameter of the plan table in the requirements.

`Rules` is what code reads (`domain.rules.message_size_mb`). A field with `enforced: False` is data of the
presets that no server obeys yet; screens and API leave it out until the issue that enforces it.
Sizes: 1 MB = 1,048,576 bytes. None = no limit.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, Self, get_args, get_type_hints

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names, passwords

VIRUS_INBOUND = ("none", "strip", "strip_notice", "optional", "delete")
FORWARDING = ("platinum", "hs", "warp", "simple", "aliases")
SPAM = ("none", "one_of_two", "two_switches", "filter_first", "filter")
LOGIN_FORMS = ("address", "percent", "bare")
HOST_NAMES = ("server", "pop_smtp", "over_ssl", "domain")
TEXT_MAX = 100  # characters of a text that goes into mail
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
SYSTEM_ADDRESSES = ("reserved", "postmaster_reserved", "postmaster_mailbox", "contact_mailbox")


def _rule(default: Any, label: Any = "", *, choices: tuple[str, ...] = (), low: int = 1, high: int = 10**9, enforced: bool = False) -> Any:
    meta = {"label": label, "choices": choices, "low": low, "high": high, "enforced": enforced}
    return field(default=default, metadata=meta)


def _live(default: Any, label: Any, **more: Any) -> Any:
    return _rule(default, label, enforced=True, **more)


@dataclass(frozen=True, slots=True)
class Rules:
    """A plan's values, or a domain's once its overrides are laid over them."""

    local_part_min: int = _live(1, gettext_lazy("Shortest account name (characters)"), high=64)
    local_part_max: int = _live(64, gettext_lazy("Longest account name (characters)"), high=64)
    local_part_grammar: str = _live("dot_string", gettext_lazy("Grammar of account names"), choices=names.GRAMMARS)
    unique_on_server: bool = _live(False, gettext_lazy("Mailbox names are unique on the server"))
    login_form: str = _live("address", gettext_lazy("Login besides the address"), choices=LOGIN_FORMS)
    client_host_names: str = _live("server", gettext_lazy("Host names that mail programs are shown"), choices=HOST_NAMES)
    system_addresses: str = _live("postmaster_reserved", gettext_lazy("System addresses"), choices=SYSTEM_ADDRESSES)
    password_rule: str = _live("basic", gettext_lazy("Password rule"), choices=passwords.RULES)
    storage_default_mb: int | None = _live(1024, gettext_lazy("Capacity of a new mailbox (MB)"))
    storage_max_mb: int | None = _live(None, gettext_lazy("Largest capacity of a mailbox (MB)"))
    mailbox_messages: int | None = _live(None, gettext_lazy("Messages in a mailbox, all folders"))
    message_size_mb: int = _live(30, gettext_lazy("Largest message (MB)"), high=100)
    group_addresses: bool = _live(False, gettext_lazy("Group addresses"))
    forwarding: str = _live("simple", gettext_lazy("Style of forwarding"), choices=FORWARDING)
    forwarding_destinations: int | None = _live(None, gettext_lazy("Forwarding destinations"), high=1000)
    forwarding_by_user: bool = _live(True, gettext_lazy("Every user may forward"))
    profiles_max: int | None = _live(None, gettext_lazy("Forwarding profiles of a mailbox"), high=300)
    auto_reply: bool = _live(True, gettext_lazy("Auto-reply"))
    auto_reply_excludes_forwarding: bool = _live(False, gettext_lazy("An auto-reply stops forwarding"))
    auto_reply_subject: bool = _live(True, gettext_lazy("Auto-replies have a subject of their own"))
    auto_reply_default_subject: str = _live("", gettext_lazy("Subject of an auto-reply, if none is given"), low=0)
    auto_reply_bytes_cp932: int | None = _live(None, gettext_lazy("Length of an auto-reply (bytes in CP932)"), high=100_000)
    spam: str = _live("none", gettext_lazy("Spam handling"), choices=SPAM)
    spam_tag: str = _live("[SPAM]", gettext_lazy("Tag in the subject of spam"))
    spam_seats: bool = _live(False, gettext_lazy("Spam handling by seats"))
    domain_filters: bool = _live(False, gettext_lazy("Filters of a whole domain"))
    virus_inbound: str = _live(
        "none", gettext_lazy("Viruses in received mail"), choices=("none", "strip", "strip_notice", "optional", "delete")
    )
    virus_outbound: str = _live("none", gettext_lazy("Viruses in sent mail"), choices=("none", "delete_warn", "refuse", "optional"))
    unpacked_archive_mb: int | None = _live(None, gettext_lazy("Largest message, archives unpacked (MB)"), high=100)
    own_scripts: bool = _live(False, gettext_lazy("Users' own Sieve scripts (ManageSieve)"))
    # Held as data until the issue that enforces them.
    pool_default_mb: int | None = _rule(None)
    pool_max_mb: int | None = _rule(None)
    pool_hard: bool = _rule(False)
    pool_counts: str = _rule("all", choices=("all", "inbox"))
    message_size_with_webmail_mb: int | None = _rule(None)
    recipients_per_message: int | None = _rule(None)
    recipients_per_message_webmail: int | None = _rule(None)
    recipients_per_day: int | None = _rule(None)
    pop: bool = _rule(True)
    imap: bool = _rule(True)
    webmail: bool = _rule(True)
    plain_login: bool = _rule(False)
    apop: bool = _rule(False)
    cram_md5: bool = _rule(False)
    pop_before_smtp: bool = _rule(False)
    empty_sender_inside_only: bool = _rule(False)
    client_host_name_check: bool = _rule(False)
    retention_inbox_days: tuple[int, ...] = _rule(())
    retention_spam_days: int | None = _rule(None)
    retention_trash_days: int | None = _rule(None)
    retention_archive_days: int | None = _rule(None)
    wednesday_archive: bool = _rule(False)
    imap_folders: int | None = _rule(None)
    lists: bool = _rule(False)
    list_subdomain: str = _rule("", low=0)
    lists_included: int | None = _rule(None)
    list_members: int | None = _rule(None)
    list_members_max: int | None = _rule(None)
    list_message_kb: int | None = _rule(None)
    list_attachments: str = _rule("keep", choices=("keep", "discard", "strip"))
    list_hold_days: int | None = _rule(None)
    group_bytes_max_mb: int | None = _rule(None)
    data_copy: bool = _rule(False)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From the JSON of plans and overrides; raises `ValidationError` naming the key and its rule."""
        return cls(**{key: _checked(key, value) for key, value in values.items()})

    def over(self, overrides: Mapping[str, Any]) -> "Rules":
        """These rules with a domain's overrides on top."""
        return Rules.of({**as_json(self), **overrides}) if overrides else self


def as_json(rules: Rules) -> dict[str, Any]:
    """The values as the database holds them."""
    return {f.name: getattr(rules, f.name) for f in fields(Rules)}


def enforced() -> list[str]:
    """Names of the parameters that servers obey today, in the plan table's order."""
    return [f.name for f in fields(Rules) if f.metadata["enforced"]]


@cache
def _fields() -> dict[str, Field[Any]]:
    return {f.name: f for f in fields(Rules)}


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Rules)


def _checked(key: str, value: Any) -> Any:
    spec = _fields().get(key)
    if spec is None:
        raise ValidationError({key: ValidationError(_("There is no such plan value."), code="unknown")})
    if isinstance(value, list):
        value = tuple(value)
    if problem := _problem(value, _types()[key], spec.metadata):
        raise ValidationError({key: ValidationError(problem, code="invalid")})
    return value


def _problem(value: Any, kind: Any, meta: Mapping[str, Any]) -> str:
    kinds = get_args(kind) or (kind,)
    if value is None and type(None) in kinds:
        return ""
    if isinstance(value, bool) or bool in kinds:
        return "" if isinstance(value, bool) and bool in kinds else _("This is yes or no.") if bool in kinds else _("This is a number.")
    if isinstance(value, int) and int in kinds:
        low, high = meta["low"], meta["high"]
        return "" if low <= value <= high else _("This is a number from %(low)d to %(high)d.") % {"low": low, "high": high}
    if isinstance(value, str) and str in kinds:
        choices = meta["choices"]
        if not choices:
            fits = meta["low"] <= len(value.strip()) and len(value) <= TEXT_MAX and not CONTROLS.search(value)
            return "" if fits else _("%(low)d to %(most)d printable characters.") % {"low": meta["low"], "most": TEXT_MAX}
        return "" if value in choices else _("Choose one of: %(choices)s") % {"choices": ", ".join(choices)}
    return (
        "" if isinstance(value, tuple) and all(isinstance(v, int) for v in value) and int in kinds else _("This value has the wrong type.")
    )
