"""This project's blocking adapter: a thread for each connection."""

from __future__ import annotations

from smtpcore_blocking import Server

from bench.servers.application import HOST, Accepting, context, settings
from bench.servers.arguments import parser


def main() -> None:
    """Serve until the process is told to end."""
    chosen = parser().parse_args()
    server = Server(settings(tls=chosen.tls is not None), Accepting(), tls_context=context(chosen.tls))
    server.bind(HOST, chosen.port).serve_forever()


if __name__ == "__main__":
    main()
