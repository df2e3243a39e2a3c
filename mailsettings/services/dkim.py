"""The life of DKIM keys (A20): made, published, seen in DNS, switched to, kept for mail on its way, removed.

A key signs only once its record was seen. The first one of a domain then signs at once; one that takes another's place waits
`SETTLE` longer, because not every name server has it at the same moment. The old one's record stays for `KEPT`.
"""

import base64
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Domain
from accounts.models.tenants import bump
from accounts.permissions import require
from mailsettings.models import DkimKey, KeyState
from mailsettings.services.common import finish_domain
from panel.base import audit, sealing
from panel.base.errors import Clash
from panel.base.models import Change
from panel.base.tenancy import SYSTEM, Principal

PURPOSE = "dkim"
BITS = 2048  # RFC 8301 3.2: what everybody verifies, and still one packet of DNS
SETTLE = timedelta(hours=1)
KEPT = timedelta(days=7)
LETTERS = "bcdfghjkmnpqrstvwxz"


def make_key(domain: Domain, *, acting_user: Principal) -> tuple[DkimKey, Change]:
    """A key to be published; mail goes on being signed as before. Raises `Clash` while another one waits."""
    require(acting_user, "dkim.write")
    private, public = _pair()
    with transaction.atomic():
        fresh = _held(domain)
        if fresh.dkim_keys.filter(state=KeyState.PUBLISHED).exists():
            raise Clash("", _("There is a new key already that waits for its record."), "key_waits")
        key = DkimKey(domain=fresh, selector=_selector(), public=public, private=sealing.seal(private, PURPOSE))
        _insert(key)
        return key, finish_domain(fresh, "dkim.create", acting_user=acting_user, after={"selector": key.selector})


def switch(domain: Domain, *, acting_user: Principal, force: bool = False) -> tuple[DkimKey, Change]:
    """The new key signs from now on, the old one's record stays for `KEPT`. Raises `Clash` where there is no new key.

    Also where its record has not been seen, unless `force`: what it signs cannot be verified then.
    """
    require(acting_user, "dkim.write")
    with transaction.atomic():
        fresh = _held(domain)
        new: DkimKey | None = fresh.dkim_keys.filter(state=KeyState.PUBLISHED).first()
        old: DkimKey | None = fresh.dkim_keys.filter(state=KeyState.ACTIVE).first()
        if new is None:
            raise Clash("", _("There is no new key to switch to."), "no_new_key")
        if new.seen_at is None and not force:
            raise Clash("", _("The record of the new key has not been seen in DNS yet."), "not_seen")
        if old:
            bump(old, state=KeyState.RETIRED, retired_at=timezone.now())
        bump(new, state=KeyState.ACTIVE, active_at=timezone.now())
        before, after = {"selector": old.selector if old else None}, {"selector": new.selector, "seen": new.seen_at is not None}
        return new, finish_domain(fresh, "dkim.switch", acting_user=acting_user, before=before, after=after)


def delete_key(key: DkimKey, *, acting_user: Principal) -> Change:
    """The key is gone for good; if it was the one that signs, mail of the domain leaves unsigned."""
    require(acting_user, "dkim.write")
    with transaction.atomic():
        domain = _held(key.domain)
        before = {"selector": key.selector, "state": key.state}
        domain.dkim_keys.filter(pk=key.pk).delete()
        return finish_domain(domain, "dkim.delete", acting_user=acting_user, before=before)


def remove_at(key: DkimKey) -> datetime | None:
    """When a key that has retired goes by itself."""
    return key.retired_at + KEPT if key.retired_at else None


def note_seen(key: DkimKey, is_there: bool) -> None:
    """What a look at DNS says: the time of a key that waits begins, or begins anew when the record has gone again.

    One that was switched to unseen can still be seen; what has signed stays seen.
    """
    waits = key.state == KeyState.PUBLISHED
    if is_there == (key.seen_at is not None) or not (waits or (is_there and key.state == KeyState.ACTIVE)):
        return
    with transaction.atomic():
        moved = DkimKey.objects.filter(pk=key.pk, state=key.state, seen_at__isnull=is_there)
        if moved.update(seen_at=timezone.now() if is_there else None):
            action = "dkim.seen" if is_there else "dkim.lost"
            audit.record(action, key.domain.name, acting_user=SYSTEM, domain=key.domain, after={"selector": key.selector})


def advance() -> None:
    """What is due by itself: keys whose record was seen long enough ago sign, those that have retired long enough go."""
    for key in DkimKey.objects.filter(state=KeyState.PUBLISHED, seen_at__isnull=False).select_related("domain"):
        settle(key.domain)
    for key in DkimKey.objects.filter(state=KeyState.RETIRED, retired_at__lte=timezone.now() - KEPT).select_related("domain"):
        with suppress(Domain.DoesNotExist):
            delete_key(key, acting_user=SYSTEM)


def settle(domain: Domain) -> None:
    """Switches to the domain's new key if its time has come."""
    seen_before = timezone.now() - (SETTLE if domain.dkim_keys.filter(state=KeyState.ACTIVE).exists() else timedelta())
    if domain.dkim_keys.filter(state=KeyState.PUBLISHED, seen_at__lte=seen_before).exists():
        with suppress(Clash, Domain.DoesNotExist):  # somebody was faster
            switch(domain, acting_user=SYSTEM)


def _held(domain: Domain) -> Domain:
    fresh: Domain = Domain.objects.select_for_update(of=("self",)).select_related("host").get(pk=domain.pk)
    return fresh


def _insert(key: DkimKey) -> None:
    for _attempt in range(5):
        try:
            with transaction.atomic():
                key.save(force_insert=True)
            return
        except IntegrityError:
            key.selector = _selector()
    raise Clash("", _("There is a new key already that waits for its record."), "key_waits")


def _selector() -> str:
    """`t202611xk`: month, and letters by chance, so that none is ever used twice: DNS remembers the old one's record."""
    return f"t{timezone.now():%Y%m}{''.join(secrets.choice(LETTERS) for _letter in range(3))}"


def _pair() -> tuple[bytes, str]:
    """PKCS#8 PEM of a new private key, and base64 of its public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
