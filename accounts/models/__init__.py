"""The objects of the panel, by what they are about."""

from accounts.models.addresses import (
    AddressKind,
    AddressName,
    Alias,
    AliasDestination,
    BareLogin,
    Group,
    GroupMember,
    Mailbox,
    RemovedHome,
)
from accounts.models.people import Admin, Token
from accounts.models.tenants import Customer, Domain, MailHost, Plan

__all__ = [
    "AddressKind",
    "AddressName",
    "Admin",
    "Alias",
    "AliasDestination",
    "BareLogin",
    "Customer",
    "Domain",
    "Group",
    "GroupMember",
    "MailHost",
    "Mailbox",
    "Plan",
    "RemovedHome",
    "Token",
]
