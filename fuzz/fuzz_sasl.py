"""The mechanisms of SASL, both sides, each against octets from nowhere and against its counterpart.

Properties: a server's mechanism raises nothing and ends; a client's raises SaslError and nothing else; with the right
password both sides succeed, with a wrong one the server fails; no secret is in a repr.
"""

from __future__ import annotations

from functools import partial

from fuzz.harness import Input, main, raises
from smtpcore.errors import SaslError
from smtpcore.sasl import (
    CLIENT_MECHANISMS,
    SERVER_MECHANISMS,
    Challenge,
    Context,
    Credentials,
    CredentialStore,
    Failure,
    Outcome,
    Query,
    ScramKeys,
    ServerMechanism,
    Success,
    VerifyToken,
)
from smtpcore.tls import TlsInfo

TLS = TlsInfo(
    "TLSv1.2", "X", 128, peer_certificate=b"der", peer_verified=True, channel_bindings={"tls-unique": b"unique"}
)
RIGHT = "open sesame"
ITERATIONS = 4096
_KEYS = {
    name: ScramKeys.derive(RIGHT, salt=b"salt" * 4, hash_name=name, iterations=ITERATIONS)
    for name in ("sha1", "sha256")
}


class Store(CredentialStore):
    """Knows one user."""

    def verify_password(self, username: str, password: str) -> bool:
        """Whether it is the password."""
        return username == "user" and password == RIGHT

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        """The keys of the one user."""
        return _KEYS[hash_name] if username == "user" else None

    def secret(self, username: str) -> str | None:
        """The password itself."""
        return RIGHT if username == "user" else None

    def verify_token(self, query: VerifyToken) -> bool:
        """Whether it is the token."""
        return query.token == RIGHT.replace(" ", "-")

    def certificate_user(self, tls: TlsInfo, authzid: str) -> str | None:
        """Everybody is the one user."""
        return "user"


def server(name: str) -> ServerMechanism:
    """A server's side."""
    context = Context(
        hostname="mx.example",
        token_bytes=lambda count: b"r" * count,
        tls=TLS,
        offered=tuple(SERVER_MECHANISMS),
        secret=b"s" * 32,
        iterations=ITERATIONS,
    )
    return SERVER_MECHANISMS[name](context)


def step(mechanism: ServerMechanism, response: bytes | None) -> Challenge | Success | Failure:
    """One step, with what the store has to say."""
    outcome: Outcome = mechanism.step(response)
    while isinstance(outcome, Query):
        outcome = mechanism.answered(outcome.ask(Store()))
    return outcome


def hostile_client(name: str, responses: list[bytes]) -> None:
    """A server's side that gets octets from nowhere."""
    mechanism = server(name)
    for response in responses:
        if not isinstance(step(mechanism, response), Challenge):
            return


def hostile_server(name: str, credentials: Credentials, challenges: list[bytes]) -> None:
    """A client's side that gets octets from nowhere."""
    mechanism = CLIENT_MECHANISMS[name](
        credentials, tls=TLS, token_bytes=lambda count: b"c" * count, offered=tuple(SERVER_MECHANISMS)
    )
    mechanism.initial()
    for challenge in challenges:
        if raises(partial(mechanism.respond, challenge), SaslError) is None:
            return
    raises(mechanism.verify, SaslError)


def together(name: str, credentials: Credentials) -> bool:
    """Both sides of one exchange; whether both are content."""
    theirs = server(name)
    ours = CLIENT_MECHANISMS[name](
        credentials, tls=TLS, token_bytes=lambda count: b"c" * count, offered=tuple(SERVER_MECHANISMS)
    )
    response = ours.initial()
    for _ in range(10):
        outcome = step(theirs, response)
        if isinstance(outcome, Failure):
            return False
        if isinstance(outcome, Success):
            if outcome.data:
                ours.respond(outcome.data)
            ours.verify()
            return True
        try:
            response = ours.respond(outcome.data) if response is not None or outcome.data or not ours.initial() else b""
        except SaslError:
            return False
    raise AssertionError("an exchange without end")


def TestOneInput(data: bytes) -> None:
    """One mechanism, in one of the three ways."""
    given = Input(data)
    name = given.choice(tuple(CLIENT_MECHANISMS))
    way = given.octet() % 3
    right = given.flag()
    password = RIGHT if right else "wrong"
    credentials = Credentials(
        username="user", password=password, token=password.replace(" ", "-"), certificate=True, anonymous="trace"
    )
    assert password not in repr(credentials)
    if way == 0:
        hostile_client(name, given.cut(given.rest(), given.places()) or [b""])
    elif way == 1:
        hostile_server(name, credentials, given.cut(given.rest(), given.places()) or [b""])
    else:
        assert together(name, credentials) is (right or name in ("EXTERNAL", "ANONYMOUS"))


if __name__ == "__main__":
    main(__file__)
