"""aiosmtpd on asyncio, with or without uvloop."""

from __future__ import annotations

import asyncio
import ssl

import uvloop
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bench.servers.arguments import parser
from bench.workloads import PASSWORD, USER


class Dropping:
    """Has the whole message in memory, as the server collects it, and drops it."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Yes."""
        return "250 OK"


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    """Know a single password."""
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.login == USER.encode() and data.password == PASSWORD.encode())


async def serve(port: int, files: list[str] | None) -> None:
    """Serve until the process is told to end."""
    context = None
    if files is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            Dropping(), hostname="mx.test", loop=loop, tls_context=context,
            authenticator=authenticate if context is not None else None,
        )  # fmt: skip

    server = await loop.create_server(connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """Choose the loop."""
    arguments = parser()
    arguments.add_argument("--uvloop", action="store_true")
    chosen = arguments.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if chosen.uvloop else None) as runner:
        runner.run(serve(chosen.port, chosen.tls))


if __name__ == "__main__":
    main()
