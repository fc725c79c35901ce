"""What is particular to the adapter for asyncio and trio: listeners, TLS, deadlines, pressure, every kind of end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import socket
import ssl
import stat
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import smtpcore_anyio.server
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream
from smtpcore_anyio import Abandoned, Listener, Server, listen_socket, listen_tcp, listen_unix, serve_stream
from smtpcore_anyio.listeners import peer_of
from smtpcore_anyio.service import Service
from smtpcore_anyio.wire import Wire
from smtpcore_tls import TlsEngine

from smtpcore.handler import Handler
from smtpcore.replies import Reply
from smtpcore.session import Close, Limits, Observer, Peer, ServerConfig, ServerSession, StartTls, Timeouts

pytestmark = pytest.mark.anyio

LOOPBACK = "127.0.0.1"
PATIENCE = 10.0
"""Seconds after which what should have happened is held to have failed."""
UNLIMITED = Limits(max_errors=None, max_unknown_commands=None, max_noops=None)


@pytest.fixture(params=["asyncio", "uvloop", "asyncio-stream", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """Both backends; on asyncio the protocol of its own, with two event loops, and the path of any byte stream."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": True}
    if request.param == "asyncio-stream":
        monkeypatch.setattr(smtpcore_anyio.server, "is_asyncio", lambda: False)
        return "asyncio", {}
    return request.param, {}


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What was logged as a warning or worse; a test that expects some of it takes it out."""
    expected: list[str] = []
    yield expected
    logged = [each.getMessage() for each in caplog.get_records("call") if each.levelno >= logging.WARNING]
    # In its debug mode asyncio complains about the machine, too, when that is slow.
    assert [message for message in logged if not message.startswith("Executing ")] == expected


class Client:
    """The other end: a plain socket, and TLS by the engine."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.unread = b""
        self.tls: TlsEngine | None = None

    async def send(self, data: bytes) -> None:
        if self.tls is not None:
            self.tls.send(data)
            data = self.tls.outgoing()
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self.sock)

    async def read(self) -> bytes:
        """Some octets, ``b""`` at the end."""
        while True:
            await anyio.wait_readable(self.sock)
            data = self.sock.recv(65536)
            if self.tls is None:
                return data
            if not data:
                self.tls.eof()
            elif not (data := self.tls.receive(data)) and not self.tls.ended:
                continue
            return data

    async def reply(self) -> bytes:
        """One whole reply."""
        while (found := re.match(rb"(?:\d{3}-[^\r]*\r\n)*\d{3} [^\r]*\r\n", self.unread)) is None:
            data = await self.read()
            assert data, f"closed after {self.unread!r}"
            self.unread += data
        self.unread = self.unread[found.end() :]
        return found[0]

    async def say(self, line: bytes) -> bytes:
        await self.send(line + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        """Everything up to the end."""
        while data := await self.read():
            self.unread += data
        return self.unread

    async def start_tls(self, context: ssl.SSLContext) -> None:
        tls = TlsEngine(context, server_side=False, server_hostname="localhost")
        while True:
            await self.send(tls.outgoing())
            if tls.handshaken:
                break
            tls.receive(await self.read())
        self.tls = tls

    async def begin_mail(self) -> None:
        """Up to the 354."""
        assert await self.say(b"EHLO client.example") >= b"250"
        assert await self.say(b"MAIL FROM:<a@client.example>") >= b"250"
        assert await self.say(b"RCPT TO:<b@mx.example>") >= b"250"
        assert (await self.say(b"DATA")).startswith(b"354")

    def reset(self) -> None:
        """Leave without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@asynccontextmanager
async def connect(to: Server | tuple[str, int] | str, **options: int) -> AsyncIterator[Client]:
    address = to.addresses[0] if isinstance(to, Server) else to
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as sock:
        for name, value in options.items():
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        sock.connect(address)
        yield Client(sock)


@asynccontextmanager
async def greeted(to: Server | tuple[str, int] | str, **options: int) -> AsyncIterator[Client]:
    async with connect(to, **options) as client:
        assert (await client.reply()).startswith(b"220")
        yield client


@asynccontextmanager
async def serving(
    handler: Handler | None = None, *listeners: Listener, config: ServerConfig | None = None, **options: Any
) -> AsyncIterator[Server]:
    """A server that runs meanwhile; on loopback if there is no listener."""
    server = Server(config or ServerConfig(), handler or Handler(), **options)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, *(listeners or [await listen_tcp(LOOPBACK, 0)]))
            yield server
            server.stop(0)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (what is waited for has no event)
        await anyio.sleep(0.001)


def narrow() -> Listener:
    """The kernel takes little for a peer that does not read."""
    sock = socket.create_server((LOOPBACK, 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listen_socket(sock)


class Recorder(Handler):
    """Remembers its sessions and how they ended."""

    def __init__(self) -> None:
        self.sessions: list[ServerSession] = []
        self.causes: list[BaseException | None] = []

    def connect(self, session: ServerSession) -> None:
        self.sessions.append(session)

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.causes.append(cause)


class Slow(Recorder):
    """Its ``message`` waits for ever, or until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.cancelled = False
        self.go_on = False

    async def message(self, session: ServerSession, envelope: object) -> Reply | None:
        self.begun = True
        try:
            await until(lambda: self.go_on)
        except anyio.get_cancelled_exc_class():
            self.cancelled = True
            raise
        return Reply(250, "Kept")


class TestListeners:
    async def test_one_server_has_listeners_of_every_kind(self, tmp_path: Path) -> None:
        ready = socket.create_server((LOOPBACK, 0))
        listeners = [await listen_tcp(LOOPBACK, 0), listen_socket(ready), await listen_unix(tmp_path / "socket")]
        async with serving(handler := Recorder(), *listeners) as server:
            assert server.addresses == [*listeners[0].addresses, ready.getsockname(), str(tmp_path / "socket")]
            for address in server.addresses:
                async with greeted(address) as client:
                    assert (await client.say(b"QUIT")).startswith(b"221")
                    ours = client.sock.getsockname()
                peer = handler.sessions[-1].peer
                if isinstance(address, str):
                    assert peer == Peer()
                else:
                    assert peer == Peer(ours[0], ours[1], address[0], address[1])
        with pytest.raises(ConnectionRefusedError):
            async with connect(server):
                pass
        assert not (tmp_path / "socket").exists()

    async def test_a_name_is_bound_on_all_its_addresses_with_one_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def getaddrinfo(*args: object, **options: object) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, 0, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
        async with serving(None, await listen_tcp("two.example", 0)) as server:
            assert [address[0] for address in server.addresses] == ["127.0.0.1", "127.0.0.2"]
            assert len({address[1] for address in server.addresses}) == 1
            for address in server.addresses:
                async with greeted(address):
                    pass

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
    async def test_ipv6_is_served_and_a_mapped_address_is_shown_as_ipv4(self) -> None:
        both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        async with serving(handler := Recorder(), await listen_tcp("::1", 0), listen_socket(both)) as server:
            async with greeted(server):
                assert handler.sessions[-1].peer.host == "::1"
            async with greeted((LOOPBACK, both.getsockname()[1])):
                assert (handler.sessions[-1].peer.host, handler.sessions[-1].peer.local_host) == (LOOPBACK, LOOPBACK)

    async def test_the_zone_of_an_address_is_left_out(self) -> None:
        assert peer_of(("fe80::1%eth0", 9, 0, 2), ("fe80::2%2", 25, 0, 2)) == Peer("fe80::1", 9, "fe80::2", 25)

    async def test_a_port_that_is_free_on_one_address_only_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def getaddrinfo(*args: object, **options: object) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, 0, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]

        ports: list[int] = []
        listen = socket.socket.listen

        def counted(self: socket.socket, backlog: int) -> None:
            ports.append(self.getsockname()[1])
            if len(ports) == 2:
                raise OSError(errno.EADDRINUSE, "in use")
            listen(self, backlog)

        monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "listen", counted)
        listener = await listen_tcp("two.example", 0)
        listener.close()
        assert ports[0] == ports[1]
        assert ports[2] == ports[3]

    async def test_a_port_in_use_is_an_error_that_names_it(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"cannot listen on {LOOPBACK} port {port}: Address already in use"):
                await listen_tcp(LOOPBACK, port)

    @pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="not to be had here")
    async def test_processes_may_share_a_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = await listen_tcp(LOOPBACK, 0, reuse_port=True)
        second = await listen_tcp(LOOPBACK, int(first.addresses[0][1]), reuse_port=True)
        first.close()
        second.close()
        monkeypatch.delattr(socket, "SO_REUSEPORT")
        with pytest.raises(ValueError, match="not to be had"):
            await listen_tcp(LOOPBACK, 0, reuse_port=True)

    async def test_the_file_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        live = await listen_unix(path)
        with pytest.raises(OSError, match=r"cannot listen on .*socket: Address already in use"):
            await listen_unix(path)
        # What has taken the place of our file is not ours to remove.
        path.rename(tmp_path / "elsewhere")
        path.write_text("not a socket")
        live.close()
        assert path.exists()
        with pytest.raises(OSError, match="Address already in use"):
            await listen_unix(path)

    async def test_a_socket_that_does_not_listen_is_refused(self) -> None:
        with socket.socket() as sock, pytest.raises(ValueError, match=r"call bind\(\) and listen\(\)"):
            listen_socket(sock)

    async def test_what_contradicts_itself_is_refused(self, client_ssl_context: ssl.SSLContext) -> None:
        with pytest.raises(ValueError, match="none for servers"):
            Server(ServerConfig(), Handler(), tls_context=client_ssl_context)
        with pytest.raises(ValueError, match="starttls needs a tls_context"):
            Server(ServerConfig(starttls=True), Handler())
        with pytest.raises(ValueError, match="max_connections"):
            Server(ServerConfig(), Handler(), max_connections=0)
        server = Server(ServerConfig(), Handler())
        with pytest.raises(ValueError, match="implicit TLS needs a tls_context"):
            await server.serve(await listen_tcp(LOOPBACK, 0, implicit_tls=True))
        with pytest.raises(ValueError, match="at least one listener"):
            await server.serve()
        async with serving() as server:
            with pytest.raises(RuntimeError, match="serves once"):
                await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_no_delay_is_set_on_connections_of_ready_sockets_too(self) -> None:
        # Made without a protocol number, where asyncio would not set it.
        ready = socket.create_server((LOOPBACK, 0))
        async with serving(None, listen_socket(ready)) as server, greeted(server) as client:
            assert [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in peers_of(client)] == [1]


def peers_of(client: Client) -> Iterator[socket.socket]:
    """The server's end of a connection: it is in this process, under a number that is looked for."""
    for number in range(3, 512):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        except OSError:
            continue
        with socket.socket(fileno=os.dup(number)) as sock:
            try:
                if sock.getpeername() == client.sock.getsockname():
                    yield sock
            except OSError:
                pass


class TestAccepting:
    async def test_over_the_cap_connections_wait_until_another_is_over(self) -> None:
        async with (
            serving(handler := Recorder(), max_connections=2) as server,
            greeted(server) as first,
            greeted(server),
            connect(server) as waiting,
        ):
            await anyio.wait_all_tasks_blocked()
            assert len(handler.sessions) == 2
            first.sock.close()
            assert (await waiting.reply()).startswith(b"220")

    @pytest.mark.parametrize("code", [errno.EMFILE, errno.ECONNABORTED])
    async def test_a_failing_accept_does_not_end_the_server(
        self, code: int, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
    ) -> None:
        accept, failures = socket.socket.accept, [code, code]

        def failing(self: socket.socket) -> Any:
            result = accept(self)
            if failures:
                result[0].close()
                raise OSError(failures.pop(), "no")
            return result

        monkeypatch.setattr(smtpcore_anyio.server, "_RETRY", 0.01)
        async with serving() as server:
            monkeypatch.setattr(socket.socket, "accept", failing)
            for _ in (code, code):
                async with connect(server):
                    pass
            async with greeted(server):
                pass
        if code == errno.EMFILE:
            complaints.append("cannot accept connections: no")

    async def test_a_listening_socket_that_breaks_ends_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(self: socket.socket) -> Any:
            raise OSError(errno.EINVAL, "broken")

        server = Server(ServerConfig(), Recorder())
        monkeypatch.setattr(socket.socket, "accept", broken)
        with anyio.fail_after(PATIENCE), pytest.raises(ExceptionGroup):
            await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_an_observer_that_cannot_be_made_costs_one_connection(self, complaints: list[str]) -> None:
        makers = [lambda: 1 / 0, Observer]
        async with serving(observer=lambda: makers.pop(0)()) as server:
            async with connect(server) as client:
                assert await client.rest() == b""
            async with greeted(server):
                pass
        complaints.append("a connection could not begin")


class TestTls:
    @pytest.mark.conformance("C225")
    @pytest.mark.parametrize("implicit", [False, True])
    async def test_a_session_goes_on_inside_tls(
        self, implicit: bool, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=implicit)
        async with (
            serving(
                handler := Recorder(), listener, config=ServerConfig(starttls=True), tls_context=server_ssl_context
            ) as server,
            connect(server) as client,
        ):
            if not implicit:
                await client.reply()
                assert b"250-STARTTLS" in await client.say(b"EHLO client.example")
                assert (await client.say(b"STARTTLS")).startswith(b"220")
            await client.start_tls(client_ssl_context)
            if implicit:
                assert (await client.reply()).startswith(b"220")
            await client.begin_mail()
            await client.send(b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 5000)
            assert (await client.say(b".")).startswith(b"250")
            assert (await client.say(b"QUIT")).startswith(b"221")
            assert await client.rest() == b""
            assert client.tls is not None
            assert (client.tls.peer_closed, client.tls.truncated) == (True, False)
            [session] = handler.sessions
            assert session.tls is not None
            assert session.tls.server_name == "localhost"

    async def test_a_handshake_that_takes_its_time_keeps_nobody_waiting(
        self, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(None, listener, tls_context=server_ssl_context) as server,
            connect(server) as silent,
            connect(server) as client,
        ):
            await client.start_tls(client_ssl_context)
            assert (await client.reply()).startswith(b"220")
            await silent.start_tls(client_ssl_context)
            assert (await silent.reply()).startswith(b"220")

    @pytest.mark.parametrize("input", [b"EHLO client.example\r\n", b"", None], ids=["clear text", "end", "silence"])
    async def test_a_failed_handshake_closes_the_connection(
        self, input: bytes | None, server_ssl_context: ssl.SSLContext
    ) -> None:
        config = ServerConfig(timeouts=Timeouts(tls_handshake=0.05 if input is None else 60.0))
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(handler := Recorder(), listener, config=config, tls_context=server_ssl_context) as server,
            connect(server) as client,
        ):
            if input:
                await client.send(input)
            elif input is not None:
                client.sock.shutdown(socket.SHUT_WR)
            # At most an alert (RFC 8446 6), which is no text.
            assert not (await client.rest()).startswith((b"2", b"4", b"5"))
            await until(lambda: handler.causes)
            assert handler.causes[0] is not None

    @pytest.mark.parametrize("before", [b"", b"NOOP\r\n"])
    async def test_a_broken_record_ends_the_session(
        self, before: bytes, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(handler := Recorder(), listener, tls_context=server_ssl_context) as server,
            connect(server) as client,
        ):
            await client.start_tls(client_ssl_context)
            await client.reply()
            assert client.tls is not None
            client.tls.send(before)
            records, client.tls = client.tls.outgoing(), None
            await client.send(records + b"\x17\x03\x03\x00\x20" + bytes(32))
            await client.rest()
            await until(lambda: handler.causes)
            assert "bad record" in str(handler.causes[0])

    async def test_octets_that_came_before_the_handshake_began_are_part_of_it(
        self, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        for eof in (False, True):
            service = Service(ServerConfig(implicit_tls=True), Handler(), server_ssl_context, None, None)
            session = service.session(Peer(), anyio.current_time)
            wire = Wire(session, service.tls_context)
            wire.receive(TlsEngine(client_ssl_context, server_side=False, server_hostname="localhost").outgoing())
            if eof:
                wire.receive(b"")
            step = session.next_step()
            assert isinstance(step, StartTls)
            assert wire.start_tls(step)
            assert len(wire.outgoing()) > 500
            assert isinstance(session.next_step(), Close if eof else StartTls)


class TestDeadlines:
    async def test_an_idle_session_ends_with_421(self) -> None:
        config = ServerConfig(timeouts=Timeouts(idle=0.05))
        async with serving(config=config) as server, greeted(server) as client:
            assert (await client.rest()).startswith(b"421 4.4.2")

    async def test_a_hook_that_never_returns_is_cancelled_at_its_deadline(self) -> None:
        config = ServerConfig(timeouts=Timeouts(message_hook=0.05))
        async with serving(handler := Slow(), config=config) as server, greeted(server) as client:
            await client.begin_mail()
            assert (await client.say(b".")).startswith(b"451")
            await until(lambda: handler.cancelled)
            assert (await client.say(b"NOOP")).startswith(b"250")

    async def test_who_spoke_before_the_greeting_is_heard_at_a_delay_of_zero(self) -> None:
        listener = await listen_tcp(LOOPBACK, 0)
        async with connect(listener.addresses[0]) as client:
            # The octets are in the kernel before the server has begun to look.
            await client.send(b"EHLO client.example\r\n")
            async with serving(None, listener, config=ServerConfig(refuse_early_talk=True)):
                assert (await client.reply()).startswith(b"554")
                client.sock.close()

    async def test_a_peer_that_takes_no_replies_is_cut_off(self) -> None:
        config = ServerConfig(timeouts=Timeouts(write=0.1), limits=UNLIMITED)
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
        ):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(flood, client)
                await until(lambda: handler.causes)
                tasks.cancel_scope.cancel()
            assert isinstance(handler.causes[0], TimeoutError)

    async def test_the_timer_is_not_set_anew_for_each_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not is_own_protocol() or (loop := asyncio.get_running_loop()).__class__.__module__.startswith("uvloop"):
            pytest.skip("about the timers of asyncio")
        armed: list[float] = []
        call_at = loop.call_at

        def counted(when: float, *args: Any, **options: Any) -> Any:
            armed.append(when)
            return call_at(when, *args, **options)

        config = ServerConfig(limits=UNLIMITED, timeouts=Timeouts(session=600.0))
        async with serving(config=config) as server, greeted(server) as client:
            monkeypatch.setattr(loop, "call_at", counted)
            for _ in range(50):
                await client.say(b"NOOP")
            assert len(armed) <= 1


async def flood(client: Client, command: bytes = b"NOOP\r\n") -> None:
    """Commands until the connection is reset; nothing is read."""
    try:
        while True:
            await client.send(command * 1000)
    except OSError:
        pass


def is_own_protocol() -> bool:
    """Whether it is the protocol of asyncio that is tested."""
    choice: Callable[[], bool] = vars(smtpcore_anyio.server)["is_asyncio"]
    return choice() and sys.platform != "win32"


class TestPressure:
    async def test_commands_are_all_answered_however_late_the_replies_are_read(self) -> None:
        config = ServerConfig(limits=Limits(max_noops=None, max_input_buffer=4096))
        count = 4000
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(client.send, b"NOOP\r\n" * count + b"QUIT\r\n")
            # The server cannot write, so it has stopped to read as well.
            await until(lambda: not handler.sessions[0].wants_data)
            assert (await client.rest()).count(b"250 ") == count

    async def test_while_a_hook_runs_no_more_is_read_than_the_input_buffer_takes(self) -> None:
        config = ServerConfig(limits=Limits(max_noops=None, max_input_buffer=4096))
        async with (
            serving(handler := Slow(), config=config) as server,
            greeted(server) as client,
            anyio.create_task_group() as tasks,
        ):
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            [session] = handler.sessions
            tasks.start_soon(flood, client)
            await until(lambda: not session.wants_data)
            await anyio.wait_all_tasks_blocked()
            assert session.connection.buffered <= 4096 + 65536
            handler.go_on = True
            assert (await client.reply()).startswith(b"250 2.0.0 Kept")
            tasks.cancel_scope.cancel()

    async def test_a_peer_that_leaves_while_a_hook_runs_is_noticed_and_the_hook_goes_on(self) -> None:
        async with serving(handler := Slow()) as server:
            async with greeted(server) as client:
                await client.begin_mail()
                await client.send(b".\r\n")
                await until(lambda: handler.begun)
            await until(lambda: handler.sessions[0].peer_gone)
            assert not handler.cancelled
            handler.go_on = True
            await until(lambda: handler.causes)
            assert not handler.cancelled


class TestEnds:
    @pytest.mark.conformance("C075")
    async def test_replies_are_sent_behind_the_end_of_input(self) -> None:
        async with serving(handler := Recorder()) as server, greeted(server) as client:
            await client.send(b"NOOP\r\nNOOP\r\n")
            client.sock.shutdown(socket.SHUT_WR)
            assert (await client.rest()).count(b"250") == 2
            await until(lambda: handler.causes)

    async def test_a_421_arrives_though_input_was_not_read(self) -> None:
        async with serving() as server, greeted(server) as client:
            # The server has enough after ten of these. Closed at once, it would reset what it has not read, and what
            # the client has not read would be lost with that.
            await client.send(b"NONSENSE\r\n" * 60_000)
            assert b"\r\n421 4.7.0" in await client.rest()

    async def test_a_peer_that_never_stops_is_not_read_from_for_ever(self) -> None:
        config = ServerConfig(timeouts=Timeouts(linger=60.0))
        async with serving(config=config) as server, greeted(server) as client:
            await flood(client, b"NONSENSE\r\n")

    async def test_lingering_has_its_time(self) -> None:
        config = ServerConfig(timeouts=Timeouts(linger=0.05))
        async with serving(handler := Recorder(), config=config) as server, greeted(server) as client:
            assert (await client.say(b"QUIT")).startswith(b"221")
            assert await client.rest() == b""
            # The client's own side stays open, and the server does not wait for it.
            await until(lambda: handler.causes)

    @pytest.mark.parametrize("hook", [False, True])
    async def test_a_reset_in_the_middle_of_the_content_ends_that_session_only(self, hook: bool) -> None:
        async with serving(handler := Slow() if hook else Recorder()) as server, greeted(server) as other:
            async with greeted(server) as client:
                await client.begin_mail()
                await client.send(b".\r\n" if hook else b"half of it")
                await until(lambda: not isinstance(handler, Slow) or handler.begun)
                client.reset()
            if isinstance(handler, Slow):
                await until(lambda: handler.sessions[1].peer_gone)
                handler.go_on = True
            await until(lambda: handler.causes)
            # An older anyio does not pass on what the system said.
            assert isinstance(handler.causes[0], ConnectionResetError | anyio.BrokenResourceError)
            assert (await other.say(b"NOOP")).startswith(b"250")

    async def test_an_internal_error_ends_that_connection_only(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            def received(self, session: ServerSession, verb: str, line: str) -> None:
                if verb == "HELP":
                    raise ZeroDivisionError

        async with serving(handler := Recorder(), observer=Faulty) as server:
            async with greeted(server) as client, greeted(server) as other:
                await client.send(b"HELP\r\n")
                assert await client.rest() == b""
                assert (await other.say(b"NOOP")).startswith(b"250")
            await until(lambda: len(handler.causes) == 2)
            assert isinstance(handler.causes[0], ZeroDivisionError)
        complaints.append("internal error, the connection is closed")

    async def test_an_internal_error_before_the_greeting_closes(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            def opened(self, session: ServerSession) -> None:
                raise ZeroDivisionError

        async with serving(observer=Faulty) as server, connect(server) as client:
            assert await client.rest() == b""
        complaints.append("internal error, the connection is closed")

    async def test_what_a_hook_waits_for_may_be_cancelled_by_others(self) -> None:
        if not smtpcore_anyio.hooks.is_asyncio():
            pytest.skip("about asyncio's futures")

        class Waiting(Handler):
            async def helo(self, session: ServerSession, command: object) -> None:
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future

        async with serving(Waiting()) as server, greeted(server) as client:
            assert (await client.say(b"EHLO client.example")).startswith(b"451")
            assert (await client.say(b"NOOP")).startswith(b"250")

    async def test_an_idle_connection_has_no_task(self) -> None:
        if not is_own_protocol():
            pytest.skip("about the protocol of asyncio")
        async with serving(Slow()) as server:
            tasks = len(asyncio.all_tasks())
            async with greeted(server) as first, greeted(server) as second:
                assert (await first.say(b"NOOP")).startswith(b"250")
                assert (await second.say(b"EHLO client.example")).startswith(b"250")
                assert len(asyncio.all_tasks()) == tasks


class TestStopping:
    @pytest.mark.conformance("C078")
    async def test_idle_sessions_end_at_once_and_a_transaction_is_finished(self) -> None:
        async with serving(handler := Slow()) as server, greeted(server) as idle, greeted(server) as busy:
            await busy.begin_mail()
            await busy.send(b".\r\n")
            await until(lambda: handler.begun)
            server.stop(grace=PATIENCE)
            assert (await idle.rest()).startswith(b"421")
            idle.sock.close()
            await until(lambda: handler.causes)
            handler.go_on = True
            assert (await busy.reply()).startswith(b"250 2.0.0 Kept")
            assert (await busy.rest()).startswith(b"421")
        assert handler.causes == [None, None]

    async def test_serve_returns_when_the_last_connection_is_over(self) -> None:
        server = Server(ServerConfig(), handler := Recorder())
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
                async with greeted(server) as client:
                    server.stop()
                    assert (await client.rest()).startswith(b"421")
        assert handler.causes == [None]

    async def test_a_second_stop_forces(self) -> None:
        async with serving(handler := Slow()) as server, greeted(server) as client:
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            server.stop(grace=600)
            await anyio.wait_all_tasks_blocked()
            assert not handler.cancelled
            server.stop(grace=0)
            assert b"421" in await client.rest()
            await until(lambda: handler.cancelled)

    async def test_what_outlasts_the_grace_is_cut_off(self) -> None:
        # A peer that takes no replies keeps even the 421 from going out.
        config = ServerConfig(timeouts=Timeouts(linger=0.05, write=None), limits=UNLIMITED)
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(flood, client)
            await until(lambda: handler.sessions and handler.sessions[0].connection.buffered)
            server.stop(grace=0.05)
            await until(lambda: handler.causes)
            tasks.cancel_scope.cancel()

    async def test_a_server_that_was_stopped_before_it_began_ends_at_once(self) -> None:
        server = Server(ServerConfig(), Handler())
        server.stop()
        with anyio.fail_after(PATIENCE):
            await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_a_plain_hook_may_stop_the_server(self) -> None:
        class Stopping(Handler):
            def helo(self, session: ServerSession, command: object) -> None:
                server.stop()

        async with serving(Stopping()) as server, greeted(server) as client:
            assert re.search(rb"250 .*\r\n421 ", await client.say(b"EHLO client.example") + await client.rest())

    async def test_a_hook_that_is_settled_before_it_has_begun_is_dropped(self) -> None:
        class Stopping(Handler):
            def helo(self, session: ServerSession, command: object) -> Any:
                server.stop(grace=0)
                return self.never()

            async def never(self) -> None:
                await anyio.sleep_forever()

        async with serving(Stopping()) as server, greeted(server) as client:
            assert (await client.say(b"EHLO client.example")).startswith(b"421")

    async def test_an_error_of_an_observer_at_the_end_is_logged(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            told = False

            def closed(self, session: ServerSession, cause: BaseException | None) -> None:
                Faulty.told = True
                raise ZeroDivisionError

        server = Server(ServerConfig(), Handler(), observer=Faulty)
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
            async with greeted(server):
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await until(lambda: Faulty.told)
        complaints.append("internal error at the end of a connection")

    async def test_a_cancelled_server_ends_every_session_and_cancels_hooks(self) -> None:
        class AsyncEnd(Slow):
            async def late(self) -> None:
                raise AssertionError

            def disconnect(self, session: ServerSession, cause: BaseException | None) -> Any:
                super().disconnect(session, cause)
                return self.late()

        server = Server(ServerConfig(), handler := AsyncEnd())
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
            async with greeted(server), greeted(server) as busy:
                await busy.begin_mail()
                await busy.send(b".\r\n")
                await until(lambda: handler.begun)
                tasks.cancel_scope.cancel()
        assert handler.cancelled
        assert len(handler.causes) == 2
        assert {type(cause) for cause in handler.causes} <= {type(None), Abandoned}

    async def test_a_task_of_asyncio_that_serves_can_be_cancelled_by_its_own_means(self) -> None:
        if not smtpcore_anyio.hooks.is_asyncio():
            pytest.skip("about asyncio")
        server = Server(ServerConfig(), handler := Slow())
        serve = asyncio.create_task(server.serve(await listen_tcp(LOOPBACK, 0)))
        await until(lambda: server.addresses)
        async with greeted(server) as client:
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            serve.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serve
        assert handler.cancelled
        assert len(handler.causes) == 1


class Pipe(ByteStream):
    """The least a byte stream can be: two object streams, and no way to end one direction."""

    def __init__(self, send: Any, receive: Any) -> None:
        self._send = send
        self._receive = receive

    async def send(self, item: bytes) -> None:
        await self._send.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data: bytes = await self._receive.receive()
        return data

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._send.close()
        self._receive.close()


def pipe() -> tuple[Pipe, Pipe]:
    (first_send, first_receive), (second_send, second_receive) = (
        anyio.create_memory_object_stream[bytes](16) for _ in range(2)
    )
    return Pipe(first_send, second_receive), Pipe(second_send, first_receive)


class TestAnyStream:
    async def test_a_session_runs_over_a_stream_of_any_kind(self) -> None:
        ours, theirs = pipe()
        handler = Recorder()
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                peer = Peer("192.0.2.1", 25)
                tasks.start_soon(lambda: serve_stream(theirs, ServerConfig(), handler, peer=peer))
                assert (await ours.receive()).startswith(b"220")
                await ours.send(b"QUIT\r\n")
                assert (await ours.receive()).startswith(b"221")
                with pytest.raises(anyio.EndOfStream):
                    await ours.receive()
        await ours.aclose()
        assert handler.sessions[0].peer == peer
        assert handler.causes == [None]

    async def test_a_stream_may_bring_its_own_tls(
        self, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        async def serve(stream: SocketStream) -> None:
            secure = await TLSStream.wrap(stream, server_side=True, ssl_context=server_ssl_context)
            await serve_stream(secure, ServerConfig(), handler, peer=Peer())

        handler = Recorder()
        with anyio.fail_after(PATIENCE):
            async with await anyio.create_tcp_listener(local_host=LOOPBACK) as at, anyio.create_task_group() as tasks:
                tasks.start_soon(at.serve, serve)
                address = at.extra(anyio.abc.SocketAttribute.local_address)
                async with connect(address) as client:
                    await client.start_tls(client_ssl_context)
                    assert (await client.reply()).startswith(b"220")
                    assert (await client.say(b"QUIT")).startswith(b"221")
                    assert await client.rest() == b""
                tasks.cancel_scope.cancel()
        assert handler.causes == [None]

    async def test_a_stream_that_breaks_ends_the_session_and_not_the_caller(self) -> None:
        ours, theirs = pipe()
        await ours.aclose()
        await serve_stream(theirs, ServerConfig(), handler := Recorder(), peer=Peer())
        assert isinstance(handler.causes[0], anyio.BrokenResourceError)

    async def test_a_cancelled_stream_has_its_session_ended(self) -> None:
        ours, theirs = pipe()
        handler = Recorder()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: serve_stream(theirs, ServerConfig(), handler, peer=Peer()))
            await ours.receive()
            tasks.cancel_scope.cancel()
        await ours.aclose()
        assert handler.causes == [None]
