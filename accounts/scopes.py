"""What a token may do, in words: by resource, reading and writing."""

from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.permissions import RESOURCES

LABELS: dict[str, Any] = {
    "plans": gettext_lazy("Plans"),
    "customers": gettext_lazy("Customers"),
    "mail-hosts": gettext_lazy("Mail hosts"),
    "domains": gettext_lazy("Domains, their filters and senders"),
    "admins": gettext_lazy("Administrators"),
    "accounts": gettext_lazy("Mail accounts and their settings"),
    "aliases": gettext_lazy("Aliases"),
    "groups": gettext_lazy("Group addresses"),
    "imports": gettext_lazy("Bulk work by CSV"),
    "dns": gettext_lazy("DNS records and DKIM keys"),
    "server-information": gettext_lazy("Server information"),
    "audit": gettext_lazy("Audit trail"),
    "notices": gettext_lazy("Message board"),
    "webhooks": gettext_lazy("Webhooks"),
    "sign-in-policy": gettext_lazy("What sign-in asks for"),
    "sessions": gettext_lazy("Sessions"),
    "changes": gettext_lazy("Progress of changes"),
    "jobs": gettext_lazy("Jobs"),
    "tokens": gettext_lazy("API tokens"),
    "me": gettext_lazy("Own profile"),
}
ONLY_READ = ("server-information",)  # nothing there can be written by anybody


class Offer(NamedTuple):
    """A row of the table in which scopes are chosen. `write`: "" where the role may not."""

    label: str
    read: str
    write: str


def offered(role: Any) -> list[Offer]:
    """What the role has a part in."""
    return [
        Offer(str(LABELS[name]), f"{name}:read", f"{name}:write" if role in may_write and name not in ONLY_READ else "")
        for name, (may_read, may_write) in RESOURCES.items()
        if role in may_read
    ]


def in_words(scopes: list[str]) -> list[str]:
    """A line for each resource: "Aliases: read and write"."""
    verbs: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _colon, verb = scope.partition(":")
        verbs.setdefault(resource, set()).add(verb)
    return [_line(name, verbs[name]) for name in LABELS if name in verbs]


def _line(resource: str, verbs: set[str]) -> str:
    what = {"what": str(LABELS[resource])}
    if verbs == {"read"}:
        return _("%(what)s: read") % what
    return (_("%(what)s: write") if verbs == {"write"} else _("%(what)s: read and write")) % what
