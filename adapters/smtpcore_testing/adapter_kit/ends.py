"""How a connection ends, whoever ends it."""

from __future__ import annotations

import pytest

from smtpcore.replies import Reply
from smtpcore.session import Limits, Timeouts

from .adapter import Adapter
from .application import CONTENT, DELIVERED, DELIVERY, EHLO, MESSAGE, TRANSACTION, Recorder, goes_on
from .clients import until
from .servers import Connect, Start

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
"""What a client has said in a state, and the codes that it has got by then."""


class Ends(Adapter):
    """The end of the input is no end of the output, and no end costs a reply or another connection."""

    def test_half_a_close_is_answered_to_the_last_command(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler)).greeted()
        client.send(EHLO + DELIVERY * 3 + b"NOOP\r\nNOO")
        client.end()
        assert client.codes(14) == [250, *DELIVERED * 3, 250]
        assert client.rest() == b""
        assert handler.messages == [CONTENT] * 3

    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("how", ["end", "close", "reset"])
    def test_a_peer_may_go_in_any_state(self, start: Start, connect: Connect, state: str, how: str) -> None:
        handler = Recorder()
        refusals = [Reply(554, "not you")] if state == "refused" else []
        handler.connect = lambda session: refusals.pop() if refusals else None  # type: ignore[method-assign]
        server = start(handler, mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
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

    @pytest.mark.parametrize("last", [b"QUIT\r\n", b"NOOP\r\n" * 101])
    def test_a_last_reply_arrives_although_input_is_unread(self, start: Start, connect: Connect, last: bytes) -> None:
        client = connect(start(Recorder())).greeted()
        client.send(last + b"NOOP\r\n" * 80_000)
        replies = client.rest().split(b"\r\n")
        assert replies[-2][:4] == (b"221 " if last == b"QUIT\r\n" else b"421 ")
        assert replies[-1] == b""

    def test_a_peer_that_breaks_off_while_replies_are_written_is_forgotten(
        self, start: Start, connect: Connect
    ) -> None:
        handler = Recorder()
        server = start(handler, limits=Limits(max_noops=None))
        client = connect(server, 4096).greeted()
        client.offer(b"VRFY bob\r\n" * 100_000, stall=0.05)
        client.reset()
        until(lambda: len(handler.causes) == 1)
        goes_on(server, handler, connect)

    def test_a_peer_that_does_not_close_is_waited_for_only_so_long(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler, timeouts=Timeouts(linger=0.2))).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""
        until(lambda: handler.causes == [None])

    def test_a_peer_that_goes_on_sending_is_read_only_so_far(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler, timeouts=Timeouts(linger=60.0))).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        try:
            while not handler.causes:
                client.send(b"x" * 65536)
        except OSError:
            pass  # The connection was reset, or nobody reads any more.
        until(lambda: handler.causes == [None])
