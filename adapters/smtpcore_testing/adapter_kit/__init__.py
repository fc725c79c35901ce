"""The duties of an adapter, as tests: subclass `AdapterKit` and say how your adapter serves.

::

    class TestMyAdapter(AdapterKit):
        @contextmanager
        def serve(self, config, handler, *, tls_context, gate, observer):
            server = my_adapter.Server(config, handler, tls_context, gate, observer)
            server.start_in_a_thread()
            try:
                yield Listening(server.address, server.stop, server.ended)
            finally:
                server.stop(0)
                server.join()

What an adapter cannot do, it says by the flags `AdapterKit.awaits` and `AdapterKit.resumes`. The tests use threads,
sockets of the loopback and timeouts of fractions of a second, which are settings of the sessions; none of them sleeps.
"""

from __future__ import annotations

from .adapter import Adapter
from .clients import Client, SocketClient, TlsClient, until
from .deadlines import Deadlines
from .ends import Ends
from .hooks import Hooks
from .order import Order
from .pressure import Pressure
from .servers import Connect, Listening, Running, Start
from .stopping import Stopping
from .tls import Tls

__all__ = [
    "Adapter",
    "AdapterKit",
    "Client",
    "Connect",
    "Listening",
    "Running",
    "SocketClient",
    "Start",
    "TlsClient",
    "until",
]


class AdapterKit(Order, Tls, Ends, Deadlines, Hooks, Pressure, Stopping):
    """All duties of an adapter."""
