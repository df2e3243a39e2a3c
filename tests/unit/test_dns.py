"""Records to publish, and what a look at DNS says of them, against a resolver of the tests' own (A20)."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsettings.dns import lookup, records, spf, words
from mailsettings.dns.answers import Answer, Said
from mailsettings.dns.judge import Finding, State, judge
from mailsettings.dns.records import Key, Place, Record
from mailsettings.services import dkim as keys
from tests.dns import Resolver, serving

HOST = "mx1.host.test"
PLACE = Place("a.example.com", HOST)
KEY = Key("t202611abc", "MIIB" + "x" * 390)
SERVICES = (("_imaps._tcp", 993, HOST), ("_pop3s._tcp", 0, "."), ("_submissions._tcp", 465, HOST))


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    """Where the host is known and nothing else."""
    with serving() as found:
        found.put(HOST, "A", "192.0.2.1")
        found.put(HOST, "AAAA", "2001:db8::1")
        yield found


def publish(resolver: Resolver, wanted: tuple[Record, ...]) -> None:
    for record in wanted:
        resolver.put(record.name, record.kind, record.value)


def look(resolver: Resolver, place: Place = PLACE, *known: Key) -> dict[str, Finding]:
    """By purpose; several of one purpose: the last."""
    wanted = records.of(place, known or (KEY,))
    return dict(zip((record.purpose for record in wanted), lookup.check(place, wanted, [resolver.address]), strict=True))


def one(resolver: Resolver, purpose: str, *values: str, place: Place = PLACE) -> Finding:
    """What is found of one record, published with these values in place of its own."""
    wanted = records.of(place, (KEY,))
    publish(resolver, wanted)
    record = next(record for record in wanted if record.purpose == purpose)
    resolver.put(record.name, record.kind, *values)
    return look(resolver, place)[purpose]


# --- what to publish
def test_the_records_of_a_domain() -> None:
    found = {(record.kind, record.name): record.value for record in records.of(PLACE, (KEY,))}
    assert found == {
        ("MX", "a.example.com"): "10 mx1.host.test",
        ("TXT", "a.example.com"): "v=spf1 a:mx1.host.test -all",
        ("TXT", "t202611abc._domainkey.a.example.com"): f"v=DKIM1; k=rsa; p={KEY.public}",
        ("TXT", "_dmarc.a.example.com"): "v=DMARC1; p=none; rua=mailto:postmaster@a.example.com",
        ("TXT", "mx1.host.test"): "v=spf1 a -all",  # forwarded mail leaves with a sender of this name (F8)
    }


def test_mail_programs_find_what_the_plan_has() -> None:
    place = replace(PLACE, panel="panel.host.test", services=SERVICES, names=("pop.a.example.com", "a.example.com"))
    found = {record.name: f"{record.kind} {record.value}" for record in records.of(place) if record.group == records.PROGRAMS}
    assert found == {
        "autoconfig.a.example.com": "CNAME panel.host.test",
        "autodiscover.a.example.com": "CNAME panel.host.test",
        "_imaps._tcp.a.example.com": "SRV 0 1 993 mx1.host.test",
        "_pop3s._tcp.a.example.com": "SRV 0 0 0 .",
        "_submissions._tcp.a.example.com": "SRV 0 1 465 mx1.host.test",
        "pop.a.example.com": "CNAME mx1.host.test",
    }


def test_a_list_domain_has_records_of_its_own() -> None:
    found = [record for record in records.of(replace(PLACE, list_domain="ml.a.example.com"), (KEY,)) if record.group == records.LIST]
    assert [(record.purpose, record.name) for record in found] == [
        ("mx", "ml.a.example.com"),
        ("spf", "ml.a.example.com"),
        ("dkim", "t202611abc._domainkey.ml.a.example.com"),
        ("dmarc", "_dmarc.ml.a.example.com"),
    ]


def test_without_a_host_name_nothing_is_made_up() -> None:
    place = Place("a.example.com", services=SERVICES, names=("pop.a.example.com",), list_domain="ml.a.example.com")
    assert {record.purpose for record in records.of(place, (KEY,))} == {"dkim", "dmarc"}


def test_a_zone_file_cuts_long_texts_and_ends_names_in_dots() -> None:
    text = records.zone_text(records.of(replace(PLACE, services=SERVICES), (KEY,)), "a.example.com")
    assert text.startswith("$ORIGIN a.example.com.\n")
    assert "a.example.com. 3600 IN MX 10 mx1.host.test.\n" in text
    assert "_pop3s._tcp.a.example.com. 3600 IN SRV 0 0 0 .\n" in text
    (line,) = [line for line in text.splitlines() if "_domainkey" in line]
    pieces = line.split('"')[1::2]
    assert [len(piece) <= 255 for piece in pieces] == [True, True]
    assert "".join(pieces) == f"v=DKIM1; k=rsa; p={KEY.public}"


def test_a_new_key_fits_its_record() -> None:
    private, public = keys._pair()
    message = b"From: mia@a.example.com\r\nSubject: x\r\n\r\nbody\r\n"
    signature = dkim.sign(message, b"t1", b"a.example.com", private)
    text = records.dkim(public).encode()
    assert dkim.verify(signature + message, dnsfunc=lambda name, timeout=5: text)


# --- good, missing, wrong, unknown
def test_everything_published_as_shown_is_good(resolver: Resolver) -> None:
    place = replace(PLACE, panel="panel.host.test", services=SERVICES, names=("pop.a.example.com",), list_domain="ml.a.example.com")
    publish(resolver, records.of(place, (KEY,)))
    assert {finding.state for finding in look(resolver, place).values()} == {State.GOOD}


def test_nothing_published_is_missing(resolver: Resolver) -> None:
    found = look(resolver, replace(PLACE, panel="panel.host.test", services=SERVICES[:1]))
    assert {(finding.state, finding.why) for purpose, finding in found.items() if purpose != "host_spf"} == {(State.MISSING, "no_name")}
    resolver.put("a.example.com", "A", "192.0.2.9")
    assert look(resolver)["mx"] == Finding(State.MISSING, why="nothing")


@pytest.mark.parametrize(
    ("purpose", "values", "why"),
    [
        ("mx", ["10 mail.elsewhere.test"], "mx_elsewhere"),
        ("mx", ["10 mx1.host.test", "10 mail.elsewhere.test"], "mx_not_first"),
        ("mx", ["20 mx1.host.test", "10 mail.elsewhere.test"], "mx_not_first"),
        ("mx", ["10 alias.host.test"], "mx_alias"),
        ("mx", ["0 ."], "mx_null"),
        ("spf", ["v=spf1 mx:elsewhere.test -all"], "spf_not_host"),
        ("spf", ["v=spf1 a:mx1.host.test -all", "v=spf1 -all"], "spf_several"),
        ("spf", ["v=spf1 a:mx1.host.test al -all"], "spf_syntax"),
        ("spf", ["v=spf1 ip4:300.1.1.1 -all"], "spf_syntax"),
        ("spf", ["v=spf1 ip4:192.0.2.1 -all"], "spf_not_host"),  # the host sends by IPv6 too
        ("spf", ["v=spf1 -a:mx1.host.test +all"], "spf_not_host"),
        ("spf", ["v=spf1 +all"], "spf_everybody"),
        ("spf", ["v=spf1 include:nothing.test a:mx1.host.test -all"], "spf_include"),
        ("spf", ["v=spf1 " + " ".join(f"a:h{n}.test" for n in range(11)) + " -all"], "spf_lookups"),
        ("spf", ["v=spf1 include:loop.test -all"], "spf_lookups"),
        ("dkim", [f"v=DKIM1; k=rsa; p={KEY.public[:-9]}"], "dkim_cut"),
        ("dkim", ["v=DKIM1; k=rsa; p=MIIBother"], "dkim_different"),
        ("dkim", ["v=DKIM1; p="], "dkim_revoked"),
        ("dkim", ["hello"], "dkim_no_key"),
        ("dkim", [f"v=DKIM1; h=sha1; p={KEY.public}"], "dkim_conditions"),
        ("dkim", [f"v=DKIM1; p={KEY.public}", "v=DKIM1; p=MIIBother"], "dkim_several"),
        ("dmarc", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc_several"),
        ("dmarc", ["v=DMARC1; rua=mailto:x@y.test"], "dmarc_policy"),
        ("dmarc", ["v=DMARC1; p=maybe"], "dmarc_policy"),
    ],
)
def test_what_is_wrong_is_named(resolver: Resolver, purpose: str, values: list[str], why: str) -> None:
    resolver.put("mail.elsewhere.test", "A", "198.51.100.1")
    resolver.put("alias.host.test", "CNAME", HOST)
    resolver.put("loop.test", "TXT", "v=spf1 include:loop.test -all")
    found = one(resolver, purpose, *values)
    assert (found.state, found.why) == (State.WRONG, why)
    assert words.why(found.why, found.about)
    assert set(found.found) <= set(values)


@pytest.mark.parametrize(
    ("purpose", "values", "why"),
    [
        ("mx", ["10 mx1.host.test", "20 mail.elsewhere.test"], ""),
        ("mx", ["5 same.host.test"], ""),  # another name of the same addresses
        ("spf", ["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"], ""),
        ("spf", ["V=SPF1 include:provider.test -all"], ""),
        ("spf", ["v=spf1 redirect=provider.test"], ""),
        ("spf", ["v=spf1 mx/24//64 -all"], ""),
        ("dkim", [f"k=rsa; p={KEY.public[:100]} {KEY.public[100:]}; n=note"], ""),
        ("dkim", [f"v=DKIM1; t=y; p={KEY.public}"], "dkim_testing"),
        ("dmarc", ["v=DMARC1;p=reject"], "dmarc_reject"),
        ("dmarc", ["v=DMARC1; p=none"], "dmarc_none"),
    ],
)
def test_what_serves_as_well_is_good(resolver: Resolver, purpose: str, values: list[str], why: str) -> None:
    resolver.put("same.host.test", "A", "192.0.2.1")
    resolver.put("provider.test", "TXT", "something else", "v=spf1 a:mx1.host.test ?all")
    found = one(resolver, purpose, *values)
    assert (found.state, found.why) == (State.GOOD, why)


def test_a_domain_that_is_an_alias_cannot_have_mail(resolver: Resolver) -> None:
    resolver.put("a.example.com", "CNAME", "other.test")
    resolver.put("other.test", "MX", "10 mx1.host.test")
    assert look(resolver)["mx"] == Finding(State.WRONG, ("10 mx1.host.test",), "alias", {"name": "other.test"})


def test_a_host_without_address_is_said(resolver: Resolver) -> None:
    resolver.table.clear()
    assert one(resolver, "mx", "10 mx1.host.test").why == "host_without_address"
    known = replace(PLACE, addresses=("192.0.2.7",))
    assert one(resolver, "spf", "v=spf1 ip4:192.0.2.7 -all", place=known).state == State.GOOD


def test_another_services_record_is_good_where_it_leads_to_the_same_addresses(resolver: Resolver) -> None:
    place = replace(PLACE, names=("pop.a.example.com",))
    resolver.put("pop.a.example.com", "A", "192.0.2.1")
    assert look(resolver, place)["client"].state == State.GOOD
    resolver.put("pop.a.example.com", "A", "192.0.2.99")
    assert look(resolver, place)["client"] == Finding(State.WRONG, ("192.0.2.99",), "points_elsewhere", {"name": HOST})


def test_no_answer_is_never_called_missing(resolver: Resolver) -> None:
    publish(resolver, records.of(PLACE, (KEY,)))
    resolver.silent.add("_dmarc.a.example.com")
    resolver.broken.add(f"{KEY.selector}._domainkey.a.example.com")
    begun = time.monotonic()
    found = look(resolver)
    assert time.monotonic() - begun < lookup.CHECK_S + 1
    assert {purpose: finding.state for purpose, finding in found.items()} == {
        "mx": State.GOOD, "spf": State.GOOD, "host_spf": State.GOOD, "dmarc": State.UNKNOWN, "dkim": State.UNKNOWN,
    }  # fmt: skip


def test_a_resolver_that_is_away_says_nothing() -> None:
    with serving() as gone:
        pass
    assert {finding.state for finding in look(gone).values()} == {State.UNKNOWN}


def test_a_check_ends_in_time_whatever_it_is_led_through(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SPF record that leads from one slow name to the next."""
    monkeypatch.setattr(lookup, "CHECK_S", 0.5)
    resolver.put("a.example.com", "TXT", "v=spf1 include:slow.test -all")
    resolver.silent.add("slow.test")
    begun = time.monotonic()
    assert look(resolver)["spf"].state == State.UNKNOWN
    assert time.monotonic() - begun < 1.5


def test_each_question_is_asked_once_and_not_more_than_so_many(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "QUESTIONS_MAX", 12)
    resolver.put("a.example.com", "TXT", "v=spf1 mx:many.test -all")
    resolver.put("many.test", "MX", *(f"10 h{n}.test" for n in range(40)))
    assert look(resolver)["spf"].state == State.UNKNOWN
    assert len(resolver.asked) == len(set(resolver.asked)) <= 12


def test_what_strangers_write_is_cut_and_cleaned(resolver: Resolver) -> None:
    found = one(resolver, "dmarc", *(f"v=DMARC1; p=x; {n} <script>\x07" + "x" * 2_000 for n in range(9)))
    assert len(found.found) == 5
    assert all(len(text) <= 601 and text.isprintable() for text in found.found)


WORDS = ["v=spf1", "v=DMARC1;", "p=", "a:", "include:a.example.com", "ip4:1", "mx//", "%{i}", "redirect=", "all", ";"]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS)).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["TXT", "MX", "SRV", "CNAME", "A"]), st.lists(TEXTS, max_size=3)))
def test_no_text_of_a_stranger_makes_a_check_fail(table: dict[str, list[str]]) -> None:
    async def ask(name: str, kind: str) -> Answer:
        values = table.get(kind, [])
        if kind in ("MX", "SRV"):
            values = [f"{10 if kind == 'MX' else '0 1 993'} {value.split()[0] if value.split() else '.'}" for value in values]
        if kind == "A":
            values = ["192.0.2.1" for _value in values]
        return Answer(Said.FOUND, tuple(values), name) if values else Answer(Said.NOTHING)

    place = replace(PLACE, panel="panel.host.test", services=SERVICES, names=("pop.a.example.com",))
    wanted = records.of(place, (KEY,))
    for finding in asyncio.run(judge(place, wanted, ask, 5)):
        assert finding.state in State
        words.why(finding.why, finding.about)


def test_spf_is_read_as_the_standard_has_it() -> None:
    """RFC 7208: the first match counts, qualifiers, ranges for both families."""

    async def ask(name: str, kind: str) -> Answer:
        values = {("x.test", "A"): ("192.0.2.1",), ("in.test", "TXT"): ("v=spf1 -ip4:192.0.2.5 ip4:192.0.2.0/24 -all",)}.get((name, kind))
        return Answer(Said.FOUND, values, name) if values else Answer(Said.NOTHING)

    def result(text: str, address: str) -> str:
        return asyncio.run(spf.Reader(ask).read("x.test", text)).result_for(address)

    assert result("v=spf1 a -all", "192.0.2.1") == "pass"
    assert result("v=spf1 a/30 ~all", "192.0.2.3") == "pass"
    assert result("v=spf1 -a ?all", "192.0.2.1") == "fail"
    assert result("v=spf1 ~all", "192.0.2.1") == "softfail"
    assert result("v=spf1", "192.0.2.1") == "neutral"
    assert result("v=spf1 include:in.test -all", "192.0.2.9") == "pass"
    assert result("v=spf1 include:in.test ?all", "192.0.2.5") == "neutral"
    assert result("v=spf1 exp=x.test redirect=in.test", "192.0.2.5") == "fail"
    assert result("v=spf1 all redirect=nothing.test", "192.0.2.5") == "pass"
