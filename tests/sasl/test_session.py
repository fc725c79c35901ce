"""AUTH through a session: each mechanism on the wire, with stores that answer at once and later."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import pytest
import scramp  # type: ignore[import-untyped]

from smtpcore import Handler, Identity, Limits, Observers, Reply, ServerConfig, ServerSession, TlsInfo
from smtpcore.handler import CredentialStore
from smtpcore.sasl import (
    SERVER_MECHANISMS,
    Challenge,
    Context,
    Failure,
    Outcome,
    Query,
    ScramKeys,
    ServerMechanism,
    Success,
    TokenError,
)
from smtpcore.session import SessionLog, Transcript
from smtpcore.session.offer import Circumstances
from tests.sasl.exchange import BINDINGS, PASSWORD, SECRET, TLS, Store
from tests.session.driver import Dialogue, Later

OK: Final = "235 2.7.0 Authentication succeeded\r\n"
FAILED: Final = "535 5.7.8 Authentication credentials invalid\r\n"
MALFORMED: Final = "501 5.5.2 The response does not fit the mechanism\r\n"
FAULT: Final = "454 4.7.0 Temporary authentication failure\r\n"


class Async(CredentialStore):
    """Answers later; what it would say is kept by."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.store = Store()

    def later(self, answer: object) -> Any:
        self.answers.append(answer)
        return Later()

    def verify_password(self, username: str, password: str) -> Any:
        return self.later(self.store.verify_password(username, password))

    def scram_keys(self, username: str, hash_name: str) -> Any:
        return self.later(self.store.scram_keys(username, hash_name))

    def secret(self, username: str) -> Any:
        return self.later(self.store.secret(username))

    def verify_token(self, query: Any) -> Any:
        return self.later(self.store.verify_token(query))

    def certificate_user(self, tls: TlsInfo, authzid: str) -> Any:
        return self.later(self.store.certificate_user(tls, authzid))


class Application(Handler):
    """A handler with a store."""

    def __init__(self, credentials: CredentialStore | None = None) -> None:
        self.credentials = credentials or Store()


class Line:
    """A client of one dialogue that speaks base64, and answers hooks with what the store would say."""

    def __init__(
        self,
        *mechanisms: str,
        handler: Handler | None = None,
        tls: TlsInfo | None = TLS,
        observer: Observers | None = None,
        **settings: Any,
    ) -> None:
        config = ServerConfig(
            hostname="mx.test",
            mechanisms=mechanisms or tuple(SERVER_MECHANISMS),
            implicit_tls=tls is not None,
            sasl_secret=SECRET,
            scram_iterations=4096,
            **settings,
        )
        self.handler = handler or Application()
        self.dialogue = Dialogue(config, self.handler, observer=observer)
        self.dialogue.run()
        if tls is not None:
            self.dialogue.tls(tls)
        self.dialogue.wait(0)
        self.ehlo = self.dialogue.say("EHLO client.test")

    @property
    def session(self) -> ServerSession:
        return self.dialogue.session

    def say(self, line: str) -> str:
        text = self.dialogue.say(line)
        store = self.handler.credentials
        while isinstance(store, Async) and store.answers:
            assert text == ""
            self.dialogue.asked("credentials")
            text = self.dialogue.answer(store.answers.pop())
        return text

    def auth(self, mechanism: str, initial: bytes | None = None) -> str:
        return self.say(f"AUTH {mechanism}" if initial is None else f"AUTH {mechanism} {base64(initial)}")

    def respond(self, data: bytes) -> str:
        return self.say(b64encode(data).decode())

    @property
    def mechanisms(self) -> list[str]:
        [line] = [line for line in self.ehlo.splitlines() if line[4:].startswith("AUTH ")] or ["250-AUTH"]
        return line[4:].split(" ")


def base64(data: bytes) -> str:
    return b64encode(data).decode() or "="


def challenge(reply: str) -> bytes:
    """What a 334 says."""
    assert reply.startswith("334 ")
    assert reply.endswith("\r\n")
    return b64decode(reply[4:-2], validate=True)


def plain(line: Line, user: str, password: str) -> str:
    return line.auth("PLAIN", f"\0{user}\0{password}".encode())


def login(line: Line, user: str, password: str) -> str:
    assert challenge(line.auth("LOGIN")) == b"Username:"
    assert challenge(line.respond(user.encode())) == b"Password:"
    return line.respond(password.encode())


def cram_md5(line: Line, user: str, password: str) -> str:
    data = challenge(line.auth("CRAM-MD5"))
    return line.respond(f"{user} {hmac.digest(password.encode(), data, 'md5').hex()}".encode())


def scram(mechanism: str) -> Callable[[Line, str, str], str]:
    def exchange(line: Line, user: str, password: str) -> str:
        binding = ("tls-unique", BINDINGS["tls-unique"]) if mechanism.endswith("PLUS") else None
        client = scramp.ScramClient([mechanism], user, password, channel_binding=binding)
        client.set_server_first(challenge(line.auth(mechanism, client.get_client_first().encode())).decode())
        reply = line.respond(client.get_client_final().encode())
        if not reply.startswith("334"):
            return reply
        client.set_server_final(challenge(reply).decode())
        return line.respond(b"")

    return exchange


def oauthbearer(line: Line, user: str, password: str) -> str:
    token = "good" if password == PASSWORD else "bad"
    reply = line.auth("OAUTHBEARER", f"n,a={user},\x01auth=Bearer {token}\x01\x01".encode())
    if not reply.startswith("334"):
        return reply
    assert challenge(reply) == b'{"status": "invalid_token"}'
    return line.respond(b"\x01")


def xoauth2(line: Line, user: str, password: str) -> str:
    token = "good" if password == PASSWORD else "bad"
    reply = line.auth("XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
    if not reply.startswith("334"):
        return reply
    assert challenge(reply) == b'{"status": "401"}'
    return line.respond(b"")


EXCHANGES: Final = {
    "PLAIN": plain,
    "LOGIN": login,
    "CRAM-MD5": cram_md5,
    "OAUTHBEARER": oauthbearer,
    "XOAUTH2": xoauth2,
    **{name: scram(name) for name in SERVER_MECHANISMS if name.startswith("SCRAM")},
}

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


# What is on offer.


def test_mechanisms_are_announced_as_far_as_they_can_work() -> None:
    everything = tuple(SERVER_MECHANISMS)
    assert Line().mechanisms == ["AUTH", *everything]
    clear = {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "ANONYMOUS"}
    assert set(Line(tls=None).mechanisms) == {"AUTH", *clear}
    tokens = {"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"}
    bare = replace(TLS, channel_bindings={}, peer_verified=False, peer_certificate=None)
    assert set(Line(tls=bare).mechanisms) == {"AUTH", *clear, *tokens}
    bound = replace(bare, channel_bindings=BINDINGS)
    assert set(Line(tls=bound).mechanisms) == {"AUTH", *everything} - {"EXTERNAL"}
    assert Line("EXTERNAL", tls=bare).mechanisms == ["AUTH"]
    assert "AUTH" not in Line("EXTERNAL", tls=bare).ehlo


def test_the_reply_to_ehlo_is_made_once_for_each_set_of_mechanisms() -> None:
    config = ServerConfig(mechanisms=tuple(SERVER_MECHANISMS), sasl_secret=SECRET)
    other = replace(TLS, channel_bindings={"tls-unique": b"another"}, peer_certificate=b"another")

    def reply(info: TlsInfo | None) -> Reply:
        return config.offer.reply(Circumstances(True, config.offer.mechanisms(tls=True, info=info)))

    assert reply(TLS) is reply(other)
    assert reply(TLS) is not reply(None)


def test_nothing_is_announced_to_who_is_in() -> None:
    line = Line("PLAIN")
    assert plain(line, "user", PASSWORD) == OK
    assert "AUTH" not in line.dialogue.say("EHLO client.test")


@pytest.mark.conformance("C230", "C241")
def test_what_is_not_announced_cannot_be_used() -> None:
    line = Line(tls=None)
    assert line.auth("PLAIN").startswith("538 5.7.11")
    assert line.auth("XOAUTH2").startswith("538 5.7.11")
    for name in ("EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "GSSAPI"):
        assert line.auth(name).startswith("504 5.5.4")


def test_tokens_go_in_clear_text_only_if_the_configuration_says_so() -> None:
    line = Line("XOAUTH2", tls=None, plaintext_auth_without_tls=True)
    assert line.mechanisms == ["AUTH", "XOAUTH2"]
    assert xoauth2(line, "user", PASSWORD) == OK


class Custom(ServerMechanism):
    """Lets in whoever says please; at fault in several ways otherwise."""

    name = "X-PLEASE"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if context.hostname == "broken.test":
            raise RuntimeError("broken")

    def step(self, response: bytes | None) -> Outcome:
        match response:
            case None:
                return Challenge(b"Well?")
            case b"please":
                return Success(Identity("guest", mechanism=self.name))
            case b"long":
                return Challenge(b"x" * 9216)
            case b"ask":
                return Question()
            case b"nothing":
                return None  # type: ignore[return-value]
            case b"raise":
                raise RuntimeError("S3CRET")
        return Failure()

    def answered(self, value: object) -> Outcome:
        return self.answered(value) if value is None else Failure()


class Question(Query):
    """Asked of a store that has no idea."""

    def ask(self, store: CredentialStore) -> object:
        return None


def test_an_application_may_bring_mechanisms_of_its_own() -> None:
    line = Line("PLAIN", "X-PLEASE", custom_mechanisms=(Custom,))
    assert line.mechanisms == ["AUTH", "PLAIN", "X-PLEASE"]
    assert challenge(line.auth("x-please")) == b"Well?"
    assert line.respond(b"now") == FAILED
    assert line.auth("X-PLEASE", b"please") == OK
    assert line.session.identity == Identity("guest", mechanism="X-PLEASE")


@pytest.mark.parametrize("response", [b"long", b"nothing", b"raise", b"ask"])
def test_a_mechanism_at_fault_is_454(response: bytes) -> None:
    line = Line("X-PLEASE", custom_mechanisms=(Custom,))
    assert line.auth("X-PLEASE", response) == FAULT
    assert challenge(line.auth("X-PLEASE")) == b"Well?"
    assert line.respond(response) == FAULT
    assert line.auth("X-PLEASE", b"please") == OK


def test_a_mechanism_that_cannot_be_made_is_454() -> None:
    config = ServerConfig(hostname="broken.test", mechanisms=("X-PLEASE",), custom_mechanisms=(Custom,))
    dialogue = Dialogue(config).ready()
    assert dialogue.say("AUTH X-PLEASE") == FAULT


def named(name: str) -> type[ServerMechanism]:
    return type("Named", (ServerMechanism,), {"name": name})


MANY: Final[tuple[type[ServerMechanism], ...]] = tuple(
    type("Bound", (ServerMechanism,), {"name": f"X-BOUND-{number:08}", "channel_binding": True}) for number in range(30)
)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"mechanisms": ("PLAIN", "GSSAPI")}, "no SASL mechanism 'GSSAPI'"),
        ({"mechanisms": ("plain",)}, "no SASL mechanism 'plain'"),
        ({"mechanisms": "PLAIN"}, "not one string"),
        ({"mechanisms": ("PLAIN", "LOGIN", "PLAIN")}, "named twice"),
        ({"mechanisms": ("SCRAM-SHA-1",)}, "sasl_secret"),
        ({"mechanisms": ("SCRAM-SHA-256-PLUS",), "sasl_secret": b"short"}, "at least 16 octets"),
        ({"scram_iterations": 0}, "scram_iterations"),
        ({"custom_mechanisms": (named("lower"),)}, "RFC 4422"),
        ({"custom_mechanisms": (named("X" * 21),)}, "RFC 4422"),
        ({"custom_mechanisms": (named("X Y"),)}, "RFC 4422"),
        ({"custom_mechanisms": (named(""),)}, "RFC 4422"),
        ({"custom_mechanisms": MANY, "mechanisms": [kind.name for kind in MANY]}, "over 512 octets"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ServerConfig(**settings)


def test_the_order_is_that_of_the_configuration() -> None:
    assert Line("LOGIN", "PLAIN").mechanisms == ["AUTH", "LOGIN", "PLAIN"]
    assert Line("PLAIN", "LOGIN").mechanisms == ["AUTH", "PLAIN", "LOGIN"]


def test_a_mechanism_of_the_applications_own_may_take_the_place_of_ours() -> None:
    mine = type("Mine", (Custom,), {"name": "PLAIN"})
    assert Line("PLAIN", custom_mechanisms=(mine,)).auth("PLAIN", b"please") == OK


# Secrets.


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


def test_what_a_mechanism_raises_is_not_written_down() -> None:
    lines: list[str] = []
    line = Line("X-PLEASE", custom_mechanisms=(Custom,), observer=Observers(Transcript(lines.append)))
    assert line.auth("X-PLEASE", b"raise") == FAULT
    assert any("mechanism: RuntimeError" in shown for shown in lines)
    assert not any("S3CRET" in shown for shown in lines)
