"""What is measured: each workload is a script, how many connections play it at a time, and how often."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from bench.script import Handshake, Hear, Hold, Script, Step, exchange

USER = "bench"
PASSWORD = "correct horse"
KIB = 1024
MIB = 1024 * KIB

_MAIL = b"MAIL FROM:<ann@client.test>\r\n"
_RCPT = b"RCPT TO:<bob@mx.test>\r\n"
_HEADER = b"From: <ann@client.test>\r\nTo: <bob@mx.test>\r\nSubject: bench%b\r\n\r\n"
_LINE = b"The quick brown fox jumps over the lazy dog, and that is all there is to say.\r\n"


@dataclass(frozen=True, slots=True)
class Workload:
    """One column of the table."""

    name: str
    what: str
    """One line for the reader of the table."""
    script: Callable[[], Script]
    connections: int
    """In parallel."""
    sessions: int
    """Connections in all, in one round."""
    messages: int = 1
    """In each session."""
    tls: bool = False
    chunking: bool = False
    """The content comes by BDAT, which few servers have."""
    idle: bool = False
    """Memory is measured while the connections are held, and not CPU time."""


def message(size: int) -> bytes:
    """A message of so many octets: a short header, then lines of 79 octets; no line begins with a dot."""
    lines, rest = divmod(size - len(_HEADER % b""), len(_LINE))
    return _HEADER % (b"." * rest) + _LINE * lines


def greet() -> list[Step]:
    """The greeting and EHLO."""
    return [Hear(220), *exchange(b"EHLO client.test\r\n", 250)]


def secure() -> list[Step]:
    """The same, STARTTLS, and EHLO again (RFC 3207 4.2)."""
    return [*greet(), *exchange(b"STARTTLS\r\n", 220), Handshake(), *exchange(b"EHLO client.test\r\n", 250)]


def part() -> list[Step]:
    """QUIT."""
    return exchange(b"QUIT\r\n", 221)


def lock_step(content: bytes) -> list[Step]:
    """A transaction that waits for each reply."""
    return [
        *exchange(_MAIL, 250),
        *exchange(_RCPT, 250),
        *exchange(b"DATA\r\n", 354),
        *exchange(content + b".\r\n", 250),
    ]


def pipelined(content: bytes, count: int) -> list[Step]:
    """Transactions in groups: a body goes with the envelope of the next, QUIT with the last (RFC 2920 3.1)."""
    envelope, codes = _MAIL + _RCPT + b"DATA\r\n", (250, 250, 354)
    body = content + b".\r\n"
    middle = exchange(body + envelope, 250, *codes) * (count - 1)
    return [*exchange(envelope, *codes), *middle, *exchange(body + b"QUIT\r\n", 250, 221)]


def many_recipients(count: int) -> list[Step]:
    """One transaction with so many recipients, its envelope in one group."""
    recipients = b"".join(b"RCPT TO:<recipient%d@mx.test>\r\n" % number for number in range(count))
    group = exchange(_MAIL + recipients + b"DATA\r\n", 250, *[250] * count, 354)
    return [*group, *exchange(message(KIB) + b".\r\n", 250)]


def chunked(content: bytes, chunk: int) -> list[Step]:
    """A transaction by BDAT; each chunk waits for the reply to the one before it (RFC 3030 4.1)."""
    steps = [*exchange(_MAIL, 250), *exchange(_RCPT, 250)]
    for start in range(0, len(content), chunk):
        piece = content[start : start + chunk]
        last = b" LAST" if start + chunk >= len(content) else b""
        steps += exchange(b"BDAT %d%b\r\n%b" % (len(piece), last, piece), 250)
    return steps


def chunk_in_one_write(content: bytes) -> list[Step]:
    """A whole transaction in one write, which only BDAT allows (RFC 3030 4.2)."""
    return exchange(_MAIL + _RCPT + b"BDAT %d LAST\r\n%b" % (len(content), content), 250, 250, 250)


def authenticate() -> list[Step]:
    """AUTH PLAIN with an initial response (RFC 4616)."""
    response = b64encode(f"\0{USER}\0{PASSWORD}".encode())
    return exchange(b"AUTH PLAIN %b\r\n" % response, 235)


IDLE = 5000
"""Connections of the idle workloads."""

WORKLOADS = (
    Workload(
        "w1", "1 KiB message, one per connection, 20 connections at a time",
        lambda: [*greet(), *lock_step(message(KIB)), *part()], 20, 1000,
    ),
    Workload(
        "w2", "1 KiB messages, 100 per connection, each command waits for its reply",
        lambda: [*greet(), *lock_step(message(KIB)) * 100, *part()], 10, 20, 100,
    ),
    Workload(
        "w2p", "the same, pipelined: a body and the next MAIL, RCPT, DATA in one write",
        lambda: [*greet(), *pipelined(message(KIB), 100)], 10, 20, 100,
    ),
    Workload(
        "w3", "5 MiB by DATA, one per connection, 4 connections at a time",
        lambda: [*greet(), *lock_step(message(5 * MIB)), *part()], 4, 20,
    ),
    Workload(
        "w4", "1 KiB message to 50 recipients, pipelined, 20 per connection",
        lambda: [*greet(), *many_recipients(50) * 20, *part()], 5, 15, 20,
    ),
    Workload(
        "w5", "idle connections behind EHLO: memory of 1,000",
        lambda: [*greet(), Hold()], IDLE, IDLE, 0, idle=True,
    ),
    Workload(
        "w5t", "idle connections behind STARTTLS and EHLO: memory of 1,000",
        lambda: [*secure(), Hold()], IDLE, IDLE, 0, tls=True, idle=True,
    ),
    Workload(
        "w6", "STARTTLS, AUTH PLAIN, 1 KiB message, one per connection, 20 connections at a time",
        lambda: [*secure(), *authenticate(), *lock_step(message(KIB)), *part()], 20, 300, tls=True,
    ),
    Workload(
        "w6b", "5 MiB by DATA over TLS, one per connection, 4 connections at a time",
        lambda: [*secure(), *lock_step(message(5 * MIB)), *part()], 4, 20, tls=True,
    ),
    Workload(
        "w7", "5 MiB by BDAT in chunks of 64 KiB, one per connection, 4 connections at a time",
        lambda: [*greet(), *chunked(message(5 * MIB), 64 * KIB), *part()], 4, 40, chunking=True,
    ),
    Workload(
        "w7s", "1 KiB by BDAT, 100 per connection, each with its envelope in one write",
        lambda: [*greet(), *chunk_in_one_write(message(KIB)) * 100, *part()], 10, 20, 100, chunking=True,
    ),
)  # fmt: skip
