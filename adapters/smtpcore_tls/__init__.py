"""TLS as octets in, octets out: one engine for every adapter, both roles, and no I/O of its own.

`Wire` ties an engine to a session. With `peer_from`, `abandon`, `log_fault` and `LINGER_OCTETS` it is what all
adapters share; `context_for`, `name_of` and `message_of` are what all clients do. Who drives an engine alone does so
first for the handshake and then for good; both sides run the same lines. ``read`` gives octets of the transport or
``b""`` at its end, ``write`` is given octets, possibly none::

    engine = TlsEngine(context, server_side=True)
    try:
        plaintext = engine.receive(step.received)   # octets already read, usually b""
        while not engine.handshaken:
            write(engine.outgoing())
            if data := read(): plaintext = engine.receive(data)
            else: engine.eof()                      # raises: the handshake was cut off
    finally:
        write(engine.outgoing())                    # the last flight, or the alert of a TlsError
    session.tls_started(engine.info())              # then hand ``plaintext`` on, as below

    if data := read(): plaintext = engine.receive(data)
    else: engine.eof()                              # sets ``truncated`` if no close_notify came first
    write(engine.outgoing())                        # reading may owe an answer: a key update, an alert
    if plaintext: session.receive_data(plaintext)   # an empty result is "nothing yet", not the end
    if engine.ended: session.receive_data(b"")

To write, ``engine.send(data)`` and then ``write(engine.outgoing())``; to end, ``engine.close()`` and the same.
Deadlines are the adapter's: the engine waits for nothing. It is not thread-safe; threads that share one need a lock
around each call and the write of the ``outgoing()`` behind it, for records must reach the wire in their order.
"""

from __future__ import annotations

from .abandon import abandon
from .clients import context_for, name_of
from .contexts import client_context, server_context
from .engine import TlsEngine, TlsError
from .faults import log_fault
from .messages import message_of
from .peers import peer_from
from .selfsigned import MissingDependency, SelfSigned, self_signed
from .wire import LINGER_OCTETS, Wire

__all__ = [
    "LINGER_OCTETS",
    "MissingDependency",
    "SelfSigned",
    "TlsEngine",
    "TlsError",
    "Wire",
    "abandon",
    "client_context",
    "context_for",
    "log_fault",
    "message_of",
    "name_of",
    "peer_from",
    "self_signed",
    "server_context",
]
