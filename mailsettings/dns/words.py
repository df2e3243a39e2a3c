"""What a record is for, and what is wrong with what was found, in words. Values come from DNS: escaped where they are shown."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from mailsettings.dns.judge import State
from mailsettings.dns.records import Record

# Purpose, or purpose and variant: the record's title, and what it does to mail.
PURPOSES: dict[str, tuple[Any, Any]] = {
    "mx": (_("Receiving (MX)"), _("Tells other servers where mail to this domain goes.")),
    "spf": (_("Sender (SPF)"), _("Says which server sends mail of this domain. All others look forged.")),
    "dkim": (_("Signature (DKIM)"), _("With this key other servers check the signature of sent mail.")),
    "dkim published": (_("New signature (DKIM)"), _("A new key, which signs by itself once this record was seen.")),
    "dkim retired": (
        _("Old signature (DKIM)"),
        _("The key before. Leave the record for mail on its way, until the key is gone from the list."),
    ),
    "dmarc": (
        _("Policy (DMARC)"),
        _("Says what becomes of mail that only pretends to come from this domain, and where reports go."),
    ),
    "autoconfig autoconfig": (_("Set-up of Thunderbird"), _("By this name Thunderbird finds the settings by itself.")),
    "autoconfig autodiscover": (_("Set-up of Outlook"), _("By this name Outlook finds the settings by itself.")),
    "srv _imaps._tcp": (_("Server for IMAP"), _("Mail programs find server and port by this record.")),
    "srv _pop3s._tcp": (_("Server for POP"), _("Mail programs find server and port by this record.")),
    "srv _submissions._tcp": (_("Server for sending"), _("Mail programs find server and port by this record.")),
    "client": (_("Server name"), _("The name that mail programs are shown leads to the server.")),
    "host_spf": (_("Sender of forwarded mail (SPF)"), _("Forwarded mail leaves with a sender of the mail host's own name.")),
}
GROUPS: dict[str, Any] = {
    "mail": _("Mail"),
    "programs": _("Mail programs"),
    "list": _("Mailing lists"),
    "host": _("The mail host"),
}
STATES: dict[str, tuple[str, Any]] = {
    State.GOOD: ("ok", _("Good")),
    State.MISSING: ("warn", _("Missing")),
    State.WRONG: ("bad", _("Wrong")),
    State.UNKNOWN: ("plain", _("Not known")),
    "optional": ("plain", _("Not there")),
    "": ("plain", _("Not looked at yet")),
}
WHY: dict[str, Any] = {
    "no_name": _("DNS does not have this name."),
    "nothing": _("DNS has no such record under this name."),
    "no_answer": _("The name servers did not answer in time, or with an error. That says nothing about the record."),
    "alias": _("The name is an alias (CNAME) of %(name)s. A domain that has mail may not be one."),
    "mx_null": _("The record says that the domain takes no mail at all."),
    "mx_elsewhere": _("Mail goes to another server and not to %(host)s."),
    "mx_alias": _("%(name)s is an alias (CNAME) of %(host)s. Name %(host)s itself: servers may refuse an alias here."),
    "mx_not_first": _("Other servers get mail as well or before: %(others)s. What they do with it is not known here."),
    "host_without_address": _("The mail host %(host)s has no address in DNS. Whoever runs the service has to set it."),
    "spf_several": _("There are several SPF records; servers then use none. Put them together into one."),
    "spf_syntax": _("The record cannot be read at “%(about)s”."),
    "spf_lookups": _("The record needs more than %(most)s look-ups, so servers give up. Leave some of its includes out."),
    "spf_include": _("The record includes “%(about)s”, which has no SPF record of its own, or several."),
    "spf_not_host": _("The record does not let %(host)s send (%(addresses)s). Add “a:%(host)s” before the last word."),
    "spf_everybody": _("The record lets everybody send in the name of this domain."),
    "dkim_several": _("There are several texts under this name; servers may read the wrong one."),
    "dkim_no_key": _("The text holds no DKIM key."),
    "dkim_revoked": _("The record says that the key is withdrawn."),
    "dkim_cut": _("The record ends too early: it is cut off."),
    "dkim_different": _("The record holds another key."),
    "dkim_conditions": _("It is the right key under conditions (h=, k= or s=) that no mail can meet."),
    "dkim_testing": _("It is marked as a test (t=y): servers may treat signed mail like unsigned."),
    "dmarc_several": _("There are several DMARC records; servers then use none."),
    "dmarc_policy": _("The record has no policy: p= has to be none, quarantine or reject."),
    "dmarc_none": _("Policy none: nothing is refused yet. When the reports show only your own servers, go on to quarantine."),
    "dmarc_quarantine": _("Policy quarantine: forged mail goes to the spam folder. When nothing is missing, go on to reject."),
    "dmarc_reject": _("Policy reject: forged mail is refused."),
    "points_nowhere": _("The name is an alias that leads nowhere."),
    "points_elsewhere": _("The name leads somewhere else and not to %(name)s."),
    "srv_elsewhere": _("The record names another server or port."),
}


def purpose_of(record: Record) -> tuple[Any, Any]:
    """Its title, and what it does."""
    if record.target == ".":
        return PURPOSES[f"{record.purpose} {record.variant}"][0], _("The plan does not have this. The record says so to mail programs.")
    return PURPOSES.get(f"{record.purpose} {record.variant}") or PURPOSES[record.purpose]


def why(code: str, about: dict[str, str]) -> str:
    """The sentence of a finding's code; "" for none."""
    return str(WHY[code]) % about if code in WHY else ""
