from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings, rough_bodies

from smtpcore.body import DotReader
from smtpcore.errors import LocalProtocolError
from smtpcore.lines import InputBuffer
from smtpcore.stuffing import DotWriter
from tests.feeding import cuttings

END = b"\r\n.\r\n"


def sent(pieces: list[bytes], bare_newlines: Literal["error", "convert"] = "error", allow_nul: bool = False) -> bytes:
    writer = DotWriter(bare_newlines=bare_newlines, allow_nul=allow_nul)
    return b"".join([writer.write(piece) for piece in pieces]) + writer.finish()


def sent_alike(content: bytes, bare_newlines: Literal["error", "convert"] = "error") -> bytes:
    """What goes on the wire, the same in whichever chunks the content is given."""
    wire = sent([content], bare_newlines)
    for pieces in cuttings(content):
        assert sent(pieces, bare_newlines) == wire, f"other octets for the chunks {pieces!r}"
    return wire


@pytest.mark.conformance("C146", "C149")
@pytest.mark.threat("T-EOD-OUT")
@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b".a\r\n.b", b"..a\r\n..b\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
        (b"\r\n.", b"\r\n..\r\n.\r\n"),
        (b"a.b\r\nc.\r\n", b"a.b\r\nc.\r\n.\r\n"),
    ],
)
def test_each_line_that_begins_with_a_dot_is_stuffed_once(content: bytes, wire: bytes) -> None:
    assert sent_alike(content) == wire


@pytest.mark.conformance("C148")
def test_a_missing_last_crlf_is_added_and_no_other() -> None:
    assert sent_alike(b"a") == b"a\r\n.\r\n"
    assert sent_alike(b"a\r\n") == b"a\r\n.\r\n"
    assert sent_alike(b"a\r\n\r\n") == b"a\r\n\r\n.\r\n"
    assert sent_alike(b"") == sent([]) == b".\r\n"


@pytest.mark.conformance("C149")
@pytest.mark.threat("T-EOD-OUT")
def test_a_chunk_that_ends_in_cr_is_held_back_one_octet() -> None:
    writer = DotWriter(bare_newlines="error")
    assert [writer.write(piece) for piece in (b"a\r", b"", b"\n.", b"\r", b"\n")] == [
        b"a",
        b"",
        b"\r\n..",
        b"",
        b"\r\n",
    ]
    assert writer.finish() == b".\r\n"


@pytest.mark.conformance("C147")
@pytest.mark.threat("T-EOD-OUT")
@pytest.mark.parametrize(
    "content", [b"a\nb\rc", b"a\n.\nMAIL FROM:<x@y>\r\n", b"a\r.\r\n", b"\n", b"\r", b"a\r\r\n", b"a\n\r\n", b"\n\r"]
)
def test_a_lone_cr_or_lf_is_an_error_in_any_chunks(content: bytes) -> None:
    for pieces in cuttings(content):
        with pytest.raises(LocalProtocolError):
            sent(pieces)


@pytest.mark.conformance("C147")
def test_after_an_error_nothing_of_the_chunk_is_written_and_another_may_follow() -> None:
    writer = DotWriter(bare_newlines="error")
    assert writer.write(b"a\r\n") == b"a\r\n"
    for wrong in (b".b\n", b"\0", b"c\r\r"):
        with pytest.raises(LocalProtocolError):
            writer.write(wrong)
    assert writer.write(b".b\r") == b"..b"
    for wrong in (b"c", b"\r"):
        with pytest.raises(LocalProtocolError):
            writer.write(wrong)
    with pytest.raises(LocalProtocolError):
        writer.finish()
    assert writer.write(b"\n") == b"\r\n"
    assert writer.finish() == b".\r\n"


@pytest.mark.conformance("C147")
@pytest.mark.threat("T-EOD-OUT")
@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\nb\rc", b"a\r\nb\r\nc\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<x@y>\r\n", b"a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
        (b"a\r.\r\n", b"a\r\n..\r\n.\r\n"),
        (b"\n", b"\r\n.\r\n"),
        (b"\r", b"\r\n.\r\n"),
        (b"a\r\r\n", b"a\r\n\r\n.\r\n"),
        (b"a\n\r\n\rb", b"a\r\n\r\n\r\nb\r\n.\r\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n.\r\n"),
    ],
)
def test_a_lone_cr_or_lf_is_a_line_end_when_converted(content: bytes, wire: bytes) -> None:
    assert sent_alike(content, "convert") == wire


@pytest.mark.threat("T-EOD-OUT")
def test_nul_is_refused_unless_it_is_allowed() -> None:
    modes: list[Literal["error", "convert"]] = ["error", "convert"]
    for mode in modes:
        with pytest.raises(LocalProtocolError, match="NUL"):
            sent([b"a\0b"], mode)
    assert sent([b"a\0b"], allow_nul=True) == b"a\0b\r\n.\r\n"


@pytest.mark.threat("T-EOD-OUT")
def test_there_is_exactly_one_terminator() -> None:
    writer = DotWriter(bare_newlines="error")
    writer.finish()
    for call in (writer.finish, lambda: writer.write(b"a")):
        with pytest.raises(LocalProtocolError, match="finished"):
            call()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="bare_newlines"):
        DotWriter(bare_newlines="pass")  # type: ignore[arg-type]


def test_any_buffer_may_be_written() -> None:
    writer = DotWriter(bare_newlines="error")
    assert writer.write(bytearray(b".a")) + writer.write(memoryview(b"b")) == b"..ab"
    with pytest.raises(TypeError):
        writer.write("text")  # type: ignore[arg-type]


@pytest.mark.conformance("C003", "C146", "C147", "C148", "C149")
@pytest.mark.threat("T-EOD-OUT")
@given(
    content=rough_bodies().map(lambda body: body.replace(b"\0", b"")),
    cut=chunkings(),
    cut_wire=chunkings(),
    convert=st.booleans(),
)
def test_what_is_written_is_read_again(content: bytes, cut: Chunking, cut_wire: Chunking, convert: bool) -> None:
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    pieces = cut(content)
    if not convert and lines != content:
        with pytest.raises(LocalProtocolError):
            sent(pieces)
        return
    wire = sent(pieces, "convert" if convert else "error")

    assert (b"\r\n" + wire).find(END) == len(wire) - 3, "the terminator stands at the end and nowhere else"
    assert not set(wire.replace(b"\r\n", b"")) & {10, 13}
    buffer = InputBuffer()
    reader = DotReader()
    read = b""
    for piece in cut_wire(wire + b"QUIT"):
        buffer.feed(piece)
        while chunk := reader.read(buffer):
            read += chunk
    assert reader.done
    assert buffer.take(99) == b"QUIT"
    assert read == (lines if lines.endswith(b"\r\n") or not lines else lines + b"\r\n")
