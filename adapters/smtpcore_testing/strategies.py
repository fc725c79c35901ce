"""Hypothesis strategies for SMTP: what clients and servers may say, and what they should not.

Values are what smtpcore has for them: a `Path`, a `Command`, a `Reply`. What is for the wire is octets. Unless a
strategy says otherwise, all that it draws keeps to the strict grammar of RFC 5321 and to its limits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

from hypothesis import strategies as st

from smtpcore import Extensions, Path, Reply
from smtpcore.commands import (
    Command,
    Data,
    Ehlo,
    Expn,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    Vrfy,
)
from smtpcore.commands.wire import to_wire
from smtpcore.grammar import Grammar
from smtpcore.params import BodyType, Envid, Notify, Ret
from smtpcore.spec import CODES, COMMANDS

END_OF_DATA = b"\r\n.\r\n"
KNOWN_EXTENSIONS = ("SIZE", "8BITMIME", "DSN", "SMTPUTF8")
"""The keywords whose parameters these strategies know."""

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_LETTERS = st.characters(min_codepoint=0xA1, categories=["Ll", "Lo"])


# Addresses.


def domains(*, utf8: bool = False) -> st.SearchStrategy[str]:
    """Domain names of one to four labels.

    Args:
        utf8: Labels may have letters beyond ASCII (RFC 6531 3.3).
    """
    labels = st.from_regex(r"[A-Za-z]([A-Za-z0-9-]{0,14}[A-Za-z0-9])?", fullmatch=True)
    if utf8:
        labels |= st.text(_LETTERS, min_size=1, max_size=8)
    return st.lists(labels, min_size=1, max_size=4).map(".".join)


def address_literals() -> st.SearchStrategy[str]:
    """IP addresses in the place of a domain, IPv4 and IPv6, in their brackets (RFC 5321 4.1.3)."""
    return st.ip_addresses(v=4).map("[{}]".format) | st.ip_addresses(v=6).map("[IPv6:{}]".format)


def local_parts(*, quoted: bool = True, utf8: bool = False) -> st.SearchStrategy[str]:
    """Local parts without their quoting: dot-strings and, if wanted, what has to be quoted on the wire."""
    atoms = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,10}", fullmatch=True)
    parts = st.lists(atoms, min_size=1, max_size=3).map(".".join)
    if quoted:
        parts |= st.text(_PRINTABLE, min_size=1, max_size=16)
    if utf8:
        parts |= st.text(_LETTERS, min_size=1, max_size=8)
    return parts


def paths(*, quoted: bool = True, utf8: bool = False) -> st.SearchStrategy[Path]:
    """Paths of mailboxes, never the null path and never ``<Postmaster>``.

    Args:
        quoted: Local parts may need quoting.
        utf8: Addresses may have letters beyond ASCII (RFC 6531 3.3).
    """
    return st.builds(Path, local_parts(quoted=quoted, utf8=utf8), domains(utf8=utf8) | address_literals())


def addresses(*, quoted: bool = False, utf8: bool = False) -> st.SearchStrategy[str]:
    """The same as text, ``ann@example.org``, by default of the kind that every program takes."""
    return paths(quoted=quoted, utf8=utf8).map(str)


# Commands.


def mails(extensions: Collection[str] = ()) -> st.SearchStrategy[Mail]:
    """MAIL from a mailbox or from the null path.

    Args:
        extensions: The keywords of `KNOWN_EXTENSIONS` whose parameters may be there.
    """
    optional: dict[str, st.SearchStrategy[object]] = {}
    if "SIZE" in extensions:
        optional["SIZE"] = st.integers(0, 1_000_000)
    if "8BITMIME" in extensions:
        optional["BODY"] = st.sampled_from((BodyType.SEVEN_BIT, BodyType.EIGHT_BIT_MIME))
    if "DSN" in extensions:
        optional["RET"] = st.sampled_from(Ret)
        optional["ENVID"] = st.text(_PRINTABLE, min_size=1, max_size=20).map(Envid)
    plain = st.builds(Mail, paths() | st.just(Path("", "")), _parameters({}, optional))
    if "SMTPUTF8" not in extensions:
        return plain
    return plain | st.builds(Mail, paths(utf8=True), _parameters({"SMTPUTF8": st.just(True)}, optional))


def rcpts(extensions: Collection[str] = ()) -> st.SearchStrategy[Rcpt]:
    """RCPT to a mailbox, or to ``<Postmaster>``.

    Args:
        extensions: The keywords of `KNOWN_EXTENSIONS` whose parameters may be there.
    """
    optional: dict[str, st.SearchStrategy[object]] = {}
    if "DSN" in extensions:
        events = st.sampled_from((Notify.SUCCESS, Notify.FAILURE, Notify.DELAY, Notify.SUCCESS | Notify.DELAY))
        optional["NOTIFY"] = events | st.just(Notify.NEVER)
    return st.builds(Rcpt, paths() | st.just(Path("Postmaster", "")), _parameters({}, optional))


def commands(extensions: Collection[str] = ()) -> st.SearchStrategy[Command]:
    """Commands that every server knows, in no order, each of which can be sent by itself.

    Args:
        extensions: The keywords of `KNOWN_EXTENSIONS` whose parameters may be there.
    """
    words = st.text(_PRINTABLE, min_size=1, max_size=20).map(str.strip).filter(bool)
    hosts = domains() | address_literals()
    return st.one_of(
        st.builds(Ehlo, hosts),
        st.builds(Helo, hosts),
        mails(extensions),
        rcpts(extensions),
        st.builds(Data),
        st.builds(Rset),
        st.builds(Noop, words | st.just("")),
        st.builds(Quit),
        st.builds(Vrfy, words),
        st.builds(Expn, words),
        st.builds(Help, words | st.just("")),
    )


def command_lines(extensions: Collection[str] = ()) -> st.SearchStrategy[bytes]:
    """The lines of such commands, with their CRLF."""
    return commands(extensions).map(lambda command: line_of(command, extensions))


def line_of(command: Command, extensions: Collection[str] = ()) -> bytes:
    """The line of a command as a client sends it behind EHLO, with its CRLF.

    Args:
        command: The command.
        extensions: The keywords that the server has announced.

    Raises:
        LocalProtocolError: It cannot be sent.
    """
    announced = Extensions(dict.fromkeys(extensions, ""))
    return to_wire(command, Grammar(extensions=announced, extended=True))


def _parameters(
    required: dict[str, st.SearchStrategy[object]], optional: dict[str, st.SearchStrategy[object]]
) -> st.SearchStrategy[Mapping[str, object]]:
    return st.fixed_dictionaries(required, optional=optional)


# Replies.


def replies(classes: Collection[int] = (2, 4, 5)) -> st.SearchStrategy[Reply]:
    """Replies of one or more lines, with and without an enhanced status code of their own.

    Args:
        classes: The first digits that the code may have: 3 is a reply that wants more.
    """
    codes = st.sampled_from([code for code in CODES if code // 100 in classes])
    texts = st.lists(st.text(_PRINTABLE, max_size=40), min_size=1, max_size=3)
    details = st.none() | st.tuples(st.integers(0, 7), st.integers(0, 30))
    return st.builds(_reply, codes, texts, details, st.booleans())


def _reply(code: int, texts: list[str], details: tuple[int, int] | None, close: bool) -> Reply:
    if details is None or code // 100 == 3:
        return Reply(code, texts, close=close)
    return Reply(code, texts, f"{code // 100}.{details[0]}.{details[1]}", close=close)


# Content.


def bodies(*, max_lines: int = 10, eight_bit: bool = True) -> st.SearchStrategy[bytes]:
    """The content of a message before dots are stuffed: lines that end with CRLF, dots at their beginning among them.

    Args:
        max_lines: How many lines at most; none is an empty message.
        eight_bit: Lines may have octets over 127.
    """
    octets = range(1, 256 if eight_bit else 128)
    allowed = [octet for octet in octets if octet not in b"\r\n"]
    random = st.lists(st.sampled_from(allowed), max_size=30).map(bytes)
    usual = st.sampled_from([b"", b".", b"..", b".x", b". ", b"Subject: hello", b"text", b"x" * 998])
    return st.lists(usual | random, max_size=max_lines).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


def rough_bodies(*, long_lines: bool = False) -> st.SearchStrategy[bytes]:
    """Octets in which CR, LF, NUL and dots come in any combination, ends of data among them.

    Args:
        long_lines: Lines around the limit of 1000 octets may be there (RFC 5321 4.5.3.1.6).
    """
    fragments = [b"\r", b"\n", b".", b"\r\n", b"\r\n", b"\r\n.", b"\r\n..", END_OF_DATA, b"a", b"bcd", b"\0", b"\xff"]
    if long_lines:
        fragments += [b"x" * length for length in (97, 98, 99, 100, 900)]
    return st.lists(st.sampled_from(fragments), max_size=30).map(b"".join)


def stuffed(content: bytes) -> bytes:
    """Content as it goes over the wire behind DATA, with the end of data (RFC 5321 4.5.2)."""
    lines = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    return (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


# Dialogues.


def transactions(extensions: Collection[str] = ()) -> st.SearchStrategy[list[bytes]]:
    """One mail transaction, piece by piece as in `dialogues`, with DATA or with BDAT (RFC 3030)."""
    envelopes = st.tuples(
        mails([keyword for keyword in extensions if keyword != "SMTPUTF8"]),
        st.lists(rcpts(extensions), min_size=1, max_size=3),
    ).map(lambda envelope: [line_of(command, extensions) for command in (envelope[0], *envelope[1])])
    by_data = bodies().map(lambda content: [b"DATA\r\n", stuffed(content)])
    by_bdat = st.builds(lambda content, cut: _chunks(cut(content)), bodies(), chunkings())
    return st.builds(list.__add__, envelopes, by_data | by_bdat if "CHUNKING" in extensions else by_data)


def _chunks(pieces: list[bytes]) -> list[bytes]:
    """Content as BDAT commands with their chunks, the last of which may be the only one, and empty."""
    *first, last = pieces or [b""]
    return [b"BDAT %d\r\n%b" % (len(piece), piece) for piece in first] + [b"BDAT %d LAST\r\n%b" % (len(last), last)]


def dialogues(extensions: Collection[str] = ()) -> st.SearchStrategy[list[bytes]]:
    """All that a client says in a session which a server that accepts everything answers well.

    Each piece is what is sent at a time: a line, content with its end, or a chunk with its line. A client that waits
    sends one when the last was answered; one that pipelines joins them (but waits for the 354 to DATA, unless it
    takes a risk).

    Args:
        extensions: What of `KNOWN_EXTENSIONS`, and ``CHUNKING``, may be used.
    """
    others = st.sampled_from([b"NOOP\r\n", b"RSET\r\n", b"VRFY ann\r\n", b"HELP\r\n"]).map(lambda line: [line])
    hello = (domains() | address_literals()).map(lambda name: [line_of(Ehlo(name))])
    middle = st.lists(transactions(extensions) | others, max_size=3).map(_joined)
    end = st.sampled_from([[], [b"QUIT\r\n"]])
    return st.tuples(hello, middle, end).map(_joined)


def _joined(parts: Iterable[list[bytes]]) -> list[bytes]:
    return list(chain.from_iterable(parts))


def inputs() -> st.SearchStrategy[bytes]:
    """Whatever comes over the wire to a server: dialogues, commands out of order or misspelt, and any octets.

    About a half of the lines are commands that somebody could have meant.
    """
    verbs = st.sampled_from([*sorted(COMMANDS), b"XYZZY", b"", b"helo", b"ehlo", b"mail", b"rcpt", b"data"])
    arguments = st.sampled_from(_ARGUMENTS)
    ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\0\r\n", b"", b"\r\r\n"])
    lines = st.builds(lambda *parts: b"".join(parts), verbs, arguments, ends)
    others = st.binary(max_size=20) | st.sampled_from(_OTHERS)
    return st.builds(
        lambda opening, rest: opening + b"".join(rest),
        st.sampled_from(_OPENINGS),
        st.lists(lines | others | command_lines(), max_size=20),
    )


_ARGUMENTS = [
    b"", b" ", b"\t", b" x", b" client.example", b" FROM:<a@b.c>", b" TO:<a@b.c>", b" FROM:<>", b" TO:<>",
    b" FROM:<a@b.c> SIZE=1 BODY=7BIT", b" from:a@b.c AUTH=<>", b" TO:<Postmaster> X=1", b" PLAIN",
    b" PLAIN AGEAYg==", b" LOGIN", b" LOGIN =", b" 3 LAST", b" 0", b" 5", b"\x01", b" \x80", b"\xff",
]  # fmt: skip
_OTHERS = [
    b"AGEAYg==\r\n", b"*\r\n", b".\r\n", b"..\r\n", b"text\r\n", b"x" * 600 + b"\r\n", b"y" * 13000, b"\r\n", b"=\r\n",
]  # fmt: skip
_OPENINGS = [
    b"",
    b"EHLO x\r\n",
    b"LHLO x\r\n",
    b"HELO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\n",
    b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n",
    b"LHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<a@b.c>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n",
    b"EHLO x\r\nAUTH LOGIN\r\n",
]


# How octets arrive.


@dataclass(frozen=True)
class Chunking:
    """A way to cut octets into the pieces in which they arrive: ``chunking(b"QUIT")``."""

    places: tuple[int, ...] = ()
    """Where to cut; a place behind the end is counted on from the beginning."""
    size: int = 0
    """Cut into pieces of so many octets instead; 0 is to cut at the places."""

    def __call__(self, data: bytes) -> list[bytes]:
        """The pieces in order, none of them empty, for an empty one would be the end of the input."""
        if self.size:
            return [data[at : at + self.size] for at in range(0, len(data), self.size)]
        borders = sorted({0, len(data), *(place % (len(data) + 1) for place in self.places)})
        return [data[start:end] for start, end in pairwise(borders)]


def chunkings() -> st.SearchStrategy[Chunking]:
    """Ways to cut octets: not at all, into single octets, or at up to eight places anywhere."""
    places = st.lists(st.integers(0, 80) | st.integers(0, 5000), max_size=8).map(tuple)
    return st.builds(Chunking, places) | st.just(Chunking(size=1))
