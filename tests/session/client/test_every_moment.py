"""Whatever is told at whatever moment of a dialogue: it ends, and every result is true."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine

import pytest

from smtpcore import Dialect
from smtpcore.session import Ask, Close, Receive, Send
from smtpcore.session.client import ClientSession, Delivery, Status, TlsMode

from .dialogue import USUAL, Server, message

CHUNKING = USUAL.replace(b"250-8BITMIME", b"250-CHUNKING\r\n250-8BITMIME")
GREETING = b"220 srv\r\n"
ENVELOPE = [b"250 a\r\n", b"250 b\r\n", b"250 c\r\n"]

DIALOGUES = {
    "DATA": (Dialect.SMTP, [GREETING, USUAL, *ENVELOPE, b"354 d\r\n"], [b"250 e\r\n"]),
    "BDAT": (Dialect.SMTP, [GREETING, CHUNKING, *ENVELOPE, *[b"250 d\r\n"] * 2], [b"250 e\r\n"]),
    "LMTP": (Dialect.LMTP, [GREETING, USUAL, *ENVELOPE, b"354 d\r\n"], [b"250 e\r\n", b"250 f\r\n"]),
}
"""What a server says up to the end of the content, and behind it."""

TELLINGS: dict[str, Callable[[ClientSession], None]] = {
    "nothing": lambda session: None,
    "a shutdown at once": lambda session: session.shutdown(0),
    "a shutdown soon": lambda session: session.shutdown(60),
    "the end of the input": lambda session: session.receive_data(b""),
    "a closed connection": lambda session: session.closed(),
    "a broken connection": lambda session: session.closed(ConnectionResetError("reset")),
    "a deadline that is none": lambda session: session.timed_out(),
    "a write that was none": lambda session: session.sent(),
    "a handshake that was none": lambda session: session.tls_failed(OSError("none")),
    "another good-bye": lambda session: session.quit(),
}


class Slow:
    """A file whose content has to be waited for."""

    def __init__(self) -> None:
        self._parts = [b"x\r\n", b"y\r\n", b""]

    async def read(self, size: int, /) -> bytes:
        """The next part."""
        return self._parts.pop(0)


def waited(ask: Ask) -> object:
    """What comes of a wait that never takes any time."""
    assert isinstance(ask.pending, Coroutine)
    try:
        ask.pending.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something else")


def run(dialect: Dialect, replies: deque[bytes], moment: int, tell: Callable[[ClientSession], None]) -> Delivery | None:
    """Let a dialogue run to its end, telling something at one moment of it; None when it ends before that."""
    server = Server(tls=TlsMode.NONE, dialect=dialect, chunk_size=2)
    session = server.session
    delivery = session.submit(message(Slow(), "c@d.example", "e@d.example"))
    session.quit()
    for number in range(1000):
        if number == moment:
            tell(session)
        match step := session.next_step():
            case None:
                return delivery if number >= moment else None
            case Send():
                session.sent()
            case Ask():
                session.answer(step, waited(step))
            case Close():
                session.closed()
            case Receive():
                deadline = session.deadline
                assert deadline is not None
                if replies and session.wants_data:
                    session.receive_data(replies.popleft())
                else:
                    server.now = max(server.now, deadline)
                    session.timed_out()
            case _:
                raise AssertionError(step)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize("octets", [False, True], ids=["replies", "octets"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_whatever_is_told_at_whatever_moment_the_results_are_true(name: str, octets: bool, telling: str) -> None:
    dialect, before, finals = DIALOGUES[name]
    said = [*before, *finals, b"221 bye\r\n"]
    if octets:
        said = [bytes([octet]) for octet in b"".join(said)]
    moment = 0
    replies = deque(said)
    while (delivery := run(dialect, replies, moment, TELLINGS[telling])) is not None:
        heard = b"".join(said[: len(said) - len(replies)])
        assert delivery.done
        for result, number in zip(delivery.results, (0, len(finals) - 1), strict=True):
            # What was heard is believed, and nothing else is.
            final = len(b"".join([*before, *finals[: number + 1]]))
            assert result.accepted is (len(heard) >= final)
            assert result.status is not Status.PENDING
            assert result.status is not Status.PERMANENT
        moment += 1
        replies = deque(said)
    assert moment > 10
