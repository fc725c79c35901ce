"""Takes a mechanism through an exchange without a session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar

from smtpcore.sasl import (
    Challenge,
    ClientMechanism,
    Context,
    Credentials,
    CredentialStore,
    Identity,
    Outcome,
    Query,
    ScramKeys,
    ServerMechanism,
    Success,
    TokenError,
    VerifyToken,
)
from smtpcore.tls import TlsInfo

SECRET: Final = b"only this server knows"
PASSWORD: Final = "pencil"
SALT: Final = bytes(range(16))
BINDINGS: Final = {"tls-unique": b"\x01unique\xff", "tls-exporter": b"\x00exporter,="}
TLS: Final = TlsInfo(
    "TLSv1.2",
    "TLS_X",
    256,
    peer_certificate=b"der",
    peer_verified=True,
    peer_alt_names=(("email", "user@client.test"),),
    channel_bindings=BINDINGS,
)

CREDENTIALS: Final = Credentials(
    username="user", password=PASSWORD, token="good", certificate=True, anonymous="somebody"
)
"""Something for every mechanism."""

_Kind = TypeVar("_Kind", bound=ServerMechanism)
_Client = TypeVar("_Client", bound=ClientMechanism)


def token_bytes(octets: int) -> bytes:
    """Not very random."""
    return bytes(range(100, 100 + octets))


def context(tls: TlsInfo | None = TLS, *, offered: Iterable[str] = (), iterations: int = 4096) -> Context:
    """The surroundings that the tests expect."""
    return Context(
        hostname="mx.test",
        token_bytes=token_bytes,
        tls=tls,
        offered=tuple(offered),
        secret=SECRET,
        iterations=iterations,
    )


def begin(kind: type[_Kind], tls: TlsInfo | None = TLS, *, offered: Iterable[str] = ()) -> _Kind:
    """A mechanism of this kind in those surroundings."""
    return kind(context(tls, offered=offered))


def client(
    kind: type[_Client],
    credentials: Credentials = CREDENTIALS,
    tls: TlsInfo | None = TLS,
    *,
    offered: Collection[str] = (),
    nonce: Callable[[int], bytes] = token_bytes,
) -> _Client:
    """The other side."""
    return kind(credentials, tls=tls, token_bytes=nonce, offered=offered)


class Store(CredentialStore):
    """Knows ``user`` with the password ``pencil``, and a token of the same name."""

    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == ("user", PASSWORD)

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        if username != "user":
            return None
        return ScramKeys.derive(PASSWORD, salt=SALT, hash_name=hash_name, iterations=4096)

    def secret(self, username: str) -> bytes | str | None:
        return PASSWORD if username == "user" else None

    def verify_token(self, query: VerifyToken) -> bool | str | TokenError | None:
        match query.token:
            case "good":
                return True
            case "others":
                return "other"
            case "narrow":
                return TokenError("insufficient_scope", "mail")
        return None

    def certificate_user(self, tls: TlsInfo, authzid: str) -> str | None:
        return "user" if ("email", "user@client.test") in tls.peer_alt_names else None


def ask(mechanism: ServerMechanism, outcome: Outcome, store: CredentialStore | None = None) -> Outcome:
    """Let the store answer as long as it is asked."""
    while isinstance(outcome, Query):
        value = outcome.ask(store or Store())
        assert value is None or isinstance(value, outcome.answers)
        outcome = mechanism.answered(value)
    return outcome


def respond(mechanism: ServerMechanism, *responses: bytes | None, store: CredentialStore | None = None) -> Outcome:
    """Give the responses in turn; what the last one leads to."""
    outcomes = [ask(mechanism, mechanism.step(response), store) for response in responses]
    return outcomes[-1]


def counted(function: Callable[..., object], calls: list[str]) -> Callable[..., object]:
    """The function, and a note of each call."""

    def call(*args: object) -> object:
        calls.append(function.__name__)
        return function(*args)

    return call


def converse(client: ClientMechanism, server: ServerMechanism, store: CredentialStore | None = None) -> Identity | None:
    """Let both sides talk to the end.

    Returns:
        The identity, once the client believes in it too; None where the server says no.
    """
    outcome = ask(server, server.step(client.initial()), store)
    while isinstance(outcome, Challenge):
        outcome = ask(server, server.step(client.respond(outcome.data)), store)
    if not isinstance(outcome, Success):
        return None
    if outcome.data:
        assert client.respond(outcome.data) == b""
    client.verify()
    return outcome.identity
