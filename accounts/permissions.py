"""Who may do what: the one table that services, pages and the API ask.

A role that has no part in a resource gets 404 (its querysets are empty); one's own object with a
forbidden verb is `Forbidden`, 403.
"""

from typing import Any

from django.utils.translation import gettext as _

from panel.base.errors import Forbidden
from panel.base.tenancy import Principal, Role

OPERATOR = frozenset({Role.OPERATOR})
CONTRACT = OPERATOR | {Role.CUSTOMER_ADMIN}
MAIL = CONTRACT | {Role.MAIL_ADMIN}
OWN_MAIL = MAIL | {Role.MAILBOX_USER}
ADMINS = MAIL | {Role.WEB_ADMIN}
EVERYONE = frozenset(Role)

# resource -> (who has a part in it, who may write it)
RESOURCES: dict[str, tuple[frozenset[Role], frozenset[Role]]] = {
    "plans": (OPERATOR, OPERATOR),
    "customers": (OPERATOR, OPERATOR),
    "mail-hosts": (OPERATOR, OPERATOR),
    "domains": (MAIL, MAIL),
    "admins": (CONTRACT, CONTRACT),
    "accounts": (OWN_MAIL, OWN_MAIL),
    "aliases": (MAIL, MAIL),
    "groups": (MAIL, MAIL),
    "imports": (MAIL, MAIL),
    "dns": (ADMINS, ADMINS),  # records, the check of them, DKIM keys: a web admin's too (R4)
    "server-information": (EVERYONE, EVERYONE),
    "audit": (MAIL, MAIL),
    "notices": (EVERYONE, EVERYONE),
    "webhooks": (MAIL, MAIL),
    "sign-in-policy": (OPERATOR, OPERATOR),
    "sessions": (EVERYONE, EVERYONE),
    "changes": (EVERYONE, EVERYONE),
    "jobs": (EVERYONE, EVERYONE),
    "tokens": (EVERYONE, EVERYONE),
    "me": (EVERYONE, EVERYONE),
}
ACTIONS: dict[str, frozenset[Role]] = {
    "plan.write": OPERATOR,
    "customer.write": OPERATOR,
    "domain.create": OPERATOR,
    "domain.delete": OPERATOR,
    "domain.contract": OPERATOR,  # plan, customer, host, limits, overrides
    "domain.limits": CONTRACT,  # a customer admin shares the contract's numbers out among its domains (A17)
    "domain.change": MAIL,  # the admin address
    "admin.write": CONTRACT,
    "mailbox.create": MAIL,
    "mailbox.change": MAIL,
    "mailbox.delete": MAIL,
    "mailbox.password": OWN_MAIL,
    "mailbox.suspend": MAIL,
    "mailbox.force_password": OPERATOR,
    "mailbox.purge": OWN_MAIL,
    "mailbox.export": MAIL,
    "mailbox.receive": OWN_MAIL,
    "profile.write": OWN_MAIL,
    "auto_reply.write": OWN_MAIL,
    "spam.write": OWN_MAIL,
    "explain": OWN_MAIL,
    "filter.write": MAIL,
    "alias.write": MAIL,
    "group.write": MAIL,
    "import.create": MAIL,
    "import.hashes": OPERATOR,
    "dkim.write": ADMINS,
    "audit.undo": MAIL,
    "notice.write": OPERATOR,
    "notice.dismiss": EVERYONE,
    "webhook.write": MAIL,
    "policy.write": OPERATOR,
    "host.write": OPERATOR,
    "token.write": EVERYONE,
}


def may(user: Principal, action: str) -> bool:
    """True if the user's role has the action at all; which objects is the querysets' business."""
    return user.role in ACTIONS[action]


def require(user: Principal, action: str) -> None:
    """Raises `Forbidden` unless the role has the action."""
    if not may(user, action):
        raise Forbidden(_("Your role may not do this."))


def has_part(user: Any, resource: str) -> bool:
    """True if the resource exists for this role (otherwise it answers 404)."""
    return getattr(user, "role", None) in RESOURCES[resource][0]
