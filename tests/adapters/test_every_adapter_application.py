"""What every adapter does when the application fails, waits or refuses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from smtpcore_testing.adapter_kit.application import (
    EHLO,
    MESSAGE,
    TRANSACTION,
    Faults,
    Recorder,
    goes_on,
)
from smtpcore_testing.adapter_kit.servers import Connect, Start

from smtpcore.handler import BodySink, CredentialStore


class Trouble(Exception):
    pass


def trouble(*args: object) -> None:
    raise Trouble("these words stay here")


class BadStore(CredentialStore):
    verify_password = trouble  # type: ignore[assignment]


class BadSink(BodySink):
    def __init__(self, stage: str) -> None:
        setattr(self, stage, trouble)


PLAIN = b"AUTH PLAIN " + base64.b64encode(b"\0ann\0secret") + b"\r\n"
HOOKS = {
    "helo": (b"", EHLO, 451),
    "starttls": (EHLO, b"STARTTLS\r\n", 451),
    "credentials": (EHLO, PLAIN, 454),
    "authenticate": (EHLO, PLAIN, 454),
    "mail": (EHLO, TRANSACTION[:24], 451),
    "rcpt": (EHLO + TRANSACTION[:24], TRANSACTION[24:], 451),
    "data": (EHLO + TRANSACTION, b"DATA\r\n", 451),
    "write": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "finish": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "message": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "vrfy": (EHLO, b"VRFY bob\r\n", 451),
    "expn": (EHLO, b"EXPN list\r\n", 451),
    "help": (EHLO, b"HELP\r\n", 451),
    "reset": (EHLO + TRANSACTION, b"RSET\r\n", 250),
}


@contextmanager
def faulty(handler: Recorder, stage: str) -> Iterator[None]:
    """A handler whose hook, or what belongs to it, fails."""
    if stage in ("write", "finish"):
        handler.data = lambda session, envelope: BadSink(stage)  # type: ignore[method-assign]
    elif stage == "credentials":
        handler.credentials = BadStore()  # type: ignore[assignment]
    else:
        setattr(handler, stage, trouble)
    yield
    for name in ("data", "credentials", stage):
        handler.__dict__.pop(name, None)


@pytest.mark.parametrize("stage", ["rcpt", "message", "credentials"])
def test_what_a_hook_raises_is_logged_if_nobody_observes(
    serve: Start, connect: Connect, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Recorder()
    before, line, code = HOOKS[stage]
    with faulty(handler, stage):
        client = connect(serve(handler, mechanisms=("PLAIN",), plaintext_auth_without_tls=True)).greeted()
        client.send(before)
        client.codes(before.count(b"\r\n"))
        assert client.ask(line) == code
    [record] = caplog.records
    assert (record.name, record.levelname) == ("smtpcore", "ERROR")
    assert f": {stage} failed" in record.getMessage()
    # What a credential store raises may quote a password.
    assert ("these words" in caplog.text) is (stage != "credentials")
    assert "Trouble" in caplog.text
    assert "test_every_adapter_application.py" in caplog.text


def test_what_a_hook_raises_is_not_logged_if_somebody_observes(
    serve: Start, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    handler, faults = Recorder(), Faults()
    before, line, code = HOOKS["rcpt"]
    with faulty(handler, "rcpt"):
        client = connect(serve(handler, observer=lambda: faults)).greeted()
        client.send(before)
        client.codes(before.count(b"\r\n"))
        assert client.ask(line) == code
    assert [str(fault) for fault in faults.seen] == ["these words stay here"]
    assert caplog.records == []


def test_what_a_hook_raises_adds_no_line_of_its_own_to_the_log(
    serve: Start, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def forged(*args: object) -> None:
        raise Trouble("a\r\nERROR forged\x1b[2J\u202e")

    handler = Recorder()
    before, line, code = HOOKS["rcpt"]
    handler.rcpt = forged  # type: ignore[method-assign, assignment]
    client = connect(serve(handler)).greeted()
    client.send(before)
    client.codes(before.count(b"\r\n"))
    assert client.ask(line) == code
    [record] = caplog.records
    _, *lines = record.getMessage().split("\n")
    assert "    ERROR forged\\x{1b}[2J\\x{202e}" in lines
    assert all(line.startswith("    ") and line.isprintable() for line in lines)


@pytest.mark.parametrize("stage", HOOKS)
def test_a_hook_that_raises_is_451_and_the_server_goes_on(serve: Start, connect: Connect, stage: str) -> None:
    handler = Recorder()
    before, line, code = HOOKS[stage]
    with faulty(handler, stage):
        server = serve(handler, mechanisms=("PLAIN",), plaintext_auth_without_tls=True, starttls=True, expn=True)
        client = connect(server).greeted()
        client.send(before)
        client.codes(before.count(b"\r\n"))
        client.send(line)
        reply = client.reply()
        assert int(reply[:3]) == code
        assert b"words" not in reply
        assert client.ask(b"NOOP\r\n") == 250
    client.send(b"QUIT\r\n")
    assert client.rest()[:4] == b"221 "
    goes_on(server, handler, connect)
