"""The objects of the panel, by what they are about."""

from accounts.models.access import OpenSession, SignInFailure, SignInPolicy
from accounts.models.addresses import (
    AddressKind,
    AddressName,
    Alias,
    AliasDestination,
    BareLogin,
    FormerPassword,
    Group,
    GroupMember,
    Mailbox,
    RemovedHome,
)
from accounts.models.board import Dismissal, Notice
from accounts.models.people import Admin, Appointment, Token
from accounts.models.tenants import Customer, Domain, MailHost, Plan
from accounts.models.webhooks import DeliveryState, Webhook, WebhookDelivery

__all__ = [
    "AddressKind",
    "AddressName",
    "Admin",
    "Alias",
    "AliasDestination",
    "Appointment",
    "BareLogin",
    "Customer",
    "DeliveryState",
    "Dismissal",
    "Domain",
    "FormerPassword",
    "Group",
    "GroupMember",
    "MailHost",
    "Mailbox",
    "Notice",
    "OpenSession",
    "Plan",
    "RemovedHome",
    "SignInFailure",
    "SignInPolicy",
    "Token",
    "Webhook",
    "WebhookDelivery",
]
