"""Asking a server what it offers: one session, and a second one where the certificate of the first does not verify."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from smtpcore.extensions import Extensions
from smtpcore.replies import EhloReply, Reply
from smtpcore.session.client import ClientConfig, ClientSession, ClientTranscript, SessionError, TlsMode
from smtpcore.tls import TlsInfo

from . import client_tls, connecting
from .errors import UsageError


@dataclass(slots=True)
class Findings:
    """What was found out."""

    greeting: Reply | None = None
    before: Extensions | None = None
    """What is offered in clear text; None where there was none, or no answer to EHLO."""
    starttls: Reply | None = None
    """What the server said to STARTTLS; None where it was not asked for."""
    tls: TlsInfo | None = None
    after: Extensions | None = None
    """What is offered within TLS."""
    untrusted: str | None = None
    """Why the certificate does not verify; None where it does, or was not seen."""
    error: SessionError | None = None
    """Why it was not possible to go on."""

    @property
    def answered(self) -> bool:
        """The server could be talked to."""
        return self.before is not None or self.after is not None


class _Notes(ClientTranscript):
    """Notes what a session sees, and shows the dialogue as well."""

    def __init__(self, findings: Findings, write: Callable[[str], None]) -> None:
        super().__init__(write)
        self._findings = findings
        self._last = ""

    def sent(self, session: ClientSession, line: str) -> None:
        self._last = line
        super().sent(session, line)

    def replied(self, session: ClientSession, reply: Reply) -> None:
        findings = self._findings
        if findings.greeting is None:
            findings.greeting = reply
        elif self._last == "STARTTLS":
            findings.starttls = reply
        elif self._last.startswith(("EHLO ", "HELO ", "LHLO ")) and reply.positive:
            # A server that knows HELO alone offers nothing.
            offered = reply.extensions if isinstance(reply, EhloReply) else Extensions()
            if findings.tls is None:
                findings.before = offered
            else:
                findings.after = offered
        super().replied(session, reply)

    def secured(self, session: ClientSession, tls: TlsInfo) -> None:
        self._findings.tls = tls
        super().secured(session, tls)


def probe(arguments: argparse.Namespace, write: Callable[[str], None]) -> Findings:
    """Find out.

    Args:
        arguments: The server, and how to connect to it.
        write: Takes the lines of the dialogue.

    Raises:
        UsageError: A file cannot be had, or the flags do not go together.
    """
    place = arguments.server
    # A unix socket has no name of its own that could be verified.
    verify = place.path is None or arguments.server_name is not None
    findings = _session(arguments, client_tls.make_context(arguments, place, verify=verify), write)
    if not verify:
        findings.untrusted = "there is no name to verify"
    reason = _why_not_verified(findings.error)
    if reason is not None:
        findings = _session(arguments, client_tls.make_context(arguments, place, verify=False), write)
        findings.untrusted = reason
    return findings


def _session(arguments: argparse.Namespace, context: ssl.SSLContext, write: Callable[[str], None]) -> Findings:
    place = arguments.server
    findings = Findings()
    try:
        config = ClientConfig(
            hostname=connecting.hostname(arguments),
            dialect=place.dialect,
            tls=TlsMode.IMPLICIT if place.tls == "implicit" else TlsMode.OPPORTUNISTIC,
            timeouts=connecting.timeouts(arguments),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        with connecting.connection(arguments, config, context, _Notes(findings, write)):
            pass
    except SessionError as error:
        findings.error = error
    return findings


def _why_not_verified(error: BaseException | None) -> str | None:
    """What OpenSSL has against the certificate, if that is what went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__
    return None
