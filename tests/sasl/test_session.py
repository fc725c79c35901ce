"""AUTH through a session: each mechanism on the wire, with stores that answer at once and later."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import scramp  # type: ignore[import-untyped]

from smtpcore import Handler, Identity, Limits, Observers, Reply, ServerSession
from smtpcore.handler import CredentialStore
from smtpcore.sasl import (
    ScramKeys,
    TokenError,
)
from smtpcore.session import SessionLog, Transcript
from tests.sasl.exchange import PASSWORD, SECRET, TLS, Store
from tests.sasl.line import (
    EXCHANGES,
    FAILED,
    FAULT,
    MALFORMED,
    OK,
    Application,
    Async,
    Line,
    base64,
    challenge,
    cram_md5,
    plain,
    scram,
)

STORES = pytest.mark.parametrize("store", [Store, Async])
NAMES = pytest.mark.parametrize("name", EXCHANGES)


@STORES
@NAMES
def test_who_knows_the_secret_comes_in(name: str, store: type[CredentialStore]) -> None:
    line = Line(name, handler=Application(store()))
    assert EXCHANGES[name](line, "user", PASSWORD) == OK
    assert line.session.identity is not None
    assert (line.session.identity.name, line.session.identity.mechanism) == ("user", name)
    assert line.auth(name).startswith("503 5.5.1")


@pytest.mark.conformance("C239")
@STORES
@NAMES
def test_a_wrong_secret_is_535_and_another_attempt_may_follow(name: str, store: type[CredentialStore]) -> None:
    line = Line(name, handler=Application(store()))
    assert EXCHANGES[name](line, "user", "pen") == FAILED
    assert line.session.identity is None
    assert EXCHANGES[name](line, "user", PASSWORD) == OK


@pytest.mark.conformance("C239")
@STORES
@pytest.mark.parametrize("name", [name for name in EXCHANGES if name not in ("OAUTHBEARER", "XOAUTH2")])
def test_an_unknown_user_gets_the_same_535(name: str, store: type[CredentialStore]) -> None:
    line = Line(name, handler=Application(store()))
    assert EXCHANGES[name](line, "nobody", PASSWORD) == FAILED


@NAMES
def test_without_a_store_nobody_comes_in(name: str) -> None:
    assert EXCHANGES[name](Line(name, handler=Handler()), "user", PASSWORD) == FAILED


@pytest.mark.conformance("C234")
@STORES
def test_external_asks_whose_certificate_it_is(store: type[CredentialStore]) -> None:
    line = Line("EXTERNAL", handler=Application(store()))
    assert line.auth("EXTERNAL", b"") == OK
    assert line.session.identity == Identity("user", mechanism="EXTERNAL")
    line = Line("EXTERNAL", handler=Application(store()))
    assert challenge(line.auth("EXTERNAL")) == b""
    assert line.respond(b"user") == OK
    line = Line("EXTERNAL", handler=Application(store()))
    # To act for another is for the application to allow.
    assert line.auth("EXTERNAL", b"root") == FAILED
    line = Line("EXTERNAL", handler=Application(store()), tls=replace(TLS, peer_alt_names=()))
    assert line.auth("EXTERNAL", b"") == FAILED


def test_anonymous_comes_in_with_a_trace() -> None:
    line = Line("ANONYMOUS", tls=None)
    assert line.auth("ANONYMOUS", b"sirhc") == OK
    assert line.session.identity == Identity("anonymous", mechanism="ANONYMOUS", trace="sirhc")


def test_a_token_of_another_user_needs_the_applications_leave() -> None:
    message = b"user=user\x01auth=Bearer others\x01\x01"
    assert Line("XOAUTH2").auth("XOAUTH2", message) == FAILED

    class Allowing(Application):
        def authenticate(self, session: ServerSession, identity: Identity) -> None:
            assert (identity.username, identity.authzid) == ("other", "user")

    assert Line("XOAUTH2", handler=Allowing()).auth("XOAUTH2", message) == OK


def test_the_configuration_may_say_why_tokens_are_refused() -> None:
    line = Line("OAUTHBEARER", token_error=TokenError(scope="mail"))
    reply = line.auth("OAUTHBEARER", b"n,a=user,\x01auth=\x01\x01")
    assert challenge(reply) == b'{"status": "invalid_token", "scope": "mail"}'
    assert line.respond(b"\x01") == FAILED


@pytest.mark.conformance("C236")
def test_an_initial_response_for_a_server_first_mechanism_is_501() -> None:
    line = Line()
    reply = "501 5.7.0 This mechanism takes no initial response\r\n"
    assert line.say("AUTH CRAM-MD5 AAAA") == reply
    assert line.say("AUTH CRAM-MD5 =") == reply
    assert line.say("AUTH CRAM-MD5 !").startswith("501 5.5.2")
    assert cram_md5(line, "user", PASSWORD) == OK


@pytest.mark.conformance("C255")
def test_the_flag_y_fails_only_where_the_plus_form_is_announced() -> None:
    for name in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        assert Line().auth(name, b"y,,n=user,r=a") == FAILED
        assert Line(name).auth(name, b"y,,n=user,r=a").startswith("334 ")
        assert Line(tls=None).auth(name, b"y,,n=user,r=a").startswith("334 ")
        assert Line(tls=replace(TLS, channel_bindings={})).auth(name, b"y,,n=user,r=a").startswith("334 ")


@pytest.mark.conformance("C335")
@pytest.mark.parametrize("authzid", ["\u00ad", "\x07"])
def test_an_authorization_identity_that_cannot_be_prepared_is_535(authzid: str) -> None:
    assert Line().auth("PLAIN", f"{authzid}\0user\0{PASSWORD}".encode()) == FAILED
    assert Line().auth("EXTERNAL", authzid.encode()) == FAILED
    assert Line().auth("SCRAM-SHA-1", f"n,a={authzid},n=user,r=a".encode()) == FAILED
    assert Line().auth("OAUTHBEARER", f"n,a={authzid},\x01auth=Bearer good\x01\x01".encode()) == FAILED


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PLAIN", b"AAAA"),
        ("SCRAM-SHA-256", b"n,,n=us=er,r=a"),
        ("OAUTHBEARER", b"n,,\x01"),
        ("XOAUTH2", b"user"),
        ("EXTERNAL", b"\xff"),
        ("ANONYMOUS", b"@"),
    ],
)
def test_a_message_outside_the_grammar_is_501(name: str, message: bytes) -> None:
    line = Line()
    assert line.auth(name, message) == MALFORMED
    assert plain(line, "user", PASSWORD) == OK


def test_the_signature_is_answered_by_an_empty_line_and_nothing_else() -> None:
    def signed(handler: Handler | None = None) -> Line:
        line = Line("SCRAM-SHA-256", handler=handler)
        client = scramp.ScramClient(["SCRAM-SHA-256"], "user", PASSWORD)
        first = line.auth("SCRAM-SHA-256", client.get_client_first().encode())
        client.set_server_first(challenge(first).decode())
        client.set_server_final(challenge(line.respond(client.get_client_final().encode())).decode())
        assert line.session.identity is None
        return line

    assert signed().respond(b"x") == MALFORMED
    line = signed()
    assert line.say("*").startswith("501 5.7.0")
    assert line.session.identity is None
    line = signed()
    assert line.say("!").startswith("501 5.5.2")
    assert plain(Line("PLAIN"), "user", PASSWORD) == OK

    class Greeting(Application):
        def authenticate(self, session: ServerSession, identity: Identity) -> Reply:
            return Reply(235, f"Hello {identity.name}")

    assert signed(Greeting()).say("") == "235 2.7.0 Hello user\r\n"


def test_who_may_not_come_in_gets_no_signature() -> None:
    # RFC 5802 5: the server checks the authorization, "and, finally, it responds with a server-final-message".
    class Refusing(Application):
        def authenticate(self, session: ServerSession, identity: Identity) -> Reply:
            return Reply(535, "Not you", "5.7.8")

    assert scram("SCRAM-SHA-256")(Line(handler=Refusing()), "user", PASSWORD) == "535 5.7.8 Not you\r\n"


def test_the_signature_counts_as_a_challenge() -> None:
    line = Line("SCRAM-SHA-1", limits=Limits(max_auth_rounds=1))
    assert scram("SCRAM-SHA-1")(line, "user", PASSWORD) == FAILED


def test_a_long_challenge_stays_on_one_line() -> None:
    nonce = b"a" * 1024
    line = Line()
    reply = line.auth("SCRAM-SHA-256", b"n,,n=user,r=" + nonce)
    assert reply.count("\r\n") == 1
    assert challenge(reply).startswith(b"r=" + nonce)
    assert line.respond(b"").startswith("501")
    assert line.auth("SCRAM-SHA-256", b"n,,n=user,r=a" + nonce) == MALFORMED


class Broken(CredentialStore):
    """Answers what it was not asked, or raises."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def give(self, *_: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    verify_password: Any = give
    scram_keys: Any = give
    verify_token: Any = give
    certificate_user: Any = give


@pytest.mark.parametrize("answer", [RuntimeError("S3CRET"), 17, Reply(235, "in"), Reply(535, "out"), [True]])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PLAIN", b"\0user\0pencil"),
        ("SCRAM-SHA-256", b"n,,n=user,r=a"),
        ("OAUTHBEARER", b"n,a=user,\x01auth=Bearer good\x01\x01"),
        ("EXTERNAL", b""),
    ],
)
def test_a_store_at_fault_is_454(name: str, message: bytes, answer: object) -> None:
    line = Line(handler=Application(Broken(answer)))
    assert line.auth(name, message) == FAULT
    assert line.session.identity is None
    assert line.dialogue.receiving


def test_keys_for_another_hash_function_are_454() -> None:
    keys = ScramKeys.derive(PASSWORD, salt=b"s" * 16, hash_name="sha1", iterations=1)
    line = Line(handler=Application(Broken(keys)))
    assert line.auth("SCRAM-SHA-256", b"n,,n=user,r=a") == FAULT


def test_an_async_store_that_raises_is_454() -> None:
    line = Line(handler=Application(Async()))
    assert line.dialogue.say(f"AUTH PLAIN {base64(b'%ca%cb' % (0, 0))}") == ""
    assert line.dialogue.fail(RuntimeError("down")) == FAULT


def leaves(values: Iterable[bytes]) -> set[str]:
    """What a secret looks like, as it is and in base64."""
    return {text for value in values for text in (value.decode("latin-1"), b64encode(value).decode())}


@pytest.mark.conformance("C248")
@NAMES
def test_no_record_and_no_repr_shows_a_secret(name: str) -> None:
    lines: list[str] = []
    line = Line(name, observer=Observers(Transcript(lines.append), SessionLog(lines.append)))
    EXCHANGES[name](line, "user", "S3CRET")
    EXCHANGES[name](line, "user", PASSWORD)
    line.dialogue.close()
    assert any("AUTH" in shown for shown in lines)
    shown = "\n".join([*lines, repr(line.session.config), repr(line.session.exchange)])
    for secret in leaves([b"S3CRET", b"\0user\0S3CRET", b"\0user\0pencil", b"pencil", SECRET]):
        assert secret not in shown
