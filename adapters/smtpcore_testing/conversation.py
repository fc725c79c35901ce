"""One connection of a test server: what the script does to it, what the transcript keeps of it, what it delivers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import CredentialStore, Handler
from smtpcore.replies import Reply
from smtpcore.sasl import Identity
from smtpcore.session import Envelope, ServerSession
from smtpcore.spec import Dialect

from .messages import Message
from .script import Script, Stage

_NOT_FOR_OTHERS = Reply(535, "The identity may not act for another", "5.7.8")


class Conversation:
    """The line between client and server.

    Args:
        sock: The connection.
        lines: The transcript of the server.
        stopping: Set when the server stops.
    """

    def __init__(self, sock: socket.socket, lines: list[str], stopping: threading.Event) -> None:
        self._socket = sock
        self._lines = lines
        self._stopping = stopping
        self._dropped = False

    def write(self, line: str) -> None:
        """Keep a line of the transcript, unless the client never saw what it says."""
        if not self._dropped:
            self._lines.append(line)

    def wait(self, seconds: float) -> None:
        """Let time pass, but do not hold up the end of the server."""
        self._stopping.wait(seconds)

    def drop(self) -> None:
        """Cut the connection below TLS and SMTP."""
        self.write("-- the connection is cut")
        self._dropped = True
        self.cut()

    def cut(self) -> None:
        """End both directions of the transport; its thread finds out and closes it."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The client was faster.


class Application(Handler):
    """Asks the script at each stage, and keeps what arrives.

    Args:
        script: The rules.
        conversation: The connection.
        keep: Takes each message.
        credentials: Who may authenticate.
    """

    def __init__(
        self,
        script: Script,
        conversation: Conversation,
        keep: Callable[[Message], None],
        credentials: CredentialStore | None,
    ) -> None:
        self.credentials = credentials
        self._script = script
        self._conversation = conversation
        self._keep = keep

    def connect(self, session: ServerSession) -> Reply | None:
        """By the script; there is nothing yet that a pattern could tell apart."""
        return self._play("connect", "")

    def authenticate(self, session: ServerSession, identity: Identity) -> Reply | None:
        """By the script; nobody acts for another."""
        return self._play("auth", identity.username) or (
            None if identity.name == identity.username else _NOT_FOR_OTHERS
        )

    def mail(self, session: ServerSession, mail: Mail) -> Reply | None:
        """By the script."""
        return self._play("mail", str(mail.path))

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """By the script."""
        return self._play("rcpt", str(rcpt.path))

    def data(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        """By the script."""
        return self._play("data", *_addresses(envelope))

    def message(self, session: ServerSession, envelope: Envelope) -> Reply | list[Reply | None] | None:
        """By the script, for LMTP recipient by recipient (RFC 2033 4.2); what was accepted is kept."""
        addresses = _addresses(envelope)
        if session.config.dialect is not Dialect.LMTP:
            answer = self._play("message", *addresses)
            if answer is None or answer.positive:
                self._take(session, envelope, addresses)
            return answer
        answers = [self._play("message", address) for address in addresses]
        accepted = [
            address for address, answer in zip(addresses, answers, strict=True) if answer is None or answer.positive
        ]
        if accepted:
            self._take(session, envelope, accepted)
        return answers

    def _play(self, stage: Stage, *subjects: str) -> Reply | None:
        return self._script.play(stage, subjects, self._conversation)

    def _take(self, session: ServerSession, envelope: Envelope, recipients: list[str]) -> None:
        self._keep(
            Message(
                sender=str(envelope.mail.path),
                recipients=tuple(recipients),
                content=envelope.content,
                envelope=envelope,
                helo="" if session.helo is None else session.helo.domain,
                peer=session.peer,
                tls=session.tls,
                identity=session.identity,
            )
        )


def _addresses(envelope: Envelope) -> list[str]:
    return [str(rcpt.path) for rcpt in envelope.recipients]
