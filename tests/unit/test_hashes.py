"""Hashes from elsewhere: read strictly, bounded, verified as Dovecot does."""

import ctypes

import pytest
from django.core.exceptions import ValidationError

from accounts import hashes, passwords

PASSWORD = "Tegami#Mail2026x"
ARGON2ID = "$argon2id$v=19$m=64,t=1,p=1$bwVPjlaA904$kO2b4SF02DtPky+eUCM12Q"
SHA512 = "$6$rounds=1000$abcdefgh$" + "x" * 86
BCRYPT = "$2b$04$" + "a" * 53


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (ARGON2ID, "{ARGON2ID}" + ARGON2ID),
        ("{ARGON2ID}" + ARGON2ID, "{ARGON2ID}" + ARGON2ID),
        ("{argon2id}" + ARGON2ID, "{ARGON2ID}" + ARGON2ID),
        (SHA512, "{SHA512-CRYPT}" + SHA512),
        ("{SHA512-CRYPT}" + SHA512, "{SHA512-CRYPT}" + SHA512),
        (SHA512.replace("rounds=1000$", ""), "{SHA512-CRYPT}" + SHA512.replace("rounds=1000$", "")),
        *((BCRYPT.replace("2b", kind), "{BLF-CRYPT}" + BCRYPT.replace("2b", kind)) for kind in ("2a", "2b", "2y")),
    ],
)
def test_what_is_taken_and_how_it_is_stored(given: str, stored: str) -> None:
    assert hashes.parse(given) == stored
    assert hashes.parse(stored) == stored


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "scheme"),
        ("plain text", "scheme"),
        ("{PLAIN}secret", "scheme"),
        ("{MD5-CRYPT}$1$abc$xyz", "scheme"),
        ("$argon2i$v=19$m=64,t=1,p=1$bwVPjlaA904$kO2b4SF02DtPky+eUCM12Q", "scheme"),
        ("{BLF-CRYPT}" + SHA512, "scheme"),
        ("{SHA512-CRYPT.HEX}" + SHA512, "scheme"),
        ("$2x$04$" + "a" * 53, "scheme"),
        (SHA512 + "\n", "scheme"),
        ("\n" + SHA512, "scheme"),
        (SHA512 + "x" * 300, "scheme"),
        (SHA512[:-1], "format"),
        (SHA512.replace("abcdefgh", "a" * 17), "format"),
        (SHA512.replace("abcdefgh", "a:b"), "format"),
        (SHA512.replace("rounds=1000", "rounds=01000"), "format"),
        (BCRYPT + "a", "format"),
        (BCRYPT.replace("$04$", "$4$"), "format"),
        (ARGON2ID.replace("v=19", "v=16"), "format"),
        (ARGON2ID.replace("m=64,t=1", "t=1,m=64"), "format"),
        (ARGON2ID.replace("p=1", "p=1,keyid=x"), "format"),
        (ARGON2ID.replace("bwVPjlaA904", "bwVPjlaA90="), "format"),
        (ARGON2ID.replace("bwVPjlaA904", "bwVPjlaA905"), "format"),  # not canonical
        (ARGON2ID.replace("bwVPjlaA904", "bwVPjlaA90４"), "format"),
        (ARGON2ID.replace("m=64", "m=65537"), "cost"),
        (ARGON2ID.replace("m=64", "m=7"), "cost"),
        (ARGON2ID.replace("t=1", "t=11"), "cost"),
        (ARGON2ID.replace("m=64,t=1,p=1", "m=640,t=1,p=5"), "cost"),
        (BCRYPT.replace("$04$", "$03$"), "cost"),
        (BCRYPT.replace("$04$", "$13$"), "cost"),
        (SHA512.replace("rounds=1000", "rounds=999"), "cost"),
        (SHA512.replace("rounds=1000", "rounds=200001"), "cost"),
    ],
)
def test_everything_else_is_refused_by_name_and_not_repeated(given: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        hashes.parse(given)
    (error,) = caught.value.error_list
    assert error.code == code
    assert "kO2b4SF02" not in error.message


SALT = "abcdefghijklmnopqrstuu"


@pytest.mark.parametrize("setting", [f"$2a$04${SALT}", f"$2b$04${SALT}", f"$2y$04${SALT}", "$6$rounds=1000$salt$"])
def test_a_password_is_verified_against_its_hash_and_no_other(setting: str) -> None:
    scratch = ctypes.create_string_buffer(hashes.SCRATCH)
    made = hashes._libcrypt().crypt_rn(PASSWORD.encode(), setting.encode(), scratch, hashes.SCRATCH).decode()
    stored = hashes.parse(made)
    assert passwords.verify(PASSWORD, stored)
    assert not passwords.verify(PASSWORD + "x", stored)
    assert not passwords.verify(PASSWORD + "\0x", stored)
    assert not passwords.verify("", stored)
