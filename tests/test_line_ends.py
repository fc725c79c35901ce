"""Content on its way out: each CR and each LF is part of a CRLF, whatever the chunks (RFC 5321 2.3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings, rough_bodies

from smtpcore.errors import LocalProtocolError
from smtpcore.line_ends import LineEnds
from tests.feeding import cuttings


def sent(pieces: Sequence[bytes], bare_newlines: Literal["error", "convert"], *, allow_nul: bool = False) -> bytes:
    ends = LineEnds(bare_newlines=bare_newlines, allow_nul=allow_nul)
    return b"".join([ends.write(piece) for piece in pieces]) + ends.finish()


@pytest.mark.parametrize(
    ("content", "converted"),
    [
        (b"", b""),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb\r", b"a\r\nb\r\n"),
        (b"\n\r", b"\r\n\r\n"),
        (b"\r\r\n", b"\r\n\r\n"),
        (b"\r\n\n\r\r\n", b"\r\n\r\n\r\n\r\n"),
        (b"no end", b"no end"),
    ],
)
def test_each_line_end_is_converted_to_crlf_however_the_content_is_cut(content: bytes, converted: bytes) -> None:
    for pieces in cuttings(content):
        assert sent(pieces, "convert") == converted


@given(content=rough_bodies(), cut=chunkings())
def test_converted_content_has_the_lines_of_the_content_and_crlf_alone(content: bytes, cut: Chunking) -> None:
    converted = sent(cut(content), "convert", allow_nul=True)
    assert not set(converted.replace(b"\r\n", b"")) & set(b"\r\n")
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert converted.split(b"\r\n") == lines


@given(content=st.lists(st.sampled_from([b"a", b"\r\n", b"bc\r\n"])).map(b"".join), cut=chunkings())
def test_content_with_crlf_alone_goes_out_as_it_is(content: bytes, cut: Chunking) -> None:
    assert sent(cut(content), "error") == content


@pytest.mark.parametrize("content", [b"a\nb", b"a\rb", b"\n", b"\r", b"a\r\r\n", b"\r\n\n"])
def test_a_lone_cr_or_lf_is_a_fault_however_the_content_is_cut(content: bytes) -> None:
    for pieces in cuttings(content):
        with pytest.raises(LocalProtocolError, match="lone CR or LF"):
            sent(pieces, "error")


def test_a_cr_at_the_end_of_a_chunk_waits_for_the_next() -> None:
    ends = LineEnds(bare_newlines="error")
    assert ends.write(b"a\r") == b"a"
    assert ends.write(b"") == b""
    assert ends.write(b"\nb") == b"\r\nb"
    assert ends.finish() == b""


def test_what_was_held_is_given_out_once() -> None:
    ends = LineEnds(bare_newlines="convert")
    assert ends.write(b"a\r") == b"a"
    assert ends.finish() == b"\r\n"
    assert ends.finish() == b""


def test_nothing_of_a_refused_chunk_is_taken_and_another_may_be_tried() -> None:
    ends = LineEnds(bare_newlines="error")
    assert ends.write(b"a\r") == b"a"
    for wrong in (b"b", b"\nc\nd", b"\0"):
        with pytest.raises(LocalProtocolError):
            ends.write(wrong)
    assert ends.write(b"\nb\r\n") == b"\r\nb\r\n"


def test_nul_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(LocalProtocolError, match="allow_nul=True"):
        LineEnds(bare_newlines="convert").write(b"a\0b")
    assert sent([b"a\0b\n"], "convert", allow_nul=True) == b"a\0b\r\n"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_the_chunks_may_be_of_any_kind_of_octets(kind: type[bytearray | memoryview]) -> None:
    ends = LineEnds(bare_newlines="error")
    assert ends.write(kind(b"a\r\nb")) == b"a\r\nb"


def test_there_are_two_ways_to_treat_lone_line_ends_and_no_third() -> None:
    with pytest.raises(LocalProtocolError, match='"error" or "convert"'):
        LineEnds(bare_newlines="keep")  # type: ignore[arg-type]
