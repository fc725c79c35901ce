"""Replies as a client reads them: what is taken, what is refused, and how much of it."""

from __future__ import annotations

import pytest

from smtpcore import EnhancedCode, RemoteProtocolError, Reply
from smtpcore.lines import InputBuffer
from smtpcore.reply_reader import ReplyLimits, ReplyReader

from .feeding import read_alike


def replies(data: bytes, *, enhanced: bool = True, limits: ReplyLimits | None = None) -> list[Reply]:
    """All replies in the octets, which are cut in every way."""

    def read(pieces: list[bytes]) -> tuple[list[Reply], bytes]:
        source = InputBuffer()
        reader = ReplyReader(source, limits or ReplyLimits())
        found = []
        for piece in pieces:
            source.feed(piece)
            while (reply := reader.next_reply(enhanced=enhanced)) is not None:
                found.append(reply)
        return found, source.take(len(source))

    return read_alike(read, data)


def reply(data: bytes, *, enhanced: bool = True) -> Reply:
    """The one reply that the octets are."""
    [only] = replies(data, enhanced=enhanced)
    return only


def read_whole(data: bytes, limits: ReplyLimits) -> Reply:
    """The reply that the octets are, which come in one piece: those that are too many to be cut everywhere."""
    source = InputBuffer()
    source.feed(data)
    found = ReplyReader(source, limits).next_reply(enhanced=True)
    assert found is not None
    return found


def refused(data: bytes, limits: ReplyLimits | None = None) -> str:
    """Why the octets are no reply."""
    with pytest.raises(RemoteProtocolError) as caught:
        replies(data, limits=limits)
    return str(caught.value)


def test_a_reply_has_its_code_its_enhanced_code_and_its_text() -> None:
    found = reply(b"250 2.1.5 fine\r\n")
    assert found == Reply(250, "fine", "2.1.5")
    assert found.enhanced == EnhancedCode(2, 1, 5)
    assert found.text == "fine"


@pytest.mark.conformance("C030", "C165")
def test_many_lines_are_one_reply() -> None:
    assert reply(b"250-2.1.0 a\r\n250-2.1.0 b\r\n250 2.1.0 c\r\n") == Reply(250, ["a", "b", "c"], "2.1.0")


@pytest.mark.conformance("C162")
@pytest.mark.parametrize(
    ("octets", "lines"),
    [
        (b"250\r\n", ("",)),
        (b"250 \r\n", ("",)),
        (b"250-a\r\n250\r\n", ("a", "")),
        (b"250-\r\n250-\r\n250 \r\n", ("", "", "")),
        (b"250  two spaces \r\n", (" two spaces ",)),
    ],
)
def test_a_text_may_be_missing_and_the_space_before_it_too(octets: bytes, lines: tuple[str, ...]) -> None:
    found = reply(octets)
    assert found.lines == lines
    assert found.enhanced is None


@pytest.mark.conformance("C163")
def test_unknown_codes_are_taken_by_their_first_digit() -> None:
    found = replies(b"259 a\r\n399 b\r\n499 c\r\n599 d\r\n571 e\r\n")
    assert [r.code for r in found] == [259, 399, 499, 599, 571]
    assert [(r.positive, r.intermediate, r.temporary, r.permanent) for r in found[:4]] == [
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
    ]


@pytest.mark.conformance("C164")
@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    "octets",
    [
        b"150 x\r\n",
        b"650 x\r\n",
        b"abc\r\n",
        b"25 x\r\n",
        b"2500 x\r\n",
        b"250ok\r\n",
        b"\r\n",
        b" 250 x\r\n",
        b"250\tx\r\n",
    ],
)
def test_what_is_no_reply_is_the_end(octets: bytes) -> None:
    assert "no reply" in refused(octets)


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("octets", [b"250 a\nb\r\n", b"250 a\rb\r\n", b"250 a\0b\r\n", b"250 a\n"])
def test_only_crlf_ends_a_line(octets: bytes) -> None:
    assert "bare CR, a bare LF or NUL" in refused(octets)


@pytest.mark.conformance("C166")
@pytest.mark.threat("T-CLIENT")
def test_the_lines_of_a_reply_have_one_code() -> None:
    assert "different codes" in refused(b"250-a\r\n550 b\r\n")


@pytest.mark.conformance("C167")
@pytest.mark.threat("T-CLIENT")
def test_a_reply_has_so_many_lines_and_no_more() -> None:
    limits = ReplyLimits(max_lines=3)
    assert len(replies(b"250-x\r\n250-x\r\n250 x\r\n", limits=limits)) == 1
    assert "more than 3 lines" in refused(b"250-x\r\n" * 4, limits)


@pytest.mark.threat("T-CLIENT")
def test_a_reply_has_so_many_octets_and_no_more() -> None:
    limits = ReplyLimits(max_octets=21)
    assert len(replies(b"250-x\r\n250-x\r\n250 x\r\n250-y\r\n250-y\r\n250 y\r\n", limits=limits)) == 2
    assert "more octets" in refused(b"250-x\r\n250-x\r\n250 xx\r\n", limits)


def test_a_line_has_so_many_octets_and_no_more() -> None:
    limits = ReplyLimits(max_line=10)
    assert len(replies(b"250 1234\r\n", limits=limits)) == 1
    assert "more octets" in refused(b"250 12345\r\n", limits)


@pytest.mark.threat("T-CLIENT")
def test_a_line_that_never_ends_is_not_kept() -> None:
    source = InputBuffer()
    reader = ReplyReader(source, ReplyLimits.hardened())
    for _ in range(12):
        source.feed(b"250 " + b"x" * 1000)
        assert reader.next_reply(enhanced=True) is None
    source.feed(b"x" * 1000)
    with pytest.raises(RemoteProtocolError, match="a reply line over"):
        reader.next_reply(enhanced=True)


def test_a_challenge_may_be_as_long_as_a_response() -> None:
    challenge = b"A" * 12286
    assert reply(b"334 " + challenge + b"\r\n").lines == (challenge.decode(),)


def test_only_the_first_line_of_a_challenge_may_be_so_long() -> None:
    assert "more octets" in refused(b"334-" + b"x" * 12000 + b"\r\n334 " + b"x" * 5000 + b"\r\n")
    assert "more octets" in refused(b"334-x\r\n" * 20, ReplyLimits(max_octets=100))


@pytest.mark.parametrize("octets", [b"250 5.1.1 x\r\n", b"250 2.1 x\r\n", b"250 2.01.0 x\r\n", b"250 2.1.0x\r\n"])
def test_what_is_no_enhanced_code_of_the_class_is_text(octets: bytes) -> None:
    found = reply(octets)
    assert found.enhanced is None
    assert found.text == octets[4:-2].decode()


@pytest.mark.parametrize("code", [200, 201, 299, 400, 403, 499, 500, 501, 504, 599])
def test_the_class_of_an_enhanced_code_is_the_first_digit_of_the_code(code: int) -> None:
    found = reply(b"%d %d.1.0 x\r\n" % (code, code // 100))
    assert found.enhanced == EnhancedCode(code // 100, 1, 0)
    assert found.text == "x"


def test_an_enhanced_code_may_stand_alone() -> None:
    found = reply(b"250 2.0.0\r\n")
    assert (str(found.enhanced), found.text) == ("2.0.0", "")


def test_the_enhanced_code_is_taken_off_the_lines_that_have_it() -> None:
    found = reply(b"550-5.1.1 a\r\n550-b\r\n550-5.7.1 c\r\n550 5.1.1\r\n")
    assert (str(found.enhanced), found.lines) == ("5.1.1", ("a", "b", "5.7.1 c", ""))


def test_where_none_may_be_it_is_text() -> None:
    found = reply(b"250 2.0.0 name\r\n", enhanced=False)
    assert (found.enhanced, found.text) == (None, "2.0.0 name")


def test_a_421_says_that_the_connection_ends() -> None:
    assert reply(b"421 4.3.2 bye\r\n").close
    assert not reply(b"554 5.3.2 bye\r\n").close


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"a\x1b[2Jb", r"a\x{1b}[2Jb"),
        (b"a\tb", "a\tb"),
        ("h\u00e9".encode(), "h\u00e9"),
        (b"h\xe9", r"h\xe9"),
        ("\u2028\u0085".encode(), r"\x{2028}\x{85}"),
    ],
)
def test_the_text_cannot_harm_a_log(octets: bytes, text: str) -> None:
    assert reply(b"250 " + octets + b"\r\n").text == text


def test_a_hardened_client_reads_less() -> None:
    limits = ReplyLimits.hardened()
    assert len(replies(b"250 " + b"x" * 994 + b"\r\n", limits=limits)) == 1
    assert "more octets" in refused(b"250 " + b"x" * 995 + b"\r\n", limits)
    assert len(replies(b"250-\r\n" * 127 + b"250 \r\n", limits=limits)) == 1
    assert "more than 128 lines" in refused(b"250-\r\n" * 129, limits)
    most = (b"250-" + b"x" * 506 + b"\r\n") * 31 + b"250 " + b"x" * 506 + b"\r\n"
    assert len(most) == 16384
    assert read_whole(most, limits).code == 250
    with pytest.raises(RemoteProtocolError, match="more octets"):
        read_whole(most[:-2] + b"x\r\n", limits)
    assert limits.max_keywords == 128 < ReplyLimits().max_keywords


def test_limits_are_positive() -> None:
    for wrong in ({"max_lines": 0}, {"max_octets": 0}, {"max_keywords": 0}, {"max_keywords": -1}):
        with pytest.raises(ValueError, match="positive"):
            ReplyLimits(**wrong)
    with pytest.raises(ValueError, match="room for a code"):
        ReplyLimits(max_line=4)
    least = ReplyLimits(max_line=5, max_lines=1, max_octets=5, max_keywords=1)
    assert [found.code for found in replies(b"250\r\n251\r\n", limits=least)] == [250, 251]
