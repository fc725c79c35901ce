"""What holds over every adapter: the same tests over memory, threads, asyncio and trio."""

from __future__ import annotations

import base64
import ssl

import pytest

from smtpcore.replies import Reply
from smtpcore.session import Limits, Timeouts
from tests.adapters import drivers
from tests.adapters.drivers import until
from tests.adapters.mail import (
    CONTENT,
    DELIVERED,
    DELIVERY,
    EHLO,
    MESSAGE,
    TRANSACTION,
    Connect,
    Recorder,
    Serve,
    goes_on,
)

# Mail.


def test_a_message_is_delivered(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    assert client.ask(EHLO) == 250
    assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 250
    assert client.ask(b"RCPT TO:<bob@b.test>\r\n") == 250
    assert client.ask(b"DATA\r\n") == 354
    assert client.ask(MESSAGE + b".\r\n") == 250
    assert client.ask(b"QUIT\r\n") == 221
    assert client.rest() == b""
    assert handler.messages == [CONTENT]
    client.close()
    until(lambda: handler.causes == [None])


def test_a_pipelined_group_is_answered_in_order_to_its_quit(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    client.send(EHLO + DELIVERY + b"NOOP\r\nVRFY bob\r\n" + DELIVERY + b"QUIT\r\nNOOP\r\n")
    assert client.codes(12) == [250, *DELIVERED, 250, 252, *DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages == [CONTENT, CONTENT]


def test_octets_that_come_one_by_one_are_the_same_dialogue(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    for octet in EHLO + DELIVERY + b"QUIT\r\n":
        client.send(bytes([octet]))
    assert client.codes(6) == [250, *DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages == [CONTENT]


def test_a_large_message_is_delivered(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    line = b"x" * 998 + b"\r\n"
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    assert client.codes(4) == [250, 250, 250, 354]
    client.send(line * 5000)
    assert client.ask(b".\r\n") == 250
    assert handler.messages == [line * 5000]


def test_a_message_over_the_limit_is_552_and_the_session_goes_on(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, limits=Limits(max_message_size=1000))).greeted()
    client.send(EHLO + TRANSACTION + b"DATA\r\n" + b"x" * 998 + b"\r\nxx\r\n.\r\nNOOP\r\n" + DELIVERY)
    assert client.codes(6) == [250, 250, 250, 354, 552, 250]
    assert client.codes(4) == DELIVERED
    assert client.ask(b"MAIL FROM:<ann@a.test> SIZE=1001\r\n") == 552
    assert handler.messages == [CONTENT]


FALSE_ENDS = [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\x00\r\n",
    b"\r\n\x00.\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n..\r\n",
    b"\n\r.\n\r", b"\r\n.\n\r", b"\n\n.\r\n", b"\r\n.\x08\r\n", b"\x0b.\x0b", b"\x0c.\x0c", b"\x1c.\x1c",
    b"\xc2\x85.\xc2\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\r\x00\n.\r\x00\n",
    b"\r\n\xef\xbc\x8e\r\n", b"\x8d\x8a.\x8d\x8a", b"\r\n\xae\r\n", b"\r\n\x1a\r\n",
]  # fmt: skip
ALLOWED = {13, 14, 15, 16, *range(20, 27), 28, 29, 30, 31}
"""The numbers of those without bare CR, bare LF or NUL."""


@pytest.mark.parametrize("number", range(1, 32))
def test_a_false_end_of_data_ends_nothing(serve: Serve, connect: Connect, number: int) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    assert client.codes(4) == [250, 250, 250, 354]
    client.send(b"a" + FALSE_ENDS[number - 1] + b"b\r\n.\r\n")
    assert client.code() == (250 if number in ALLOWED else 554)
    assert client.ask(b"NOOP\r\n") == 250
    client.send(b"QUIT\r\n")
    assert client.rest().startswith(b"221 ")
    stuffed = FALSE_ENDS[number - 1].replace(b"\r\n.", b"\r\n")
    assert handler.messages == ([b"a" + stuffed + b"b\r\n"] if number in ALLOWED else [])


def test_who_talks_before_the_greeting_is_turned_away_if_that_is_wanted(serve: Serve, connect: Connect) -> None:
    server = serve(Recorder(), refuse_early_talk=True, timeouts=Timeouts(greeting_delay=30.0))
    client = connect(server)
    client.send(b"EHLO c.test\r\nMAIL FROM:<ann@a.test>\r\nQUIT\r\n")
    assert client.codes(4) == [554, 503, 503, 221]
    assert client.rest() == b""


def test_a_greeting_delay_is_kept(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Recorder(), refuse_early_talk=True, timeouts=Timeouts(greeting_delay=0.2)))
    assert not client.heard()
    assert client.code() == 220
    assert client.ask(EHLO) == 250


# TLS and AUTH.


def plain(username: str, password: str) -> bytes:
    return b"AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()) + b"\r\n"


def test_a_message_is_delivered_behind_starttls_and_auth_plain(
    serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext
) -> None:
    handler = Recorder()
    client = connect(serve(handler, starttls=True, require_tls=True, mechanisms=("PLAIN", "LOGIN"))).greeted()
    client.send(b"EHLO c.test\r\n")
    clear = client.reply()
    assert b"STARTTLS" in clear
    assert b"AUTH" not in clear
    assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 530
    assert client.ask(b"STARTTLS\r\n") == 220
    client.start_tls(client_ssl_context)
    client.send(b"EHLO c.test\r\n")
    secret = client.reply()
    assert b"STARTTLS" not in secret
    assert b"250-AUTH PLAIN LOGIN\r\n" in secret
    assert client.ask(plain("ann", "wrong")) == 535
    assert client.ask(plain("ann", "secret")) == 235
    client.send(DELIVERY + b"QUIT\r\n")
    assert client.codes(5) == [*DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages == [CONTENT]
    assert handler.senders == ["ann"]


def test_tls_from_the_first_octet_and_auth_login(
    serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext
) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True, require_auth=True, mechanisms=("LOGIN",)))
    client.start_tls(client_ssl_context)
    assert client.code() == 220
    assert client.ask(EHLO) == 250
    assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 530
    assert client.ask(b"AUTH LOGIN\r\n") == 334
    assert client.ask(base64.b64encode(b"ann") + b"\r\n") == 334
    assert client.ask(base64.b64encode(b"secret") + b"\r\n") == 235
    client.send(DELIVERY + b"QUIT\r\n")
    assert client.codes(5) == [*DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages == [CONTENT]


def test_what_comes_with_the_last_flight_of_the_handshake_is_read(
    serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext
) -> None:
    handler = Recorder()
    below = connect(serve(handler, starttls=True)).greeted()
    assert below.ask(EHLO) == 250
    assert below.ask(b"STARTTLS\r\n") == 220
    client = drivers.Engine(below, client_ssl_context)
    client.handshake(EHLO + DELIVERY + b"QUIT\r\n")
    assert client.codes(6) == [250, *DELIVERED, 221]
    assert client.rest() == b""
    assert client.engine.peer_closed


def test_a_large_message_comes_through_tls(serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True))
    client.start_tls(client_ssl_context)
    line = b"x" * 998 + b"\r\n"
    assert client.code() == 220
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    assert client.codes(4) == [250, 250, 250, 354]
    client.send(line * 2000)
    assert client.ask(b".\r\n") == 250
    assert handler.messages == [line * 2000]


def test_half_a_close_under_tls_is_answered(serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True))
    client.start_tls(client_ssl_context)
    client.send(EHLO + DELIVERY)
    client.end()
    assert client.codes(6) == [220, 250, *DELIVERED]
    assert client.rest() == b""


def test_clear_text_behind_starttls_is_refused_without_a_handshake(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, starttls=True)
    client = connect(server).greeted()
    client.send(b"EHLO c.test\r\nSTARTTLS\r\nEHLO d.test\r\n" + DELIVERY)
    assert client.codes(2) == [250, 554]
    assert client.rest() == b""
    assert handler.messages == []
    goes_on(server, handler, connect)


@pytest.mark.parametrize("octets", [b"EHLO c.test\r\n" * 40, b"\x16\x03\x01\x00\x05hello", b""])
def test_a_handshake_that_fails_closes(serve: Serve, connect: Connect, octets: bytes) -> None:
    handler = Recorder()
    server = serve(handler, starttls=True)
    client = connect(server).greeted()
    assert client.ask(EHLO) == 250
    assert client.ask(b"STARTTLS\r\n") == 220
    if octets:
        client.send(octets)
    else:
        client.end()
    # An alert of TLS at the most, and not a word of SMTP.
    assert client.rest()[:1] in (b"", b"\x15")
    until(lambda: len(handler.causes) == 1)
    goes_on(server, handler, connect)


def test_a_handshake_that_is_never_begun_is_cut_at_its_deadline(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True, timeouts=Timeouts(tls_handshake=0.2)))
    assert client.rest() == b""
    until(lambda: len(handler.causes) == 1)
    assert isinstance(handler.causes[0], TimeoutError)


# The end of a connection.


def test_half_a_close_is_answered_to_the_last_command(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    client.send(EHLO + DELIVERY * 3 + b"NOOP\r\nNOO")
    client.end()
    assert client.codes(14) == [250, *DELIVERED * 3, 250]
    assert client.rest() == b""
    assert handler.messages == [CONTENT] * 3


STATES: dict[str, tuple[bytes, list[int]]] = {
    "before the greeting": (b"", []),
    "greeted": (b"", [220]),
    "in a line": (b"EHLO c.te", [220]),
    "ready": (EHLO, [220, 250]),
    "in AUTH": (EHLO + b"AUTH LOGIN\r\n", [220, 250, 334]),
    "in MAIL": (EHLO + b"MAIL FROM:<ann@a.test>\r\n", [220, 250, 250]),
    "in RCPT": (EHLO + TRANSACTION, [220, 250, 250, 250]),
    "in DATA": (EHLO + TRANSACTION + b"DATA\r\n", [220, 250, 250, 250, 354]),
    "in the content": (EHLO + TRANSACTION + b"DATA\r\n" + MESSAGE, [220, 250, 250, 250, 354]),
    "in the end of data": (EHLO + TRANSACTION + b"DATA\r\n" + MESSAGE + b".\r", [220, 250, 250, 250, 354]),
    "refused": (b"QUI", [554]),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("how", ["end", "close", "reset"])
def test_a_peer_may_go_in_any_state(serve: Serve, connect: Connect, state: str, how: str) -> None:
    handler = Recorder()
    refusals = [Reply(554, "not you")] if state == "refused" else []
    handler.connect = lambda session: refusals.pop() if refusals else None  # type: ignore[method-assign]
    server = serve(handler, mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    client = connect(server)
    octets, codes = STATES[state]
    assert client.codes(min(len(codes), 1)) == codes[:1]
    client.send(octets)
    assert client.codes(len(codes[1:])) == codes[1:]
    getattr(client, how)()
    if how == "end":
        client.rest()
    if octets or codes:
        # Else it may be gone before there is a session.
        until(lambda: len(handler.causes) == 1)
    assert handler.messages == []
    goes_on(server, handler, connect)
