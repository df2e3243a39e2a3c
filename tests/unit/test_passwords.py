"""Password rules (A2) and stored forms."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import passwords

ADDRESS = "yamada.taro@shop.example.com"


def broken(password: str, rule: str = "strict", address: str = ADDRESS) -> set[str]:
    """The codes of all broken rules."""
    try:
        passwords.check(password, rule=rule, address=address)
    except ValidationError as error:
        return {str(one.code) for one in error.error_list}
    return set()


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Short#1aA", "length"),
        ("nouppercase#12x", "upper"),
        ("NOLOWERCASE#12X", "lower"),
        ("NoDigits#######", "digit"),
        ("NoSymbol12345aA", "symbol"),
        ("Run#123456abcdE", "digit_run"),
        ("ＦＵＬＬ#Wide12ab", "characters"),
        ("Back\\slash12abc", "characters"),
        ("With space#12aB", "characters"),
        ("Quote'Quote#1aB", "characters"),
        ("Shop.Example.Com", "name"),
        ("Yamada.Taro@Shop.Example.Com", "name"),
    ],
)
def test_the_strict_rule_names_what_is_broken(password: str, code: str) -> None:
    """A2."""
    assert code in broken(password)


def test_the_strict_rule_compares_names_without_case() -> None:
    """A2: never the local part, also where it satisfies everything else."""
    assert broken("Ab_cd.ef12xyzw", address="ab_cd.ef12xyzw@a.example.com") == {"name"}


@pytest.mark.parametrize("symbol", list(passwords.SYMBOLS))
def test_every_symbol_of_the_manual_is_taken(symbol: str) -> None:
    """A2, manual standard 6-1-1."""
    assert broken(f"Kumo12345Asahi{symbol}") == set()


def test_five_digits_in_a_row_are_fine() -> None:
    assert broken("Run#12345abcdE") == set()


@pytest.mark.parametrize(("password", "codes"), [("short12", {"length"}), ("pässwort", {"characters"}), ("good enough!", set())])
def test_the_basic_rule(password: str, codes: set[str]) -> None:
    assert broken(password, rule="basic") == codes


def test_the_basic_rule_refuses_the_name() -> None:
    assert broken("yamada.taro", rule="basic") == {"name"}


@settings(max_examples=5, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_a_hash_verifies_its_password_and_no_other(password: str) -> None:
    stored = passwords.hash_password(password)
    assert stored.startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify(password, stored)
    assert not passwords.verify(password + "x", stored)


def test_nothing_fits_an_empty_hash() -> None:
    assert not passwords.verify("", "")
    assert not passwords.verify("anything", "")
