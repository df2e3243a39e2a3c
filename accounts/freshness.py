"""Usage that somebody looks at is asked anew, if it is old; the page itself never waits for the mail servers."""

from datetime import timedelta

from django.dispatch import Signal
from django.utils import timezone

from accounts.models import Mailbox

STALE = timedelta(seconds=5)
# Sent with `address` and `host`; the app that knows the mail servers listens (imports run one way).
usage_wanted = Signal()


def looked_at(mailbox: Mailbox) -> None:
    """Call it where one mailbox is shown: the next look sees the present figures."""
    if mailbox.usage_at is None or timezone.now() - mailbox.usage_at > STALE:
        usage_wanted.send(sender=Mailbox, address=mailbox.address, host=mailbox.domain.host.name)
