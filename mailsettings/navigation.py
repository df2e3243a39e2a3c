"""What the treatment of mail adds to the sidebar."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Domain
from accounts.navigation import Row
from accounts.words import word
from panel.base.tenancy import Role


def rows(user: Any, domain: Domain | None) -> Iterator[Row]:
    """For a mailbox user the own settings that the plan has; for an admin what is the domain's; for a web admin only the last two."""
    if domain is None:
        yield from _own(user)
        return
    if domain.rules.domain_filters and user.role != Role.WEB_ADMIN:
        url = reverse("filter-list", args=[domain.name])
        yield Row(url, "funnel", word("domain filters", domain.plan.name), ("filter-*", "domain-senders"))
    url = reverse("server-information", args=[domain.name])
    yield Row(url, "hdd-network", word("server information", domain.plan.name), ("server-information",))
    url = reverse("domain-dns", args=[domain.name])
    yield Row(url, "diagram-3", _("DNS records"), ("domain-dns", "domain-dkim-*"))


def _own(user: Any) -> Iterator[Row]:
    plan, rules = user.domain.plan.name, user.domain.rules
    if user.lets_user_forward() or rules.forwarding == "hs":
        yield Row(reverse("me-forwarding"), "forward", word("forwarding", plan), ("me-forwarding", "me-profile*"))
    if rules.forwarding in ("warp", "platinum"):
        yield Row(reverse("me-filters"), "signpost-2", word("mail rules", plan), ("me-filters",))
    if rules.auto_reply:
        yield Row(reverse("me-reply"), "reply", word("auto-reply", plan), ("me-reply*",))
    if user.has_spam_handling():
        yield Row(reverse("me-spam"), "shield-check", word("spam", plan), ("me-spam*",))
    own = ("me-server-information", "me-set-up")
    yield Row(reverse("me-server-information"), "hdd-network", word("server information", plan), own)
    yield Row(reverse("me-explain"), "signpost-split", _("What happens to a mail?"), ("me-explain",))
