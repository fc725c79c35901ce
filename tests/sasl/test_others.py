"""PLAIN and LOGIN as far as SASLprep goes, EXTERNAL, ANONYMOUS, and what all mechanisms have in common."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.sasl import (
    SERVER_MECHANISMS,
    AnonymousServer,
    Challenge,
    CredentialStore,
    ExternalServer,
    Failure,
    Identity,
    LoginServer,
    MapCertificate,
    PlainServer,
    Query,
    ScramKeys,
    Secret,
    ServerMechanism,
    StoredKeys,
    Success,
    TokenError,
    VerifyPassword,
    VerifyToken,
)
from smtpcore.sasl.base64 import decode, encode
from smtpcore.sasl.bearer import BearerServer
from tests.sasl.exchange import SALT, SECRET, TLS, ask, begin, context, respond

MALFORMED = Failure(malformed=True)


def test_the_examples_of_rfc_4616() -> None:
    server = begin(PlainServer)
    assert server.step(None) == Challenge()
    assert server.step(b"\0tim\0tanstaaftanstaaf") == VerifyPassword("tim", "tanstaaftanstaaf")
    assert server.answered(True) == Success(Identity("tim", mechanism="PLAIN"))
    server = begin(PlainServer)
    assert server.step(b"Ursel\0Kurt\0xipj3plmq") == VerifyPassword("Kurt", "xipj3plmq")
    assert server.answered(True) == Success(Identity("Kurt", "Ursel", "PLAIN"))
    assert server.answered(False) == Failure()
    assert begin(PlainServer).answered(True) == Failure()


def test_plain_asks_with_prepared_names_and_passwords() -> None:
    message = "\u2168\0us\u00ader\0pa\u0308ss".encode()
    server = begin(PlainServer)
    assert server.step(message) == VerifyPassword("user", "p\u00e4ss")
    assert server.answered(True) == Success(Identity("user", "IX", "PLAIN"))


@pytest.mark.conformance("C335")
@pytest.mark.parametrize(
    "message",
    [
        "\u00ad\0user\0pencil",
        "\x07\0user\0pencil",
        "\0\u00ad\0pencil",
        "\0a\x07\0pencil",
        "\0user\0\u00ad",
        "\0user\0\x7f",
    ],
)
def test_plain_fails_where_nothing_is_left_or_something_is_forbidden(message: str) -> None:
    assert begin(PlainServer).step(message.encode()) == Failure()


@pytest.mark.conformance("C243", "C245")
@pytest.mark.parametrize(
    "message", [b"", b"a", b"\0a", b"\0a\0b\0", b"\0\0b", b"\0a\0", b"\0\xff\0b", b"\0\xed\xa0\x80\0b"]
)
def test_plain_outside_the_grammar_is_malformed(message: bytes) -> None:
    assert begin(PlainServer).step(message) == MALFORMED


@pytest.mark.conformance("C244")
def test_plain_takes_long_fields() -> None:
    name = "n" * 255
    assert begin(PlainServer).step(f"{name}\0{name}\0{name}".encode()) == VerifyPassword(name, name)


def test_login_asks_with_prepared_names_and_passwords() -> None:
    server = begin(LoginServer)
    assert server.step(None) == Challenge(b"Username:")
    assert server.step("us\u00ader".encode()) == Challenge(b"Password:")
    assert server.step("pa\u0308ss".encode()) == VerifyPassword("user", "p\u00e4ss")
    assert server.answered(True) == Success(Identity("user", mechanism="LOGIN"))
    assert server.answered(None) == Failure()
    assert begin(LoginServer).answered(True) == Failure()


@pytest.mark.parametrize("text", ["", "\u00ad", "a\0b", "\x07"])
def test_login_fails_where_nothing_is_left_or_something_is_forbidden(text: str) -> None:
    assert begin(LoginServer).step(text.encode()) == Failure()
    server = begin(LoginServer)
    server.step(b"user")
    assert server.step(text.encode()) == Failure()
    assert server.step(b"\xff") == MALFORMED


def test_external_takes_the_identity_of_the_certificate() -> None:
    server = begin(ExternalServer)
    assert server.step(None) == Challenge()
    assert server.step(b"") == MapCertificate(TLS, "")
    assert server.answered("user") == Success(Identity("user", mechanism="EXTERNAL"))
    assert respond(begin(ExternalServer), "\u2168".encode()) == Success(Identity("user", "IX", "EXTERNAL"))


@pytest.mark.parametrize("answer", [None, ""])
def test_external_fails_for_a_certificate_of_nobody(answer: object) -> None:
    server = begin(ExternalServer)
    server.step(b"user")
    assert server.answered(answer) == Failure()


@pytest.mark.parametrize(
    ("response", "outcome"),
    [(b"a\0b", MALFORMED), (b"\xff", MALFORMED), ("\u00ad".encode(), Failure()), (b"\x07", Failure())],
)
def test_external_refuses_what_is_no_identity(response: bytes, outcome: Failure) -> None:
    assert begin(ExternalServer).step(response) == outcome


def test_external_needs_a_verified_certificate() -> None:
    unverified = replace(TLS, peer_verified=False)
    assert begin(ExternalServer, None).step(b"") == Failure()
    assert begin(ExternalServer, unverified).step(b"") == Failure()
    assert not ExternalServer.usable(None)
    assert not ExternalServer.usable(unverified)
    assert ExternalServer.usable(TLS)


@pytest.mark.parametrize("trace", ["", "sirhc", "a@b.test", "x" * 255, "\u00e4" * 255, "a" * 64 + "@" + "b" * 255])
def test_anonymous_keeps_the_trace(trace: str) -> None:
    server = begin(AnonymousServer)
    assert server.step(None) == Challenge()
    assert server.step(trace.encode()) == Success(Identity("anonymous", mechanism="ANONYMOUS", trace=trace))


@pytest.mark.parametrize(
    "response", [b"\xff", b"x" * 256, b"@", b"a@", b"a@b@", b"@b", b"a@" + b"b" * 319, b"a\r\nb", "\u202e".encode()]
)
def test_anonymous_refuses_what_is_no_trace(response: bytes) -> None:
    assert begin(AnonymousServer).step(response) == MALFORMED


ANSWERS = (
    False,
    True,
    "",
    "user",
    b"",
    b"secret",
    TokenError(),
    ScramKeys.derive("x", salt=SALT, hash_name="sha1", iterations=1),
    ScramKeys.derive("x", salt=SALT, hash_name="sha256", iterations=1),
)


def fitting(query: Query) -> list[object]:
    """What a store may answer."""
    hash_name = query.hash_name if isinstance(query, StoredKeys) else ""
    return [None] + [
        value
        for value in ANSWERS
        if isinstance(value, query.answers) and (not isinstance(value, ScramKeys) or value.hash_name == hash_name)
    ]


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
@given(data=st.data())
def test_no_octets_at_any_step_raise(name: str, data: st.DataObject) -> None:
    kind = SERVER_MECHANISMS[name]
    mechanism = kind(context(data.draw(st.sampled_from([None, TLS]))))
    octets = st.one_of(
        st.binary(max_size=64),
        st.text(max_size=32).map(str.encode),
        st.lists(
            st.sampled_from(
                [
                    b"n,,",
                    b"p=tls-unique,,",
                    b"n=user",
                    b"r=a",
                    b",",
                    b"\x01",
                    b"auth=Bearer x",
                    b"user=",
                    b"\0",
                    b"c=biws",
                ]
            ),
            max_size=8,
        ).map(b"".join),
    )
    first = octets if kind.server_first else st.one_of(st.none(), octets)
    outcome = mechanism.step(None if kind.server_first else data.draw(first))
    for _ in range(4):
        if isinstance(outcome, Query):
            outcome = mechanism.answered(data.draw(st.sampled_from(fitting(outcome))))
        elif isinstance(outcome, Challenge):
            outcome = mechanism.step(data.draw(octets))
        else:
            assert isinstance(outcome, Success | Failure)
            break


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
def test_a_store_that_knows_nothing_lets_nobody_in(name: str) -> None:
    messages: dict[str, list[bytes | None]] = {
        "PLAIN": [b"\0user\0pencil"],
        "LOGIN": [b"user", b"pencil"],
        "CRAM-MD5": [None, b"user " + b"0" * 32],
        "SCRAM-SHA-1": [b"n,,n=user,r=a", b"c=biws,r=a" + b"ZGVm,p=AAAA"],
        "SCRAM-SHA-256": [b"n,,n=user,r=a", b"c=biws,r=a" + b"ZGVm,p=AAAA"],
        "SCRAM-SHA-1-PLUS": [b"p=tls-unique,,n=user,r=a", b"c=biws,r=a,p=AAAA"],
        "SCRAM-SHA-256-PLUS": [b"p=tls-unique,,n=user,r=a", b"c=biws,r=a,p=AAAA"],
        "OAUTHBEARER": [b"n,a=user,\x01auth=Bearer good\x01\x01", b"\x01"],
        "XOAUTH2": [b"user=user\x01auth=Bearer good\x01\x01", b""],
        "EXTERNAL": [b""],
        "ANONYMOUS": [b""],
    }
    outcome = respond(begin(SERVER_MECHANISMS[name]), *messages[name], store=CredentialStore())
    assert isinstance(outcome, Success if name == "ANONYMOUS" else Failure)


def test_a_mechanism_says_what_it_does() -> None:
    mechanism = ServerMechanism(context())
    with pytest.raises(NotImplementedError):
        mechanism.step(None)
    with pytest.raises(NotImplementedError):
        mechanism.answered(None)
    with pytest.raises(NotImplementedError):
        Query().ask(CredentialStore())
    with pytest.raises(NotImplementedError):
        BearerServer(context()).step(b"")


def test_a_query_of_ones_own_asks_a_store_of_ones_own() -> None:
    class Mine(Query):
        def ask(self, store: CredentialStore) -> object:
            return store.verify_password("a", "b")

    class Mechanism(ServerMechanism):
        name = "X-MINE"

        def answered(self, value: object) -> Failure:
            assert value is False
            return Failure()

    assert ask(Mechanism(context()), Mine()) == Failure()


def test_no_repr_shows_a_secret() -> None:
    hidden = "S3CRET"
    keys = ScramKeys.derive(hidden, salt=SALT, iterations=1)
    shown = [
        VerifyPassword("user", hidden),
        VerifyToken("user", hidden),
        keys,
        StoredKeys("user", "sha256"),
        Secret("user"),
        context(),
        MapCertificate(TLS, ""),
    ]
    for value in shown:
        text = repr(value)
        assert hidden not in text
        assert SECRET.decode() not in text
        assert repr(keys.stored_key)[2:-1] not in text
        assert repr(keys.server_key)[2:-1] not in text
    for kind in SERVER_MECHANISMS.values():
        mechanism = begin(kind)
        mechanism.step(f"\0user\0{hidden}".encode())
        assert hidden not in repr(mechanism)


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
def test_every_mechanism_has_a_name_of_the_grammar(name: str) -> None:
    # RFC 4422 3.1.
    assert 1 <= len(name) <= 20
    assert name.upper() == name


def test_what_sends_the_secret_itself_is_called_plaintext() -> None:
    assert {name for name, kind in SERVER_MECHANISMS.items() if kind.plaintext} == {
        "PLAIN",
        "LOGIN",
        "OAUTHBEARER",
        "XOAUTH2",
    }


@pytest.mark.conformance("C233")
@pytest.mark.threat("T-PY")
@pytest.mark.parametrize(
    "text", [b"A", b"AAA", b"====", b"AAAA=", b"AA=A", b"AAA=BBB=", b"AGEAYh==", b"AA A", b"AAAA\n"]
)
def test_base64_is_canonical_or_not_at_all(text: bytes) -> None:
    assert decode(text) is None


@given(st.binary(max_size=40))
def test_base64_comes_back(data: bytes) -> None:
    assert decode(encode(data)) == data
