"""Faults of what must not fail."""

from __future__ import annotations

import threading

import pytest
from smtpcore_blocking import Server
from smtpcore_testing.adapter_kit.application import EHLO, Recorder
from smtpcore_testing.adapter_kit.clients import until

from smtpcore.handler import handler
from smtpcore.session import Gate, Observer, ServerSession
from tests.adapters.blocking.sockets import CONFIG, delivers, tcp


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What threads have died of."""
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
    return seen


def test_an_observer_that_raises_ends_its_own_connection_in_order(raised: list[type[BaseException]]) -> None:
    class Faulty(Observer):
        def received(self, session: ServerSession, verb: str, line: str) -> None:
            raise LookupError(verb)

    gate, recorder = Gate(lock=threading.Lock()), Recorder()
    with Server(CONFIG, recorder, gate=gate, observer=Faulty).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        client.send(EHLO)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [LookupError])
        assert [type(cause) for cause in recorder.causes] == [LookupError]
        assert gate.open == 0
        assert tcp_greets(server)


def tcp_greets(server: Server) -> bool:
    client = tcp(server)
    greeted = client.code() == 220
    client.close()
    return greeted


def test_an_observer_that_cannot_be_made_ends_its_own_connection(raised: list[type[BaseException]]) -> None:
    made: list[Observer] = []

    def make() -> Observer:
        made.append(Observer())
        return {2: made[-1]}[len(made)]

    with Server(CONFIG, Recorder(), observer=make).bind("127.0.0.1", 0) as server:
        client = tcp(server)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [KeyError])
        delivers(tcp(server))


def test_an_async_disconnect_is_refused_as_well_when_a_session_is_given_up(raised: list[type[BaseException]]) -> None:
    faults: list[type[BaseException]] = []

    class Faulty(Observer):
        def received(self, session: ServerSession, verb: str, line: str) -> None:
            raise LookupError(verb)

        def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
            faults.append(type(exception))

    async def disconnect(session: ServerSession, cause: object) -> None:
        pass

    with Server(CONFIG, handler(disconnect=disconnect), observer=Faulty).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        client.send(EHLO)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [LookupError])
        assert faults == [TypeError]
