"""A12: what counts as a near copy of an old password."""

import pytest
from django.core.exceptions import ValidationError

from accounts import nearness, passwords

OLD = "Sunny#Garden2026"


def refused(new: str, *old: str) -> str:
    """The code of the rule that the new password breaks, "" for none."""
    try:
        nearness.refuse_near_copies(new, [passwords.hash_password(one) for one in old])
    except ValidationError as error:
        return str(error.error_dict["password"][0].code)
    return ""


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("Sunny#Garden2026", "reused"),
        ("6202nedraG#ynnuS", "reversed"),
        ("sunny#garden2026", "case"),
        ("SUNNY#GARDEN2026", "case"),
        ("sUNNY#gARDEN2026", "case"),
        ("sunny#Garden2026", "case"),
        ("Sunny#garden2026", "case"),
        ("SunNy#Garden2026", "case"),
        ("Sunny#Garden2026!", "added"),
        ("Sunny#Garden20261", "added"),
        ("Sunny#Garden2026!!1", "added"),
        ("1Sunny#Garden2026", "added"),
        ("Sunny#Garden202", "removed"),
        ("Sunny#Garden2027", "counted"),
        ("Sunny#Garden2025", "counted"),
        ("Sunny$Garden2026", "counted"),
    ],
)
def test_a_near_copy_is_refused_with_the_message_of_its_rule(new: str, code: str) -> None:
    """A12, each rule alone."""
    assert refused(new, OLD) == code


@pytest.mark.parametrize("symbol", list(passwords.SYMBOLS))
def test_an_old_one_with_any_allowed_symbol_less_is_refused(symbol: str) -> None:
    """A12: "removed digits and symbols"."""
    assert refused("Sunny#Garden2026x", f"Sunny#Garden2026x{symbol}") == "removed"


def test_an_unlike_password_is_taken() -> None:
    """A12: only near copies are refused, also among three old ones."""
    assert refused("Quiet%Harbour71", OLD, "Tegami#Mail2026x", "abcdefg1") == ""


def test_each_of_the_old_ones_is_compared() -> None:
    """A12: the last three."""
    for place in range(3):
        old = ["Tegami#Mail2026x", "Other#Thing81", "Third#Thing82"]
        old[place] = OLD
        assert refused("Sunny#Garden2027", *old) == "counted"


def test_every_rule_has_a_message_of_its_own() -> None:
    messages = nearness._messages()
    assert len(set(messages.values())) == len(messages)
    assert {code for code, _variant in nearness.variants("Ab1!Cd2?")} <= set(messages)


@pytest.mark.parametrize("password", ["", "a", "A1!", "x" * 128, "Aa1!" * 32, "1" * 128, "!@#$%^&*()" * 12, "9" * 4 + "a"])
def test_the_work_is_bounded_and_nothing_is_tried_twice(password: str) -> None:
    """Three hashes of 20 ms for each variant: the number must not depend on what was typed."""
    found = [variant for _code, variant in nearness.variants(password)]
    assert len(found) == len(set(found)) <= nearness.MOST
