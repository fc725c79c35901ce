"""Sessions over blocking sockets, a thread for each connection; the standard library is all it needs.

`connect` is the client: each call returns when what it is for is done; `Pool` keeps connections for several threads.
`Server` and `serve_socket` are the server.

Hooks have to be plain: one that returns an awaitable is answered for with 451, and its observer sees a TypeError; with
a client the result has it. Hooks of several connections run at the same time, so what they share needs a lock, and so
does a gate: ``Gate(lock=threading.Lock())``. Nothing can interrupt a plain hook. One that never returns costs its own
thread and connection, for as long as the process runs; all others go on, and a server that stops does not wait for it
beyond the grace.
"""

from __future__ import annotations

from .client import Client, connect, connect_socket, connect_unix
from .connection import serve_socket
from .opendelivery import OpenDelivery
from .pool import Pool
from .server import Server

__all__ = ["Client", "OpenDelivery", "Pool", "Server", "connect", "connect_socket", "connect_unix", "serve_socket"]
