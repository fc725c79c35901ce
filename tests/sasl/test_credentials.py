"""Credentials: what they hold back, what they refuse, and how they are prepared."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore.sasl import CLIENT_MECHANISMS, Credentials
from tests.sasl.exchange import client

HIDDEN = "S3CRET"


def test_no_repr_shows_a_secret() -> None:
    credentials = Credentials(username="user", password=HIDDEN, token=HIDDEN, certificate=True, anonymous="")
    assert "user" in repr(credentials)
    assert HIDDEN not in repr(credentials)
    for kind in CLIENT_MECHANISMS.values():
        mechanism = client(kind, credentials)
        mechanism.initial()
        assert HIDDEN not in repr(mechanism)
        assert HIDDEN not in str(vars(mechanism)["credentials"])


@pytest.mark.parametrize("text", [f"{HIDDEN}\0", f"{HIDDEN}\ud800", f"\udfff{HIDDEN}"])
def test_what_no_mechanism_can_send_is_refused_and_not_quoted(text: str) -> None:
    for name in ("username", "password", "token", "authzid", "anonymous"):
        settings: dict[str, Any] = {name: text}
        with pytest.raises(ValueError, match=f"^{name} has NUL .* no mechanism can send$") as caught:
            Credentials(**settings)
        assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize("host", ["m\u00e4il.test", "mx.test\x01auth=x", "mx test", "mx.test\n"])
def test_a_host_is_a_name_as_it_was_looked_up(host: str) -> None:
    with pytest.raises(ValueError, match="A-labels"):
        Credentials(host=host)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_port_is_one(port: int) -> None:
    with pytest.raises(ValueError, match="65535"):
        Credentials(port=port)


@pytest.mark.parametrize("port", [None, 1, 65535])
def test_any_port_may_be_told_or_none(port: int | None) -> None:
    assert Credentials(port=port).port == port


def test_texts_are_prepared_and_kept() -> None:
    credentials = Credentials(username="us\u00ader", password="pa\u0308ss", authzid="\u2168")
    assert credentials.username == "us\u00ader"
    assert credentials.prepared_username == "user"
    assert credentials.prepared_password == "p\u00e4ss"
    assert credentials.prepared_authzid == "IX"


@pytest.mark.parametrize("text", ["\u00ad", "\x07"])
def test_what_cannot_be_prepared_counts_as_missing(text: str) -> None:
    credentials = Credentials(username=text, password=text, authzid=text)
    assert credentials.prepared_username == credentials.prepared_password == ""
    assert credentials.prepared_authzid is None
    assert Credentials().prepared_username == Credentials().prepared_password == Credentials().prepared_authzid == ""


def test_a_password_is_prepared_as_it_was_when_it_was_stored() -> None:
    # RFC 5802 2.2. U+0221 has no meaning in Unicode 3.2.
    credentials = Credentials(username="\u0221", password="\u0221")
    assert credentials.prepared_username == "\u0221"
    assert credentials.prepared_password == ""
