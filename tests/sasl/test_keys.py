"""What a store keeps for SCRAM."""

from __future__ import annotations

import hmac

import pytest

from smtpcore.sasl import ScramKeys
from tests.sasl.exchange import SALT, SECRET


def test_keys_check_the_password_they_come_from_and_no_other() -> None:
    keys = ScramKeys.derive("p\u00e4ss", salt=SALT, iterations=2)
    assert keys.hash_name == "sha256"
    assert keys.check("p\u00e4ss")
    assert keys.check("pa\u0308ss")
    assert not keys.check("pass")
    assert not keys.check("")
    assert not keys.check("\x07")


@pytest.mark.parametrize("password", ["", "\u00ad", "\x07", "\u0221"])
def test_a_password_that_cannot_be_prepared_gives_no_keys_and_is_not_told(password: str) -> None:
    with pytest.raises(ValueError, match="cannot be prepared") as caught:
        ScramKeys.derive(password, salt=SALT)
    assert not password or password not in str(caught.value)


def test_a_decoy_is_always_the_same_for_a_name_and_fits_no_password() -> None:
    decoy = ScramKeys.decoy("nobody", secret=SECRET)
    assert decoy == ScramKeys.decoy("nobody", secret=SECRET)
    assert len(decoy.salt) == 16
    assert not ScramKeys.decoy("nobody", secret=SECRET, iterations=1).check("")
    salts = {
        decoy.salt,
        ScramKeys.decoy("nobody", secret=SECRET, hash_name="sha1").salt,
        ScramKeys.decoy("nobody", secret=b"another").salt,
        ScramKeys.decoy("nobod", secret=SECRET).salt,
    }
    assert len(salts) == 4


def test_the_salt_of_a_decoy_is_no_other_in_another_release() -> None:
    # One that changed while those of the users who exist stay would tell who exists (T-AUTH).
    salt = hmac.digest(SECRET, b"salt\0sha256\0nobody", "sha256")[:16]
    assert ScramKeys.decoy("nobody", secret=SECRET).salt == salt


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"stored_key": b"short"}, "20 octets"),
        ({"server_key": b"short"}, "20 octets"),
        ({"salt": b""}, "salt"),
        ({"iterations": 0}, "iteration count"),
        ({"hash_name": "no such hash"}, "no such hash"),
    ],
)
def test_keys_that_cannot_be_are_refused(settings: dict[str, object], fault: str) -> None:
    whole: dict[str, object] = {
        "hash_name": "sha1",
        "salt": SALT,
        "iterations": 1,
        "stored_key": b"k" * 20,
        "server_key": b"k" * 20,
    }
    with pytest.raises(ValueError, match=fault):
        ScramKeys(**{**whole, **settings})  # type: ignore[arg-type]
