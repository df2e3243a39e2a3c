"""What the servers are told of accounts that nobody may sign in to (A11, A12)."""

from types import SimpleNamespace
from typing import Any
from typing import cast as cast_to

import pytest

from accounts.services import expansions, mailboxes, standing
from mailsettings.servers import doveadm, snapshot, worker
from mailsettings.servers.apply import Applied
from mailsettings.servers.desired import DIRECTORY, Row
from mailsettings.servers.layout import Layout
from panel.base.models import Change, ChangeTarget, State, TargetKind
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("how", ["suspended", "forced"])
def test_a_barred_account_may_not_sign_in_and_owns_no_sender(cast: Cast, how: str) -> None:
    """P6: also who is signed in already sends nothing more, not as an alias either; another owner of the alias does."""
    ken = make_mailbox(cast.domain, "ken")
    expansions.create_alias(cast.domain, "info", [cast.mia.address, ken.address], acting_user=SYSTEM)

    def said() -> tuple[Any, ...]:
        found = snapshot.wanted("mx1", [cast.mia.address, "info@a.example.com"], [])
        row = found[DIRECTORY, cast.mia.address]
        assert isinstance(row, Row)
        assert found["mailboxes", cast.mia.address] is not None, "its mail is delivered"
        return row.login, found["senders", cast.mia.address], found["senders", "info@a.example.com"]

    assert said() == (True, cast.mia.address, f"{ken.address}, {cast.mia.address}")
    if how == "suspended":
        standing.suspend(cast.mia, acting_user=SYSTEM)
    else:
        standing.force_password_change([cast.mia], acting_user=SYSTEM)
    assert said() == (False, None, ken.address)
    if how == "suspended":
        standing.resume(cast.mia, acting_user=SYSTEM)
    else:
        mailboxes.set_password(cast.mia, "Quiet%Harbour71bd", acting_user=SYSTEM)
    assert said() == (True, cast.mia.address, f"{ken.address}, {cast.mia.address}")


def test_sessions_end_even_where_a_killed_run_has_written_the_files(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run finds nothing to write: it must not take that for nothing to do. And only then the change is live."""
    standing.suspend(cast.mia, acting_user=SYSTEM)
    ken = make_mailbox(cast.domain, "ken")
    ChangeTarget.objects.all().delete()
    change = Change.objects.create(actor="system")
    for box in (cast.mia, ken):
        ChangeTarget.objects.create(change=change, host="mx1", kind=TargetKind.ADDRESS, key=box.address)
    kicked: list[tuple[str, int]] = []

    def kick(_layout: Any, address: str) -> None:
        kicked.append((address, ChangeTarget.objects.filter(state=State.LIVE).count()))

    monkeypatch.setattr(worker, "apply_entries", lambda *_: Applied(0, reloaded=False, written={}))
    monkeypatch.setattr(worker, "probe", lambda *_: None)
    monkeypatch.setattr(doveadm, "kick", kick)
    worker.carry_out(cast_to(Layout, SimpleNamespace(hostname="mx1.example.net")), 0, "mx1", list(ChangeTarget.objects.all()))
    assert kicked == [(cast.mia.address, 0)]
    assert ChangeTarget.objects.filter(state=State.LIVE).count() == 2
