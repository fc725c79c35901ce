"""The application and the settings that all servers of this project are measured with."""

from __future__ import annotations

import ssl
from typing import Final

from smtpcore_tls import server_context

from bench.workloads import PASSWORD, USER
from smtpcore import CredentialStore, Envelope, Handler, Limits, ServerConfig, ServerSession, Timeouts
from smtpcore.commands import Command, Custom, Etrn, Expn, Help, Mail, Rcpt, Vrfy
from smtpcore.sasl import Identity
from smtpcore.tls import TlsInfo

HOST: Final = "127.0.0.1"


class OneUser(CredentialStore):
    """Knows a single password."""

    def verify_password(self, username: str, password: str) -> bool:
        """Whether it is this one."""
        return username == USER and password == PASSWORD


class Accepting(Handler):
    """Takes every message into memory and drops it. Each hook is overridden, so that each costs what it costs."""

    credentials = OneUser()

    def connect(self, session: ServerSession) -> None:
        """Yes."""

    def helo(self, session: ServerSession, command: Command) -> None:
        """Yes."""

    def starttls(self, session: ServerSession) -> None:
        """Yes."""

    def secured(self, session: ServerSession, tls: TlsInfo) -> None:
        """Yes."""

    def authenticate(self, session: ServerSession, identity: Identity) -> None:
        """Yes."""

    def mail(self, session: ServerSession, mail: Mail) -> None:
        """Yes."""

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
        """Yes."""

    def data(self, session: ServerSession, envelope: Envelope) -> None:
        """Yes, and the content is to be collected."""

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        """Yes. The content is asked for, so that it is there in one piece, whenever it is put together."""
        len(envelope.content)

    def vrfy(self, session: ServerSession, command: Vrfy) -> None:
        """Yes."""

    def expn(self, session: ServerSession, command: Expn) -> None:
        """Yes."""

    def help(self, session: ServerSession, command: Help) -> None:
        """Yes."""

    def etrn(self, session: ServerSession, command: Etrn) -> None:
        """Yes."""

    def command(self, session: ServerSession, command: Custom) -> None:
        """Yes."""

    def reset(self, session: ServerSession) -> None:
        """Nothing to be done."""

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        """Nothing to be done."""


def settings(*, tls: bool) -> ServerConfig:
    """The limits and the deadlines for the open internet, all of them on."""
    return ServerConfig(
        hostname="mx.test",
        limits=Limits.hardened(),
        timeouts=Timeouts.hardened(),
        starttls=tls,
        mechanisms=("PLAIN",) if tls else (),
    )


def context(files: list[str] | None) -> ssl.SSLContext | None:
    """The certificate and the key."""
    return None if files is None else server_context(*files)
