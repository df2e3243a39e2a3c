"""What happens to mail, and what a domain publishes."""

from mailsettings.models.dns import DkimKey, DnsCheck, KeyState
from mailsettings.models.treatment import (
    BODY_MAX,
    INTERVAL_MAX,
    NAME_MAX,
    VALUE_MAX,
    Action,
    AutoReply,
    DomainFilter,
    DomainSenders,
    Match,
    OfDomainQuerySet,
    OfMailboxQuerySet,
    Profile,
    SpamSettings,
    Treatment,
)

__all__ = [
    "BODY_MAX",
    "INTERVAL_MAX",
    "NAME_MAX",
    "VALUE_MAX",
    "Action",
    "AutoReply",
    "DkimKey",
    "DnsCheck",
    "DomainFilter",
    "DomainSenders",
    "KeyState",
    "Match",
    "OfDomainQuerySet",
    "OfMailboxQuerySet",
    "Profile",
    "SpamSettings",
    "Treatment",
]
