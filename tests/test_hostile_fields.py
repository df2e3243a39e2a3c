"""Hostile text in every text field that a person can fill: refused by its rule, or in the files as what it is.

The files are read back by the servers' own tools (postmap, sqlite) and must hold exactly the desired entries: one entry
more, one less or one changed would be a text that broke out of its field.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import AddressName, Mailbox
from accounts.services import contracts, domains, expansions, mailboxes
from mailsettings.servers import directory, drift, maps, snapshot
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast
from tests.servers.conftest import files as files

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(maps.postmap_program() is None, reason="postfix and postfix-lmdb are not installed"),
]
SYNTAX = "\"'#$%\\ \t\n\r\0,;:={}<>()|&!*~`@./[]?^-_+aZ0é漢あ\u2028\x85\ufeff"
PIECES = [
    "${a}",
    "\n\nevil@a.example.com x@y.test",
    '"; DROP TABLE mailbox;--',
    'text:\r\n.\r\n;keep;"',
    "|/bin/sh",
    "@a.example.com",
    "../..",
    "%u",
    "xn--",
]
HOSTILE = st.one_of(
    st.text(st.one_of(st.sampled_from(SYNTAX), st.characters()), max_size=30),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join),
)

Act = Callable[[Cast, str], object]
FIELDS: dict[str, Act] = {
    "mailbox name": lambda c, t: mailboxes.create_mailbox(c.domain, t, PASSWORD, acting_user=SYSTEM),
    "comment": lambda c, t: mailboxes.change_mailbox(c.mia, comment=t, acting_user=SYSTEM),
    "mobile address": lambda c, t: mailboxes.change_mailbox(c.mia, mobile_address=t, acting_user=SYSTEM),
    "mobile local part": lambda c, t: mailboxes.change_mailbox(c.mia, mobile_address=f"{t}@example.net", acting_user=SYSTEM),
    "password": lambda c, t: mailboxes.set_password(c.mia, f"Aa1#{t}Aa1#Aa1#", acting_user=SYSTEM),
    "alias name": lambda c, t: expansions.create_alias(c.domain, t, ["x@example.net"], acting_user=SYSTEM),
    "destination": lambda c, t: expansions.create_alias(c.domain, "al", [t, "x@example.net"], acting_user=SYSTEM),
    "destination local part": lambda c, t: expansions.create_alias(c.domain, "al", [f"{t}@example.net"], acting_user=SYSTEM),
    "destination domain": lambda c, t: expansions.create_alias(c.domain, "al", [f"x@{t}.example.net"], acting_user=SYSTEM),
    "member": lambda c, t: expansions.create_group(c.domain, "gr", [f"{t}@example.net"], acting_user=SYSTEM),
    "admin address": lambda c, t: domains.change_domain(c.domain, admin_address=f"{t}@example.net", acting_user=SYSTEM),
    "domain name": lambda c, t: domains.create_domain(
        t, customer=c.domain.customer, plan=c.domain.plan, host=c.domain.host, admin_address="x@example.net", acting_user=SYSTEM
    ),
    "customer name": lambda c, t: contracts.create_customer(t, limits={}, acting_user=SYSTEM),
    "plan title": lambda c, t: contracts.change_plan(c.domain.plan, title=t, acting_user=SYSTEM),
}


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=HOSTILE)
@example(text="a\nevil@a.example.com\tattacker@elsewhere.test")
@example(text="ordinary")
def test_hostile_text_reaches_no_file_unquoted(cast: Cast, files: Layout, field: str, text: str) -> None:
    with transaction.atomic():
        undo = transaction.savepoint()
        try:
            with transaction.atomic():
                FIELDS[field](cast, text)
        except ValidationError:
            pass
        else:
            _files_hold_just_what_is_wanted(files)
            _no_control_characters_anywhere()
        finally:
            transaction.savepoint_rollback(undo)


def _files_hold_just_what_is_wanted(files: Layout) -> None:
    wanted = list(snapshot.everything("mx1"))
    with host_lock(files) as lock_fd:
        drift.repair(files, lock_fd, wanted)
    for name in ("domains", "mailboxes", "aliases", "senders"):
        assert maps.dump(files, name) == {entry.key: entry.value for entry in wanted if entry.store == name}
    assert dict(directory.dump(files)) == {entry.key: entry.value for entry in wanted if entry.store == "directory"}
    known = set(AddressName.objects.values_list("pk", flat=True))
    assert set(maps.dump(files, "aliases")) <= known
    assert set(maps.dump(files, "mailboxes")) <= known


def _no_control_characters_anywhere() -> None:
    texts = [m.comment + m.mobile_address + m.name_id for m in Mailbox.objects.all()]
    assert all(c.isprintable() or c in "\u3000 \u00a0" or ord(c) > 0x200 for text in texts for c in text)
    assert not AuditEntry.objects.filter(subject__contains="\n").exists()
