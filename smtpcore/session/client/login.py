"""AUTH: with the best mechanism that both sides have (RFC 4954)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpcore.client import Sent
from smtpcore.commands import Auth, SaslCancel, SaslResponse
from smtpcore.errors import LocalProtocolError, SaslError
from smtpcore.replies import Reply
from smtpcore.sasl import ClientMechanism, Credentials, choose
from smtpcore.sasl.base64 import decode
from smtpcore.session.client.results import SessionError
from smtpcore.session.client.stages import Stage

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession

_OTHER_MECHANISM: Final = (504, 534, 538)
"""The server will not have this mechanism, or not here; another may do. A 535 is not among them: trying a wrong
password several times locks accounts."""


class Login(Stage):
    """Authenticates if there are credentials, and leaves the session ready."""

    name = "auth"

    def __init__(self, session: ClientSession) -> None:
        super().__init__(session)
        self._credentials = Credentials()
        self._mechanism: ClientMechanism | None = None
        self._initial: bytes | None = None
        self._tried: set[str] = set()
        self._cancelled: SessionError | None = None

    def begin(self) -> None:
        """Get hold of the credentials."""
        source = self.session.config.credentials
        if source is None:
            self.session.go_to(None)
        elif isinstance(source, Credentials):
            self._start(source)
        else:
            self.session.call("credentials", source, then=self._start, accept=(Credentials,))

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """Take a challenge, or the end of the exchange."""
        session = self.session
        mechanism = self._mechanism
        assert mechanism is not None  # nothing is answered before it was chosen
        if self._cancelled is not None:
            if reply.intermediate:
                # RFC 4954 4: a "*" is answered with 501. Who goes on asking gets no answer, least of all a password.
                session.lost(self._cancelled)
            else:
                session.give_up(self._cancelled)
        elif reply.intermediate:
            self.then(lambda: self._respond(mechanism, reply))
        elif reply.positive:
            try:
                mechanism.verify()
            except SaslError as error:
                # It says yes and has not proven who it is: nothing more is said to it.
                session.lost(SessionError("auth", str(error), temporary=False))
            else:
                session.mechanism = mechanism.name
                session.go_to(None)
        elif reply.code in _OTHER_MECHANISM and self._kind() is not None:
            self.then(lambda: self._start(self._credentials))
        else:
            session.give_up(SessionError.of("auth", reply))

    def _start(self, value: object) -> None:
        session = self.session
        if not isinstance(value, Credentials):
            session.give_up(SessionError("auth", "the credentials could not be had", temporary=True))
            return
        self._credentials = value
        kind = self._kind()
        if kind is None:
            text = "no SASL mechanism that the server offers serves for these credentials over this connection"
            session.give_up(SessionError("auth", text, temporary=False))
            return
        self._tried.add(kind.name)
        mechanism = kind(value, tls=session.tls, token_bytes=session.token_bytes, offered=self._announced())
        self._mechanism = mechanism
        self._initial = mechanism.initial()
        self._send(Auth(mechanism.name, self._initial))

    def _send(self, auth: Auth) -> None:
        try:
            self.session.send(auth)
            self._initial = None
        except LocalProtocolError:
            # RFC 4954 4: a line of over 512 octets; the response waits for an empty challenge.
            self.session.send(Auth(auth.mechanism))

    def _respond(self, mechanism: ClientMechanism, reply: Reply) -> None:
        challenge = decode(reply.text.encode("ascii", "replace"))
        try:
            if challenge is None:
                raise SaslError("a challenge that is no base64")
            if self._initial is not None:
                response, self._initial = self._initial, None
            else:
                response = mechanism.respond(challenge)
            self.session.send(SaslResponse(response))
        except (SaslError, LocalProtocolError) as error:
            # A response may be too long to be sent, by what the credentials or the server put into it.
            self._cancelled = SessionError("auth", str(error), temporary=False)
            self.session.send(SaslCancel())

    def _announced(self) -> list[str]:
        # ASCII, as all that Extensions takes.
        return [name for name in self.session.connection.extensions.get("AUTH", "").upper().split(" ") if name]

    def _kind(self) -> type[ClientMechanism] | None:
        session = self.session
        # RFC 4954 14: a secret goes to a server whose name was verified, or to one that was named as an exception.
        return choose(
            [name for name in self._announced() if name not in self._tried],
            self._credentials,
            session.tls,
            allow=session.config.mechanisms,
            plaintext_without_tls=session.config.plaintext_auth_without_tls,
        )
