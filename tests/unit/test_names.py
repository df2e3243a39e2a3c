"""Local parts, domains and destinations: pure rules (A1, F1)."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts import names
from accounts.presets import PRESETS
from accounts.rules import Rules


def broken(plan: str, local: str) -> str:
    """The code of the broken rule, or an empty string."""
    rules = Rules.of(PRESETS[plan][1])
    try:
        names.check_local_part(local, shortest=rules.local_part_min, longest=rules.local_part_max, grammar=rules.local_part_grammar)
    except ValidationError as error:
        return str(error.code)
    return ""


@pytest.mark.parametrize("local", ["test..123", "test--123", "test-.123", ".test", "-test", "test-123.", "test123-", "_test"])
def test_hs_refuses_the_manuals_examples(local: str) -> None:
    """A1, manual hs."""
    assert broken("hs", local)


@pytest.mark.parametrize("local", ["a", "te.st_1", "a_b-c", "t-e.s", "A1"])
def test_hs_takes_ordinary_names(local: str) -> None:
    """A1: `.` and `-` may stand in one name, only not side by side."""
    assert broken("hs", local) == ""


@pytest.mark.parametrize(
    ("plan", "local", "code"),
    [
        ("standard", "x", "length"),
        ("standard", "x" * 33, "length"),
        ("standard", "a b", "characters"),
        ("standard", "あい", "characters"),
        ("standard", "a\r\nb", "characters"),
        ("standard", "a@b", "characters"),
        ("standard", ".ab", "symbol_at_end"),
        ("standard", "ab-", "symbol_at_end"),
        ("standard", "a..b", "dots"),
        ("platinum", "-ab", "leading_hyphen"),
        ("platinum", "ab.", "dots"),
        ("platinum", "a" * 65, "length"),
        ("platinum", "_ab_", ""),
        ("standard", "a_b-c", ""),
        ("standard", "a--b", ""),
        ("plusmail", "a" * 33, "length"),
    ],
)
def test_each_plans_grammar_names_the_broken_rule(plan: str, local: str, code: str) -> None:
    """A1."""
    assert broken(plan, local) == code


@given(st.text(max_size=70))
def test_what_a_plan_accepts_is_an_smtp_dot_string(local: str) -> None:
    """Whatever is accepted can stand unquoted in SMTP, in a map and in Sieve."""
    for plan in PRESETS:
        if not broken(plan, local):
            assert names.ATEXT.fullmatch(local)


@pytest.mark.parametrize(
    ("given_name", "wanted"),
    [("Example.COM", "example.com"), ("例え.jp", "xn--r8jz45g.jp"), ("ＥＸＡＭＰＬＥ.jp", "example.jp"), ("example.com.", "example.com")],
)
def test_domains_become_a_labels(given_name: str, wanted: str) -> None:
    assert names.to_ascii(given_name) == wanted


@pytest.mark.parametrize(
    "name", ["", "com", "-a.com", "a..com", "a b.com", "a_b.com", "1.2.3.4", "x" * 64 + ".com", "a.com\nb.com", "*.com"]
)
def test_what_is_no_domain_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        names.to_ascii(name)


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b.com", "-a@b.com", '"a b"@b.com', "a@b", "a,b@c.com", "a@b.com, c@d.com", "a\n@b.com", "|prog@b.com\0", "a@b@c.com"],
)
def test_destinations_that_could_mean_something_to_a_program_are_refused(address: str) -> None:
    """F1: a destination may not begin with `-`; no quotes, spaces, commas or control characters."""
    with pytest.raises(ValidationError):
        names.destination(address)


@given(st.text(max_size=80))
def test_an_accepted_destination_stays_what_it_is(text: str) -> None:
    try:
        found = names.destination(text)
    except ValidationError:
        return
    assert names.destination(found) == found
    assert all("!" <= c <= "~" for c in found)


@given(st.text(max_size=40))
def test_unicode_form_never_fails(text: str) -> None:
    assert isinstance(names.to_unicode(text), str)


def test_unicode_form_is_for_reading() -> None:
    assert names.to_unicode("info@xn--r8jz45g.jp") == "info@例え.jp"
