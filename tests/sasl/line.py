"""A client that speaks SASL to a session, and how each mechanism is spoken."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final

import scramp  # type: ignore[import-untyped]

from smtpcore import Handler, Observers, ServerConfig, ServerSession, TlsInfo
from smtpcore.handler import CredentialStore
from smtpcore.sasl import (
    SERVER_MECHANISMS,
)
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
