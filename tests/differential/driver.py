"""Plays a dialogue over a socket and says what came of each step, in the notation."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress

from smtpcore_memory import Pipe

from tests.differential.notation import CUT, END, NOTHING, TLS, Dialogue, Step
from tests.differential.ours import CONFIGS, Application

PATIENCE = 10.0
"""Seconds after which a reply is held not to come."""
GOODBYE = Step("QUIT", "221 closes")
"""Each session ends in good order, so that replies too many cannot hide behind its last step."""

_REPLY = re.compile(rb"(?:(?P<code>[2-5]\d\d)-[^\n]*\r\n(?=(?P=code)))*(?P<last>[2-5]\d\d)(?: [^\n]*)?\r\n")


class Wire:
    """A client that reads replies one by one."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._context = context
        self._input = b""
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send octets; whoever has hung up meanwhile does not want them."""
        with suppress(ConnectionError, ssl.SSLError):
            for piece in data.split(CUT):
                self._sock.sendall(piece)

    def special(self, step: bytes) -> None:
        """Do a handshake, or end the input."""
        if step == TLS:
            self._sock = self._context.wrap_socket(self._sock, server_hostname="mx.test")
        elif step == END:
            socket.socket.shutdown(self._sock, socket.SHUT_WR)  # That of an SSLSocket would end TLS on this side, too.

    def outcome(self, expected: str) -> str:
        """As many replies as are expected, and the end of the connection if that is; or what is there instead."""
        words = expected.split()
        count = sum(word.isdigit() for word in words)
        codes: list[str] = []
        over = False
        while not over and (len(codes) < count or b"\r\n" in self._input or words[-1] == "closes"):
            match = _REPLY.match(self._input)
            if match:
                codes.append(match["last"].decode())
                self._input = self._input[match.end() :]
            else:
                over = not self._receive()
        if self._input:
            codes.append(f"and {self._input!r}")
        return " ".join([*codes, *(["closes"] if over else [])]) or NOTHING

    def _receive(self) -> bool:
        try:
            octets = self._sock.recv(65536)
        except TimeoutError:
            self._input += b" nothing more came "
            return False
        except (ConnectionError, ssl.SSLError):
            return False
        self._input += octets
        return bool(octets)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


def play(wire: Wire, dialogue: Dialogue, peer: str | None) -> list[str]:
    """Play it step by step, each when the one before has its replies.

    Args:
        wire: A new connection.
        dialogue: What to say.
        peer: Who is at the other end; None is our server.

    Returns:
        The outcomes, that of the greeting first, as far as the session came.
    """
    with closing(wire):
        came = [wire.outcome("220")]
        for step in script(dialogue, peer):
            if step.special:
                wire.special(step.special)
            else:
                wire.send(step.octets)
            came.append(wire.outcome(step.expected(peer)))
            if came[-1] != step.expected(peer):
                break
    return came


def play_at_once(wire: Wire, dialogue: Dialogue) -> list[str]:
    """Play it to our server without waiting for replies, but for TLS; the outcome of each group."""
    with closing(wire):
        came = [wire.outcome("220")]
        for group, expected in groups(dialogue):
            if group[0].special:
                wire.special(group[0].special)
            else:
                wire.send(b"".join(step.octets.replace(CUT, b"") for step in group))
            came.append(wire.outcome(expected))
            if came[-1] != expected:
                break
    return came


def script(dialogue: Dialogue, peer: str | None) -> list[Step]:
    """What is said to this server, with QUIT where nothing else ends the session."""
    said = []
    for step in dialogue.steps:
        said.append(step)
        difference = step.differences.get(peer or "")
        if step.expected(peer).endswith("closes") or (difference is not None and difference.ends):
            return said
    return [*said, GOODBYE]


def groups(dialogue: Dialogue) -> list[tuple[Sequence[Step], str]]:
    """What can be said to our server at once, with all that comes of it."""
    found: list[list[Step]] = [[]]
    for step in script(dialogue, None):
        if step.special or (found[-1] and found[-1][-1].special):
            found.append([])
        found[-1].append(step)
    return [(group, outcomes(group)) for group in found if group]


def outcomes(group: Sequence[Step]) -> str:
    """Our outcomes of these steps as one."""
    return " ".join(step.outcome for step in group if step.outcome != NOTHING) or NOTHING


def in_memory(dialogue: Dialogue, tls: ssl.SSLContext, client: ssl.SSLContext) -> tuple[list[str], list[str]]:
    """Play it to our server octet by octet without a socket; the outcomes of its groups, and what was delivered."""
    application = Application()
    config = CONFIGS[dialogue.setup]
    pipe = Pipe(config, application, tls_context=tls if config.starttls else None)
    came = [outcome_of(pipe.receive(), pipe.closed)]
    for group, _ in groups(dialogue):
        sent = b""
        if group[0].special == TLS:
            pipe.start_tls(client, "mx.test")
        elif group[0].special == END:
            sent = pipe.send(b"")
        else:
            for octet in b"".join(step.octets.replace(CUT, b"") for step in group):
                sent += pipe.send(bytes((octet,)))
        came.append(outcome_of(sent, pipe.closed))
    return came, application.taken


def outcome_of(sent: bytes, closed: bool) -> str:
    """What octets and an end come to, in the notation."""
    codes = [match["last"].decode() for match in _REPLY.finditer(sent)]
    return " ".join([*codes, *(["closes"] if closed else [])]) or NOTHING
