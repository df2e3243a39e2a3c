"""Moving here from another panel: what comes in is checked like any input, all or nothing (issue 4)."""

import copy
import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from passlib.hash import sha512_crypt

from accounts import passwords
from accounts.models import Alias, Domain, Mailbox
from mailsettings.moving.rows import Moved, MovedDomain, MovedMailbox, MovedReply
from mailsettings.services.moving import Place, Refused, bring_in
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.unit.test_moving_readers import MODOBOA, POSTFIXADMIN, made

pytestmark = pytest.mark.django_db
PASSWORD = "Their-0ld.password"
HASH = "{SHA512-CRYPT}" + sha512_crypt.using(rounds=5000).hash(PASSWORD)


@pytest.fixture
def place(cast: Cast) -> Place:
    domain = cast.domain
    return Place(domain.customer, domain.plan, domain.host, "boss@example.net", SYSTEM)


def moved(*boxes: MovedMailbox, aliases: dict[str, list[str]] | None = None) -> Moved:
    return Moved([MovedDomain("move.example", list(boxes), aliases or {})])


def test_a_mailbox_keeps_its_password_quota_comment_and_treatment(place: Place) -> None:
    reply = MovedReply("Away", "Back soon")
    box = MovedMailbox("mia", HASH, 2048, "Mia\n of sales", forwards=["phone@example.net"], keeps_copy=False, reply=reply)
    report = bring_in(moved(box, aliases={"info": ["mia@move.example"]}), place)
    assert (report.domains, report.mailboxes, report.aliases, report.forwards, report.replies) == (1, 1, 1, 1, 1)
    mia = Mailbox.objects.get(pk="mia@move.example")
    assert (mia.quota_mb, mia.comment, mia.suspended) == (2048, "Mia of sales", False)
    assert passwords.verify(PASSWORD, mia.password_hash)
    (profile,) = mia.profiles.all()
    assert (profile.destinations, profile.keep_copy) == (["phone@example.net"], False)
    assert mia.auto_reply.body == "Back soon"
    assert Alias.objects.get(pk="info@move.example").addresses() == ["mia@move.example"]
    assert AuditEntry.objects.filter(action="mailbox.create", subject="mia@move.example", actor="system").exists()


def test_an_account_that_was_switched_off_comes_suspended(place: Place) -> None:
    bring_in(moved(MovedMailbox("max", HASH, active=False)), place)
    assert Mailbox.objects.get(pk="max@move.example").suspended


def test_what_a_rule_refuses_stops_everything_and_every_reason_is_named(place: Place) -> None:
    boxes = [
        MovedMailbox("good", HASH),
        MovedMailbox("-bad", HASH),
        MovedMailbox("old", "{CRYPT}$1$abcdefgh$xxxxxxxxxxxxxxxxxxxxxx"),
        MovedMailbox("huge", HASH, 99_999),
        MovedMailbox("loop", HASH, forwards=["not an address"]),
    ]
    with pytest.raises(Refused) as refused:
        bring_in(moved(*copy.deepcopy(boxes), aliases={"x": ["x@move.example"]}), place)
    named = [one.what.partition("@")[0] for one in refused.value.report.refused]
    assert sorted(named) == ["-bad", "huge", "loop", "old", "x"]
    assert not Domain.objects.filter(name="move.example").exists()


def test_with_leave_out_the_rest_comes_in(place: Place) -> None:
    report = bring_in(moved(MovedMailbox("good", HASH), MovedMailbox("-bad", HASH)), place, leave_out=True)
    assert (report.mailboxes, [one.what for one in report.refused]) == (1, ["-bad@move.example"])
    assert Mailbox.objects.filter(pk="good@move.example").exists()


def test_names_that_come_with_a_domain_here_give_way(place: Place) -> None:
    report = bring_in(moved(MovedMailbox("postmaster", HASH), aliases={"root": ["good@example.net"]}), place)
    assert [one.what for one in report.left_out] == ["postmaster@move.example", "root@move.example"]
    assert (report.mailboxes, report.aliases) == (0, 0)


def test_a_limit_of_the_contract_holds(place: Place) -> None:
    place.customer.limits = {"accounts": 2}  # one is there
    place.customer.save()
    with pytest.raises(Refused) as refused:
        bring_in(moved(MovedMailbox("a", HASH), MovedMailbox("b", HASH)), place)
    assert "1 of 2" in refused.value.report.refused[0].why or "2 of 2" in refused.value.report.refused[0].why


def test_a_dry_run_says_the_same_and_changes_nothing(place: Place) -> None:
    report = bring_in(moved(MovedMailbox("mia", HASH)), place, dry_run=True)
    assert (report.domains, report.mailboxes) == (1, 1)
    assert not Domain.objects.filter(name="move.example").exists()


@pytest.mark.parametrize(("panel", "script"), [("postfixadmin", POSTFIXADMIN), ("modoboa", MODOBOA)])
def test_the_command_brings_in_a_whole_database(cast: Cast, tmp_path: Path, panel: str, script: str) -> None:
    url = made(tmp_path, script.replace("$6$rounds=70000$abcdefgh$" + "x" * 86, HASH.partition("}")[2]))
    out = io.StringIO()
    call_command("move_in", panel, url, customer="ours", plan="platinum", json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert (report["domains"], report["mailboxes"], report["aliases"], report["forwards"], report["replies"]) == (1, 2, 1, 2, 1)
    assert Mailbox.objects.get(pk="max@move.example").suspended
    with pytest.raises(CommandError, match="nothing was brought in"):
        call_command("move_in", panel, url, customer="ours", plan="platinum", stdout=io.StringIO())
