"""F9, P6: whatever a From header looks like, the address that it means is found."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsettings.servers.milter.sender import addresses_in

# Everything that RFC 5322 wants quoted in a name, and what stands between it.
NAMES = st.text(alphabet="()<>[]:;@,.\\ abcイ例-", max_size=30)
LOCALS = st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,12}", fullmatch=True)
DOMAINS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{2,6}){1,2}", fullmatch=True)
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (" a@b.jp", ["a@b.jp"]),
        (" A@B.JP", ["a@b.jp"]),
        (" <a@b.jp>", ["a@b.jp"]),
        (" Tom <a@b.jp>", ["a@b.jp"]),
        (" Tom\n\t<a@b.jp>", ["a@b.jp"]),
        (' "Tom, of <x@y.jp>" <a@b.jp>', ["a@b.jp"]),
        (' "say \\"hi\\" <x@y.jp>" <a@b.jp>', ["a@b.jp"]),
        (" a@b.jp (Tom)", ["a@b.jp"]),
        (" Tom (see <x@y.jp>) <a@b.jp>", ["a@b.jp"]),
        (" (a (nested <x@y.jp>) one) a@b.jp", ["a@b.jp"]),
        (" Tom <a@b.jp>, Ann <c@d.jp>", ["a@b.jp", "c@d.jp"]),
        (" a@b.jp, c@d.jp", ["a@b.jp", "c@d.jp"]),
        (" Group: a@b.jp, Ann <c@d.jp>;", ["a@b.jp", "c@d.jp"]),
        (" a @ b.jp", ["a@b.jp"]),
        (" < a @ b.jp >", ["a@b.jp"]),
        (" <@relay.jp,@other.jp:a@b.jp>", ["a@b.jp"]),
        (' "a b"@c.jp', ['"a b"@c.jp']),
        (" a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        (" a@b.jp.", ["a@b.jp"]),
        (" <.a..b.@docomo.ne.jp>", [".a..b.@docomo.ne.jp"]),
        # bare special characters
        (" Sales, Tokyo <a@b.jp>", ["a@b.jp"]),
        (" info@shop <a@b.jp>", ["a@b.jp"]),
        (" x@y.jp <a@b.jp>", ["a@b.jp"]),
        (" Tom :( <a@b.jp>", ["a@b.jp"]),
        (" Tom :( <a@b.jp> :)", ["a@b.jp"]),
        (" Tom :) <a@b.jp>", ["a@b.jp"]),
        (" <Tom> <a@b.jp>", ["a@b.jp"]),
        (" a < b > c <a@b.jp>", ["a@b.jp"]),
        (" <<a@b.jp>>", ["a@b.jp"]),
        (" Tom <a@b.jp", ["a@b.jp"]),
        (" [Shop]: a; b. <a@b.jp>", ["a@b.jp"]),
        (' 5" disks <a@b.jp>', ["a@b.jp"]),
        (' 5" <a@b.jp> 3"', ["a@b.jp"]),
        (" Tom a@b.jp", ["a@b.jp"]),
        (" <mailto:a@b.jp>", ["a@b.jp"]),
        # who else might be meant is not hidden
        (" <x@y.jp> <a@b.jp>", ["x@y.jp", "a@b.jp"]),
        (" x@y.jp, Tom <a@b.jp>", ["x@y.jp", "a@b.jp"]),
        # an encoded word is a name
        (" =?utf-8?q?x=40y=2Ejp?= <a@b.jp>", ["a@b.jp"]),
        (" =?utf-8?b?eEB5LmpwLA==?= <a@b.jp>", ["a@b.jp"]),
        (" =?utf-8?b?YUBiLmpw?=", []),
        (" 日本 <a@例え.jp>", ["a@xn--r8jz45g.jp"]),
        (" \udce9\udc83 <a@b.jp>", ["a@b.jp"]),
        (" <\udce9@b.jp>", []),
        (" Tom", []),
        (" <>", []),
        (" undisclosed-recipients:;", []),
        ("", []),
    ],
)
def test_what_a_from_header_names(value: str, wanted: list[str]) -> None:
    assert list(addresses_in(value)) == wanted


def test_two_from_headers_name_both() -> None:
    assert addresses_in(" a@b.jp", " Tom <c@d.jp>", " a@b.jp") == ("a@b.jp", "c@d.jp")


@given(NAMES, ADDRESSES)
def test_a_name_with_bare_special_characters_never_hides_the_address(name: str, address: str) -> None:
    assert addresses_in(f" {name} <{address}>")[-1] == address


@given(st.text(alphabet="()<>[]:;,. abcイ例-", max_size=30), ADDRESSES)
def test_a_name_without_an_at_sign_adds_no_address(name: str, address: str) -> None:
    assert addresses_in(f" {name} <{address}>") == (address,)


@given(st.text(max_size=30), ADDRESSES)
def test_a_quoted_name_is_never_an_address(name: str, address: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    assert addresses_in(f' "{quoted}" <{address}>') == (address,)


@given(st.text(max_size=200))
def test_any_text_is_read_and_what_is_found_is_one_address_each(value: str) -> None:
    for address in addresses_in(value):
        assert "@" in address
        assert not any(character in address for character in "<>\r\n\0")


@pytest.mark.parametrize("piece", ['"', '\\"', "(", "<", "<a@", "a@b.jp,", '"@', "( <", ":", "a@b "])
def test_a_header_of_100_kb_is_read_in_no_time(piece: str) -> None:
    start = time.monotonic()
    addresses_in(piece * (100_000 // len(piece)))
    assert time.monotonic() - start < 1
