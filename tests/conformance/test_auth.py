"""C228 to C238 and C327: AUTH on the wire."""

from __future__ import annotations

import pytest

from smtpcore.commands import Auth, SaslCancel, SaslResponse
from smtpcore.events import Event, Rejected
from smtpcore.replies import Reply
from smtpcore.spec import State
from tests.wire import EHLO, accept, converse, hold, last, refuse, replies


@pytest.mark.conformance("C230", "C231")
@pytest.mark.parametrize("line", [b"AUTH PLAIN AGEAYg==", b"auth plain AGEAYg==", b"aUTH pLAIN AGEAYg== "])
def test_a_mechanism_has_no_case_and_the_response_has(line: bytes) -> None:
    assert converse(EHLO + b"\r\n" + line + b"\r\n").events[-1] == Auth("PLAIN", b"\0a\0b")


@pytest.mark.conformance("C233", "C234")
@pytest.mark.parametrize(
    ("text", "initial", "malformed"),
    [
        (b"", None, False),
        (b" =", b"", False),
        (b" AAAA", b"\0\0\0", False),
        (b" !!!!", None, True),
        (b" =AAA", None, True),
        (b" AAA=BBB", None, True),
        (b" AGEAYg", None, True),
        (b" AGEAYg== x", None, True),
        (b" AGEAYh==", None, True),
        (b" AGEA====", None, True),
        (b" ====", None, True),
        (b" AGE", None, True),
        (b" AGEA-_AA", None, True),
        (b"  AAAA", None, True),
        (b" *", None, True),
    ],
)
def test_the_initial_response_is_base64_to_the_letter(text: bytes, initial: bytes | None, malformed: bool) -> None:
    assert converse(EHLO + b"\r\nAUTH PLAIN" + text + b"\r\n").events[-1] == Auth("PLAIN", initial, malformed)


@pytest.mark.conformance("C232", "C233", "C235")
@pytest.mark.parametrize(
    ("line", "event", "reply"),
    [
        (b"AGEAYg==", SaslResponse(b"\0a\0b"), "235 2.7.0"),
        (b"", SaslResponse(b""), "235 2.7.0"),
        (b"*", SaslCancel(), "501 5.7.0"),
        (b"* ", None, "501 5.5.2"),
        (b"=", None, "501 5.5.2"),
        (b"AGEAYg== ", None, "501 5.5.2"),
        (b" AGEAYg==", None, "501 5.5.2"),
        (b"AGEAYg==\t", None, "501 5.5.2"),
        (b"AGEAYh==", None, "501 5.5.2"),
        (b"AGEA\x01AAA", None, "501 5.5.2"),
        (b"\xc3\xa9\xc3\xa9", None, "501 5.5.2"),
        (b"EHLO x", None, "501 5.5.2"),
    ],
)
def test_every_line_of_an_exchange_is_a_response(line: bytes, event: Event | None, reply: str) -> None:
    talk = converse(EHLO + b"\r\nAUTH PLAIN\r\n" + line + b"\r\nNOOP\r\n")
    assert talk.replies == ["250", "334", reply, "250 2.0.0"]
    assert talk.state is State.READY
    assert (talk.events[2] == event) if event is not None else isinstance(talk.events[2], Rejected)


@pytest.mark.conformance("C235")
def test_an_empty_challenge_is_the_code_and_a_space() -> None:
    assert converse(EHLO + b"\r\nAUTH PLAIN\r\n").output.endswith(b"\r\n334 \r\n")


@pytest.mark.conformance("C327")
@pytest.mark.threat("T-LINE")
@pytest.mark.parametrize("line", [b"AGEA\nYg==", b"AGEA\rYg==", b"AGEA\0Yg==", b"\n", b"AGEA\r\rNOOP"])
def test_a_line_fault_ends_the_exchange_and_not_the_session(line: bytes) -> None:
    assert replies(EHLO, b"AUTH PLAIN", line, b"NOOP") == ["250", "334", "501 5.5.2", "250 2.0.0"]


@pytest.mark.conformance("C237", "C238")
@pytest.mark.parametrize(("quads", "reply"), [(3071, "235 2.7.0"), (3072, "500 5.5.6"), (4000, "500 5.5.6")])
def test_a_response_has_12288_octets_with_its_crlf_and_no_more(quads: int, reply: str) -> None:
    line = b"AAAA" * quads + b"\r\n"
    talk = hold([EHLO + b"\r\nAUTH PLAIN\r\n", line, b"NOOP\r\n"])
    assert talk.replies == ["250", "334", reply, "250 2.0.0"]
    assert hold([EHLO + b"\r\nAUTH PLAIN\r\n" + line[:9000], line[9000:] + b"NOOP\r\n"]) == talk


@pytest.mark.conformance("C237", "C238")
def test_an_auth_command_has_as_much_room() -> None:
    room = {"max_auth_line": 100}
    assert last(EHLO, b"AUTH PLAIN " + b"A" * 84, **room) == "235 2.7.0"
    assert last(EHLO, b"AUTH PLAIN " + b"A" * 88, **room) == "235 2.7.0"  # a command line has 512
    assert last(EHLO, b"AUTH PLAIN " + b"A" * 500, **room) == "500 5.5.6"
    assert last(EHLO, b"AUTH PLAIN", b"A" * 100, **room) == "500 5.5.6"
    assert hold([EHLO + b"\r\nAUTH PLAIN " + b"A" * 12272 + b"\r\n"]).replies[-1] == "235 2.7.0"
    assert hold([EHLO + b"\r\nAUTH PLAIN " + b"A" * 12276 + b"\r\nNOOP\r\n"]).replies[1:] == ["500 5.5.6", "250 2.0.0"]


def test_an_endless_response_is_421() -> None:
    talk = hold([EHLO + b"\r\nAUTH PLAIN\r\n", b"A" * 70000])
    assert talk.replies[-1] == "421 4.7.0"
    assert talk.state is State.CLOSED


@pytest.mark.parametrize("reply", [Reply(535, "No", "5.7.8"), Reply(454, "Later", "4.7.0"), Reply(501, "No", "5.5.2")])
def test_a_failure_leads_back_and_leaves_who_one_is(reply: Reply) -> None:
    no = refuse(Auth, SaslResponse, reply=reply)
    assert replies(EHLO, b"AUTH PLAIN AGEAYg==", b"AUTH PLAIN AGEAYg==", b"MAIL FROM:<>", answer=no)[2:] == [
        f"{reply.code} {reply.enhanced}", "250 2.1.0",
    ]  # fmt: skip
    no = refuse(SaslResponse, reply=reply)
    assert replies(EHLO, b"AUTH PLAIN", b"AGEAYg==", b"AUTH PLAIN AGEAYg==", answer=no)[2:] == [
        f"{reply.code} {reply.enhanced}", "235 2.7.0",
    ]  # fmt: skip


def test_an_exchange_may_take_several_rounds() -> None:
    left = [Reply(334, "YQ=="), Reply(334), Reply(235, "OK")]

    def answer(event: Event) -> Reply | None:
        return left.pop(0) if isinstance(event, SaslResponse) else accept(event)

    talk = hold([EHLO + b"\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\nYw==\r\nAUTH LOGIN\r\n"], answer=answer)
    assert talk.replies == ["250", "334", "334", "334", "235 2.7.0", "503 5.5.1"]


@pytest.mark.conformance("C248")
@pytest.mark.parametrize(
    "lines",
    [
        [b"AUTH PLAIN AGEAc2VjcmV0"],
        [EHLO, b"AUTH PLAIN AGEAc2VjcmV0"],
        [EHLO, b"AUTH PLAIN AGEAc2VjcmV0!"],
        [EHLO, b"AUTH PLAIN", b"AGEAc2VjcmV0"],
        [EHLO, b"AUTH PLAIN", b"AGEAc2VjcmV0 "],
        [EHLO, b"auth  plain AGEAc2VjcmV0"],
        [b" AUTH PLAIN AGEAc2VjcmV0"],
        [b"AUTH PLAIN AGEAc2VjcmV0\x01"],
        [b"AUTH", b"AGEAc2VjcmV0"],
    ],
)
def test_no_event_shows_a_secret(lines: list[bytes]) -> None:
    talk = converse(b"\r\n".join([*lines, b""]))
    assert "AGEA" not in repr(talk.events).upper().replace("PLAIN", "")
    assert "secret" not in repr(talk.events)
    assert b"AGEA" not in talk.output


def test_the_line_of_an_auth_is_in_no_event_either() -> None:
    for line in (b"AUTH PLAIN AGEAYg==", b"AUTH", b"auth plain \x01", b"AUTH " + b"x" * 20000):
        talk = hold([line + b"\r\n"])
        assert [event.line for event in talk.events if isinstance(event, Rejected)] == [b""]
