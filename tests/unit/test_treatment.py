"""What may be said about a mailbox's mail under each plan: profiles, auto-reply, spam, filters, seats, reception."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Domain, Mailbox
from accounts.services import contracts, domains, expansions, mailboxes
from mailsettings.models import AutoReply, Profile, SpamSettings
from mailsettings.servers import snapshot, treatment
from mailsettings.services import filters, profiles, replies, spam
from mailsettings.sieve.settings import Rule
from panel.base.errors import Forbidden, LimitReached
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast, make_domain, make_mailbox


def cond(field: str, operator: str, value: str) -> dict[str, str]:
    return {"field": field, "operator": operator, "value": value}


SUBJECT = cond("subject", "contains", "請求書")


@pytest.fixture
def box_under(cast: Cast) -> Any:
    def make(plan: str) -> Mailbox:
        domain = make_domain(f"{plan}.example.org", plan, cast.domain.customer, cast.domain.host)
        return make_mailbox(domain, "info")

    return make


def forward(mailbox: Mailbox, *to: str, acting_user: Any = SYSTEM, **fields: Any) -> Profile:
    fields = {"action": "forward", "destinations": list(to), **fields}
    return profiles.create_profile(mailbox, acting_user=acting_user, **fields)[0]


def wrong(call: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        call()
    return {field: [e.code or "" for e in errors] for field, errors in caught.value.error_dict.items()}


def test_standard_takes_300_destinations_over_all_conditions(box_under: Any) -> None:
    """F1: the 301st is refused; listed alphabetically; a copy is always kept; no destination begins with a hyphen."""
    box = box_under("standard")
    first = forward(box, *(f"u{n:03}@example.net" for n in reversed(range(299))))
    assert first.destinations[:2] == ["u000@example.net", "u001@example.net"]
    forward(box, "last@example.net", conditions=[SUBJECT])
    assert wrong(lambda: forward(box, "more@example.net")) == {"destinations": ["too_many"]}
    assert wrong(lambda: profiles.change_profile(first, acting_user=SYSTEM, keep_copy=False)) == {"keep_copy": ["plan"]}
    assert wrong(lambda: forward(box, "-x@example.net")) == {"destinations": ["address"]}


@pytest.mark.parametrize(
    ("plan", "fields", "field", "code"),
    [
        ("standard", {"action": "discard"}, "action", "plan"),
        ("standard", {"action": "forward", "conditions": [{**SUBJECT, "field": "body"}]}, "conditions", "plan"),
        ("standard", {"action": "forward", "conditions": [SUBJECT, SUBJECT]}, "conditions", "too_many"),
        ("hs", {"action": "notify"}, "action", "plan"),
        ("hs", {"action": "forward", "strip_attachments": True}, "strip_attachments", "plan"),
        ("hs", {"action": "forward", "destinations": [f"u{n}@example.net" for n in range(6)]}, "destinations", "too_many"),
        ("warp", {"action": "quarantine"}, "action", "plan"),
        ("warp", {"action": "forward", "destinations": [f"u{n}@example.net" for n in range(11)]}, "destinations", "too_many"),
        ("platinum", {"action": "bounce"}, "action", "plan"),
        ("plusmail", {"action": "forward"}, "action", "plan"),
        ("warp", {"action": "discard", "destinations": ["a@example.net"]}, "destinations", "invalid"),
        ("warp", {"action": "forward", "destinations": []}, "destinations", "required"),
        (
            "warp",
            {"action": "discard", "conditions": [cond("importance", "is", "urgent")]},
            "conditions",
            "value",
        ),
        (
            "warp",
            {"action": "discard", "conditions": [cond("subject", "contains", "")]},
            "conditions",
            "required",
        ),
        (
            "warp",
            {"action": "discard", "conditions": [cond("attachment", "contains", "x")]},
            "conditions",
            "invalid",
        ),
        ("warp", {"action": "discard", "conditions": [{**SUBJECT, "value": "a\nb"}]}, "conditions", "control"),
        ("warp", {"action": "discard", "conditions": [{**SUBJECT, "header_name": "X-A"}]}, "conditions", "header_name"),
        ("warp", {"action": "discard", "conditions": [{**SUBJECT, "colour": "red"}]}, "conditions", "unknown"),
    ],
)
def test_a_profile_that_the_plan_does_not_have_is_refused_by_field(
    box_under: Any, plan: str, fields: dict[str, Any], field: str, code: str
) -> None:
    box = box_under(plan)
    needs = fields["action"] in ("forward", "notify")
    fields = {**({"destinations": ["a@example.net"]} if needs else {}), **fields}
    assert code in wrong(lambda: profiles.create_profile(box, acting_user=SYSTEM, **fields))[field]
    assert not Profile.objects.exists()


def test_what_is_refused_for_the_plan_names_the_plan(box_under: Any) -> None:
    with pytest.raises(ValidationError, match="Standard"):
        profiles.create_profile(box_under("standard"), acting_user=SYSTEM, action="discard")


def test_hs_has_ten_profiles_in_all(box_under: Any) -> None:
    """F2."""
    box = box_under("hs")
    for number in range(10):
        profiles.create_profile(box, acting_user=SYSTEM, action="discard", conditions=[{**SUBJECT, "value": str(number)}])
    assert wrong(lambda: forward(box, "a@example.net")) == {"action": ["too_many"]}


def test_a_warp_rule_keeps_no_copy_unless_switched_on_but_plain_forwarding_does(box_under: Any) -> None:
    """F5, F7."""
    box = box_under("warp")
    assert not forward(box, "a@example.net", conditions=[SUBJECT]).keep_copy
    assert forward(box, "b@example.net").keep_copy


def test_a_user_forwards_only_where_permitted_and_filters_always(cast: Cast) -> None:
    """R7: platinum; the existing forwarding stays visible."""
    with pytest.raises(Forbidden):
        forward(cast.mia, "a@example.net", acting_user=cast.mia)
    profiles.create_profile(cast.mia, acting_user=cast.mia, action="quarantine", conditions=[SUBJECT])
    theirs = forward(cast.mia, "a@example.net", acting_user=cast.bob)
    with pytest.raises(Forbidden):
        profiles.delete_profile(theirs, acting_user=cast.mia)
    mailboxes.change_mailbox(cast.mia, acting_user=cast.bob, user_may_forward=True)
    profiles.delete_profile(Profile.objects.get(pk=theirs.pk), acting_user=Mailbox.objects.get(pk=cast.mia.pk))
    assert theirs not in Profile.objects.visible_to(cast.bob)


def test_a_user_treats_no_mailbox_but_the_own_one(cast: Cast) -> None:
    other = make_mailbox(cast.domain, "other")
    with pytest.raises(Forbidden):
        profiles.create_profile(other, acting_user=cast.mia, action="quarantine", conditions=[SUBJECT])
    assert not Profile.objects.visible_to(cast.charlie).exists()


def test_profiles_are_put_in_order(box_under: Any) -> None:
    box = box_under("warp")
    made = [profiles.create_profile(box, acting_user=SYSTEM, action="discard", name=name)[0].pk for name in "abc"]
    profiles.order_profiles(box, [made[2], made[0], made[1]], acting_user=SYSTEM)
    assert [p.name for p in Profile.objects.filter(mailbox=box)] == ["c", "a", "b"]
    assert wrong(lambda: profiles.order_profiles(box, made[:2], acting_user=SYSTEM)) == {"ids": ["invalid"]}


def test_one_destination_is_taken_out_and_the_last_takes_the_profile_with_it(box_under: Any) -> None:
    """F1: All: each destination is an entry of its own."""
    box = box_under("standard")
    profile = forward(box, "a@example.net", "b@example.net")
    profiles.remove_destination(profile, "a@example.net", acting_user=SYSTEM)
    assert Profile.objects.get().destinations == ["b@example.net"]
    profiles.remove_destination(Profile.objects.get(), "b@example.net", acting_user=SYSTEM)
    assert not Profile.objects.exists()


# --- auto-reply
def test_the_reply_of_standard_is_on_exactly_when_there_is_a_text(box_under: Any) -> None:
    """AR1."""
    box = box_under("standard")
    row, change = replies.set_auto_reply(box, acting_user=SYSTEM, body="不在です。\r\n戻ります。")
    assert row.enabled and row.body == "不在です。\n戻ります。"
    assert change.targets.get().key == box.address
    row, _ = replies.set_auto_reply(box, acting_user=SYSTEM, body=" ")
    assert not row.enabled
    assert wrong(lambda: replies.set_auto_reply(box, acting_user=SYSTEM, body="x", enabled=False)) == {"enabled": ["plan"]}
    assert wrong(lambda: replies.set_auto_reply(box, acting_user=SYSTEM, body="x", subject="y")) == {"subject": ["plan"]}


@pytest.mark.parametrize(("text", "count"), [("a" * 600, 600), ("あ" * 300, 600), ("ｱ", 1), ("😀", 2), ("a\nb", 3), ("~-", 2)])
def test_length_counts_bytes_in_cp932(text: str, count: int) -> None:
    """AR4."""
    assert replies.length_cp932(text) == count
    replies.check_cp932(text, 600)


def test_each_refused_character_is_named(box_under: Any) -> None:
    """AR4: and a text of 601 half-width characters is too long."""
    with pytest.raises(ValidationError) as caught:
        replies.check_cp932("―～∥－￠￡￢—〜‖−¢£¬" + "a" * 600, 600)
    codes = [error.code for error in caught.value.error_dict["body"]]
    assert codes == ["character"] * 14 + ["length"]
    assert any("U+FF5E" in message for message in caught.value.message_dict["body"])
    box = box_under("standard")
    assert wrong(lambda: replies.set_auto_reply(box, acting_user=SYSTEM, body="a" * 601)) == {"body": ["length"]}
    assert not AutoReply.objects.exists()


def test_a_reply_has_dates_an_interval_and_no_control_characters(box_under: Any) -> None:
    from datetime import date

    box = box_under("warp")
    call = {"acting_user": SYSTEM, "body": "x"}
    assert "ends_on" in wrong(lambda: replies.set_auto_reply(box, **call, starts_on=date(2026, 5, 2), ends_on=date(2026, 5, 1)))
    assert "interval_days" in wrong(lambda: replies.set_auto_reply(box, **call, interval_days=31))
    assert wrong(lambda: replies.set_auto_reply(box, acting_user=SYSTEM, body="a\x0bb")) == {"body": ["control"]}
    assert wrong(lambda: replies.set_auto_reply(box, acting_user=SYSTEM, body="")) == {"body": ["required"]}
    assert wrong(lambda: replies.set_auto_reply(box_under("plusmail"), **call)) == {"body": ["plan"]}


def test_clearing_the_record_makes_a_new_handle(box_under: Any) -> None:
    """AR2."""
    box = box_under("warp")
    replies.set_auto_reply(box, acting_user=SYSTEM, body="x")
    before = treatment.filters_of([box])[box.address].reply
    replies.reset_auto_reply(box, acting_user=SYSTEM)
    after = treatment.filters_of([box])[box.address].reply
    assert before and after and before.handle != after.handle
    assert after.subject == "Notification for your mail."


def test_a_reply_knows_every_alias_that_leads_to_it(cast: Cast) -> None:
    expansions.create_alias(cast.domain, "inner", ["mia@a.example.com"], acting_user=SYSTEM)
    expansions.create_alias(cast.domain, "outer", ["inner@a.example.com"], acting_user=SYSTEM)
    replies.set_auto_reply(cast.mia, acting_user=cast.mia, body="x")
    reply = treatment.filters_of([cast.mia])["mia@a.example.com"].reply
    assert reply and reply.addresses == ("mia@a.example.com", "inner@a.example.com", "outer@a.example.com")


def test_the_days_of_a_reply_are_the_services(box_under: Any, settings: Any) -> None:
    """AR1: whatever the machine's clock says."""
    from datetime import date

    settings.TIME_ZONE = "Asia/Tokyo"
    box = box_under("warp")
    replies.set_auto_reply(box, acting_user=SYSTEM, body="x", starts_on=date(2026, 5, 2))
    assert ':zone "+0900"' in treatment.scripts_of([box])[box.address].text


# --- spam, seats, senders
def test_seats_are_counted_against_the_contract(cast: Cast) -> None:
    """S3: past the seats refused, with both figures."""
    contracts.change_customer(cast.domain.customer, limits={"spam_seats": 1}, acting_user=SYSTEM)
    mailboxes.change_mailbox(cast.mia, acting_user=cast.bob, spam_seat=True)
    with pytest.raises(LimitReached) as caught:
        mailboxes.create_mailbox(cast.domain, "more", "Tegami#Mail2026x", acting_user=cast.bob, spam_seat=True)
    assert (caught.value.field, caught.value.used, caught.value.limit) == ("spam_seat", 1, 1)
    mailboxes.delete_mailboxes([cast.mia], acting_user=cast.bob)
    assert Domain.objects.get(pk=cast.domain.pk).spam_seats_count == 0


def test_without_a_seat_platinum_has_no_spam_handling_and_with_one_a_choice_of_two(cast: Cast) -> None:
    """S2, S3, F4: the tag is the default, and spam is neither forwarded nor answered."""
    assert wrong(lambda: spam.change_spam(cast.mia, acting_user=cast.mia, move_to_folder=True)) == {"move_to_folder": ["seat"]}
    box, _ = mailboxes.change_mailbox(cast.mia, acting_user=cast.bob, spam_seat=True)
    assert treatment.filters_of([box])[box.address].spam.tag == "[spam]"
    row, _ = spam.change_spam(box, acting_user=box, move_to_folder=True)
    assert (row.tag_subject, row.move_to_folder, row.skip_forwarding) == (False, True, True)
    row, _ = spam.change_spam(box, acting_user=box, tag_subject=True)
    assert (row.tag_subject, row.move_to_folder) == (True, False)


def test_the_two_switches_of_standard_are_off_by_default_and_free(box_under: Any) -> None:
    """S2."""
    box = box_under("standard")
    assert box.address not in treatment.filters_of([box])
    spam.change_spam(box, acting_user=box, tag_subject=True)
    row, _ = spam.change_spam(box, acting_user=box, move_to_folder=True)
    assert row.tag_subject and row.move_to_folder
    assert wrong(lambda: spam.change_spam(box, acting_user=box, quarantine_empty_sender=True)) == {"quarantine_empty_sender": ["plan"]}
    assert wrong(lambda: spam.change_spam(box_under("plusmail"), acting_user=SYSTEM, tag_subject=True)) == {"tag_subject": ["plan"]}


def test_lists_of_senders_hold_addresses_and_domains(box_under: Any) -> None:
    """F9."""
    box = box_under("hs")
    row, _ = spam.change_spam(box, acting_user=box, allow=["A@Example.net", "*@日本.jp", "example.org", "@example.org"])
    assert row.allow == ["a@example.net", "@xn--wgv71a.jp", "@example.org"]
    assert wrong(lambda: spam.change_spam(box, acting_user=box, block=["a b@x", "ok@example.net"])) == {"block": ["address"]}
    assert SpamSettings.objects.get().block == []


def test_domain_filters_quarantine_only_where_the_plan_does(cast: Cast, box_under: Any) -> None:
    """F9, F10."""
    row, change = filters.create_filter(cast.domain, acting_user=cast.bob, action="quarantine", conditions=[SUBJECT])
    target = change.targets.get()
    assert (target.kind, target.key) == ("domain", "a.example.com")
    assert treatment.domain_filters_of([cast.domain])["a.example.com"].rules == (Rule(row.pk, "", "quarantine", row.parsed_conditions()),)
    domain = box_under("hs").domain
    assert wrong(lambda: filters.create_filter(domain, acting_user=SYSTEM, action="quarantine")) == {"action": ["plan"]}
    plusmail = box_under("plusmail").domain
    assert wrong(lambda: filters.change_senders(plusmail, acting_user=SYSTEM, block=["x.example"])) == {"block": ["plan"]}
    with pytest.raises(Forbidden):
        filters.create_filter(cast.domain, acting_user=cast.mia, action="discard")


def test_the_virus_check_is_the_domains_where_the_plan_says_optional(cast: Cast, box_under: Any) -> None:
    """V1, V2 (warp)."""
    domain = box_under("warp").domain
    assert (domain.virus_inbound, domain.virus_outbound) == ("none", "none")
    domain, change = domains.change_domain(domain, acting_user=SYSTEM, virus_check=True)
    assert change and (domain.virus_inbound, domain.virus_outbound) == ("strip_notice", "refuse")
    assert wrong(lambda: domains.change_domain(cast.domain, acting_user=cast.bob, virus_check=True)) == {"virus_check": ["plan"]}


# --- reception, the servers' side
def test_a_user_switches_reception_and_nothing_else(cast: Cast) -> None:
    """F6, R5."""
    box, change = mailboxes.change_mailbox(cast.mia, acting_user=cast.mia, receive=False)
    assert change and not box.receive
    with pytest.raises(Forbidden):
        mailboxes.change_mailbox(cast.mia, acting_user=cast.mia, receive=True, comment="x")


def test_a_profile_that_a_new_plan_does_not_have_is_kept_and_reaches_no_server(cast: Cast) -> None:
    forward(cast.mia, "a@example.net", keep_copy=False)
    from accounts.models import Plan

    domains.change_domain(cast.domain, acting_user=SYSTEM, plan=Plan.objects.get(name="standard"))
    assert Profile.objects.count() == 1
    assert not treatment.filters_of([Mailbox.objects.select_related("domain__plan").get(pk=cast.mia.pk)])


def test_everything_is_in_the_audit_trail_without_secrets(cast: Cast) -> None:
    profiles.create_profile(cast.mia, acting_user=cast.bob, action="quarantine", conditions=[SUBJECT])
    entry = AuditEntry.objects.filter(action="profile.create").get()
    assert entry.actor == cast.bob.actor and entry.after["conditions"][0]["value"] == "請求書"


def test_states_cost_the_same_number_of_queries_however_many_mailboxes(cast: Cast) -> None:
    def cost(addresses: list[str]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            snapshot.address_states("mx1", addresses)
        return len(found)

    boxes = [make_mailbox(cast.domain, f"u{n}") for n in range(12)]
    for box in boxes:
        forward(box, "a@example.net")
        replies.set_auto_reply(box, acting_user=SYSTEM, body="x")
        expansions.create_alias(cast.domain, f"alias-{box.local_part}", [box.address], acting_user=SYSTEM)
    assert cost([box.address for box in boxes]) == cost([boxes[0].address]) <= 9


def test_aliases_inside_and_outside_part(cast: Cast) -> None:
    """F8: inside is what this host has; when a domain comes, what leads into it is applied anew."""
    expansions.create_alias(cast.domain, "both", ["mia@a.example.com", "x@later.example.org"], acting_user=SYSTEM)
    state = snapshot.address_states("mx1", ["both@a.example.com"])["both@a.example.com"]
    assert (state.destinations, state.outside) == (("mia@a.example.com",), ("x@later.example.org",))  # type: ignore[union-attr]
    _domain, change = domains.create_domain(
        "later.example.org", customer=cast.domain.customer, plan=cast.domain.plan, host=cast.domain.host,
        admin_address="boss@example.net", acting_user=SYSTEM,
    )  # fmt: skip
    assert "both@a.example.com" in set(change.targets.values_list("key", flat=True))
    state = snapshot.address_states("mx1", ["both@a.example.com"])["both@a.example.com"]
    assert state.outside == ()  # type: ignore[union-attr]
