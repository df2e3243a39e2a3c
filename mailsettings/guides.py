"""How a mail program is set up, step by step, with the person's own values in it.

The words in quotes are those on the programs' buttons, in the language of the page: the Japanese catalogue holds the
Japanese ones. What a program calls a thing changes between versions; the values beside the steps do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mailsettings.discovery.facts import STARTTLS, TLS, Facts
from panel.base.templatetags.tegami import say

PROTOCOLS = {"imap": "IMAP", "pop3": "POP", "smtp": "SMTP"}
SECURITIES = {TLS: "SSL/TLS", STARTTLS: "STARTTLS"}


@dataclass(frozen=True, slots=True)
class Program:
    """Sentences with the names of `values` in braces. `installing`: of Apple's profile; `phone`: a QR code leads there."""

    slug: str
    icon: str
    title: Any
    about: Any
    steps: tuple[Any, ...]
    installing: tuple[Any, ...] = ()
    notes: tuple[Any, ...] = ()
    phone: bool = False


def values(facts: Facts) -> dict[str, str] | None:
    """What stands in the sentences, "" for what does not apply; None where there is nothing to set up."""
    receiving, sending = facts.receiving, facts.sending
    if receiving is None or sending is None or facts.address is None or facts.login is None:
        return None
    return {
        "address": facts.address,
        "login": facts.login,
        "whole": facts.address if "%" in facts.login else "",
        "protocol": PROTOCOLS[receiving.protocol],
        "server": receiving.host,
        "port": str(receiving.port),
        "security": SECURITIES[receiving.security],
        "sending_port": str(sending.port),
        "sending_security": SECURITIES[sending.security],
        "starttls": _starttls(facts) if receiving.security == sending.security == TLS else "",
    }


def _starttls(facts: Facts) -> str:
    """The ports of STARTTLS of the recommended protocols, where both have one."""
    protocols = {server.protocol for server in (facts.receiving, facts.sending) if server}
    found = [server for server in (*facts.incoming, *facts.outgoing) if server.protocol in protocols and server.security == STARTTLS]
    return ", ".join(f"{PROTOCOLS[server.protocol]} {server.port}" for server in found) if len(found) == len(protocols) else ""


def said(sentences: Iterable[Any], known: dict[str, str]) -> list[SafeString]:
    """The sentences with their values marked; one that speaks of what does not apply is left out."""
    texts = [str(sentence) for sentence in sentences]
    return [say(text, **{name: known[name] for name in _names(text)}) for text in texts if all(known[name] for name in _names(text))]


def _names(text: str) -> list[str]:
    return [name for _text, name, _spec, _conversion in Formatter().parse(text) if name]


THUNDERBIRD = Program(
    "thunderbird",
    "laptop",
    _("Thunderbird"),
    _("Windows, macOS and Linux"),
    (
        _("Open the menu, choose “New Account” and “Email”; in older versions “Account Settings”, “Account Actions”, “Add Mail Account”."),
        _("Enter your name as others shall see it and {address}, and press “Continue”."),
        _("If Thunderbird finds {protocol} at {server}, take it."),
        _("If it finds nothing, choose “Configure manually” and enter the values given here; authentication is “Normal password”."),
        _("Enter the password of the mailbox and press “Continue” or “Done”."),
    ),
)
OUTLOOK = Program(
    "outlook",
    "window",
    _("Outlook (new)"),
    _("Windows and macOS"),
    (
        _("Open the settings, choose “Accounts” and press “Add account”. At its first start Outlook asks by itself."),
        _("Enter {address} and press “Continue”. If Outlook asks for the provider, choose {protocol}."),
        _("Enter the password of the mailbox and press “Show more”."),
        _("Correct what differs from the values given here: {server}, ports {port} and {sending_port}, user name {login}."),
        _("Press “Continue”, and “Done” at the end."),
    ),
    notes=(_("This Outlook hands address and password to Microsoft, whose servers then fetch the mail. Outlook (classic) does not."),),
)
CLASSIC = Program(
    "outlook-classic",
    "window",
    _("Outlook (classic)"),
    _("Windows"),
    (
        _("Choose “File” and press “Add Account”."),
        _("Enter {address}, open “Advanced options”, tick “Let me set up my account manually” and press “Connect”."),
        _("Choose {protocol}."),
        _("Incoming mail: server {server}, port {port}, encryption {security}."),
        _("Outgoing mail: server {server}, port {sending_port}, encryption {sending_security}."),
        _("Leave “Require logon using Secure Password Authentication (SPA)” without a tick, and press “Next”."),
        _("Enter the password of the mailbox and press “Connect”."),
    ),
)
MAC = Program(
    "mac",
    "laptop",
    _("Mail on the Mac"),
    _("with a profile, or by hand"),
    (
        _("In Mail, choose “Mail”, “Add Account…” and “Other Mail Account…”."),
        _("Enter your name as others shall see it, {address} and the password of the mailbox, and press “Sign In”."),
        _("If Mail asks for more: user name {login}, account type {protocol}, {server} for both servers. Press “Sign In”."),
        _("Leave “Mail” ticked and press “Done”."),
    ),
    installing=(
        _("Press the button on the Mac. It downloads a profile for {address}."),
        _(
            "Open “System Settings”, “General”, “Device Management” and double-click the profile; "
            "in older versions “Privacy & Security”, “Profiles”."
        ),
        _("Press “Install” and enter the password of the mailbox. It is not in the profile."),
    ),
)
IPHONE = Program(
    "iphone",
    "phone",
    _("iPhone and iPad"),
    _("with a profile, or by hand"),
    (
        _("Open “Settings”, “Apps”, “Mail”, “Mail Accounts” and tap “Add Account”. On older devices “Mail” stands in “Settings” itself."),
        _("Tap “Other” and “Add Mail Account”."),
        _("Enter your name as others shall see it, {address} and the password of the mailbox, and tap “Next”."),
        _("Choose {protocol}. For both servers, incoming and outgoing, enter {server}, the user name {login} and the password."),
        _("Tap “Next” and “Save”."),
    ),
    installing=(
        _("Point the device's camera at the code and open the link; or press the button, if you read this on the device."),
        _("Allow the download, open “Settings” and tap “Profile Downloaded”."),
        _("Tap “Install” and enter the password of the mailbox. It is not in the profile."),
    ),
    phone=True,
)
GMAIL = Program(
    "gmail",
    "phone",
    _("Gmail app"),
    _("Android"),
    (
        _("In the Gmail app, tap your picture at the top, “Add another account” and “Other”."),
        _("Enter {address}, tap “Manual setup” and choose {protocol}."),
        _("Enter the password of the mailbox and tap “Next”."),
        _("Incoming server: user name {login}, server {server}, port {port}, security type {security}. Tap “Next”."),
        _("Outgoing server: {server}, port {sending_port}, security type {sending_security}, user name {login}. Tap “Next”."),
    ),
    notes=(_("If the app does not take the “%” in the user name, enter {whole} instead: it signs in as well."),),
    phone=True,
)
OTHER = Program(
    "other",
    "question-circle",
    _("Another program"),
    _("any that knows IMAP or POP"),
    (
        _("Have the program set up an account by hand, and choose {protocol}."),
        _("Enter {server} for both servers, port {port} for incoming and port {sending_port} for outgoing mail."),
        _("Enter the user name {login} for incoming and for outgoing mail; authentication is “normal password”."),
        _("Choose encryption {security}. Without it the server takes no password."),
    ),
    notes=(_("A program that only has STARTTLS takes these ports: {starttls}."),),
)
PROGRAMS = {program.slug: program for program in (THUNDERBIRD, OUTLOOK, CLASSIC, MAC, IPHONE, GMAIL, OTHER)}
