"""A message that has arrived, with what is known of how it came."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cached_property

from smtpcore.sasl import Identity
from smtpcore.session import Envelope, Peer
from smtpcore.tls import TlsInfo


@dataclass(frozen=True)
class Message:
    """One message as the server has taken it. The addresses are those of the envelope, whatever the header says."""

    sender: str
    """The address of the reverse path; empty for the null path of notifications (RFC 5321 4.5.5)."""
    recipients: tuple[str, ...]
    """The addresses of the accepted forward paths, in order, duplicates included."""
    content: bytes
    """The message octet by octet as it was meant, the dots of the transfer gone (RFC 5321 4.5.2)."""
    envelope: Envelope
    """The whole envelope, with the parameters of MAIL and RCPT."""
    helo: str
    """How the client introduced itself."""
    peer: Peer
    """Where the connection came from."""
    tls: TlsInfo | None
    """The TLS layer that the message came through; None in clear text."""
    identity: Identity | None
    """Who has authenticated; None without AUTH."""

    @cached_property
    def email(self) -> EmailMessage:
        """The content, parsed: ``message.email["Subject"]``, ``message.email.get_content()``; lines end with LF."""
        return email.message_from_bytes(self.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
