"""The core over its history, for asv: CPU time of what a server does most, without sockets.

Each commit is measured in an environment of its own, where nothing else is installed. So this file uses nothing of the
benchmark around it, and only what the core has had from the beginning.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from smtpcore import (
    Envelope,
    Handler,
    Limits,
    Peer,
    Reply,
    ServerConfig,
    ServerConnection,
    ServerSession,
    State,
    Timeouts,
)
from smtpcore.commands import Mail, Rcpt
from smtpcore.events import Pause
from smtpcore.session import Receive, Send

_MAIL = b"MAIL FROM:<ann@client.test>\r\n"
_LONG_MAIL = b"MAIL FROM:<ann@client.test> SIZE=1024 BODY=8BITMIME\r\n"
_RCPT = b"RCPT TO:<bob@mx.test>\r\n"
_LINE = b"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod\r\n"
_CONTENT = _LINE * 14 + b".\r\n"
_MANY = b"".join(b"RCPT TO:<bob%d@mx.test>\r\n" % number for number in range(50))
_CONFIG = ServerConfig(limits=Limits(), timeouts=Timeouts.hardened())
_ACCEPTED = Reply(250, "Recipient accepted", "2.1.5")


class _Accepting(Handler):
    """Says yes at every stage, each hook overridden."""

    def mail(self, session: ServerSession, mail: Mail) -> None:
        """Yes."""

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
        """Yes."""

    def data(self, session: ServerSession, envelope: Envelope) -> None:
        """Yes."""

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        """Yes."""


class _Session:
    """A session behind EHLO, with limits and deadlines on."""

    said = b""
    """What it has sent last."""

    def __init__(self) -> None:
        numbers = itertools.count()
        self._session = ServerSession(
            _CONFIG,
            Peer(None),
            _Accepting(),
            monotonic=time.monotonic,
            utcnow=lambda: datetime.now(UTC),
            token_bytes=lambda size: next(numbers).to_bytes(size, "big"),
        )
        while self._session.state is not State.GREETED:
            self._run()
            self._session.timed_out()
        self.play([b"EHLO client.test\r\n"])

    def play(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._session.receive_data(piece)
            self._run()

    def _run(self) -> None:
        while not isinstance(step := self._session.next_step(), Receive):
            assert isinstance(step, Send), step
            self.said = step.data
            self._session.sent()


class Messages:
    """One message through a session."""

    timer = time.process_time
    param_names = ("kind",)
    params = ("lock step", "with parameters", "pipelined", "50 recipients")

    def setup(self, kind: str) -> None:
        """Bring the session there."""
        self.session = _Session()
        self._pieces: Sequence[bytes] = {
            "lock step": (_MAIL, _RCPT, b"DATA\r\n", _CONTENT),
            "with parameters": (_LONG_MAIL, _RCPT, b"DATA\r\n", _CONTENT),
            "pipelined": (_MAIL + _RCPT + b"DATA\r\n", _CONTENT),
            "50 recipients": (_MAIL + _MANY + b"DATA\r\n", _CONTENT),
        }[kind]

    def time_message(self, kind: str) -> None:
        """As it is sent."""
        self.session.play(self._pieces)


class Connections:
    """What comes before and behind the message."""

    timer = time.process_time

    def time_connection(self) -> None:
        """From the greeting to the answer to EHLO."""
        _Session()


class Wire:
    """Fifty recipients through the wire layer alone."""

    timer = time.process_time

    def time_recipients(self) -> None:
        """Each accepted."""
        connection = ServerConnection()
        connection.send(Reply(220, "mx.test"))
        connection.receive_data(b"EHLO client.test\r\n" + _MAIL + _MANY)
        while not isinstance(connection.next_event(), Pause):
            connection.send(_ACCEPTED)


class Content:
    """A megabyte of text in reads of 64 KiB."""

    timer = time.process_time

    def setup(self) -> None:
        """The commands before it."""
        text = _LINE * (1024 * 1024 // len(_LINE))
        reads = [text[start : start + 65536] for start in range(0, len(text), 65536)]
        self._pieces = [_MAIL + _RCPT + b"DATA\r\n", *reads, b".\r\n"]
        self.session = _Session()

    def time_content(self) -> None:
        """With the envelope."""
        self.session.play(self._pieces)
