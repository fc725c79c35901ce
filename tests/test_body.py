from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from smtpcore_testing.strategies import Chunking, chunkings, rough_bodies

from smtpcore.body import ChunkReader, Defect, DotReader
from smtpcore.lines import InputBuffer
from tests.feeding import read_alike

CLEAN = Defect(0)
END = b"\r\n.\r\n"
Message = tuple[bytes, Defect, int, bool]


def read_out(reader: DotReader, buffer: InputBuffer) -> bytes:
    content = b""
    while chunk := reader.read(buffer):
        content += chunk
    return content


def read_data(pieces: list[bytes]) -> tuple[Message, bytes]:
    buffer = InputBuffer()
    reader = DotReader()
    content = b""
    sent = 0
    for piece in pieces:
        buffer.feed(piece)
        sent += len(piece)
        content += read_out(reader, buffer)
        assert reader.size == len(content)
        if not reader.done:
            assert len(buffer) == 0, "octets of the content were left in the buffer"
    return (content, reader.defects, reader.size, reader.done), buffer.take(len(buffer))


def content_of(wire: bytes, trailing: bytes = b"MAIL FROM:<a@b.c>\r\n") -> bytes:
    """The content of a whole message, the same however it is cut."""
    content, _, size, done = read_alike(read_data, wire, trailing)
    assert done
    assert size == len(content)
    return content


def defects_of(wire: bytes) -> Defect:
    return read_alike(read_data, wire)[1]


def defects_one_by_one(content: bytes) -> Defect:
    """What the readers must report of content that ends in CRLF, written down without any thought of speed."""
    found = CLEAN
    for i, octet in enumerate(content):
        if octet == 13 and content[i + 1 : i + 2] != b"\n":
            found |= Defect.BARE_CR
        if octet == 10 and content[max(i - 1, 0) : i] != b"\r":
            found |= Defect.BARE_LF
        if octet == 0:
            found |= Defect.NUL
        if octet > 127:
            found |= Defect.EIGHT_BIT
    if any(len(line) + 2 > 1000 for line in content.split(b"\r\n")):
        found |= Defect.LONG_LINE
    return found


def data_octet_by_octet(wire: bytes) -> tuple[bytes, bool, bytes]:
    """Content, whether the end came, and what stands behind it."""
    raw = bytearray(b"\r\n")  # the end of the DATA line
    content = bytearray()
    for i, octet in enumerate(wire):
        begins_line = raw.endswith(b"\r\n")
        raw.append(octet)
        if raw.endswith(END):
            content.pop()  # the CR of the terminator; its dot was never put in
            return bytes(content), True, wire[i + 1 :]
        if not (begins_line and octet == 46):
            content.append(octet)
    if raw.endswith(b"\r\n.\r"):
        content.pop()  # content or terminator: not decided yet
    return bytes(content), False, b""


# fmt: off
FALSE_ENDS = [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\x00\r\n",
    b"\r\n\x00.\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n..\r\n",
    b"\n\r.\n\r", b"\r\n.\n\r", b"\n\n.\r\n", b"\r\n.\x08\r\n", b"\x0b.\x0b", b"\x0c.\x0c", b"\x1c.\x1c",
    b"\xc2\x85.\xc2\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\r\x00\n.\r\x00\n", b"\r\n\xef\xbc\x8e\r\n",
    b"\x8d\x8a.\x8d\x8a", b"\r\n\xae\r\n", b"\r\n\x1a\r\n",
]
# fmt: on
HARMLESS = {13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31}  # as numbered in the threat list


@pytest.mark.conformance("C125")
@pytest.mark.threat("T-EOD")
@pytest.mark.parametrize("number", range(1, 32))
def test_no_false_terminator_ends_the_message(number: int) -> None:
    probe = FALSE_ENDS[number - 1]
    assert len(FALSE_ENDS) == 31
    content, defects, _, done = read_alike(read_data, b"a" + probe + b"b" + END, b"QUIT\r\n")
    assert done
    assert content == b"a" + probe.replace(b"\r\n.", b"\r\n") + b"b\r\n"
    smuggling = defects & (Defect.BARE_CR | Defect.BARE_LF | Defect.NUL)
    assert bool(smuggling) == (number not in HARMLESS)


@pytest.mark.conformance("C125")
@pytest.mark.threat("T-EOD")
def test_a_terminator_behind_a_stray_cr_is_one() -> None:
    assert content_of(b"a\r" + END) == b"a\r\r\n"
    assert defects_of(b"a\r" + END) == Defect.BARE_CR


@pytest.mark.conformance("C126")
def test_lf_dot_lf_is_content() -> None:
    assert content_of(b"a\n.\nb" + END) == b"a\n.\nb\r\n"
    assert defects_of(b"a\n.\nb" + END) == Defect.BARE_LF


@pytest.mark.conformance("C127")
@pytest.mark.threat("T-EOD")
def test_the_terminator_may_come_in_five_reads_and_stand_anywhere_in_a_chunk() -> None:
    for before in range(12):
        assert content_of(b"x" * before + END) == b"x" * before + b"\r\n"


@pytest.mark.conformance("C128")
def test_a_message_may_be_empty() -> None:
    assert content_of(b".\r\n") == b""
    assert defects_of(b".\r\n") == CLEAN


@pytest.mark.conformance("C129")
@pytest.mark.parametrize(("wire", "content"), [(b"..a", b".a"), (b".a", b"a"), (b"...", b".."), (b"..", b".")])
def test_one_leading_dot_is_taken_off(wire: bytes, content: bytes) -> None:
    assert content_of(wire + END) == content + b"\r\n"
    assert content_of(b"x\r\n" + wire + END) == b"x\r\n" + content + b"\r\n"
    assert content_of((wire + b"\r\n") * 12 + b".\r\n") == (content + b"\r\n") * 12


@pytest.mark.conformance("C130", "C131")
@pytest.mark.parametrize("wire", [b"a.", b"a..b", b"x\n.y", b"x\r.y", b"x\n..y", b"\0.x", b"\n\r.x"])
def test_a_dot_elsewhere_is_left_alone(wire: bytes) -> None:
    assert content_of(wire + END) == wire + b"\r\n"


@pytest.mark.conformance("C132")
def test_content_keeps_its_last_crlf_and_gets_no_other() -> None:
    assert content_of(b"a" + END) == b"a\r\n"
    assert content_of(b"\r\n.\r\n") == b"\r\n"
    assert content_of(b"a\r\n\r\n.\r\n") == b"a\r\n\r\n"


@pytest.mark.conformance("C133", "C134")
def test_every_octet_survives() -> None:
    octets = bytes(range(256))
    assert content_of(octets + END) == octets + b"\r\n"
    everything = Defect.BARE_CR | Defect.BARE_LF | Defect.NUL | Defect.EIGHT_BIT
    assert defects_of(octets + END) == everything


def test_what_stands_behind_the_end_stays_in_the_buffer() -> None:
    buffer = InputBuffer()
    buffer.feed(b"a\r\n.\r\n..\r\n.\r\nQUIT\r\n")
    for expected in (b"a\r\n", b".\r\n"):
        reader = DotReader()
        assert read_out(reader, buffer) == expected
        assert reader.done
        assert reader.read(buffer) == b"", "a reader that is done takes nothing more"
    assert buffer.next_line(512, 8192) == b"QUIT"


def test_an_empty_message_ends_at_once_though_what_stands_behind_it_has_many_dots_in_front_of_lines() -> None:
    behind = b"\r\n.x" * 20 + END
    for pieces in ([b".\r\n" + behind], [b".\r", b"\n" + behind], [b".", b"\r\n" + behind]):
        (content, defects, size, done), left = read_data(pieces)
        assert (content, defects, size, done) == (b"", CLEAN, 0, True)
        assert left == behind


def test_many_messages_in_one_buffer_are_read_one_by_one() -> None:
    count = 400
    buffer = InputBuffer()
    buffer.feed(b"".join(b"number %d\r\n..\r\n.\r\n" % number for number in range(count)) + b"NOOP\r\n")
    for number in range(count):
        assert read_out(DotReader(), buffer) == b"number %d\r\n.\r\n" % number
    assert buffer.next_line(512, 8192) == b"NOOP"


def test_untouched_chunks_are_passed_on_without_a_copy() -> None:
    buffer = InputBuffer()
    reader = DotReader()
    for chunk in (b"first line\r\nsecond", b" goes on\r\n", b"third\r\n"):
        buffer.feed(chunk)
        assert reader.read(buffer) is chunk


def test_at_most_one_octet_is_held_back() -> None:
    buffer = InputBuffer()
    reader = DotReader()
    given_out = b""
    for octet in (b"a", b"\r", b"\n", b".", b"\r", b"x"):
        buffer.feed(octet)
        given_out += read_out(reader, buffer)
        assert reader.size == len(given_out)
    assert given_out == b"a\r\n\rx"


@pytest.mark.conformance("C135", "C136")
def test_a_line_of_1000_octets_is_fine_and_one_of_1001_is_long() -> None:
    def defects(line: bytes) -> Defect:
        return read_data([line + END])[0][1]

    for prefix in (b"", b"short\r\n", b"x" * 998 + b"\r\n", b"y\r\n" * 700):
        assert defects(prefix + b"x" * 998) == CLEAN
        assert defects(prefix + b"x" * 999) == Defect.LONG_LINE
        assert defects(prefix + b"x" * 5000) == Defect.LONG_LINE
        assert defects(prefix + b"." + b"." * 998) == CLEAN, "the stuffed dot does not count"
        assert defects(prefix + b"." + b"." * 999) == Defect.LONG_LINE
        assert defects(prefix + b"x" * 5000 + b"\r\nshort\r\n" * 200) == Defect.LONG_LINE


@pytest.mark.conformance("C136")
def test_only_crlf_ends_a_line_when_it_is_measured() -> None:
    assert read_data([b"x\n" * 600 + END])[0][1] == Defect.LONG_LINE | Defect.BARE_LF
    assert read_data([b"x\r" * 600 + END])[0][1] == Defect.LONG_LINE | Defect.BARE_CR


@pytest.mark.conformance("C135")
@pytest.mark.parametrize("length", [997, 998, 999, 1000])
def test_the_length_of_a_line_does_not_depend_on_the_cuts(length: int) -> None:
    wire = b"ab\r\n" + b"x" * length + b"\r\n" + b"c" + END
    expected = read_data([wire])[0]
    assert bool(expected[1] & Defect.LONG_LINE) == (length > 998)
    for middle in range(length, length + 8):
        assert read_data([wire[:middle], wire[middle:]])[0] == expected
        assert read_data([wire[:3], wire[3:middle], wire[middle : middle + 1], wire[middle + 1 :]])[0] == expected
    assert read_data([wire[i : i + 1] for i in range(len(wire))])[0] == expected


@pytest.mark.conformance("C136")
@pytest.mark.threat("T-FLOOD")
def test_a_line_without_end_is_passed_on_and_not_kept() -> None:
    buffer = InputBuffer()
    reader = DotReader()
    for _ in range(64):
        buffer.feed(b"x" * 65536)
        assert len(reader.read(buffer)) == 65536
        assert len(buffer) == 0
    assert reader.size == 64 * 65536
    assert reader.defects == Defect.LONG_LINE
    assert not reader.done


@pytest.mark.conformance("C023", "C125", "C129")
@given(wire=rough_bodies(), cut=chunkings())
@example(wire=b"\r\n.\r\r\n.\r", cut=Chunking((3, 4)))
def test_any_data_reads_as_it_does_octet_by_octet(wire: bytes, cut: Chunking) -> None:
    content, done, rest = data_octet_by_octet(wire)
    message, left = read_data(cut(wire))
    assert message[0] == content
    assert message[2:] == (len(content), done)
    assert left == rest


@pytest.mark.conformance("C023")
@given(content=rough_bodies(long_lines=True), cut=chunkings())
def test_defects_are_those_found_octet_by_octet(content: bytes, cut: Chunking) -> None:
    chunks = ChunkReader()
    for piece in cut(content):
        chunks.feed(piece)
    chunks.finish()
    expected = defects_one_by_one(content)
    unended = CLEAN if content[-2:] in (b"", b"\r\n") else Defect.NO_FINAL_CRLF
    assert chunks.defects == expected | unended
    assert chunks.size == len(content)

    wire = content.replace(b"\r\n.", b"\r\n..")
    wire = (b"." + wire if wire.startswith(b".") else wire) + END
    message, _ = read_data(cut(wire))
    assert message[0] == content + b"\r\n"
    assert message[1] == defects_one_by_one(content + b"\r\n")


@pytest.mark.conformance("C348")
def test_a_chunk_border_inside_crlf_is_no_bare_cr_or_lf() -> None:
    reader = ChunkReader()
    reader.feed(b"a\r")
    reader.feed(b"")
    reader.feed(b"\nb\r\n")
    reader.finish()
    assert reader.defects == CLEAN
    assert reader.size == 6


def test_chunks_that_do_not_end_in_crlf_are_flagged() -> None:
    for content, defects in [
        (b"", CLEAN),
        (b"a\r\n", CLEAN),
        (b"a", Defect.NO_FINAL_CRLF),
        (b"a\n", Defect.NO_FINAL_CRLF | Defect.BARE_LF),
        (b"a\r", Defect.NO_FINAL_CRLF | Defect.BARE_CR),
        (b"x" * 998, Defect.NO_FINAL_CRLF),
        (b"x" * 999, Defect.NO_FINAL_CRLF | Defect.LONG_LINE),
    ]:
        reader = ChunkReader()
        reader.feed(content)
        reader.finish()
        assert reader.defects == defects


def chunked_defects(*chunks: bytes) -> Defect:
    reader = ChunkReader()
    for chunk in chunks:
        reader.feed(chunk)
    reader.finish()
    return reader.defects


@pytest.mark.parametrize("end", [b"", b"x" * 5000, b"\r\n" * 5000])
def test_a_line_that_is_too_long_hides_no_other_defect(end: bytes) -> None:
    everything = Defect.LONG_LINE | Defect.NUL | Defect.EIGHT_BIT | Defect.BARE_CR | Defect.BARE_LF
    chunks = b"\0\xff\ra\nb", b"x" * 993, end
    assert chunked_defects(*chunks) | Defect.NO_FINAL_CRLF == everything | Defect.NO_FINAL_CRLF
    assert chunked_defects(b"".join(chunks)) == chunked_defects(*chunks)


@pytest.mark.parametrize(("border", "defect"), [((b"", b"\n"), Defect.BARE_LF), ((b"\r", b""), Defect.BARE_CR)])
def test_a_lone_cr_or_lf_at_a_border_of_chunks_ends_no_line(border: tuple[bytes, bytes], defect: Defect) -> None:
    before, behind = border
    assert chunked_defects(b"x" * 990 + before, behind + b"y" * 7 + b"\r\n") == defect
    assert chunked_defects(b"x" * 990 + before, behind + b"y" * 8 + b"\r\n") == defect | Defect.LONG_LINE


@pytest.mark.parametrize("begun", [0, 1, 500, 996, 997])
def test_a_line_that_ends_early_in_a_large_chunk_is_as_long_as_it_is(begun: int) -> None:
    assert chunked_defects(b"x" * begun, b"x\r\n" + b"short\r\n" * 3000) == CLEAN
    assert chunked_defects(b"x" * begun, b"x" * (999 - begun) + b"\r\n" + b"short\r\n" * 3000) == Defect.LONG_LINE


@pytest.mark.parametrize("begun", [0, 1, 500, 999])
def test_a_line_is_too_long_as_soon_as_1000_octets_without_its_end_have_come(begun: int) -> None:
    reader = ChunkReader()
    reader.feed(b"x" * begun)
    assert reader.defects == CLEAN
    reader.feed(b"x" * (1000 - begun))
    assert reader.defects == Defect.LONG_LINE
    assert chunked_defects(b"x" * begun, b"x" * 2000, b"\r\n" + b"short\r\n" * 3000) == Defect.LONG_LINE


def test_nothing_is_a_defect_in_a_binary_message() -> None:
    reader = ChunkReader(binary=True)
    reader.feed(bytes(range(256)) * 10)
    reader.finish()
    assert reader.defects == CLEAN
    assert reader.size == 2560


def seconds_for(work: Callable[[bytes], object], data: bytes) -> float:
    best = 1e9
    for _ in range(3):
        begin = time.thread_time()
        work(data)
        best = min(best, time.thread_time() - begin)
    return best


def read_whole(data: bytes) -> None:
    buffer = InputBuffer()
    buffer.feed(data)
    read_out_all(DotReader(), buffer)


def read_trickled(data: bytes) -> None:
    buffer = InputBuffer()
    reader = DotReader()
    for i in range(len(data)):
        buffer.feed(data[i : i + 1])
        reader.read(buffer)


def read_out_all(reader: DotReader, buffer: InputBuffer) -> None:
    while reader.read(buffer):
        pass


def read_message_after_message(data: bytes) -> None:
    buffer = InputBuffer()
    buffer.feed(data)
    while len(buffer):
        read_out_all(DotReader(), buffer)


@pytest.mark.conformance("C323")
@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize(
    ("work", "unit"),
    [
        (read_whole, b"\r\n..." * 16),
        (read_whole, b"x" * 64),
        (read_whole, b".\r" * 32),
        (read_whole, b"\r" * 64),
        (read_trickled, b"\r\n.."),
        (read_trickled, b"x" * 4),
        (read_message_after_message, b"Subject: x\r\n\r\nhello\r\n.\r\n" * 4),
    ],
)
def test_work_grows_with_the_input_and_not_faster(work: Callable[[bytes], None], unit: bytes) -> None:
    # Eight times the input: 8 if linear, 64 if quadratic.
    assert seconds_for(work, unit * 8000) < 30 * seconds_for(work, unit * 1000)
