"""States to entries: what each store is to hold for a mailbox, an alias, a group, a domain."""

from __future__ import annotations

from mailsettings.servers.desired import Entry, Row, entries_of, wanted_at, wanted_of_domain
from mailsettings.servers.states import AliasState, DomainState, GroupState, MailboxState

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
    }
    assert set(wanted_at("a@x.test", None).values()) == {None}
    assert wanted_of_domain("x.test", None) == {("domains", "x.test"): None}


def test_a_rows_text_shows_no_hash() -> None:
    assert "hash" not in repr(entries_of(BOX))
