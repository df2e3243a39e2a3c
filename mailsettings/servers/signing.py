"""Rows → what the servers sign with: a domain's DKIM keys, opened."""

import logging
from collections import defaultdict
from collections.abc import Collection

from accounts.models import Domain
from mailsettings.models import DkimKey, KeyState
from mailsettings.servers.states import Signing
from panel.base import sealing

log = logging.getLogger(__name__)
PURPOSE = "dkim"


def of_domains(domains: Collection[Domain]) -> dict[str, Signing]:
    """By name, for those that have keys; one query. A key that another SECRET_KEY has sealed is left out, and said so."""
    names = {domain.pk: domain.name for domain in domains}
    keys: dict[str, dict[str, str]] = defaultdict(dict)
    active: dict[str, str] = {}
    for key in DkimKey.objects.filter(domain_id__in=names).order_by("selector"):
        name = names[key.domain_id]
        try:
            keys[name][key.selector] = sealing.unseal(key.private, PURPOSE).decode()
        except sealing.Unreadable:
            log.error("the DKIM key %s of %s cannot be opened: SECRET_KEY is not the one it was sealed with", key.selector, name)
        else:
            if key.state == KeyState.ACTIVE:
                active[name] = key.selector
    return {name: Signing(tuple(found.items()), active.get(name)) for name, found in keys.items()}
