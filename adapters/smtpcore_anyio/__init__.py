"""SMTP servers and clients on asyncio and trio.

A server with STARTTLS on one port and TLS from the first octet on another::

    server = Server(config, handler, tls_context=context)
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve, await listen_tcp("", 25), await listen_tcp("", 465, implicit_tls=True))
        ...
        server.stop(grace=30)

A session of `Server` runs inside the callbacks of its transport, which waits together with all others; a task exists
only while a hook is awaited. Over any other byte stream of anyio, with `serve_stream`, each connection has a task of
its own.

A client, ready to send::

    async with connect("mx.example", 25, ClientConfig(hostname="client.example")) as client:
        delivery = await client.send(Message.to("ann@client.example", ["bob@mx.example"], content))
"""

from __future__ import annotations

from .client import Client, OpenDelivery, connect, connect_stream, connect_unix
from .hooks import Abandoned
from .listeners import Address, Listener, listen_socket, listen_tcp, listen_unix
from .pool import Pool
from .server import Server
from .streams import serve_stream

__all__ = [
    "Abandoned",
    "Address",
    "Client",
    "Listener",
    "OpenDelivery",
    "Pool",
    "Server",
    "connect",
    "connect_stream",
    "connect_unix",
    "listen_socket",
    "listen_tcp",
    "listen_unix",
    "serve_stream",
]
