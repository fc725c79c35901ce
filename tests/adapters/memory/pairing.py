"""What the connections of both ends have seen, so that it can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType

import pytest

from smtpcore.client import Answer, ClientConnection
from smtpcore.commands import Command, Data, SaslCancel, SaslResponse
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, Event, Pause, Rejected
from smtpcore.extensions import Extensions
from smtpcore.replies import Reply
from smtpcore.server import ServerConnection
from smtpcore.session import express
from smtpcore.spec import State

SENT = Command | SaslResponse | SaslCancel


class Record:
    """What happened between a client and a server."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        """The commands that the client has sent."""
        self.received: list[object] = []
        """The commands that the server has read."""
        self.content_sent = bytearray()
        """The content of all messages, one behind the other."""
        self.content_received = bytearray()
        self.replied: list[tuple[int, State, Extensions]] = []
        """The code of each reply of the server, where it stood behind it, and what it had announced."""
        self.answered: list[tuple[int, State, Extensions]] = []
        """The code of each reply that the client has read, and the same of the client."""

    def agrees(self) -> None:
        """What was sent has arrived, equal, and after each reply each side stood where the other did."""
        assert self.received == self.sent
        assert self.answered == self.replied
        assert self.content_received == self.content_sent


@contextmanager
def recorded() -> Iterator[Record]:
    """Watch all connections that are used in the block."""
    if not isinstance(ServerConnection.send, FunctionType):
        pytest.skip("compiled sessions call compiled connections directly, so nothing can be put in between")
    record = Record()
    client_send, client_next = ClientConnection.send, ClientConnection.next_event
    server_send, server_next = ServerConnection.send, ServerConnection.next_event

    def client_sends(
        self: ClientConnection, event: Command | SaslResponse | SaslCancel | BodyChunk | EndOfBody
    ) -> bytes:
        data = client_send(self, event)
        if isinstance(event, BodyChunk):
            record.content_sent += event.data
        elif isinstance(event, SENT):
            record.sent.append(event)
        return data

    def client_reads(self: ClientConnection) -> Answer | ConnectionClosed | Pause:
        event = client_next(self)
        if isinstance(event, tuple):
            record.answered.append((event[1].code, self.state, self.extensions))
        return event

    def server_replies(self: ServerConnection, reply: Reply, *, utf8: bool = False) -> bytes:
        data = server_send(self, reply, utf8=utf8)
        record.replied.append((reply.code, self.dialogue.state, self.grammar.extensions))
        return data

    def server_reads(self: ServerConnection) -> Event | Pause:
        event = server_next(self)
        if isinstance(event, BodyChunk):
            record.content_received += event.data
        elif isinstance(event, Rejected) and event.line == b"DATA":
            # RFC 2920 3.1: it was sent in a group with recipients of whom none was accepted.
            record.received.append(Data())
        elif isinstance(event, SENT | Rejected):
            record.received.append(event)
        return event

    with pytest.MonkeyPatch.context() as patch:
        # The express lane does by itself what the connection does otherwise.
        patch.setattr(express, "is_open", lambda session: False)
        patch.setattr(ClientConnection, "send", client_sends)
        patch.setattr(ClientConnection, "next_event", client_reads)
        patch.setattr(ServerConnection, "send", server_replies)
        patch.setattr(ServerConnection, "next_event", server_reads)
        yield record
