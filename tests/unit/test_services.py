"""What people can do: rows, counters, names, audit and outbox in one transaction."""

import pytest
from django.core.exceptions import ValidationError

from accounts import passwords, selectors
from accounts.models import AddressName, Alias, Domain, Mailbox, RemovedHome
from accounts.services import contracts, domains, expansions, mailboxes
from mailsettings.servers import snapshot
from panel.base.errors import Clash, Forbidden, LimitReached
from panel.base.models import AuditEntry, Change, ChangeTarget, Job
from panel.base.tenancy import SYSTEM
from tests.conftest import PASSWORD, Cast, make_domain, make_mailbox

pytestmark = pytest.mark.django_db


def codes(error: ValidationError) -> dict[str, list[str]]:
    return {field: [str(e.code) for e in errors] for field, errors in error.error_dict.items()}


def test_creating_writes_row_audit_and_outbox(cast: Cast) -> None:
    Change.objects.all().delete()
    mailbox, change = mailboxes.create_mailbox(cast.domain, "New.One", PASSWORD, acting_user=cast.bob, comment="hi")
    assert mailbox.address == "new.one@a.example.com"
    assert passwords.verify(PASSWORD, mailbox.password_hash)
    target = ChangeTarget.objects.get(change=change)
    assert (target.host, target.kind, target.key, target.state) == ("mx1", "address", mailbox.address, "pending")
    entry = AuditEntry.objects.get(action="mailbox.create", subject=mailbox.address)
    assert entry.actor == "admin:bob"
    assert entry.after["comment"] == "hi"
    assert "password" not in str(entry.after)


def test_nothing_is_written_when_anything_is_wrong(cast: Cast) -> None:
    before = (AddressName.objects.count(), Change.objects.count(), AuditEntry.objects.count())
    with pytest.raises(ValidationError):
        mailboxes.create_mailbox(cast.domain, "ok", PASSWORD, acting_user=cast.bob, mobile_address="nonsense")
    with pytest.raises(ValidationError):
        mailboxes.create_mailbox(cast.domain, "ok", "short", acting_user=cast.bob)
    assert before == (AddressName.objects.count(), Change.objects.count(), AuditEntry.objects.count())


@pytest.mark.parametrize("taker", ["mailbox", "alias", "group"])
@pytest.mark.parametrize("holder", ["mailbox", "alias", "group", "reserved"])
def test_one_name_space_says_what_holds_a_name(cast: Cast, holder: str, taker: str) -> None:
    """A6, both ways."""
    name = "postmaster" if holder == "reserved" else "shared"
    if holder != "reserved":
        _make(cast, holder, name)
    with pytest.raises(Clash) as caught:
        _make(cast, taker, name.upper())
    words = {"mailbox": "a mailbox", "alias": "a alias", "group": "a group", "reserved": "a system address"}
    assert words[holder] in str(caught.value)


def _make(cast: Cast, kind: str, name: str) -> None:
    if kind == "mailbox":
        mailboxes.create_mailbox(cast.domain, name, PASSWORD, acting_user=cast.bob)
    elif kind == "alias":
        expansions.create_alias(cast.domain, name, ["x@example.net"], acting_user=cast.bob)
    else:
        expansions.create_group(cast.domain, name, ["x@example.net"], acting_user=cast.bob)


def test_limits_count_accounts_and_promised_storage(cast: Cast) -> None:
    """A17: both figures in the refusal."""
    ours = contracts.change_customer(cast.domain.customer, limits={"accounts": 2, "storage_mb": 20_000}, acting_user=SYSTEM)
    assert ours.limits["accounts"] == 2
    mailboxes.create_mailbox(cast.domain, "two", PASSWORD, quota_mb=1, acting_user=cast.bob)
    with pytest.raises(LimitReached) as caught:
        mailboxes.create_mailbox(cast.domain, "three", PASSWORD, quota_mb=1, acting_user=cast.bob)
    assert (caught.value.used, caught.value.limit) == (2, 2)
    mailboxes.delete_mailboxes([Mailbox.objects.get(pk="two@a.example.com")], acting_user=cast.bob)
    with pytest.raises(LimitReached) as storage:
        mailboxes.change_mailbox(make_mailbox(cast.foreign_domain, "free"), quota_mb=5, acting_user=SYSTEM) and mailboxes.create_mailbox(
            cast.domain, "four", PASSWORD, quota_mb=10_000, acting_user=cast.bob
        )
    assert (storage.value.used, storage.value.limit) == (10_240, 20_000)


def test_counters_equal_the_rows(cast: Cast) -> None:
    mailboxes.create_mailbox(cast.domain, "one", PASSWORD, quota_mb=5, acting_user=SYSTEM)
    two, _ = mailboxes.create_mailbox(cast.domain, "two", PASSWORD, quota_mb=7, acting_user=SYSTEM)
    mailboxes.change_mailbox(two, quota_mb=9, acting_user=SYSTEM)
    alias, _ = expansions.create_alias(cast.domain, "al", ["x@example.net"], acting_user=SYSTEM)
    expansions.create_alias(cast.domain, "al2", ["x@example.net"], acting_user=SYSTEM)
    expansions.delete_alias(alias, acting_user=SYSTEM)
    mailboxes.delete_mailboxes([Mailbox.objects.get(pk="one@a.example.com")], acting_user=SYSTEM)
    fresh = Domain.objects.get(pk=cast.domain.pk)
    rows = fresh.mailboxes.filter(is_system=False)
    assert fresh.accounts_count == rows.count() == 2
    assert fresh.promised_mb == sum(rows.values_list("quota_mb", flat=True)) == 10_249
    assert fresh.aliases_count == fresh.aliases.count() == 1


def test_plusmail_names_are_unique_on_the_server(cast: Cast) -> None:
    """A6: the manual's own words."""
    one = make_domain("one.example.org", "plusmail", cast.domain.customer, cast.domain.host)
    two = make_domain("two.example.org", "plusmail", cast.domain.customer, cast.domain.host)
    mailboxes.create_mailbox(one, "taro", PASSWORD, acting_user=SYSTEM)
    with pytest.raises(Clash, match=r"User exists\. Choose another username\."):
        mailboxes.create_mailbox(two, "Taro", PASSWORD, acting_user=SYSTEM)
    assert not AddressName.objects.filter(pk="taro@two.example.org").exists()


@pytest.mark.parametrize(
    ("plan", "reserved", "system"),
    [
        ("platinum", {"postmaster", "mailer-daemon", "root"}, None),
        ("hs", {"postmaster"}, None),
        ("warp", {"postmaster"}, None),
        ("standard", set(), "postmaster"),
        ("plusmail", {"postmaster"}, "sys"),
    ],
)
def test_system_addresses_by_plan(cast: Cast, plan: str, reserved: set[str], system: str | None) -> None:
    """A5."""
    domain = make_domain("sys.example.org", plan, cast.domain.customer, cast.domain.host)
    found = AddressName.objects.filter(domain=domain, kind="reserved").values_list("pk", flat=True)
    assert {address.partition("@")[0] for address in found} == reserved
    boxes = list(domain.mailboxes.filter(is_system=True))
    assert [box.local_part for box in boxes] == ([system] if system else [])
    assert domain.accounts_count == 0
    if boxes:
        with pytest.raises(ValidationError, match="cannot be deleted"):
            mailboxes.delete_mailboxes(boxes, acting_user=SYSTEM)


def test_a_change_of_plan_settles_system_addresses(cast: Cast) -> None:
    from accounts.models import Plan

    domain = make_domain("move.example.org", "standard", cast.domain.customer, cast.domain.host)
    domain, _ = domains.change_domain(domain, plan=Plan.objects.get(name="platinum"), acting_user=SYSTEM)
    kinds = dict(AddressName.objects.filter(domain=domain).values_list("pk", "kind"))
    assert kinds == {
        "postmaster@move.example.org": "mailbox",
        "root@move.example.org": "reserved",
        "mailer-daemon@move.example.org": "reserved",
    }
    assert not domain.mailboxes.filter(is_system=True).exists()


def test_loops_are_refused_over_any_number_of_steps(cast: Cast) -> None:
    expansions.create_alias(cast.domain, "one", ["two@a.example.com"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "two", ["three@a.example.com", "x@example.net"], acting_user=SYSTEM)
    with pytest.raises(ValidationError) as caught:
        expansions.create_alias(cast.domain, "three", ["ONE@a.example.com"], acting_user=SYSTEM)
    assert codes(caught.value) == {"destinations": ["loop"]}


def test_more_than_postfix_expands_is_refused_also_when_nested(cast: Cast) -> None:
    """A8."""
    many = [f"m{n}@example.net" for n in range(999)]
    expansions.create_group(cast.domain, "many", many, acting_user=SYSTEM)
    with pytest.raises(ValidationError) as caught:
        expansions.create_group(cast.domain, "more", ["many@a.example.com", "x@example.net"], acting_user=SYSTEM)
    assert codes(caught.value) == {"members": ["too_many"]}


def test_groups_only_where_the_plan_has_them(cast: Cast) -> None:
    domain = make_domain("nogroup.example.org", "warp", cast.domain.customer, cast.domain.host)
    with pytest.raises(ValidationError, match="Warp"):
        expansions.create_group(domain, "all", ["x@example.net"], acting_user=SYSTEM)


def test_a_login_owns_every_alias_that_leads_to_it_but_no_group(cast: Cast) -> None:
    """P6: also over several aliases; changing one in the middle re-applies those above it."""
    expansions.create_alias(cast.domain, "inner", ["mia@a.example.com", "x@example.net"], acting_user=SYSTEM)
    expansions.create_alias(cast.domain, "outer", ["inner@a.example.com"], acting_user=SYSTEM)
    expansions.create_group(cast.domain, "all", ["mia@a.example.com"], acting_user=SYSTEM)
    owned = selectors.owners(["outer@a.example.com"])["outer@a.example.com"]
    assert "mia@a.example.com" in owned
    states = snapshot.address_states("mx1", ["all@a.example.com", "outer@a.example.com"])
    assert not hasattr(states["all@a.example.com"], "owners")
    inner = Alias.objects.get(pk="inner@a.example.com")
    _alias, change = expansions.change_alias(inner, ["x@example.net"], acting_user=SYSTEM)
    above, below = "outer@a.example.com", "mia@a.example.com"  # the mailbox behind it: its auto-reply knows every address of its
    assert set(change.targets.values_list("key", flat=True)) == {"inner@a.example.com", above, below}


def test_deleting_remembers_the_mail_on_disk(cast: Cast) -> None:
    """A3."""
    home = cast.mia.uuid
    mailboxes.delete_mailboxes([cast.mia], acting_user=cast.bob)
    assert RemovedHome.objects.get().uuid == home
    assert Job.objects.get(kind="remove_homes").state == "queued"
    again = make_mailbox(cast.domain, "mia")
    assert again.uuid != home


def test_a_mailbox_user_needs_the_current_password(cast: Cast) -> None:
    with pytest.raises(ValidationError) as caught:
        mailboxes.set_password(cast.mia, "Other#Mail2026y", acting_user=cast.mia, current_password="wrong")
    assert codes(caught.value) == {"current_password": ["wrong"]}
    fresh, _ = mailboxes.set_password(cast.mia, "Other#Mail2026y", acting_user=cast.mia, current_password=PASSWORD)
    assert passwords.verify("Other#Mail2026y", fresh.password_hash)


def test_a_mailbox_user_changes_nobody_else(cast: Cast) -> None:
    with pytest.raises(Forbidden):
        mailboxes.set_password(cast.foreign_box, "Other#Mail2026y", acting_user=cast.mia, current_password=PASSWORD)
    with pytest.raises(Forbidden):
        mailboxes.change_mailbox(cast.mia, quota_mb=5, acting_user=cast.mia)


def test_a_comment_reaches_no_server_and_makes_no_change(cast: Cast) -> None:
    _mailbox, change = mailboxes.change_mailbox(cast.mia, comment="new", acting_user=cast.bob)
    assert change is None


def test_a_plans_new_size_reaches_each_of_its_domains(cast: Cast) -> None:
    _plan, change = contracts.change_plan(cast.domain.plan, values={"message_size_mb": 11}, acting_user=SYSTEM)
    assert change is not None
    assert set(change.targets.values_list("kind", "key")) == {("domain-all", "a.example.com"), ("domain-all", "b.example.com")}
    state = snapshot.address_states("mx1", [cast.mia.address])[cast.mia.address]
    assert getattr(state, "max_message_mb", None) == 11


def test_deleting_a_domain_takes_everything_with_it(cast: Cast) -> None:
    domains.delete_domain(cast.domain, acting_user=cast.operator)
    assert not AddressName.objects.filter(domain__name="a.example.com").exists()
    assert RemovedHome.objects.count() == 1
    wanted = snapshot.wanted("mx1", ["mia@a.example.com"], ["a.example.com"])
    assert set(wanted.values()) == {None}


def test_full_by_storage_or_by_messages_in_sql_as_in_python(cast: Cast) -> None:
    """A11: own limits, the domain's override, the plan's; above 2 GB too."""
    boxes = [make_mailbox(cast.domain, f"box{n}") for n in range(5)]
    gigabyte = 1_073_741_824
    values = [
        (10_240, None, 10 * gigabyte, 1),
        (10_240, None, 10 * gigabyte - 1, 1),
        (10_240, 5, 0, 5),
        (10_240, None, 0, 50_000),
        (10_240, 5, 0, 4),
    ]
    for box, (quota_mb, quota_messages, used, messages) in zip(boxes, values, strict=True):
        Mailbox.objects.filter(pk=box.pk).update(quota_mb=quota_mb, quota_messages=quota_messages, used_bytes=used, used_messages=messages)
    for override in ({}, {"mailbox_messages": 3}, {"mailbox_messages": None}):
        Domain.objects.filter(pk=cast.domain.pk).update(overrides=override)
        rows = Mailbox.objects.select_related("domain__plan").filter(domain=cast.domain)
        by_sql = set(rows.filled(100).values_list("pk", flat=True))
        assert by_sql == {row.pk for row in rows if row.is_over_capacity}
        assert boxes[0].pk in by_sql
        assert (boxes[3].pk in by_sql) is (override != {"mailbox_messages": None})


def test_a_domain_moves_only_into_a_contract_with_room(cast: Cast) -> None:
    """A17."""
    contracts.change_customer(cast.foreign_domain.customer, limits={"accounts": 1}, acting_user=SYSTEM)
    with pytest.raises(LimitReached) as caught:
        domains.change_domain(cast.domain, customer=cast.foreign_domain.customer, acting_user=SYSTEM)
    assert (caught.value.used, caught.value.limit) == (1, 1)
