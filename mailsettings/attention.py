"""What the treatment of mail adds to "what needs you": domains whose DNS records are not as they should be (A20)."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.attention import SHOWN, Need
from accounts.names import to_unicode
from mailsettings.models import DnsCheck
from panel.base.templatetags.tegami import say

LEVELS = {"wrong": "bad", "missing": "warn"}  # "unknown" is nobody's to mend: the next look may tell


def needs(user: Any) -> Iterator[Need]:
    """The domains by name, a web admin's too (R4); one query."""
    rows = DnsCheck.objects.visible_to(user).filter(worst__in=LEVELS).order_by("-worst", "domain__name")
    found = list(rows.values_list("domain__name", "worst")[: SHOWN + 1])
    for name, worst in found[:SHOWN]:
        sentence = _("The DNS records of {domain} are wrong.") if worst == "wrong" else _("DNS records of {domain} are missing.")
        yield Need("signpost", LEVELS[worst], say(sentence, domain=to_unicode(name)), reverse("domain-dns", args=[name]), _("Show"))
    if len(found) > SHOWN:
        yield Need("signpost", "warn", _("DNS records of more domains are not as they should be."), reverse("domain-list"), _("Domains"))
