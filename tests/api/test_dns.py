"""`/domains/<name>/dns/` and `/domains/<name>/dkim/` (A20, R4)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from accounts.services import domains
from mailsettings import tasks
from mailsettings.models import DkimKey, DnsCheck, KeyState
from mailsettings.servers import signing
from mailsettings.services import dkim, dns
from panel.base import sealing
from panel.base.models import AuditEntry, ChangeTarget
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, codes_of, under
from tests.conftest import Cast, make_domain
from tests.dns import Resolver, serving

pytestmark = pytest.mark.django_db
DNS, DKIM = "/domains/a.example.com/dns/", "/domains/a.example.com/dkim/"


@pytest.fixture
def resolver(settings: Any) -> Iterator[Resolver]:
    """The panel asks this one; it knows the mail host and nothing else."""
    with serving() as found:
        settings.DNS_RESOLVERS = [found.address]
        found.put("mx1.host.test", "A", "192.0.2.1")
        yield found


@pytest.fixture
def named(cast: Cast) -> Cast:
    """The mail host has a name."""
    cast.domain.host.hostname = "mx1.host.test"
    cast.domain.host.save()
    return cast


def states(body: dict[str, Any]) -> dict[str, str]:
    return {row["purpose"]: row["state"] for row in body["records"]}


def publish(resolver: Resolver, body: dict[str, Any]) -> None:
    for row in body["records"]:
        resolver.put(row["name"], row["type"], row["value"])


def age(key: DkimKey, **moments: timedelta) -> None:
    DkimKey.objects.filter(pk=key.pk).update(**{field: timezone.now() - ago for field, ago in moments.items()})


# --- records
def test_the_records_are_there_before_anybody_has_looked(named: Cast, api: As) -> None:
    body = api(named.bob).get(DNS).json()
    assert (body["checked_at"], body["worst"]) == (None, None)
    assert {row["state"] for row in body["records"]} == {None}
    assert "a.example.com. 3600 IN MX 10 mx1.host.test." in body["zone"]


def test_without_a_host_name_it_is_said_and_the_rest_is_shown(cast: Cast, api: As) -> None:
    body = api(cast.bob).get(DNS).json()
    assert body["hostname"] == ""
    assert {row["purpose"] for row in body["records"]} == {"dmarc"}


def test_a_list_domain_has_its_own_where_the_plan_has_one(named: Cast, api: As) -> None:
    """`platinum`: lists at ml.<domain>; `standard` has none."""
    assert {row["name"] for row in api(named.bob).get(DNS).json()["records"] if row["group"] == "list"} == {
        "ml.a.example.com",
        "_dmarc.ml.a.example.com",
    }
    under(named.domain, "standard")
    assert not [row for row in api(named.bob).get(DNS).json()["records"] if row["group"] == "list"]


def test_a_plan_without_imap_publishes_none(named: Cast, api: As) -> None:
    under(named.domain, "hs")
    values = {row["name"]: row["value"] for row in api(named.bob).get(DNS).json()["records"]}
    assert values["_imaps._tcp.a.example.com"] == "0 0 0 ."
    assert values["_submissions._tcp.a.example.com"] == "0 1 465 mx1.host.test"
    assert values["pop.a.example.com"] == "mx1.host.test"


def test_the_hosts_own_record_is_the_operators(named: Cast, api: As) -> None:
    groups = {who: {row["group"] for row in api(getattr(named, who)).get(DNS).json()["records"]} for who in ("operator", "alice")}
    assert "host" in groups["operator"]
    assert "host" not in groups["alice"]


# --- the check
def test_a_check_tells_good_from_missing_from_wrong(named: Cast, api: As, resolver: Resolver) -> None:
    bob = api(named.bob)
    body = bob.post(DNS + "check/").json()
    assert set(states(body).values()) == {"missing"}
    assert body["worst"] == "missing"
    publish(resolver, body)
    body = bob.post(DNS + "check/").json()
    assert set(states(body).values()) == {"good"}
    assert body["worst"] == "good"
    resolver.put("a.example.com", "MX", "10 mail.elsewhere.test")
    body = bob.post(DNS + "check/").json()
    (mx,) = [row for row in body["records"] if row["purpose"] == "mx" and row["group"] == "mail"]
    assert (mx["state"], mx["reason"], mx["found"]) == ("wrong", "mx_elsewhere", ["10 mail.elsewhere.test"])
    assert "mx1.host.test" in mx["text"]
    assert body["worst"] == "wrong"
    assert bob.get(DNS).json() == body  # kept, with its time


def test_the_fault_is_said_in_the_language_of_the_request(named: Cast, api: As, resolver: Resolver) -> None:
    text = api(named.bob).post(DNS + "check/", Accept_Language="ja").json()["records"][0]["text"]
    assert text
    assert not text.isascii()


def test_what_does_not_answer_is_unknown(named: Cast, api: As, resolver: Resolver) -> None:
    resolver.broken |= {"a.example.com", "_dmarc.a.example.com"}
    body = api(named.bob).post(DNS + "check/").json()
    assert (states(body)["mx"], states(body)["dmarc"]) == ("missing", "missing")  # the last ones: of the list domain
    assert {row["state"] for row in body["records"] if row["group"] == "mail"} == {"unknown"}


def test_what_only_helps_does_not_count_as_the_worst(named: Cast, api: As, resolver: Resolver) -> None:
    under(named.domain, "standard")
    bob = api(named.bob)
    publish(resolver, {"records": [row for row in bob.get(DNS).json()["records"] if row["group"] == "mail"]})
    body = bob.post(DNS + "check/").json()
    assert (states(body)["srv"], body["worst"]) == ("missing", "good")


def test_a_token_that_only_reads_may_look(named: Cast, api: As, resolver: Resolver) -> None:
    assert api(named.wendy, scopes=("dns:read",)).post(DNS + "check/").status_code == 200


def test_queries(named: Cast, api: As, django_assert_num_queries: Any) -> None:
    dkim.make_key(named.domain, acting_user=SYSTEM)
    bob = api(named.bob)
    bob.get(DNS)
    with django_assert_num_queries(4):  # token, domain, keys, check
        bob.get(DNS)
    with django_assert_num_queries(3):
        bob.get(DKIM)


# --- keys
def test_a_first_key_signs_as_soon_as_its_record_is_seen(named: Cast, api: As, resolver: Resolver) -> None:
    bob = api(named.bob)
    made = bob.post(DKIM + "rotate/")
    (key,) = made.json()["keys"]
    assert (key["state"], key["seen_at"]) == ("published", None)
    assert made["Change-Id"]
    bob.post(DNS + "check/")
    assert bob.get(DKIM).json()["keys"][0]["state"] == "published"
    resolver.put(key["name"], "TXT", key["value"])
    bob.post(DNS + "check/")
    assert bob.get(DKIM).json()["keys"][0]["state"] == "active"
    said = AuditEntry.objects.filter(action__startswith="dkim.").order_by("pk").values_list("action", "actor")
    assert list(said) == [("dkim.create", "admin:bob"), ("dkim.seen", "system"), ("dkim.switch", "system")]


def test_a_key_that_follows_waits_an_hour_and_the_old_one_stays_a_week(named: Cast, api: As, resolver: Resolver) -> None:
    old, _ = dkim.make_key(named.domain, acting_user=SYSTEM)
    dkim.switch(named.domain, force=True, acting_user=SYSTEM)
    bob = api(named.bob)
    new = bob.post(DKIM + "rotate/").json()["keys"][1]
    resolver.put(new["name"], "TXT", new["value"])
    bob.post(DNS + "check/")
    tasks.look_at_dns()
    assert [key["state"] for key in bob.get(DKIM).json()["keys"]] == ["active", "published"]
    age(DkimKey.objects.get(selector=new["selector"]), seen_at=timedelta(minutes=61))
    dkim.advance()
    keys = bob.get(DKIM).json()["keys"]
    assert [key["state"] for key in keys] == ["retired", "active"]
    assert keys[0]["remove_at"]
    age(old, retired_at=timedelta(days=6, hours=23))
    dkim.advance()
    assert len(bob.get(DKIM).json()["keys"]) == 2
    age(old, retired_at=timedelta(days=7))
    dkim.advance()
    assert [key["selector"] for key in bob.get(DKIM).json()["keys"]] == [new["selector"]]


def test_a_record_that_goes_again_begins_its_time_anew(named: Cast, resolver: Resolver) -> None:
    dkim.make_key(named.domain, acting_user=SYSTEM)
    dkim.switch(named.domain, force=True, acting_user=SYSTEM)
    new, _ = dkim.make_key(named.domain, acting_user=SYSTEM)
    resolver.put(f"{new.selector}._domainkey.a.example.com", "TXT", f"v=DKIM1; p={new.public}")
    dns.check(named.domain)
    new.refresh_from_db()
    assert new.seen_at
    resolver.broken.add(f"{new.selector}._domainkey.a.example.com")  # no answer says nothing
    dns.check(named.domain)
    new.refresh_from_db()
    assert new.seen_at
    resolver.broken.clear()
    resolver.table.clear()
    dns.check(named.domain)
    new.refresh_from_db()
    assert new.seen_at is None


def test_a_key_that_signs_unseen_is_seen_later_and_stays_seen(named: Cast, resolver: Resolver) -> None:
    key, _ = dkim.make_key(named.domain, acting_user=SYSTEM)
    dkim.switch(named.domain, force=True, acting_user=SYSTEM)
    resolver.put(f"{key.selector}._domainkey.a.example.com", "TXT", f"v=DKIM1; p={key.public}")
    for _look in range(2):
        dns.check(named.domain)
        key.refresh_from_db()
        assert key.seen_at
        resolver.table.clear()


def test_only_one_new_key_waits_at_a_time(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    bob.post(DKIM + "rotate/")
    again = bob.post(DKIM + "rotate/")
    assert (again.status_code, codes_of(again)) == (409, ["key_waits"])


def test_switching_by_hand_needs_a_seen_record_or_force(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    assert codes_of(bob.post(DKIM + "switch/")) == ["no_new_key"]
    bob.post(DKIM + "rotate/")
    refused = bob.post(DKIM + "switch/", {})
    assert (refused.status_code, codes_of(refused)) == (409, ["not_seen"])
    assert bob.post(DKIM + "switch/", {"force": True}).json()["keys"][0]["state"] == "active"


def test_a_web_admin_rotates_too(cast: Cast, api: As) -> None:
    """R4."""
    wendy = api(cast.wendy)
    assert wendy.post(DKIM + "rotate/").status_code == 200
    assert wendy.get("/domains/b.example.com/dkim/").status_code == 404


def test_a_key_is_deleted_for_good(cast: Cast, api: As) -> None:
    bob = api(cast.bob)
    selector = bob.post(DKIM + "rotate/").json()["keys"][0]["selector"]
    tag = bob.get(f"{DKIM}{selector}/")["ETag"]
    gone = bob.delete(f"{DKIM}{selector}/", If_Match=tag)
    assert gone.status_code == 204
    assert gone["Change-Id"]
    assert bob.get(DKIM).json() == {"keys": []}
    assert bob.delete(f"{DKIM}{selector}/").status_code == 404


def test_a_private_key_is_sealed_and_shown_to_nobody(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    said = operator.post(DKIM + "rotate/").content + operator.get(DKIM).content + operator.get(DNS).content
    key = DkimKey.objects.get()
    private = sealing.unseal(bytes(key.private), "dkim")
    assert private.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert b"PRIVATE" not in bytes(key.private)
    assert private[40:80] not in said + str(AuditEntry.objects.values_list("before", "after")).encode()


def test_what_changes_a_key_is_a_change_of_the_domain(cast: Cast, api: As) -> None:
    change = api(cast.bob).post(DKIM + "rotate/")["Change-Id"]
    target = ChangeTarget.objects.get(change=change)
    assert (target.host, target.kind, target.key) == ("mx1", "domain", "a.example.com")


def test_the_servers_get_every_key_and_the_one_that_signs(cast: Cast, settings: Any) -> None:
    one, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    dkim.switch(cast.domain, force=True, acting_user=SYSTEM)
    two, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    found = signing.of_domains([cast.domain, cast.foreign_domain])["a.example.com"]
    assert {selector for selector, _text in found.keys} == {one.selector, two.selector}
    assert found.selector == one.selector
    settings.SECRET_KEY = "another"
    assert signing.of_domains([cast.domain]) == {}


def test_a_domain_that_goes_takes_keys_and_findings_along(named: Cast, resolver: Resolver) -> None:
    dkim.make_key(named.domain, acting_user=SYSTEM)
    dns.check(named.domain)
    domains.delete_domain(named.domain, acting_user=SYSTEM)
    assert not DkimKey.objects.exists()
    assert not DnsCheck.objects.exists()


# --- by itself
def test_domains_are_looked_at_in_turn_those_that_wait_for_a_key_first(named: Cast, resolver: Resolver, monkeypatch: Any) -> None:
    looked: list[str] = []
    real = dns.check

    def check(domain: Domain) -> DnsCheck:
        looked.append(domain.name)
        return real(domain)

    monkeypatch.setattr(dns, "check", check)
    monkeypatch.setattr(dns, "IN_TURN", 1)
    for _turn in range(3):
        dns.check_in_turn()
    assert looked == ["a.example.com", "b.example.com", "a.example.com"]
    dkim.make_key(named.foreign_domain, acting_user=SYSTEM)
    DnsCheck.objects.filter(domain=named.foreign_domain).update(checked_at=timezone.now() - timedelta(minutes=6))
    DnsCheck.objects.filter(domain=named.domain).update(checked_at=timezone.now() - timedelta(minutes=60))
    dns.check_in_turn()
    assert looked[3:] == ["b.example.com"]


def test_where_name_servers_are_away_the_turn_ends_soon(named: Cast, resolver: Resolver, settings: Any) -> None:
    for number in range(3):
        make_domain(f"c{number}.example.com", "standard", named.domain.customer, named.domain.host)
    assert dns.check_in_turn() == 5
    settings.DNS_RESOLVERS = [("127.0.0.1", 1)]
    assert dns.check_in_turn() == dns.AWAY_AFTER


def test_one_domain_that_fails_keeps_no_other_from_its_turn(named: Cast, resolver: Resolver, monkeypatch: Any) -> None:
    monkeypatch.setattr(dns, "records_of", lambda domain, keys: 1 / 0 if domain.name.startswith("a.") else ())
    dns.check_in_turn()
    assert list(DnsCheck.objects.values_list("domain__name", flat=True)) == ["b.example.com"]


def test_two_keys_never_sign_at_once(cast: Cast) -> None:
    dkim.make_key(cast.domain, acting_user=SYSTEM)
    dkim.switch(cast.domain, force=True, acting_user=SYSTEM)
    dkim.make_key(cast.domain, acting_user=SYSTEM)
    dkim.switch(cast.domain, force=True, acting_user=SYSTEM)
    assert DkimKey.objects.filter(state=KeyState.ACTIVE).count() == 1
