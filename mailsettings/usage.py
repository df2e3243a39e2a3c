"""How full mailboxes are: asked of Dovecot by tasks, shown from columns."""

from collections.abc import Iterable

from django.utils import timezone

from accounts.models import Mailbox
from mailsettings.servers import doveadm
from mailsettings.servers.layout import Layout

AT_ONCE = 200


def refresh(layout: Layout, addresses: Iterable[str]) -> int:
    """Writes the present usage of these mailboxes; returns how many. Raises `DovecotNotRunning`."""
    count = 0
    for address in addresses:
        try:
            found = doveadm.usage(layout, address)
        except doveadm.DoveadmError:
            continue  # deleted or not live yet
        now = timezone.now()
        Mailbox.objects.filter(pk=address).update(used_bytes=found.storage, used_messages=found.messages, usage_at=now)
        count += 1
    return count


def stalest(host: str) -> list[str]:
    """The `AT_ONCE` mailboxes of the host whose usage was asked longest ago, never asked first."""
    boxes = Mailbox.objects.filter(domain__host__name=host).order_by("usage_at").values_list("pk", "usage_at")
    never = boxes.filter(usage_at__isnull=True)[:AT_ONCE]
    rest = boxes.filter(usage_at__isnull=False)[:AT_ONCE]
    return [address for address, _at in [*never, *rest]][:AT_ONCE]
