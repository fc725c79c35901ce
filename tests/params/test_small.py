"""MT-PRIORITY, SOLICIT, MTRK, and what MAIL may not combine."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import mtrk, priority, soliciting
from smtpcore.params.combinations import check_mail
from smtpcore.params.dsn import parse_envid
from smtpcore.params.mtrk import Mtrk


@pytest.mark.conformance("C278")
def test_a_priority_is_minus_nine_to_nine() -> None:
    assert [priority.parse(b"%d" % number) for number in range(-9, 10)] == list(range(-9, 10))


@pytest.mark.conformance("C278")
@pytest.mark.parametrize("value", [b"", b"10", b"-10", b"+3", b"03", b"-0", b"--1", b"1.0", b" 1", b"1\n", b"\xd9\xa1"])
def test_a_priority_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        priority.parse(value)


@pytest.mark.parametrize(
    ("value", "keywords"),
    [
        (b"org.example:ADV:ADLT", ("org.example:ADV:ADLT",)),
        (b"org.example:ADV,com.example:a_b-c", ("org.example:ADV", "com.example:a_b-c")),
        (b"a" * 1000, ("a" * 1000,)),
    ],
)
def test_solicitation_keywords(value: bytes, keywords: tuple[str, ...]) -> None:
    assert soliciting.parse(value) == keywords


@pytest.mark.parametrize(
    "value", [b"", b",", b"a,", b",a", b"a,,b", b"1a", b"a b", b"a;b", b"a" * 1001, b"a\n", b"\xc3\xa9"]
)
def test_solicitation_keywords_that_are_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        soliciting.parse(value)


HASH = bytes(range(20))
WIRE = b"AAECAwQFBgcICQoLDA0ODxAREhM"


@pytest.mark.parametrize(
    ("value", "request_"),
    [(WIRE, Mtrk(HASH)), (WIRE + b":0", Mtrk(HASH, 0)), (WIRE + b":999999999", Mtrk(HASH, 999_999_999))],
)
def test_a_request_to_track(value: bytes, request_: Mtrk) -> None:
    assert mtrk.parse(value) == request_
    assert request_.to_wire() == value


@pytest.mark.parametrize(
    "value",
    [
        b"", WIRE[:-1], WIRE + b"A", WIRE + b"=", WIRE[:-1] + b"N", WIRE[:-1] + b"-", WIRE + b":", WIRE + b":-1",
        WIRE + b":1000000000", WIRE + b":+5", WIRE + b";5", b":5", WIRE + b"\n",
    ],
)  # fmt: skip
def test_a_request_to_track_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        mtrk.parse(value)


@given(request_=st.builds(Mtrk, st.binary(min_size=20, max_size=20), st.none() | st.integers(0, 999_999_999)))
def test_every_request_to_track_can_be_sent(request_: Mtrk) -> None:
    assert mtrk.parse(request_.to_wire()) == request_


@pytest.mark.parametrize("request_", [Mtrk(b""), Mtrk(b"x" * 21), Mtrk(b"x" * 19), Mtrk(HASH, -1), Mtrk(HASH, 10**9)])
def test_a_request_to_track_that_nobody_could_read_is_not_sent(request_: Mtrk) -> None:
    with pytest.raises(ParseError):
        request_.to_wire()


@pytest.mark.parametrize(
    "params", [{"HOLDFOR": 5, "HOLDUNTIL": 5}, {"MTRK": 1}, *({"MTRK": 1, "ENVID": parse_envid(envid)} for envid in
               (b"abc", b"@host", b"abc@", b"a@b@c"))]
)  # fmt: skip
def test_parameters_that_cannot_stand_so(params: dict[str, object]) -> None:
    with pytest.raises(CommandError) as caught:
        check_mail(params, Grammar())
    assert re.match(rb"501 5\.5\.4 ", caught.value.reply.to_wire())


@pytest.mark.parametrize(
    "params", [{}, {"HOLDFOR": 5}, {"HOLDUNTIL": 5}, {"MTRK": 1, "ENVID": parse_envid(b"abc@host")}]
)
def test_parameters_that_can_stand_so(params: dict[str, object]) -> None:
    check_mail(params, Grammar())
