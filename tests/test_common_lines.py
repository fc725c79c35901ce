"""The common form of MAIL and RCPT lines is read as the long way reads it: the same events, whatever comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore.commands import COMMAND_TYPES, READERS, Command, Mail, Rcpt
from smtpcore.common_lines import NO_RECIPIENTS, are_known, next_command, read_mail, read_recipient, read_recipients
from smtpcore.dialogue import select
from smtpcore.events import Event, Pause, Rejected
from smtpcore.extensions import Extensions
from smtpcore.grammar import Grammar
from smtpcore.leniencies import Leniencies
from smtpcore.lines import InputBuffer
from smtpcore.refusals import Barrier
from smtpcore.replies import EhloReply, Reply
from smtpcore.server import ServerConnection
from smtpcore.spec import COMMANDS, Dialect, State
from tests.feeding import cuttings

OK = Reply(250, "OK")
GRAMMAR = Grammar()
TABLE = select(Dialect.SMTP, frozenset(COMMAND_TYPES))


def slow_mail(argument: bytes, grammar: Grammar) -> Command:
    """What reads MAIL in the long way: a reader of somebody's own, for which there is no short one."""
    return Mail.parse(argument, grammar)


LONG_WAY = MappingProxyType({**READERS, b"MAIL": slow_mail})


def seen(event: Event | Pause) -> object:
    """All that can be seen of an event: two paths are equal although their octets are not."""
    if isinstance(event, Mail | Rcpt):
        path = event.path
        return type(event), path.local, path.domain, path.route, path.raw, event.params
    return event


def hold(
    pieces: Sequence[bytes],
    leniencies: Leniencies,
    *,
    common: bool,
    barrier: Barrier | None = None,
    announced: Collection[str] = (),
    most: int = 20,
) -> object:
    """Answer what comes with yes where that is possible; gives the events, the lines and the octets written."""
    connection = ServerConnection(leniencies=leniencies, readers=READERS if common else LONG_WAY, max_params=most)
    connection.send(Reply(220, "mx.test"))
    connection.receive_data(b"EHLO a.example\r\n")
    connection.next_event()
    connection.send(EhloReply("mx.test", Extensions(dict.fromkeys(announced, ""))))
    connection.barrier = barrier
    talk: list[object] = []
    for piece in (*filter(None, pieces), b""):
        connection.receive_data(piece)
        while not isinstance(event := connection.next_event(), Pause) and connection.owed is not None:
            reply = event.reply if isinstance(event, Rejected) else OK
            if connection.owed.positive is None:
                reply = Reply(550, "No")
            talk.append((seen(event), connection.line, connection.send(reply), connection.state))
        talk.append((event, connection.buffered))
    return [each for each in talk if each != (Pause.NEED_DATA, 0)]


ATOM = st.text("abZ09!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=40)
LABEL = st.text("abZ09-", min_size=1, max_size=40)
PATH = st.builds(
    "<{}@{}>".format,
    st.lists(ATOM, min_size=1, max_size=3).map(".".join),
    st.lists(LABEL, min_size=1, max_size=3).map(".".join),
)
ODD = st.sampled_from(
    [
        "<>", "<postmaster>", "<a@b", "a@b>", "a@b", "<a..b@c>", "<.a@b>", "<a.@b>", "<a@b..c>", "<a@.b>", "<a@b.>",
        "<a-.b@c>", "<a@b-.c>", "<a@-b>", "<a@b->", "<a@b_c>", "<a@[192.0.2.1]>", '<"a b"@c>', "<@x:a@b>", "<a@b>>",
        "<a@b> SIZE=1", "<a@b> ", "<a@b>\t", "<a@b> NOTIFY=NEVER", "<\u00fc@b>", "<a@b>\r", "<a@b>\n", "<a\0@b>",
        f"<{'a' * 64}@{'b' * 63}>", f"<{'a' * 65}@b>", f"<a@{'b' * 64}>", f"<{'a.' * 33}a@b>",
    ]
)  # fmt: skip
START = st.sampled_from(
    [
        "MAIL FROM:", "RCPT TO:", "mail FROM:", "rcpt TO:", "mail from:", "RCPT To:", "MAIL FROM: ", "RCPT  TO:",
        "MAILFROM:", "RCPT FROM:", "NOOP ",
    ]
)  # fmt: skip
PARAMETERS = st.lists(
    st.sampled_from(
        [
            " SIZE=1", " size=0020", f" SIZE={'9' * 20}", f" SIZE={'9' * 21}", " SIZE=", " SIZE", " SIZE=-1",
            " SIZE=1 ", " SIZE=\u0661", " BODY=7BIT", " BODY=8BITMIME", " body=8BITMIME", " BODY=8bitmime",
            " BODY=BINARYMIME", " BODY=", " RET=HDRS", "  SIZE=1", "\tSIZE=1", " SIZE=1\0",
        ]
    ),
    max_size=3,
).map("".join)  # fmt: skip
LINE = st.builds("{}{}{}\r\n".format, START, PATH | ODD, st.just("") | PARAMETERS) | st.sampled_from(
    ["RSET\r\n", "NOOP\r\n", "DATA x\r\n", "\r\n"]
)


@given(
    lines=st.lists(LINE, max_size=6),
    rest=st.binary(max_size=4),
    cut=chunkings(),
    strict=st.booleans(),
    barrier=st.booleans(),
    announced=st.sets(st.sampled_from(["SIZE", "8BITMIME", "DSN"])),
    most=st.integers(0, 3),
)
def test_the_short_and_the_long_way_agree(
    lines: list[str], rest: bytes, cut: Chunking, strict: bool, barrier: bool, announced: set[str], most: int
) -> None:
    pieces = cut("".join(lines).encode() + rest)
    leniencies = Leniencies.strict() if strict else Leniencies()
    wall = Barrier(Reply(530, "Must issue STARTTLS first", "5.7.0"), frozenset((b"NOOP",))) if barrier else None
    long, short = (
        hold(pieces, leniencies, common=common, barrier=wall, announced=announced, most=most)
        for common in (False, True)
    )
    assert short == long


def test_however_it_is_cut() -> None:
    data = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<c-@d-.example>\r\nRSET\r\n"
    for pieces in cuttings(data):
        assert hold(pieces, Leniencies(), common=True) == hold(pieces, Leniencies(), common=False)


def test_what_is_left_of_a_faulty_line_is_no_line() -> None:
    pieces = [b"MAIL\n", b"MAIL FROM:<a@b.example>\r\n", b"MAIL FROM:<c@d.example>\r\n"]
    expected = hold(pieces, Leniencies(), common=False)
    assert hold(pieces, Leniencies(), common=True) == expected
    assert "c@d.example" in str(expected)
    assert "a@b.example" not in str(expected)


@pytest.mark.parametrize("state", State)
def test_each_line_is_looked_for_where_it_is_in_order(state: State) -> None:
    read = set()
    for line in (b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<a@b.example>\r\n"):
        connection = ServerConnection()
        connection.dialogue.state = state
        connection.input.feed(line)
        if (command := next_command(connection)) is not None:
            assert connection.owed is COMMANDS[command.verb]
            assert state in COMMANDS[command.verb].negative
            read.add(command.verb)
    assert read == {State.READY: {b"MAIL"}, State.MAIL: {b"RCPT"}, State.RCPT: {b"RCPT"}}.get(state, set())


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT"])
def test_a_verb_of_another_table_or_reader_has_no_common_form(verb: bytes) -> None:
    assert are_known(TABLE, READERS)
    assert not are_known({**TABLE, verb: COMMANDS[b"NOOP"]}, READERS)
    assert not are_known(TABLE, {**READERS, verb: slow_mail})
    assert not are_known({key: rule for key, rule in TABLE.items() if key != verb}, READERS)


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<a@b.example> SIZE=1234 BODY=8BITMIME", b"mail FROM:<a@b.example> size=1234",
        b"mail from:<a@b.example>", b"MAIL FROM:<a@b.example> BODY=7BIT",
    ],
)  # fmt: skip
def test_what_clients_usually_say_is_read_in_the_short_way(line: bytes) -> None:
    buffer = InputBuffer()
    buffer.feed(line + b"\r\nRSET\r\n")
    grammar = Grammar(extensions=Extensions({"SIZE": "", "8BITMIME": ""}))
    found = read_mail(buffer, grammar)
    assert found == (line, Mail.parse(line[5:], grammar))
    assert len(buffer) == len(b"RSET\r\n")


HOSTILE = {
    "atoms": b"a" * 1_000_000,
    "dots": b"." * 1_000_000,
    "dotted atoms": b"a." * 500_000,
    "a path without its end": b"a" * 64 + b"@" + b"b." * 500_000,
    "hyphens": b"a@" + b"-" * 1_000_000,
    "at signs": b"a" + b"@" * 1_000_000,
    "brackets": b"<" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_without_end_is_given_up_within_the_length_of_a_path(name: str) -> None:
    buffer = InputBuffer()
    buffer.feed(b"RCPT TO:<" + HOSTILE[name])
    for _ in range(1000):
        # A pattern that went back over what it has read would not come to an end.
        assert read_recipient(buffer) is None
        assert read_recipients(buffer) is NO_RECIPIENTS
    assert len(buffer) == len(HOSTILE[name]) + 9


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<a..b@c.example>",
        b"MAIL FROM:<a@b.example> SIZE=1",  # which was not announced
        b"RCPT TO:<a..b@c.example>",
    ],
)
@pytest.mark.parametrize("next_line", [b"DATA", b"RCPT TO:<d@e.example>"])
def test_a_line_that_is_not_common_stays_where_it_is(line: bytes, next_line: bytes) -> None:
    buffer = InputBuffer()
    buffer.feed(line + b"\r\n" + next_line + b"\r\n")
    assert read_mail(buffer, GRAMMAR) is None
    assert read_recipient(buffer) is None
    assert read_recipients(buffer) is NO_RECIPIENTS
    assert buffer.next_line(512, 1024) == line


def recipients(*addresses: str) -> bytes:
    return b"".join(f"RCPT TO:<{address}>\r\n".encode() for address in addresses)


def test_recipients_are_read_when_they_are_given_out() -> None:
    buffer = InputBuffer()
    buffer.feed(recipients(*(f"a{number}@b.example" for number in range(40))) + b"DATA\r\n")
    left = len(buffer)
    given = read_recipients(buffer)
    for number in range(40):
        if number == 32:
            assert not list(given)
            given = read_recipients(buffer)
        line = b"RCPT TO:<a%d@b.example>" % number
        assert next(given) == (line, Rcpt.parse(line[5:], GRAMMAR))
        left -= len(line) + 2
        assert len(buffer) == left
    assert not list(given)
    assert buffer.next_line(512, 1024) == b"DATA"


def test_recipients_end_before_the_first_that_is_doubtful() -> None:
    buffer = InputBuffer()
    buffer.feed(recipients("a@b.example", "c--d@xn--e.example", "f@g-.example", "h@i.example"))
    assert [command.path.local for _, command in read_recipients(buffer)] == ["a", "c--d"]
    assert read_recipients(buffer) is NO_RECIPIENTS
    assert buffer.next_line(512, 1024) == b"RCPT TO:<f@g-.example>"


def test_recipients_that_somebody_else_has_read_are_not_given_out() -> None:
    buffer = InputBuffer()
    buffer.feed(recipients("a@b.example", "c@d.example", "e@f.example", "g@h.example"))
    given = read_recipients(buffer)
    assert next(given)[1].path.local == "a"
    assert buffer.next_line(512, 1024) == b"RCPT TO:<c@d.example>"
    assert not list(given)
    given = read_recipients(buffer)
    assert [buffer.next_line(512, 1024) for _ in range(2)] == [b"RCPT TO:<e@f.example>", b"RCPT TO:<g@h.example>"]
    # What comes next stands where the first of them stood.
    buffer.feed(recipients("i@j.example", "k@l.example"))
    assert not list(given)
    assert [command.path.local for _, command in read_recipients(buffer)] == ["i", "k"]
