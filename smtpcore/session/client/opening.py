"""From the greeting to where mail can be sent: EHLO, STARTTLS, XCLIENT; then AUTH, which has a stage of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.client import Sent
from smtpcore.commands import Ehlo, Helo, Lhlo, StartTls, Xclient
from smtpcore.errors import LocalProtocolError
from smtpcore.replies import Reply
from smtpcore.session.client.config import TlsMode
from smtpcore.session.client.login import Login
from smtpcore.session.client.results import SessionError
from smtpcore.session.client.stages import Stage
from smtpcore.spec import Dialect
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession


class Opening(Stage):
    """Nothing is sent before the greeting (RFC 5321 4.3.1); then each reply leads to the next command."""

    name = "greeting"

    def __init__(self, session: ClientSession) -> None:
        super().__init__(session)
        self._told_client = False
        if session.config.tls is TlsMode.IMPLICIT:
            self.name = "tls"

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """Go on with what the reply leads to."""
        if event is None:
            self._greeted(reply)
        elif isinstance(event, StartTls):
            self._starttls_answered(reply)
        elif isinstance(event, Xclient):
            self._xclient_answered(reply)
        else:
            self._introduced(event, reply)

    def secured(self, info: TlsInfo) -> None:
        """Begin anew inside TLS; where TLS was there from the first octet, the greeting is still to come."""
        if self.session.greeting is None:
            self.name = "greeting"
        elif self._good_enough():
            self.then(self._introduce)

    def _good_enough(self) -> bool:
        session = self.session
        accept = session.config.accept_tls
        try:
            if accept is None or session.tls is None or accept(session.tls):
                return True
        except Exception as exception:
            # Who cannot say that it is good enough has not said so.
            session.fault("accept_tls", exception)
        # RFC 3207 4.1: a level of security that is too low ends with QUIT at once.
        session.give_up(SessionError("tls", "the TLS layer was not accepted", temporary=True))
        return False

    def _greeted(self, reply: Reply) -> None:
        self.session.greeting = reply
        # RFC 5321 4.2: any 2yz is a welcome.
        if not reply.positive:
            self._refused(reply)
        elif self._good_enough():
            self.then(self._introduce)

    def _introduce(self) -> None:
        self.name = "hello"
        config = self.session.config
        self.session.send(Lhlo(config.hostname) if config.dialect is Dialect.LMTP else Ehlo(config.hostname))

    def _introduced(self, event: Sent, reply: Reply) -> None:
        if reply.positive:
            self.then(self._secure)
        elif reply.permanent and isinstance(event, Ehlo) and self._can_do_without():
            # RFC 5321 3.2: an old server does not know EHLO, and says so in one way or another.
            self.then(self._introduce_without_extensions)
        else:
            self._refused(reply)

    def _introduce_without_extensions(self) -> None:
        self.session.send(Helo(self.session.config.hostname))

    def _can_do_without(self) -> bool:
        """Whether nothing is wanted that only EHLO can give."""
        config = self.session.config
        return config.tls is not TlsMode.STARTTLS and config.credentials is None and not config.xclient

    def _secure(self) -> None:
        session = self.session
        mode = session.config.tls
        if session.tls is not None or mode is TlsMode.NONE:
            self._tell_client()
        elif "STARTTLS" in session.connection.extensions:
            self.name = "starttls"
            session.send(StartTls())
        elif mode is TlsMode.OPPORTUNISTIC:
            self._tell_client()
        else:
            session.give_up(SessionError("starttls", "the server does not offer it", temporary=False))

    def _starttls_answered(self, reply: Reply) -> None:
        session = self.session
        if reply.positive:
            self.name = "tls"
            session.expect_tls()
        elif session.config.tls is TlsMode.OPPORTUNISTIC:
            self.then(self._tell_client)
        else:
            self._refused(reply)

    def _tell_client(self) -> None:
        session = self.session
        if not session.config.xclient or self._told_client:
            session.go_to(Login(session))
            return
        self.name = "xclient"
        try:
            session.send(Xclient(session.config.xclient))
        except LocalProtocolError as error:
            session.give_up(SessionError("xclient", str(error), temporary=False))

    def _xclient_answered(self, reply: Reply) -> None:
        if reply.positive:
            self._told_client = True
            self.then(self._introduce)
        else:
            self._refused(reply)

    def _refused(self, reply: Reply) -> None:
        self.session.give_up(SessionError.of(self.name, reply))
