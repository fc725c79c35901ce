"""Content on its way: where it comes from, what of it may be sent, and what MAIL says of it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from smtpcore import CustomExtension, CustomParameter, Mail, Rcpt
from smtpcore.params import BodyType, Notify
from smtpcore.paths import PathError
from smtpcore.session import Send
from smtpcore.session.client import ClientObserver, ClientSession, Content, Delivery, Message, SessionError, Status
from smtpcore.spec import Dialect

from .dialogue import PLAIN, TLS, USUAL, Server, commands, greeted, message, path, statuses

CHUNKING = USUAL.replace(b"250-8BITMIME", b"250-CHUNKING\r\n250-BINARYMIME\r\n250-8BITMIME")
UTF8 = USUAL.replace(b"250-8BITMIME", b"250-SMTPUTF8\r\n250-8BITMIME")


def sent(content: Content, ehlo: bytes = USUAL, *, mail: dict[str, object] | None = None, **settings: Any) -> bytes:
    """All that is sent for one message that the server takes."""
    server = greeted(ehlo, **settings)
    delivery = server.session.submit(message(content, mail=mail))
    octets = server.sees()
    octets += server.says(b"250 a\r\n" if b"PIPELINING" in ehlo else b"")
    octets += server.says(b"250 b\r\n")
    if b"CHUNKING" not in ehlo:
        octets += server.says(b"354 c\r\n")
    while not delivery.done:
        octets += server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")]
    return octets


def body(content: Content, **settings: Any) -> bytes:
    """What goes out behind the 354."""
    return sent(content, **settings).partition(b"DATA\r\n")[2]


def chunks(content: Content, **settings: Any) -> bytes:
    """The chunks."""
    return sent(content, CHUNKING, **settings).partition(b"RCPT TO:<c@d.example>\r\n")[2]


def refusal(content: Content, ehlo: bytes = USUAL, **settings: Any) -> str:
    """Why a message is not even begun."""
    server = greeted(ehlo, **settings)
    delivery = server.session.submit(message(content))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.PERMANENT, "content")]
    assert not delivery.begun
    assert server.session.idle
    return delivery.results[0].text


def pieces(*parts: bytes) -> Iterator[bytes]:
    yield from parts


class Once:
    """A file that cannot be rewound, and does not even say so."""

    def __init__(self, octets: bytes) -> None:
        self._file = io.BytesIO(octets)

    def read(self, size: int, /) -> bytes:
        """Read."""
        return self._file.read(min(size, 2))


class Pipe(io.BytesIO):
    """A file that cannot be rewound, and says so."""

    def seekable(self) -> bool:
        """No."""
        return False


@pytest.mark.conformance("C146", "C148", "C149")
@pytest.mark.parametrize(
    ("content", "octets"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".a\r\n.b", b"..a\r\n..b\r\n.\r\n"),
        (bytearray(b"a\r\n"), b"a\r\n.\r\n"),
        (memoryview(b"a\r\n"), b"a\r\n.\r\n"),
        ("a\nb", b"a\r\nb\r\n.\r\n"),
        (io.BytesIO(b"a\r\n"), b"a\r\n.\r\n"),
        (io.StringIO("a\n"), b"a\r\n.\r\n"),
        (Once(b"a\r\n.b\r\n"), b"a\r\n..b\r\n.\r\n"),
        (Pipe(b"a\r\n"), b"a\r\n.\r\n"),
        ([b"a\r", b"\n.b", "", b"\r\n"], b"a\r\n..b\r\n.\r\n"),
        (pieces(b"a\r\n", b".b"), b"a\r\n..b\r\n.\r\n"),
        (pieces(), b".\r\n"),
    ],
)
def test_content_comes_in_many_forms(content: Content, octets: bytes) -> None:
    assert body(content) == octets


def test_large_content_is_sent_in_parts() -> None:
    content = b"x" * 98 + b"\r\n"
    large = USUAL.replace(b"100000", b"")
    assert sent(content * 10_000, large).endswith(b"DATA\r\n" + content * 10_000 + b".\r\n")


@pytest.mark.conformance("C207")
@pytest.mark.parametrize(
    ("content", "octets"),
    [
        (b"", b"BDAT 0 LAST\r\n"),
        (b".a", b"BDAT 2 LAST\r\n.a"),
        ("a\n", b"BDAT 3 LAST\r\na\r\n"),
        ([b"ab\r", b"\ncd"], b"BDAT 6 LAST\r\nab\r\ncd"),
        (b"ab\r\ncd\r\n" * 2, b"BDAT 10\r\nab\r\ncd\r\nabBDAT 6 LAST\r\n\r\ncd\r\n"),
        ([b"ab\r\n"] * 3, b"BDAT 10\r\nab\r\nab\r\nabBDAT 2 LAST\r\n\r\n"),
        ([b"ab\r\n" * 6], b"BDAT 10\r\nab\r\nab\r\nabBDAT 10\r\n\r\nab\r\nab\r\nBDAT 4 LAST\r\nab\r\n"),
        (io.BytesIO(b"ab\r\n"), b"BDAT 4 LAST\r\nab\r\n"),
        (pieces(), b"BDAT 0 LAST\r\n"),
    ],
)
def test_content_goes_in_chunks_that_are_counted(content: Content, octets: bytes) -> None:
    assert chunks(content, chunk_size=10) == octets


def test_chunks_can_be_turned_off() -> None:
    server = greeted(CHUNKING, chunking=False)
    server.session.submit(message())
    assert server.sees().endswith(b"DATA\r\n")


# Content that has to be waited for.


async def _later() -> AsyncIterator[bytes]:
    yield b"x\r\n"


class Slow:
    """A file whose content has to be waited for."""

    def __init__(self, parts: Sequence[bytes] = (b"x\r\n",)) -> None:
        self._parts = [*parts, b""]

    async def seekable(self) -> bool:
        """Nobody waits for this answer."""
        raise AssertionError

    def seek(self, where: int) -> int:
        """Never asked for."""
        raise AssertionError

    def tell(self) -> int:
        """Never asked for."""
        raise AssertionError

    async def read(self, size: int, /) -> bytes:
        """Read the next part."""
        return self._parts.pop(0)


class Wrapped(Slow):
    """An async file that says at once that it could be rewound, and has to be waited for to do so."""

    def seekable(self) -> bool:  # type: ignore[override]
        """Yes."""
        return True

    async def seek(self, where: int) -> int:  # type: ignore[override]
        """Never asked for."""
        raise AssertionError

    async def tell(self) -> int:  # type: ignore[override]
        """Never asked for."""
        raise AssertionError


def waited(server: Server) -> object:
    """What comes of the wait that the session asks for; here it never takes any time."""
    pending = server.ask().pending
    assert isinstance(pending, Coroutine)
    try:
        pending.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something else")


@pytest.mark.parametrize("content", [_later(), Slow(), Wrapped()], ids=["async iterator", "async file", "wrapped file"])
def test_content_may_have_to_be_waited_for(content: Content) -> None:
    server = greeted()
    delivery = server.session.submit(message(content))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    octets = b""
    while not octets.endswith(b".\r\n"):
        assert server.ask().stage == "content"
        server.session.answer(server.ask(), waited(server))
        octets += server.sees()
    assert octets == b"x\r\n.\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")]


def test_content_is_not_waited_for_for_ever() -> None:
    server = greeted()
    delivery = server.session.submit(message(Slow()))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    ask = server.ask()
    assert server.waits(100) == b""
    ask.pending.close()  # type: ignore[attr-defined]
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert "did not answer in time" in delivery.results[0].text


def test_a_refused_chunk_ends_the_wait_for_the_next() -> None:
    server = greeted(CHUNKING, chunk_size=4)
    delivery = server.session.submit(message(Slow([b"abc\r\n"])))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n")
    server.session.answer(server.ask(), waited(server))
    assert server.sees() == b"BDAT 4\r\nabc\r"
    ask = server.ask()
    assert server.says(b"552 no\r\n") == b"RSET\r\n"
    ask.pending.close()  # type: ignore[attr-defined]
    server.says(b"250 b\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


def test_a_refusal_and_a_piece_may_come_at_the_same_time() -> None:
    server = greeted()
    delivery = server.session.submit(message(Slow()))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.session.receive_data(b"451 4.3.0 no\r\n")
    server.session.answer(server.ask(), waited(server))
    assert server.sees() == b""
    assert not server.ends()
    assert [result.text for result in delivery.results] == ["451 4.3.0 no"]


@pytest.mark.parametrize("answered", [False, True])
def test_content_is_not_waited_for_when_the_connection_has_gone(answered: bool) -> None:
    server = greeted()
    delivery = server.session.submit(message(Slow([])))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    ask = server.ask()
    # The end of the content is there, but it can not be sent.
    end = waited(server)
    if answered:
        server.session.answer(ask, end)
    server.session.closed(ConnectionResetError("reset"))
    assert server.sees() == b""
    assert server.step is None
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]


# What cannot be had or sent.


def broken() -> Iterator[bytes]:
    """Content that fails in the middle."""
    yield b"x\r\n"
    raise OSError("disk")


def writes(server: Server, pieces: Iterator[bytes]) -> list[bytes]:
    """What is sent of the content, write by write."""
    server.session.submit(message(pieces))
    server.sees()
    server.session.receive_data(b"250 a\r\n250 b\r\n354 c\r\n")
    seen = []
    while isinstance(step := server.session.next_step(), Send):
        seen.append(step.data)
        server.session.sent()
    return seen


def test_small_pieces_go_in_one_write() -> None:
    assert writes(greeted(), iter([b"x\r\n"] * 3)) == [b"x\r\nx\r\nx\r\n.\r\n"]


def test_pieces_of_a_slow_source_go_one_by_one() -> None:
    server = greeted()

    def slow() -> Iterator[bytes]:
        for _ in range(3):
            server.now += 1
            yield b"x\r\n"

    assert writes(server, slow()) == [b"x\r\n", b"x\r\n", b"x\r\n", b".\r\n"]


def test_content_that_fails_by_data_costs_the_connection() -> None:
    server = greeted()
    delivery = server.session.submit(message(broken()))
    later = server.session.submit(message())
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n354 c\r\n") == b""
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert delivery.results[0].text == "disk"
    assert statuses(later) == [(Status.TEMPORARY, "content")]


def test_content_that_fails_by_chunks_costs_the_transaction() -> None:
    server = greeted(CHUNKING, chunk_size=2)
    delivery = server.session.submit(message(broken()))
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n") == b"BDAT 2\r\nx\r"
    assert server.says(b"250 c\r\n") == b"RSET\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert server.session.idle


def test_content_of_another_kind_is_a_fault() -> None:
    server = greeted()
    delivery = server.session.submit(message([1]))  # type: ignore[list-item]
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert "no content" in refusal(1)  # type: ignore[arg-type]


@pytest.mark.conformance("C147")
class Unreadable:
    """A file that has nothing to give now, or whose position cannot be told, or set."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def _do(self, what: str) -> None:
        if self._fault == what:
            raise ValueError("no such luck")

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """At the start."""
        self._do("tell")
        return 0

    def seek(self, where: int) -> None:
        """To the start."""
        self._do("seek")

    def read(self, size: int, /) -> Any:
        """Nothing now, which is no end."""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([b"x\r\n", None, b"y\r\n"], "has not ended"),
        (Unreadable("read"), "has not ended"),
        (Unreadable("seek"), "no such luck"),
    ],
)
def test_a_part_of_the_content_is_never_taken_for_the_whole(content: Any, words: str) -> None:
    server = greeted()
    delivery = server.session.submit(message(content))
    server.sees()
    assert b".\r\n" not in server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert words in delivery.results[0].text


def test_content_that_cannot_be_had_at_all_is_not_begun() -> None:
    server = greeted()
    delivery = server.session.submit(message(Unreadable("tell")))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    opened = server.session.open(Mail(path("a@b.example"), {}))
    opened.add(Rcpt(path("c@d.example"), {}))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n")
    opened.complete(Unreadable("tell"))
    assert server.sees() == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert statuses(opened) == [(Status.TEMPORARY, "content")]


def test_text_that_has_no_utf_8_is_a_fault() -> None:
    assert "surrogates" in refusal("x\ud800\r\n")
    server = greeted()
    delivery = server.session.submit(message(["x\ud800\r\n"]))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


class Watcher(ClientObserver):
    """Keeps why sessions have ended."""

    def __init__(self) -> None:
        self.causes: list[BaseException | None] = []

    def closed(self, session: ClientSession, cause: BaseException | None) -> None:
        """Keep it."""
        self.causes.append(cause)


def test_content_that_has_failed_once_is_not_why_the_session_ends() -> None:
    watcher = Watcher()
    server = greeted(CHUNKING, watcher)
    server.session.submit(message(broken()))
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n") == b"RSET\r\n"
    server.says(b"250 c\r\n")
    server.session.quit()
    server.sees()
    server.says(b"221 d\r\n")
    server.ends()
    assert watcher.causes == [None]


def test_bare_line_ends_are_a_fault_in_octets_unless_they_are_to_be_converted() -> None:
    assert "lone CR or LF" in refusal(b"a\nb")
    assert "lone CR or LF" in refusal(b"a\r")
    assert "lone CR or LF" in refusal("a\nb", bare_newlines="error")
    assert body(b"a\nb\r", bare_newlines="convert") == b"a\r\nb\r\n.\r\n"
    server = greeted()
    delivery = server.session.submit(message([b"a\r\n", b"b\n"]))
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n354 c\r\n") == b""
    assert not server.ends()
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


def test_nul_is_a_fault_unless_it_is_allowed() -> None:
    assert "NUL" in refusal(b"a\0")
    assert body(b"a\0", allow_nul=True) == b"a\0\r\n.\r\n"


@pytest.mark.conformance("C151")
def test_long_lines_are_a_fault_unless_they_may_pass() -> None:
    line = b"x" * 999
    assert "998 octets" in refusal(line)
    assert "998 octets" in refusal(b"x\r\n" + line + b"\r\n")
    assert body(line[1:]) == line[1:] + b"\r\n.\r\n"
    assert body(line, long_lines="pass") == line + b"\r\n.\r\n"


@pytest.mark.conformance("C150")
def test_eight_bit_content_needs_8bitmime() -> None:
    content = "h\u00e9\r\n".encode()
    assert b" BODY=8BITMIME SIZE=5\r\n" in sent(content)
    assert "8BITMIME" in refusal(content, PLAIN)
    assert "8BITMIME" in refusal(content, PLAIN, long_lines="pass")
    assert b"BODY" not in sent(b"x\r\n")


def test_content_that_is_not_known_yet_is_taken_for_eight_bit() -> None:
    assert b" BODY=8BITMIME\r\n" in sent(pieces(b"x\r\n"))
    assert b" BODY=7BIT\r\n" in sent(pieces(b"x\r\n"), mail={"BODY": BodyType.SEVEN_BIT})
    assert b" BODY=8BITMIME SIZE=3\r\n" in sent(b"x\r\n", mail={"BODY": BodyType.EIGHT_BIT_MIME})
    server = greeted(PLAIN)
    delivery = server.session.submit(message(pieces(b"x\r\n", b"\xe9\r\n"), mail={"BODY": BodyType.EIGHT_BIT_MIME}))
    assert server.sees() == b"MAIL FROM:<a@b.example>\r\n"
    server.says(b"250 a\r\n")
    server.says(b"250 b\r\n")
    server.says(b"354 c\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


@pytest.mark.conformance("C208")
def test_binary_content_goes_by_chunks_or_not_at_all() -> None:
    mail: dict[str, object] = {"BODY": BodyType.BINARY_MIME}
    octets = sent(b"a\nb\0\r" + b"x" * 2000, CHUNKING, mail=mail, chunking=False)
    assert b" BODY=BINARYMIME" in octets
    assert octets.endswith(b"BDAT 2005 LAST\r\na\nb\0\r" + b"x" * 2000)
    server = greeted()
    delivery = server.session.submit(message(b"a\nb", mail=mail))
    assert server.sees() == b""
    assert "BINARYMIME" in delivery.results[0].text


# SIZE.


@pytest.mark.conformance("C189")
def test_a_message_that_is_too_big_is_not_begun() -> None:
    server = greeted(USUAL.replace(b"100000", b"10"))
    delivery = server.session.submit(message(b"x" * 9))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.PERMANENT, "mail")]
    assert delivery.results[0].text == "mail: the message has 11 octets, and the server takes 10"


def test_the_size_is_said_where_it_is_known() -> None:
    assert b" SIZE=3\r\n" in sent(b"x")
    assert b" SIZE=0\r\n" in sent(b"")
    assert b" SIZE=1 " not in sent(b"x", CHUNKING)
    assert b" SIZE=1\r\n" in sent(b"x", CHUNKING)
    assert b"SIZE" not in sent(pieces(b"x"))
    server = greeted()
    server.session.submit(message(pieces(b"x"), size=7))
    assert b" SIZE=7\r\n" in server.sees()
    assert b" SIZE=8\r\n" in sent(pieces(b"x"), mail={"SIZE": 8})


@pytest.mark.conformance("C110")
@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("limit", [b"SIZE", b"SIZE 0", b"SIZE x", b"SIZE " + b"9" * 40])
def test_a_limit_that_says_nothing_limits_nothing(limit: bytes) -> None:
    assert b" SIZE=3\r\n" in sent(b"x", USUAL.replace(b"SIZE 100000", limit))
    assert b"SIZE" not in sent(b"x", USUAL.replace(b"250-SIZE 100000\r\n", b""))


# SMTPUTF8.


@pytest.mark.conformance("C343", "C266")
def test_smtputf8_is_asked_for_where_an_address_or_the_header_needs_it() -> None:
    def asks(mail: str, rcpt: str, content: bytes) -> bool:
        server = greeted(UTF8)
        server.session.submit(commands(Mail(path(mail), {}), Rcpt(path(rcpt), {}), content=content))
        return b" SMTPUTF8" in server.sees()

    assert not asks("a@b.example", "c@d.example", b"Subject: x\r\n\r\nx\r\n")
    assert not asks("a@b.example", "c@d.example", "Subject: x\r\n\r\nh\u00e9\r\n".encode())
    assert not asks("a@b.example", "c@d.example", "\r\nSubject: h\u00e9\r\n".encode())
    assert not asks("a@b.example", "c@d.example", "h\u00e9\r\n".encode())
    assert asks("\u00e9@b.example", "c@d.example", b"x\r\n")
    assert asks("a@b.example", "\u00e9@d.example", b"x\r\n")
    assert asks("a@b.example", "c@d.example", "Subject: \u00e9\r\n\r\nx\r\n".encode())
    assert asks("a@b.example", "c@d.example", "Subject: \u00e9\r\n".encode())


@pytest.mark.conformance("C265")
def test_an_address_that_needs_smtputf8_is_not_sent_without() -> None:
    server = greeted()
    delivery = server.session.submit(commands(Mail(path("\u00e9@b.example"), {}), Rcpt(path("c@d.example"), {})))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.PERMANENT, "mail")]
    mixed = server.session.submit(message(b"x\r\n", "\u00e9@d.example", "c@d.example"))
    assert server.sees().count(b"RCPT") == 1
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.says(b"250 d\r\n")
    assert statuses(mixed) == [(Status.PERMANENT, "rcpt"), (Status.ACCEPTED, "final")]
    for failed in (delivery.results[0], mixed.results[0]):
        assert isinstance(failed.error, SessionError)
        assert failed.error.enhanced == "5.6.7"


@pytest.mark.conformance("C265")
def test_a_header_section_that_needs_smtputf8_is_not_sent_without() -> None:
    server = greeted()
    delivery = server.session.submit(message("Subject: \u00e9\r\n\r\nx\r\n".encode(), "c@d.example"))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.PERMANENT, "content")]
    error = delivery.results[0].error
    assert isinstance(error, SessionError)
    assert error.enhanced == "5.6.7"


def test_when_no_recipient_can_be_sent_there_is_no_data() -> None:
    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "\u00e9@d.example"))
    assert server.sees() == b"MAIL FROM:<a@b.example> SIZE=3\r\n"
    assert server.says(b"250 a\r\n") == b"RSET\r\n"
    server.says(b"250 b\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]


# Other parameters.


@pytest.mark.conformance("C354")
def test_parameters_go_out_as_they_were_given_or_the_message_does_not() -> None:
    server = greeted(USUAL.replace(b"250-8BITMIME", b"250-DSN\r\n250-8BITMIME"))
    server.session.submit(message(rcpt={"NOTIFY": Notify.NEVER}))
    assert b"RCPT TO:<c@d.example> NOTIFY=NEVER\r\n" in server.sees()
    other = greeted()
    delivery = other.session.submit(message(rcpt={"NOTIFY": Notify.NEVER}))
    other.sees()
    other.says(b"250 a\r\n")
    other.says(b"250 b\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]
    assert "NOTIFY" in delivery.results[0].text


@pytest.mark.conformance("C355")
def test_a_message_that_requires_tls_is_not_sent_without() -> None:
    announced = USUAL.replace(b"250-8BITMIME", b"250-REQUIRETLS\r\n250-8BITMIME")
    for ehlo, tls in ((USUAL, True), (announced, False), (announced, True)):
        server = greeted(ehlo)
        if tls:
            server.session.tls = TLS
        delivery = server.session.submit(message(mail={"REQUIRETLS": True}))
        if ehlo is announced and tls:
            assert b" REQUIRETLS" in server.sees()
            continue
        assert server.sees() == b""
        assert statuses(delivery) == [(Status.PERMANENT, "mail")]


def test_what_is_told_by_xforward_is_for_those_who_announce_it() -> None:
    for ehlo in (USUAL.replace(b"250-8BITMIME", b"250-XFORWARD NAME\r\n250-8BITMIME"), USUAL):
        server = greeted(ehlo)
        told = message()
        told.forwarded = {"NAME": "x.example"}
        delivery = server.session.submit(told)
        octets = server.sees()
        if ehlo is USUAL:
            assert octets.startswith(b"MAIL")
            continue
        assert octets.startswith(b"XFORWARD NAME=x.example\r\nMAIL")
        server.says(b"550 no\r\n250 a\r\n250 b\r\n354 c\r\n")
        server.says(b"250 d\r\n")
        assert statuses(delivery) == [(Status.ACCEPTED, "final")]


def test_a_parameter_of_the_application_that_it_cannot_read_itself_is_not_sent() -> None:
    parameter = CustomParameter(verb="MAIL", keyword="XCOUNT", room=20, read=int)
    extension = CustomExtension(keyword="XCOUNT", parameters=(parameter,))
    server = greeted(b"250-srv\r\n250 XCOUNT\r\n", custom=[extension])
    delivery = server.session.submit(message(mail={"XCOUNT": "many"}))
    assert server.sees() == b""
    assert statuses(delivery) == [(Status.PERMANENT, "mail")]
    assert "cannot be read" in delivery.results[0].text


def test_an_address_is_no_command() -> None:
    mail: Any = Mail(path("a@b.example"), {})
    address: Any = "c@d.example"
    for wrong in (address, mail, Rcpt(address, {})):
        with pytest.raises(TypeError, match=r"Message\.to"):
            Message(mail, [wrong], b"x\r\n")
        with pytest.raises(TypeError, match=r"Message\.to"):
            greeted().session.open(mail).add(wrong)
    with pytest.raises(TypeError, match="Mail that has a Path"):
        greeted().session.open(Mail(address, {}))


def test_a_sender_is_an_address_or_nobody() -> None:
    assert message().mail.path == path("a@b.example")
    null = type(message()).to("", [path("c@d.example")], b"")
    assert null.mail.path.is_null
    quoted = type(message()).to('"a b"@c.example', ["<d@e.example>", "postmaster", '"f>g"@h.example'], b"")
    assert str(quoted.mail.path) == '"a b"@c.example'
    assert [str(command.path) for command in quoted.recipients] == [
        "d@e.example",
        "postmaster",
        '"f>g"@h.example',
    ]
    with pytest.raises(PathError, match="text after the path"):
        type(message()).to("a@b.example> SIZE=1", ["c@d.example"], b"")
    with pytest.raises(TypeError, match="one string"):
        type(message()).to("", "c@d.example", b"")
    with pytest.raises(ValueError, match="needs a recipient"):
        type(message()).to("", [], b"")


# LMTP.


def lmtp() -> tuple[Server, Delivery]:
    """A server that was sent content for two of three recipients."""
    server = Server(dialect=Dialect.LMTP)
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example", "f@d.example"))
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(USUAL).endswith(b"DATA\r\n")
    assert server.says(b"250 a\r\n250 b\r\n550 c\r\n250 d\r\n354 e\r\n") == b"x\r\n.\r\n"
    return server, delivery


@pytest.mark.conformance("C351", "C352")
def test_under_lmtp_each_recipient_has_its_result() -> None:
    server, delivery = lmtp()
    server.says(b"250 one\r\n")
    assert [result.status for result in delivery.results] == [Status.ACCEPTED, Status.PERMANENT, Status.PENDING]
    server.says(b"452 4.2.2 full\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (Status.PERMANENT, "rcpt"), (Status.TEMPORARY, "final")]
    assert server.session.idle


@pytest.mark.conformance("C287")
def test_under_lmtp_replies_that_are_missing_are_temporary_failures() -> None:
    server, delivery = lmtp()
    server.says(b"250 one\r\n")
    server.closes()
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (Status.PERMANENT, "rcpt"), (Status.TEMPORARY, "final")]
