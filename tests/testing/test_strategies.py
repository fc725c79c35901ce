"""What the strategies draw is what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_memory import Pipe, run
from smtpcore_testing import strategies
from smtpcore_testing.strategies import KNOWN_EXTENSIONS, Chunking, line_of, stuffed

from smtpcore import Envelope, Handler, Leniencies, Path, Reply, ServerConfig, ServerSession
from smtpcore.commands import Command, Mail, Rcpt
from smtpcore.grammar import Grammar
from tests.commands.sending import EXTENSIONS, read
from tests.wire import codes

STRICT = Grammar(leniencies=Leniencies.strict(), extensions=EXTENSIONS, extended=True)
CONFIG = ServerConfig(hostname="mx.test", leniencies=Leniencies.strict(), dsn=True, smtputf8=True)
OFFERED = (*KNOWN_EXTENSIONS, "CHUNKING")


@given(strategies.paths() | strategies.paths(quoted=False))
def test_a_path_is_one_to_a_strict_reader(path: Path) -> None:
    assert Path.parse(path.to_wire(), leniencies=Leniencies.strict()) == path


@given(strategies.paths(utf8=True))
def test_a_path_with_other_letters_is_one_where_they_are_allowed(path: Path) -> None:
    assert Path.parse(path.to_wire(), leniencies=Leniencies.strict(), utf8=True) == path


@given(strategies.addresses())
def test_an_address_needs_no_quotes(address: str) -> None:
    assert '"' not in address
    assert str(Path.parse(f"<{address}>", leniencies=Leniencies.strict())) == address


@pytest.mark.parametrize("extensions", [(), KNOWN_EXTENSIONS])
@given(data=st.data())
def test_a_command_is_one_line_that_a_strict_server_reads(data: st.DataObject, extensions: tuple[str, ...]) -> None:
    command = data.draw(strategies.commands(extensions))
    assert isinstance(command, Command)
    assert read(line_of(command, extensions), STRICT) == command
    if isinstance(command, Mail | Rcpt) and not extensions:
        assert not command.params


@given(strategies.command_lines())
def test_a_command_line_ends_with_crlf_and_has_no_other(line: bytes) -> None:
    assert line.endswith(b"\r\n")
    assert line.count(b"\r") == line.count(b"\n") == 1


@given(strategies.replies())
def test_a_reply_is_one_with_one_code_in_all_its_lines(reply: Reply) -> None:
    assert codes(reply.to_wire()) == [f"{reply.code} {reply.enhanced}"]


@given(strategies.replies((3,)))
def test_a_reply_may_want_more(reply: Reply) -> None:
    assert reply.intermediate
    assert reply.enhanced is None


class Inbox(Handler):
    def __init__(self) -> None:
        self.contents: list[bytes] = []

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.contents.append(envelope.content)


def delivered(wire: bytes) -> list[bytes]:
    inbox = Inbox()
    run(CONFIG, inbox, b"HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n" + wire)
    return inbox.contents


@given(strategies.bodies())
def test_a_body_comes_through_whole(content: bytes) -> None:
    assert delivered(stuffed(content)) == [content]


@given(strategies.bodies(eight_bit=False))
def test_a_body_may_be_ascii_alone(content: bytes) -> None:
    assert content.isascii()


def test_a_body_without_a_last_line_end_gets_one() -> None:
    assert stuffed(b".a\r\n.") == b"..a\r\n..\r\n.\r\n"
    assert stuffed(b"") == b".\r\n"


@given(strategies.dialogues(OFFERED), strategies.chunkings())
def test_each_piece_of_a_dialogue_has_one_good_reply_and_the_cuts_change_nothing(
    pieces: list[bytes], cut: Chunking
) -> None:
    inbox = Inbox()
    pipe = Pipe(CONFIG, inbox)
    said = pipe.receive()
    for piece in pieces:
        reply = pipe.send(piece)
        assert len(codes(reply)) == 1
        assert reply[:1] in b"23"
        said += reply
    again = Inbox()
    assert run(CONFIG, again, *cut(b"".join(pieces))) == said
    assert again.contents == inbox.contents


@given(st.binary(max_size=200), strategies.chunkings())
def test_pieces_are_the_whole_and_none_is_empty(data: bytes, cut: Chunking) -> None:
    pieces = cut(data)
    assert b"".join(pieces) == data
    assert all(pieces)


@pytest.mark.parametrize(
    ("cut", "pieces"),
    [
        (Chunking(), [b"abcdef"]),
        (Chunking(size=1), [b"a", b"b", b"c", b"d", b"e", b"f"]),
        (Chunking(size=4), [b"abcd", b"ef"]),
        (Chunking((4, 2)), [b"ab", b"cd", b"ef"]),
        (Chunking((0, 6, 7, 9)), [b"ab", b"cdef"]),
    ],
)
def test_octets_are_cut(cut: Chunking, pieces: list[bytes]) -> None:
    assert cut(b"abcdef") == pieces


def found(strategy: st.SearchStrategy[bytes], wanted: Callable[[bytes], bool]) -> bool:
    seen: list[bool] = []

    @given(strategy)
    def look(drawn: bytes) -> None:
        seen.append(wanted(drawn))

    look()
    return any(seen)


def test_rough_bodies_end_data_within_them_and_have_long_lines_if_wanted() -> None:
    assert found(strategies.rough_bodies(), lambda body: b"\r\n.\r\n" in body)
    assert found(strategies.rough_bodies(long_lines=True), lambda body: len(body) > 900)
