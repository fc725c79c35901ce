"""The exceptions of smtpcore: one per party at fault."""

from __future__ import annotations


class ProtocolError(Exception):
    """Somebody broke the rules of the protocol; see the two subclasses for who."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something the dialogue does not allow; the message says what to do instead.

    Nothing was written and no state changed: the call may be corrected and made again.
    """


class RemoteProtocolError(ProtocolError):
    """A server sent what cannot be read as a reply, or cannot be what it has to say now (client role only).

    The server role never raises for what a peer sent; there the peer's faults are events and replies.
    """


class SaslError(RemoteProtocolError):
    """A server's part of an AUTH exchange cannot be answered, or does not prove what it has to prove.

    The message holds no secret, and nothing that the server has sent.
    """


class ParseError(ValueError):
    """Octets that do not fit the grammar they were read with.

    The message is a short ASCII phrase fit for a reply text; it never quotes the input.
    """
