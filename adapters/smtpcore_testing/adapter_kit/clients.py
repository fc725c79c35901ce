"""Raw clients: octets out and in, and no idea of SMTP but where a reply ends."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

from smtpcore_tls import TlsEngine

PATIENCE = 20.0
"""Seconds until a test gives up waiting."""
STALL = 0.3
"""Seconds without room for an octet after which a transport counts as full."""
HOSTNAME = "localhost"
"""The name that the server's certificate has to have."""


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        pause.wait(0.005)


class Client:
    """The client's end of a connection. `SocketClient` is the usual one; others override what raises here."""

    def __init__(self) -> None:
        self._received = b""

    def send(self, data: bytes) -> None:
        """Write all of it."""
        raise NotImplementedError

    def offer(self, data: bytes, stall: float = STALL) -> int:
        """Write, without reading, until the transport takes no more; how many octets it took."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Let time pass where it does not by itself, without reading."""

    def read(self) -> bytes:
        """Wait for some octets; ``b""`` at the end."""
        raise NotImplementedError

    def heard(self, patience: float = 0.0) -> bool:
        """Whether octets, or the end, are there already or within so many seconds."""
        raise NotImplementedError

    def end(self) -> None:
        """End the output and go on reading."""
        raise NotImplementedError

    def reset(self) -> None:
        """Break the connection."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""
        raise NotImplementedError

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the client's handshake."""
        raise NotImplementedError

    def reply(self) -> bytes:
        """The next reply, all its lines."""
        end = 0
        while True:
            cut = self._received.find(b"\r\n", end)
            if cut < 0:
                more = self.read()
                assert more, f"the connection ended after {self._received!r}"
                self._received += more
                continue
            last = self._received[end + 3 : end + 4] != b"-"
            end = cut + 2
            if last:
                break
        reply, self._received = self._received[:end], self._received[end:]
        return reply

    def code(self) -> int:
        """The code of the next reply."""
        return int(self.reply()[:3])

    def codes(self, count: int) -> list[int]:
        """The codes of the next replies."""
        return [self.code() for _ in range(count)]

    def ask(self, data: bytes) -> int:
        """Send and wait for one reply; its code."""
        self.send(data)
        return self.code()

    def rest(self) -> bytes:
        """All that still comes, to the end of the connection."""
        parts = [self._received]
        self._received = b""
        while more := self.read():
            parts.append(more)
        return b"".join(parts)

    def greeted(self) -> Client:
        """The same client, behind the greeting."""
        assert self.code() == 220
        return self


class SocketClient(Client):
    """Over TCP.

    Args:
        address: Where the server listens: host and port.
        receive_buffer: Octets that the system keeps unread for this client; small, it is soon full.
    """

    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self._socket.sendall(data)

    def offer(self, data: bytes, stall: float = STALL) -> int:
        """Write, without reading, until the transport takes no more; how many octets it took."""
        done = 0
        while done < len(data) and select.select([], [self._socket], [], stall)[1]:
            done += self._socket.send(data[done : done + 65536], socket.MSG_DONTWAIT)
        return done

    def read(self) -> bytes:
        """Wait for some octets; ``b""`` at the end."""
        return self._socket.recv(65536)

    def heard(self, patience: float = 0.0) -> bool:
        """Whether octets, or the end, are there already or within so many seconds."""
        return bool(select.select([self._socket], [], [], patience)[0])

    def end(self) -> None:
        """End the output and go on reading."""
        # Of a TLS socket too it is the transport that ends: OpenSSL reads nothing behind its own close_notify.
        socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the client's handshake."""
        self._socket = context.wrap_socket(self._socket, server_hostname=HOSTNAME)


class TlsClient(Client):
    """TLS on top of another client by an engine of our own, to say when each record is sent."""

    def __init__(self, below: Client, context: ssl.SSLContext) -> None:
        super().__init__()
        self.below = below
        self.engine = TlsEngine(context, server_side=False, server_hostname=HOSTNAME)

    def handshake(self, and_then: bytes) -> None:
        """Do the handshake, and send this plaintext in one piece with the last flight of it."""
        while not self.engine.handshaken:
            if octets := self.engine.outgoing():
                self.below.send(octets)
            octets = self.below.read()
            assert octets, "the connection ended during the handshake"
            self._received += self.engine.receive(octets)
        self.engine.send(and_then)
        self.below.send(self.engine.outgoing())

    def read(self) -> bytes:
        """Wait for some plaintext; ``b""`` at the end."""
        while octets := self.below.read():
            if plaintext := self.engine.receive(octets):
                return plaintext
        return b""
