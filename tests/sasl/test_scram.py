"""SCRAM: the examples of the RFCs, an independent client, and messages that are wrong in one place."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
import scramp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.sasl import (
    Challenge,
    Failure,
    Identity,
    Outcome,
    ScramKeys,
    ScramServer,
    ScramSha1PlusServer,
    ScramSha1Server,
    ScramSha256PlusServer,
    ScramSha256Server,
    Success,
)
from tests.sasl.exchange import BINDINGS, PASSWORD, SALT, TLS, Store, begin, context, counted, respond

KINDS = (ScramSha1Server, ScramSha256Server)
PLUS = (ScramSha1PlusServer, ScramSha256PlusServer)
MALFORMED = Failure(malformed=True)
FIRST = b"n,,n=user,r=abc"


class Example(Store):
    """The user of the RFCs, with their salts."""

    def __init__(self, salt: bytes) -> None:
        self.salt = salt

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        assert username == "user"
        return ScramKeys.derive("pencil", salt=self.salt, hash_name=hash_name, iterations=4096)


def test_the_example_of_rfc_5802() -> None:
    class Server(ScramSha1Server):
        def make_nonce(self) -> bytes:
            return b"3rfcNHYJY1ZVvWVs7j"

    store = Example(bytes.fromhex("4125c247e43ab1e93c6dff76"))
    server = begin(Server)
    assert respond(server, None) == Challenge()
    assert respond(server, b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", store=store) == Challenge(
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    )
    final = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    assert respond(server, final) == Success(
        Identity("user", mechanism="SCRAM-SHA-1"), b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="
    )


def test_the_example_of_rfc_7677() -> None:
    class Server(ScramSha256Server):
        def make_nonce(self) -> bytes:
            return b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

    store = Example(bytes.fromhex("5b6d99689d12358eeca04b141236fa81"))
    server = begin(Server)
    assert respond(server, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", store=store) == Challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    final = (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert respond(server, final) == Success(
        Identity("user", mechanism="SCRAM-SHA-256"), b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


def independent(kind: type[ScramServer], username: str = "user", password: str = PASSWORD) -> Outcome:
    """An exchange with scramp's client, which checks the signature."""
    binding = ("tls-unique", BINDINGS["tls-unique"]) if kind.channel_binding else None
    client = scramp.ScramClient([kind.name], username, password, channel_binding=binding)
    server = begin(kind)
    challenge = respond(server, client.get_client_first().encode())
    if not isinstance(challenge, Challenge):
        return challenge
    client.set_server_first(challenge.data.decode())
    outcome = respond(server, client.get_client_final().encode())
    if isinstance(outcome, Success):
        client.set_server_final(outcome.data.decode())
    return outcome


@pytest.mark.parametrize("kind", [*KINDS, *PLUS])
def test_an_independent_client_gets_in_and_trusts_the_signature(kind: type[ScramServer]) -> None:
    outcome = independent(kind)
    assert isinstance(outcome, Success)
    assert outcome.identity == Identity("user", mechanism=kind.name)
    assert outcome.data.startswith(b"v=")


@pytest.mark.parametrize("kind", [*KINDS, *PLUS])
def test_a_wrong_password_and_an_unknown_user_fail_alike(kind: type[ScramServer]) -> None:
    assert independent(kind, password="pen") == Failure()
    assert independent(kind, username="nobody") == Failure()


def client_final(
    server_first: bytes,
    *,
    header: bytes = b"n,,",
    first: bytes = b"n=user,r=abc",
    binding: bytes = b"",
    hash_name: str = "sha256",
    without_proof: bytes | None = None,
    extension: bytes = b"",
) -> bytes:
    """The final message by the formulas of RFC 5802 3, written down a second time."""
    nonce, salt, count = (part[2:] for part in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac(hash_name, PASSWORD.encode(), SALT, int(count))
    assert b64encode(SALT) == salt
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    stored_key = hashlib.new(hash_name, client_key).digest()
    without = without_proof or b"c=%b,r=%b%b" % (b64encode(header + binding), nonce, extension)
    signature = hmac.digest(stored_key, b"%b,%b,%b" % (first, server_first, without), hash_name)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return b"%b,p=%b" % (without, b64encode(proof))


def first_challenge(server: ScramServer, message: bytes = FIRST) -> bytes:
    """What the server says to the first message."""
    outcome = respond(server, message)
    assert isinstance(outcome, Challenge)
    return outcome.data


def test_our_own_formulas_get_in() -> None:
    server = begin(ScramSha256Server)
    assert isinstance(respond(server, client_final(first_challenge(server))), Success)


def test_an_authorization_identity_comes_with_the_identity() -> None:
    server = begin(ScramSha256Server)
    header = b"n,a=ad=2Cmi=3Dn,"
    challenge = first_challenge(server, header + b"n=user,r=abc")
    outcome = respond(server, client_final(challenge, header=header))
    assert isinstance(outcome, Success)
    assert outcome.identity == Identity("user", "ad,mi=n", "SCRAM-SHA-256")


def test_the_name_is_looked_up_prepared_and_hashed_as_it_came() -> None:
    # RFC 5802 5.1: "it MUST use it as received in hash calculations".
    server = begin(ScramSha256Server)
    first = "n=us\u00ader,r=abc".encode()
    outcome = respond(server, client_final(first_challenge(server, b"n,," + first), first=first))
    assert isinstance(outcome, Success)
    assert outcome.identity.username == "user"


def test_optional_extensions_are_ignored_and_signed() -> None:
    server = begin(ScramSha256Server)
    first = b"n=user,r=abc,x=1,Z=a=b"
    challenge = first_challenge(server, b"n,," + first)
    assert isinstance(respond(server, client_final(challenge, first=first, extension=b",y=2")), Success)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,",
        b"n,,",
        b"x,,n=user,r=abc",
        b"F,n,,n=user,r=abc",
        b"N,,n=user,r=abc",
        b"n,,n=user",
        b"n,,r=abc",
        b"n,,r=abc,n=user",
        b"n,,n=,r=abc",
        b"n,,n=user,r=",
        b"n,,n=user,r=a b",
        b"n,,n=user,r=a\x7f",
        b"n,,n=us,er,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=us=2cer,r=abc",
        b"n,,n=us=,r=abc",
        b"n,,n=us=3,r=abc",
        b"n,,n=us=3d,r=abc",
        b"n,,n=us=00,r=abc",
        b"n,a=,n=user,r=abc",
        b"n,a==41,n=user,r=abc",
        b"n,user,n=user,r=abc",
        b"p=,,n=user,r=abc",
        b"p=tls_unique,,n=user,r=abc",
        b"p,,n=user,r=abc",
        b"n,,n=user,r=abc,",
        b"n,,n=user,r=abc,x",
        b"n,,n=user,r=abc,x=",
        b"n,,n=user,r=abc,1=x",
        b"n,,n=user,r=abc,xx=1",
        b"n,,n=user,r=abc,r=abd",
        b"n,,n=user,r=abc,n=root",
        b"n,,n=user,r=abc\n",
        b"n,,n=user,r=" + b"a" * 1025,
        b"n,,n=us\xffer,r=abc",
        b"n,,n=us\xed\xa0\x80er,r=abc",
        b"n,,n=us\xc0\xaeer,r=abc",
    ],
)
def test_a_first_message_outside_the_grammar_is_malformed(message: bytes) -> None:
    assert respond(begin(ScramSha256Server), message) == MALFORMED


@pytest.mark.parametrize(
    "message",
    [
        b"n,,m=x,n=user,r=abc",
        b"n,,n=user,r=abc,m=x",
        b"n,,n=\xc2\xad,r=abc",
        b"n,,n=\x07,r=abc",
        b"n,a=\xc2\xad,n=user,r=abc",
        b"n,a=\x07,n=user,r=abc",
        b"p=tls-unique,,n=user,r=abc",
    ],
)
@pytest.mark.conformance("C335")
def test_a_first_message_that_says_what_cannot_be_fails(message: bytes) -> None:
    assert respond(begin(ScramSha256Server), message) == Failure()


@pytest.mark.parametrize("message", [b"n,,n=user,r=abc", b"y,,n=user,r=abc", b"p=tls-other,,n=user,r=abc"])
def test_a_plus_form_wants_a_binding_that_tls_supplies(message: bytes) -> None:
    assert respond(begin(ScramSha256PlusServer), message) == Failure()
    assert respond(begin(ScramSha256PlusServer, None), b"p=tls-unique,,n=user,r=abc") == Failure()


@pytest.mark.conformance("C255")
@pytest.mark.threat("T-AUTH")
def test_the_flag_y_fails_where_the_plus_form_is_on_offer() -> None:
    message = b"y,,n=user,r=abc"
    assert respond(begin(ScramSha256Server, offered=["SCRAM-SHA-256-PLUS"]), message) == Failure()
    assert isinstance(respond(begin(ScramSha256Server, offered=["SCRAM-SHA-1-PLUS"]), message), Challenge)
    assert isinstance(respond(begin(ScramSha256Server, offered=["SCRAM-SHA-256-PLUS"]), FIRST), Challenge)


@pytest.mark.parametrize("kind", BINDINGS)
def test_a_binding_has_to_be_that_of_the_channel(kind: str) -> None:
    header = b"p=%b,," % kind.encode()

    def attempt(binding: bytes) -> Outcome:
        server = begin(ScramSha256PlusServer)
        challenge = first_challenge(server, header + b"n=user,r=abc")
        return respond(server, client_final(challenge, header=header, binding=binding))

    assert isinstance(attempt(BINDINGS[kind]), Success)
    assert attempt(BINDINGS[kind] + b"x") == Failure()
    assert attempt(b"") == Failure()


def test_the_final_message_repeats_the_header_that_came_first() -> None:
    server = begin(ScramSha256Server)
    challenge = first_challenge(server)
    assert respond(server, client_final(challenge, header=b"y,,")) == Failure()
    assert respond(server, client_final(challenge, header=b"n,a=root,")) == Failure()


def final_of(challenge: bytes) -> dict[str, bytes]:
    nonce = challenge.split(b",")[0]
    return {"c": b"c=biws", "r": nonce, "p": b"p=" + b64encode(b"\0" * 32)}


@pytest.mark.parametrize(
    "shape",
    [
        "{c},{r}",
        "{c},{p}",
        "{r},{c},{p}",
        "{c},{r},{p},",
        "{c},{r},{p}\n",
        "{c},{r},{p},x=1",
        "{c},,{r},{p}",
        "{c},{r},x,{p}",
        "{c},{r},n=user,{p}",
        "{c},{r},p=AAAA,{p}",
        "{c},{r},p=",
        "{c},{r},p=A",
        "{c},{r},p=AAA=AAAA",
        "{c},{r},p=AB==",
        "{c},{r},p=!!!!",
        "c=,{r},{p}",
        "c=biw,{r},{p}",
        "{c},r=,{p}",
        "",
        "{c},{r},{p}\udcff",
    ],
)
def test_a_final_message_outside_the_grammar_is_malformed(shape: str) -> None:
    server = begin(ScramSha256Server)
    parts = {name: value.decode() for name, value in final_of(first_challenge(server)).items()}
    assert respond(server, shape.format(**parts).encode("utf-8", "surrogateescape")) == MALFORMED


@pytest.mark.parametrize(
    "shape",
    [
        "{c},{r},{p}",
        "{c},{r},m=1,{p}",
        "{c},r=abc,{p}",
        "{c},{r}x,{p}",
        "{c},{r},p=AAAA",
        "c=eSws,{r},{p}",
    ],
)
def test_a_final_message_that_proves_nothing_fails(shape: str) -> None:
    server = begin(ScramSha256Server)
    parts = {name: value.decode() for name, value in final_of(first_challenge(server)).items()}
    assert respond(server, shape.format(**parts).encode()) == Failure()


def test_a_right_proof_with_an_octet_behind_it_fails() -> None:
    server = begin(ScramSha256Server)
    message = client_final(first_challenge(server))
    without, _, proof = message.rpartition(b",p=")
    assert respond(server, b"%b,p=%b" % (without, b64encode(b64decode(proof) + b"\0"))) == Failure()
    assert isinstance(respond(server, message), Success)


def test_an_unknown_user_seems_to_have_the_same_salt_each_time() -> None:
    def salt(name: str) -> bytes:
        return first_challenge(begin(ScramSha256Server), f"n,,n={name},r=abc".encode()).split(b",")[1]

    assert salt("nobody") == salt("nobody") == salt("no\u00adbody")
    assert salt("nobody") != salt("anybody")
    assert len(salt("nobody")) == len(salt("user"))


def test_an_unknown_user_seems_to_have_the_iteration_count_that_is_set() -> None:
    server = ScramSha256Server(context(iterations=4097))
    assert first_challenge(server, b"n,,n=nobody,r=abc").endswith(b",i=4097")


@pytest.mark.threat("T-AUTH")
def test_the_work_is_the_same_whether_the_user_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("hmac.digest", counted(hmac.digest, calls))
    monkeypatch.setattr("hmac.compare_digest", counted(hmac.compare_digest, calls))
    keys = Store().scram_keys("user", "sha256")

    class Kept(Store):
        def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
            return keys if username == "user" else None

    def work(name: str) -> list[str]:
        calls.clear()
        server = begin(ScramSha256Server)
        challenge = respond(server, f"n,,n={name},r=abc".encode(), store=Kept())
        assert isinstance(challenge, Challenge)
        assert respond(server, b",".join(final_of(challenge.data).values())) == Failure()
        return list(calls)

    assert work("user") == work("nobody") != []


def test_made_up_keys_let_nobody_in_even_if_their_password_were_known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ScramKeys.derive(PASSWORD, salt=SALT, iterations=4096)
    monkeypatch.setattr(ScramKeys, "decoy", lambda *_, **__: known)
    server = begin(ScramSha256Server)
    first = b"n=nobody,r=abc"
    assert respond(server, client_final(first_challenge(server, b"n,," + first), first=first)) == Failure()


def test_keys_for_another_hash_function_are_the_fault_of_the_store() -> None:
    server = begin(ScramSha256Server)
    server.step(FIRST)
    keys = ScramKeys.derive(PASSWORD, salt=SALT, hash_name="sha1", iterations=1)
    with pytest.raises(ValueError, match="keys for sha1"):
        server.answered(keys)


def test_a_final_message_without_a_first_one_is_malformed() -> None:
    server = begin(ScramSha256Server)
    server.answered(None)
    assert respond(server, b",".join(final_of(b"r=abc").values())) == MALFORMED


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_octets_raise(head: bytes, tail: bytes) -> None:
    for first in (head, b"n,,n=user,r=" + head, b"n,,n=" + head + b",r=abc"):
        server = begin(ScramSha1Server)
        outcome = respond(server, first)
        if isinstance(outcome, Challenge):
            nonce = outcome.data.split(b",")[0]
            for final in (tail, b"c=biws," + nonce + b",p=" + tail, b"c=biws," + nonce + tail + b",p=AAAA"):
                assert isinstance(respond(server, final), Failure)
        else:
            assert isinstance(outcome, Failure)


def test_only_where_tls_supplies_a_binding_is_a_plus_form_usable() -> None:
    assert ScramSha256Server.usable(None)
    assert not ScramSha256PlusServer.usable(None)
    assert ScramSha256PlusServer.usable(TLS)
