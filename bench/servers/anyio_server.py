"""This project's anyio adapter, on asyncio, asyncio with uvloop, or trio."""

from __future__ import annotations

import anyio
from smtpcore_anyio import Server, listen_tcp

from bench.servers.application import HOST, Accepting, context, settings
from bench.servers.arguments import parser


async def serve(port: int, files: list[str] | None) -> None:
    """Serve until the process is told to end."""
    server = Server(settings(tls=files is not None), Accepting(), tls_context=context(files))
    await server.serve(await listen_tcp(HOST, port, backlog=4096))


def main() -> None:
    """Choose the backend."""
    arguments = parser()
    arguments.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    arguments.add_argument("--uvloop", action="store_true")
    chosen = arguments.parse_args()
    options = {"use_uvloop": True} if chosen.uvloop else {}
    anyio.run(serve, chosen.port, chosen.tls, backend=chosen.backend, backend_options=options)


if __name__ == "__main__":
    main()
