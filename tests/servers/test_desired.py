"""States to entries: what each store is to hold for a mailbox, an alias, a group, a domain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailsettings.servers.desired import Entry, Row, entries_of, policy_of, tag, wanted_at, wanted_of_domain, way_out
from mailsettings.servers.states import AliasState, DomainState, GroupState, MailboxState, Policy

BOX = MailboxState("a@x.test", "x.test", "0" * 32, "{ARGON2ID}$hash", 10, 100, 20, "a%x.test")


def test_a_mailbox_is_in_the_directory_and_in_two_maps() -> None:
    row = Row("x.test", "0" * 32, "{ARGON2ID}$hash", 10, 100, 20, "a%x.test")
    found = set(entries_of(BOX))
    assert found == {
        Entry("directory", "a@x.test", row),
        Entry("mailboxes", "a@x.test", "0" * 32),
        Entry("senders", "a@x.test", "a@x.test"),
    }


def test_an_alias_names_destinations_and_owners() -> None:
    found = entries_of(AliasState("i@x.test", ("a@x.test", "b@y.test"), ("a@x.test",)))
    assert found == (Entry("aliases", "i@x.test", "a@x.test, b@y.test"), Entry("senders", "i@x.test", "a@x.test"))


def test_an_alias_without_destinations_is_nothing_and_a_group_has_no_sender() -> None:
    assert entries_of(AliasState("i@x.test", ())) == ()
    assert entries_of(GroupState("g@x.test", ("a@x.test",))) == (Entry("aliases", "g@x.test", "a@x.test"),)


def test_a_domain_brings_its_reserved_names() -> None:
    state = DomainState("x.test", (("postmaster@x.test", "boss@y.test"),))
    assert entries_of(state) == (Entry("domains", "x.test", "mailboxes"), Entry("aliases", "postmaster@x.test", "boss@y.test"))


def test_what_an_address_was_before_is_unwanted_in_every_other_store() -> None:
    wanted = wanted_at("a@x.test", AliasState("a@x.test", ("b@x.test",)))
    assert wanted == {
        ("directory", "a@x.test"): None,
        ("mailboxes", "a@x.test"): None,
        ("senders", "a@x.test"): None,
        ("aliases", "a@x.test"): "b@x.test",
        ("forwards", tag("a@x.test")): None,
        ("scripts", "a@x.test"): None,
    }
    assert set(wanted_at("a@x.test", None).values()) == {None}
    assert wanted_of_domain("x.test", None) == dict.fromkeys(
        [("domains", "x.test"), ("domain-scripts", "x.test"), ("policies", "x.test"), ("dkim", "x.test")]
    )


def test_a_rows_text_shows_no_hash() -> None:
    assert "hash" not in repr(entries_of(BOX))


def test_what_leads_outside_goes_by_the_way_out() -> None:
    mark = tag("i@x.test")
    found = entries_of(AliasState("i@x.test", ("a@x.test",), outside=("b@far.test", "c@far.test")))
    assert found == (
        Entry("aliases", "i@x.test", f"a@x.test, {mark}.0@out.tegami.invalid"),
        Entry("forwards", mark, "i@x.test 1"),
        Entry("forwards", way_out(mark, 0), "b@far.test, c@far.test"),
    )
    assert entries_of(GroupState("i@x.test", ("a@x.test",), ("b@far.test", "c@far.test"))) == found


def test_a_mailbox_has_its_groups_of_destinations_and_its_script() -> None:
    mark = tag("a@x.test")
    found = set(entries_of(replace(BOX, forwards=(("b@far.test",), ("c@far.test", "d@x.test")), script="keep;\n")))
    assert found - set(entries_of(BOX)) == {
        Entry("forwards", mark, "a@x.test 2"),
        Entry("forwards", way_out(mark, 0), "b@far.test"),
        Entry("forwards", way_out(mark, 1), "c@far.test, d@x.test"),
        Entry("scripts", "a@x.test", "keep;\n"),
    }


def test_a_bounce_finds_the_mailbox_whose_own_script_redirects() -> None:
    assert Entry("forwards", tag("a@x.test"), "a@x.test 0") in entries_of(replace(BOX, own_script=True))


def test_a_domains_script_is_an_entry_only_where_there_is_one() -> None:
    assert entries_of(DomainState("x.test", script="stop;\n"))[-1] == Entry("domain-scripts", "x.test", "stop;\n")


def test_tags_are_short_and_in_any_case_the_same() -> None:
    assert tag("a@x.test") == tag("a@x.test").lower() != tag("b@x.test")
    assert len(tag("a@x.test")) == 13


@pytest.mark.parametrize("policy", [Policy("delete_warn"), Policy("refuse", 100), Policy("none", 1)])
def test_a_policy_is_read_as_it_was_written(policy: Policy) -> None:
    entry = entries_of(DomainState("x.test", policy=policy))[1]
    assert (entry.store, entry.key) == ("policies", "x.test")
    assert policy_of(str(entry.value)) == policy


def test_a_plan_that_says_nothing_to_the_milter_is_not_written() -> None:
    assert [entry.store for entry in entries_of(DomainState("x.test"))] == ["domains"]
    assert policy_of(None) == Policy()
