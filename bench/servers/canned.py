"""The ceiling: asyncio's transport with one buffer for all connections, and nothing behind it.

It knows the script that its client plays, counts octets, and when those of a step have come it writes the replies to
that step, made beforehand. It reads no line, checks nothing and sets no timer. TLS is this project's engine, as in the
real server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from smtpcore_tls import TlsEngine

from bench.script import Handshake, Hear, Hold, Say, Script, decode
from bench.servers.application import HOST, context
from bench.servers.arguments import parser

BUFFER = memoryview(bytearray(65536))

Turn = tuple[int, bytes, bool]
"""Octets that have to come, the answer to them, and whether TLS begins behind it."""


def turns(script: Script) -> list[Turn]:
    """A script as its server sees it; the first turn, of no octets, is the greeting."""
    made: list[Turn] = []
    expected, answer, begins_tls = 0, b"", False
    for step in script:
        match step:
            case Say(octets):
                made.append((expected, answer, begins_tls))
                expected, answer, begins_tls = len(octets), b"", False
            case Hear(code):
                answer += b"%d OK, this is the answer\r\n" % code
            case Handshake():
                begins_tls = True
            case Hold():
                # Wait for an octet that never comes.
                made.append((expected, answer, begins_tls))
                expected, answer, begins_tls = 1, b"", False
    return [*made, (expected, answer, begins_tls)]


class Canned(asyncio.BufferedProtocol):
    """One connection."""

    __slots__ = ("_context", "_due", "_engine", "_next", "_transport", "_turns")

    _transport: asyncio.Transport

    def __init__(self, turns: Sequence[Turn], tls: ssl.SSLContext | None) -> None:
        self._turns = turns
        self._context = tls
        self._engine: TlsEngine | None = None
        self._next = 0
        self._due = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._answer()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to; all connections share it."""
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Count, and answer when it is time."""
        engine = self._engine
        if engine is not None:
            nbytes = len(engine.receive(BUFFER[:nbytes]))
            if octets := engine.outgoing():
                self._transport.write(octets)
        self._due -= nbytes
        if self._due <= 0 and nbytes:
            self._answer()

    def eof_received(self) -> bool:
        """The client closes when it has heard the last answer."""
        return False

    def _answer(self) -> None:
        _, answer, begins_tls = self._turns[self._next]
        self._next += 1
        if self._engine is None:
            self._transport.write(answer)
        else:
            self._engine.send(answer)
            self._transport.write(self._engine.outgoing())
        if begins_tls:
            assert self._context is not None
            self._engine = TlsEngine(self._context, server_side=True)
        if self._next < len(self._turns):
            self._due += self._turns[self._next][0]
        else:
            self._transport.close()


async def serve(port: int, script: Script, tls: ssl.SSLContext | None) -> None:
    """Serve until the process is told to end."""
    known = turns(script)
    server = await asyncio.get_running_loop().create_server(lambda: Canned(known, tls), HOST, port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """Read the script."""
    arguments = parser()
    arguments.add_argument("--script", type=Path, required=True)
    chosen = arguments.parse_args()
    asyncio.run(serve(chosen.port, list(decode(chosen.script.read_bytes())), context(chosen.tls)))


if __name__ == "__main__":
    main()
