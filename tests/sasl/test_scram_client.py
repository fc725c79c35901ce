"""SCRAM, the client's side: the examples of the RFCs, an independent server, and servers that mean no good."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest
import scramp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import SaslError
from smtpcore.sasl import (
    SERVER_MECHANISMS,
    Credentials,
    Identity,
    ScramClient,
    ScramSha1Client,
    ScramSha1PlusClient,
    ScramSha256Client,
    ScramSha256PlusClient,
)
from smtpcore.sasl.scram_client import LEAST_ITERATIONS, MOST_ITERATIONS
from smtpcore.tls import TlsInfo
from tests.sasl.exchange import (
    BINDINGS,
    CREDENTIALS,
    PASSWORD,
    SALT,
    TLS,
    begin,
    client,
    converse,
    counted,
    token_bytes,
)

KINDS = (ScramSha1Client, ScramSha256Client)
PLUS = (ScramSha1PlusClient, ScramSha256PlusClient)
UNBOUND = replace(TLS, channel_bindings={})
NONCE = b64encode(token_bytes(18))
FIRST = b"r=%bxyz,s=%b,i=4096" % (NONCE, b64encode(SALT))


def test_the_example_of_rfc_5802() -> None:
    mechanism = client(ScramSha1Client, tls=None, nonce=lambda _: b64decode("fyko+d2lbbFgONRv9qkxdawL"))
    assert mechanism.initial() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert mechanism.respond(first) == (
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    )
    assert mechanism.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") == b""
    mechanism.verify()


def test_the_example_of_rfc_7677() -> None:
    mechanism = client(ScramSha256Client, tls=None, nonce=lambda _: b64decode("rOprNGfwEbeRWgbNEkqO"))
    assert mechanism.initial() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    assert mechanism.respond(b"r=" + nonce + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") == (
        b"c=biws,r=" + nonce + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert mechanism.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
    mechanism.verify()


def independent(kind: type[ScramClient], username: str = "user", password: str = PASSWORD) -> ScramClient:
    """An exchange with scramp's server, which checks proof and binding."""
    scram = scramp.ScramMechanism(kind.name)
    binding = ("tls-unique", BINDINGS["tls-unique"]) if kind.channel_binding else None
    server = scram.make_server(lambda _: scram.make_auth_info(PASSWORD, salt=SALT), channel_binding=binding)
    # scramp knows no tls-exporter, which would be used else.
    tls = replace(TLS, channel_bindings=dict([binding])) if binding else None
    mechanism = client(kind, Credentials(username=username, password=password), tls)
    server.set_client_first(mechanism.initial().decode())
    server.set_client_final(mechanism.respond(server.get_server_first().encode()).decode())
    assert mechanism.respond(server.get_server_final().encode()) == b""
    return mechanism


@pytest.mark.parametrize("kind", [*KINDS, *PLUS])
def test_an_independent_server_lets_the_client_in_and_is_trusted(kind: type[ScramClient]) -> None:
    independent(kind, username="us\u00ader,=").verify()


@pytest.mark.parametrize("kind", [*KINDS, *PLUS])
def test_an_independent_server_refuses_a_wrong_password(kind: type[ScramClient]) -> None:
    with pytest.raises(scramp.ScramException):
        independent(kind, password="wrong")


def test_names_are_prepared_and_escaped() -> None:
    credentials = Credentials(username="u,s=e\u00adr", password=PASSWORD, authzid="a=d,m\u00adin")
    assert client(ScramSha256Client, credentials, None).initial() == b"n,a=a=3Dd=2Cmin,n=u=2Cs=3Der,r=" + NONCE


def test_the_password_is_prepared() -> None:
    credentials = replace(CREDENTIALS, password="pen\u00adcil")
    identity = converse(client(ScramSha256Client, credentials), begin(SERVER_MECHANISMS["SCRAM-SHA-256"]))
    assert identity == Identity("user", mechanism="SCRAM-SHA-256")


@pytest.mark.parametrize(
    ("tls", "offered", "flag"),
    [
        (None, [], b"n"),
        (UNBOUND, [], b"n"),
        (replace(TLS, channel_bindings={"tls-other": b"x"}), [], b"n"),
        (TLS, [], b"y"),
        (TLS, ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"], b"y"),
        (TLS, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], b"n"),
    ],
)
def test_the_flag_tells_whether_the_client_would_have_bound(
    tls: TlsInfo | None, offered: list[str], flag: bytes
) -> None:
    mechanism = client(ScramSha256Client, CREDENTIALS, tls, offered=offered)
    assert mechanism.initial().startswith(flag + b",,n=user,")
    assert mechanism.respond(FIRST).startswith(b"c=" + b64encode(flag + b",,") + b",r=")


@pytest.mark.parametrize(
    ("supplied", "used"),
    [
        (["tls-unique", "tls-server-end-point", "tls-exporter"], b"tls-exporter"),
        (["tls-unique", "tls-server-end-point"], b"tls-server-end-point"),
        (["tls-unique", "tls-other"], b"tls-unique"),
    ],
)
def test_a_plus_form_uses_the_best_binding_there_is(supplied: list[str], used: bytes) -> None:
    tls = replace(TLS, channel_bindings={kind: b"\0data of " + kind.encode() for kind in supplied})
    mechanism = client(ScramSha256PlusClient, tls=tls)
    assert mechanism.initial().startswith(b"p=" + used + b",,n=user,")
    bound = b64encode(b"p=" + used + b",,\0data of " + used)
    assert mechanism.respond(FIRST).startswith(b"c=" + bound + b",r=")


def test_only_where_tls_supplies_a_binding_is_a_plus_form_usable() -> None:
    assert ScramSha256Client.usable(CREDENTIALS, None)
    assert ScramSha256PlusClient.usable(CREDENTIALS, TLS)
    assert not ScramSha256PlusClient.usable(CREDENTIALS, None)
    assert not ScramSha256PlusClient.usable(CREDENTIALS, UNBOUND)


def test_a_channel_with_somebody_in_the_middle_is_noticed() -> None:
    theirs = replace(TLS, channel_bindings={"tls-exporter": b"another channel"})
    server = begin(SERVER_MECHANISMS["SCRAM-SHA-256-PLUS"], theirs)
    assert converse(client(ScramSha256PlusClient), server) is None


def final(mechanism: ScramClient, server_first: bytes = FIRST) -> bytes:
    """What a server that knows the password sends to this client's proof, by the formulas of RFC 5802 3."""
    without_proof, _, _ = mechanism.respond(server_first).rpartition(b",p=")
    first_bare = mechanism.initial().partition(b",,")[2]
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 4096)
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    signature = hmac.digest(server_key, b"%b,%b,%b" % (first_bare, server_first, without_proof), "sha256")
    return b"v=" + b64encode(signature)


def test_the_signature_by_other_formulas_is_right() -> None:
    mechanism = client(ScramSha256Client)
    assert mechanism.respond(final(mechanism)) == b""
    mechanism.verify()


def test_optional_extensions_are_ignored_and_signed() -> None:
    mechanism = client(ScramSha256Client)
    message = final(mechanism, FIRST + b",x=1,Z=\xc3\xa4=b")
    assert mechanism.respond(message + b",y=2") == b""
    mechanism.verify()


@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize("count", [LEAST_ITERATIONS, MOST_ITERATIONS])
def test_the_iteration_count_has_two_ends(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def pbkdf2(hash_name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        calls.append(iterations)
        return bytes(32)

    monkeypatch.setattr("hashlib.pbkdf2_hmac", pbkdf2)
    client(ScramSha256Client).respond(b"r=%bx,s=AAAA,i=%d" % (NONCE, count))
    assert calls == [count]


@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize(
    ("count", "fault"),
    [
        (b"1", "fewer than 4096"),
        (b"4095", "fewer than 4096"),
        (b"1000001", "more than 1000000"),
        (b"2147483647", "more than 1000000"),
        (b"9" * 5000, "more than 1000000"),
    ],
)
def test_a_count_that_is_too_cheap_or_too_dear_costs_nothing(
    count: bytes, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr("hashlib.pbkdf2_hmac", counted(hashlib.pbkdf2_hmac, calls))
    with pytest.raises(SaslError, match=f"^SCRAM-SHA-256: the server wants {fault} iterations$"):
        client(ScramSha256Client).respond(b"r=%bx,s=AAAA,i=%b" % (NONCE, count))
    assert calls == []


@pytest.mark.conformance("C254")
@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize("nonce", [b"another", NONCE, NONCE[:-1] + b"!xyz", b"x" + NONCE, NONCE.lower() + b"xyz"])
def test_a_nonce_that_is_not_the_clients_with_more_is_refused(nonce: bytes) -> None:
    with pytest.raises(SaslError, match="nonce does not continue the client's"):
        client(ScramSha256Client).respond(b"r=%b,s=AAAA,i=4096" % nonce)


@pytest.mark.parametrize("salt", [b"A", b"AAA", b"AAAA=", b"====", b"AB=="])
def test_a_salt_that_is_not_base64_is_refused(salt: bytes) -> None:
    with pytest.raises(SaslError, match="salt is not base64"):
        client(ScramSha256Client).respond(b"r=%bx,s=%b,i=4096" % (NONCE, salt))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"garbage",
        b"r=%bx" % NONCE,
        b"r=%bx,s=AAAA" % NONCE,
        b"r=%bx,i=4096" % NONCE,
        b"r=%bx,s=,i=4096" % NONCE,
        b"r=,s=AAAA,i=4096",
        b"r=%b x,s=AAAA,i=4096" % NONCE,
        b"r=%bx,i=4096,s=AAAA" % NONCE,
        b"r=%bx,s=AAAA,i=" % NONCE,
        b"r=%bx,s=AAAA,i=0" % NONCE,
        b"r=%bx,s=AAAA,i=04096" % NONCE,
        b"r=%bx,s=AAAA,i=+4096" % NONCE,
        b"r=%bx,s=AAAA,i=4_096" % NONCE,
        b"r=%bx,s=AAAA,i=-4096" % NONCE,
        b"r=%bx,s=AAAA,i=\xd9\xa4\xd9\xa0\xd9\xa9\xd9\xa6" % NONCE,
        b"r=%bx,s=AAAA,i=4096\n" % NONCE,
        b"r=%bx,s=AAAA,i=4096," % NONCE,
        b"r=%bx,s=AAAA,i=4096,x" % NONCE,
        b"r=%bx,s=AAAA,i=4096,1=x" % NONCE,
        b"r=%bx,s=AA AA,i=4096" % NONCE,
        b"v=AAAA",
        b"e=",
    ],
)
def test_a_first_message_outside_the_grammar_is_refused(message: bytes) -> None:
    with pytest.raises(SaslError, match="first message does not fit the grammar"):
        client(ScramSha256Client).respond(message)


@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize("message", [b"m=x," + FIRST, FIRST + b",m=x", FIRST + b",y=1,m=x"])
def test_a_mandatory_extension_is_refused(message: bytes) -> None:
    with pytest.raises(SaslError, match="an extension that is not known here"):
        client(ScramSha256Client).respond(message)


@pytest.mark.parametrize("extension", [b"i=4096", b"r=x", b"s=AAAA", b"p=AAAA"])
def test_an_attribute_does_not_come_twice(extension: bytes) -> None:
    with pytest.raises(SaslError, match="where it does not belong"):
        client(ScramSha256Client).respond(FIRST + b"," + extension)


@pytest.mark.parametrize("octets", [b"\xff", b"\xed\xa0\x80", b"\xc0\xae"])
def test_what_is_not_utf_8_is_refused(octets: bytes) -> None:
    with pytest.raises(SaslError, match="not UTF-8") as caught:
        client(ScramSha256Client).respond(FIRST + b",x=" + octets)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (b"e=invalid-proof", "invalid-proof"),
        (b"e=channel-bindings-dont-match,x=1", "channel-bindings-dont-match"),
        (b"e=other-error", "other-error"),
        (b"e=\x1b[2Jinvalid-proof", "other-error"),
        (b"e=\xc3\xa4", "other-error"),
    ],
)
def test_an_error_of_the_server_is_told_in_the_words_of_the_rfc(error: bytes, word: str) -> None:
    early = client(ScramSha256Client)
    with pytest.raises(SaslError, match=f"^SCRAM-SHA-256: the server refused: {word}$"):
        early.respond(error)
    late = client(ScramSha256Client)
    late.respond(FIRST)
    with pytest.raises(SaslError, match=f"^SCRAM-SHA-256: the server refused: {word}$"):
        late.respond(error)
    with pytest.raises(SaslError, match="without having proven"):
        late.verify()


@pytest.mark.conformance("C253")
@pytest.mark.parametrize("signature", [bytes(32), bytes(20), b"x"])
def test_a_server_that_does_not_know_the_password_is_not_believed(signature: bytes) -> None:
    mechanism = client(ScramSha256Client)
    mechanism.respond(FIRST)
    with pytest.raises(SaslError, match="the server's signature is wrong"):
        mechanism.respond(b"v=" + b64encode(signature))
    with pytest.raises(SaslError, match="without having proven"):
        mechanism.verify()


@pytest.mark.conformance("C253")
def test_a_yes_without_a_signature_is_not_believed() -> None:
    mechanism = client(ScramSha256Client)
    with pytest.raises(SaslError, match="without having proven"):
        mechanism.verify()
    mechanism.respond(FIRST)
    with pytest.raises(SaslError, match="without having proven"):
        mechanism.verify()


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 20)])
def test_half_a_signature_is_none(cut: slice) -> None:
    mechanism = client(ScramSha256Client)
    message = final(mechanism)
    with pytest.raises(SaslError, match="signature is wrong"):
        mechanism.respond(message[cut])


@pytest.mark.parametrize("message", [b"", b"v=", b"garbage", b"v=A A", b"v=AAAA,", b"v=AAAA\n", b"r=x,v=AAAA", FIRST])
def test_a_final_message_outside_the_grammar_is_refused(message: bytes) -> None:
    mechanism = client(ScramSha256Client)
    mechanism.respond(FIRST)
    with pytest.raises(SaslError, match="final message does not fit the grammar"):
        mechanism.respond(message)


@pytest.mark.parametrize(("extension", "fault"), [(b",m=x", "not known here"), (b",v=AAAA", "does not belong")])
def test_extensions_of_the_final_message_are_looked_at(extension: bytes, fault: str) -> None:
    mechanism = client(ScramSha256Client)
    message = final(mechanism)
    with pytest.raises(SaslError, match=fault):
        mechanism.respond(message + extension)


def test_nothing_comes_after_the_signature() -> None:
    mechanism = client(ScramSha256Client)
    mechanism.respond(final(mechanism))
    with pytest.raises(SaslError, match="when everything had been said"):
        mechanism.respond(b"")


@pytest.mark.threat("T-AUTH")
def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    mechanism = client(ScramSha256Client)
    message = final(mechanism)
    calls: list[str] = []
    monkeypatch.setattr("hmac.compare_digest", counted(hmac.compare_digest, calls))
    mechanism.respond(message)
    assert calls == ["compare_digest"]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_a_server_sends_no_yes_is_believed(first: bytes, last: bytes) -> None:
    mechanism = client(ScramSha256Client)
    with pytest.raises(SaslError) as caught:
        mechanism.respond(first)
    assert str(caught.value).isprintable()
    mechanism = client(ScramSha256Client)
    mechanism.respond(FIRST)
    with pytest.raises(SaslError) as caught:
        mechanism.respond(last)
    assert str(caught.value).isprintable()
    assert PASSWORD not in str(caught.value)
    with pytest.raises(SaslError, match="without having proven"):
        mechanism.verify()
