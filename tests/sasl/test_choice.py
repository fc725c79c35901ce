"""Which mechanism a client takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpcore.sasl import CLIENT_MECHANISMS, Credentials, choose
from smtpcore.tls import TlsInfo
from tests.sasl.exchange import CREDENTIALS, PASSWORD, TLS

ALL = tuple(CLIENT_MECHANISMS)
PASSWORD_ONLY = Credentials(username="user", password=PASSWORD)
UNBOUND = replace(TLS, channel_bindings={})


def chosen(
    *offered: str,
    credentials: Credentials = CREDENTIALS,
    tls: TlsInfo | None = TLS,
    allow: tuple[str, ...] | None = None,
    plaintext_without_tls: bool = False,
) -> str | None:
    kind = choose(offered, credentials, tls, allow=allow, plaintext_without_tls=plaintext_without_tls)
    return None if kind is None else kind.name


def preferences(credentials: Credentials, tls: TlsInfo | None, *, plaintext_without_tls: bool = False) -> list[str]:
    """What is chosen of all, and what when that is not there any more, and so on."""
    order: list[str] = []
    while True:
        left = [name for name in ALL if name not in order]
        name = chosen(*left, credentials=credentials, tls=tls, plaintext_without_tls=plaintext_without_tls)
        if name is None:
            return order
        order.append(name)


def test_within_tls_the_strongest_comes_first_and_cram_md5_never() -> None:
    assert preferences(CREDENTIALS, TLS) == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "EXTERNAL",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
        "LOGIN",
        "ANONYMOUS",
    ]


def test_without_channel_binding_there_is_no_plus_form() -> None:
    assert preferences(PASSWORD_ONLY, UNBOUND) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]


def test_in_clear_text_no_secret_is_sent() -> None:
    assert preferences(CREDENTIALS, None) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "ANONYMOUS"]


def test_a_secret_is_not_sent_in_clear_text_unless_the_caller_says_so() -> None:
    assert choose(["PLAIN"], CREDENTIALS, None) is None


def test_in_clear_text_a_secret_is_sent_where_the_caller_says_so_and_after_cram_md5() -> None:
    assert preferences(CREDENTIALS, None, plaintext_without_tls=True) == [
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "XOAUTH2",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
        "ANONYMOUS",
    ]


def test_cram_md5_is_used_within_tls_where_it_is_named() -> None:
    assert chosen("CRAM-MD5", "PLAIN", allow=("CRAM-MD5", "PLAIN")) == "CRAM-MD5"
    assert chosen("CRAM-MD5", "PLAIN", allow=("PLAIN", "CRAM-MD5")) == "PLAIN"
    assert chosen("CRAM-MD5", allow=("PLAIN", "CRAM-MD5")) == "CRAM-MD5"


def test_who_may_be_used_comes_in_the_callers_order() -> None:
    assert chosen(*ALL, allow=("LOGIN", "SCRAM-SHA-256")) == "LOGIN"
    assert chosen("SCRAM-SHA-256", "PLAIN", allow=("LOGIN", "SCRAM-SHA-256")) == "SCRAM-SHA-256"
    assert chosen("PLAIN", allow=("LOGIN", "SCRAM-SHA-256")) is None
    assert chosen(*ALL, allow=()) is None


def test_naming_a_plaintext_mechanism_does_not_let_it_out_in_clear_text() -> None:
    assert chosen("PLAIN", tls=None, allow=("PLAIN",)) is None
    assert chosen("PLAIN", tls=None, allow=("PLAIN",), plaintext_without_tls=True) == "PLAIN"


def test_names_that_nobody_knows_are_passed_over() -> None:
    assert chosen("GSSAPI", "X-THEIRS", "PLAIN") == "PLAIN"
    assert chosen("GSSAPI", "PLAIN", allow=("GSSAPI", "PLAIN")) == "PLAIN"
    assert chosen() is None


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        (Credentials(username="user", token="good"), "OAUTHBEARER"),
        (Credentials(certificate=True), "EXTERNAL"),
        (Credentials(anonymous=""), "ANONYMOUS"),
        (Credentials(username="user", password="p\u0221ss"), "PLAIN"),
        (Credentials(), None),
    ],
)
def test_the_credentials_decide_what_can_be_used(credentials: Credentials, name: str | None) -> None:
    assert chosen(*ALL, credentials=credentials) == name


def test_who_acts_for_another_uses_what_can_say_so() -> None:
    credentials = replace(PASSWORD_ONLY, authzid="admin")
    assert chosen("CRAM-MD5", "PLAIN", "LOGIN", credentials=credentials) == "PLAIN"
    assert chosen("CRAM-MD5", "LOGIN", credentials=credentials, tls=None, plaintext_without_tls=True) is None
