"""RET, ENVID and NOTIFY (RFC 3461)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.params.dsn import Envid, Notify, Ret, parse_envid, parse_notify, parse_ret
from smtpcore.params.xtext import decode, encode


@given(octets=st.binary())
def test_xtext_takes_any_octets_there_and_back(octets: bytes) -> None:
    text = encode(octets)
    assert decode(text) == octets
    assert text.isascii()
    assert not set(text) & set(b" =\r\n\0")


def test_xtext_has_as_few_escapes_as_there_can_be() -> None:
    assert encode(b"e=mc2+@ \x00\xff~!") == b"e+3Dmc2+2B@+20+00+FF~!"


@pytest.mark.parametrize("text", [b"+", b"+4", b"+zz", b"a=b", b"a b", b"a\n", b"+3D\n", b"\x7f", b"\xc3\xa9", b"++3D"])
def test_what_is_no_xtext(text: bytes) -> None:
    with pytest.raises(ParseError):
        decode(text)


def test_xtext_takes_digits_in_either_case_and_utf8_where_it_may() -> None:
    assert decode(b"a+3d+3Db") == b"a==b"
    assert decode(b"+C3\xa9", utf8=True) == b"\xc3\xa9"


@pytest.mark.parametrize(("value", "ret"), [(b"FULL", Ret.FULL), (b"full", Ret.FULL), (b"hDrS", Ret.HDRS)])
def test_ret_has_two_values_in_any_case(value: bytes, ret: Ret) -> None:
    assert parse_ret(value) is ret


@pytest.mark.conformance("C268")
@pytest.mark.parametrize("value", [b"ALL", b"", b"FULL,HDRS", b"HEADERS", b"FULL ", b"\xef\xac\x81"])
def test_other_values_of_ret_are_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        parse_ret(value)


@pytest.mark.conformance("C271", "C272", "C274")
@pytest.mark.parametrize(
    ("value", "decoded"),
    [(b"a+3Db", "a=b"), (b"a+3db", "a=b"), (b"QqQ314159", "QqQ314159"), (b"a+20b", "a b"), (b"x" * 100, "x" * 100)],
)
def test_an_envid_is_decoded_and_kept_as_it_came(value: bytes, decoded: str) -> None:
    envid = parse_envid(value)
    assert (envid.value, envid.raw, envid.to_wire()) == (decoded, value, value)
    assert envid == Envid(decoded)


@pytest.mark.conformance("C107", "C271", "C272")
@pytest.mark.threat("T-PARAM")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"x" * 101, b"a+0Ab", b"a+0Db", b"a+00b", b"a+FFb", b"a+09b", b"a+7Fb", b"+C3+A9",
        b"a+3", b"a+zz", b"+", b"a=b", b"a b", b"\xc3\xa9",
    ],
)  # fmt: skip
def test_an_envid_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        parse_envid(value)


@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=33))
def test_an_envid_of_printable_ascii_can_be_sent(text: str) -> None:
    assert parse_envid(Envid(text).to_wire()) == Envid(text)


@given(envid=st.builds(Envid, st.text(max_size=120), st.binary(max_size=10)))
def test_an_envid_is_never_sent_as_another(envid: Envid) -> None:
    try:
        wire = envid.to_wire()
    except ParseError:
        return
    assert parse_envid(wire) == envid


@pytest.mark.parametrize(
    "envid", [Envid("a\r\nRCPT TO:<e@x>"), Envid(""), Envid("\xe9"), Envid("\ud800"), Envid("a", b"b")]
)
def test_an_envid_that_cannot_be_sent_is_said_so(envid: Envid) -> None:
    with pytest.raises(ParseError) as caught:
        envid.to_wire()
    assert str(caught.value) not in {"", "None"}, "nothing is said of what is wrong"


@pytest.mark.conformance("C269", "C270")
@pytest.mark.parametrize(
    ("value", "notify"),
    [
        (b"NEVER", Notify.NEVER),
        (b"never", Notify.NEVER),
        (b"SUCCESS", Notify.SUCCESS),
        (b"success,Failure", Notify.SUCCESS | Notify.FAILURE),
        (b"DELAY,FAILURE,SUCCESS", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY),
    ],
)
def test_notify_is_never_or_a_list_in_any_order_and_case(value: bytes, notify: Notify) -> None:
    assert parse_notify(value) is notify
    assert parse_notify(notify.to_wire()) is notify


@pytest.mark.conformance("C269")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"NEVER,SUCCESS", b"SUCCESS,NEVER", b"NEVER,NEVER", b"SUCCESS,SUCCESS", b"ALWAYS", b"SUCCESS,",
        b",SUCCESS", b"SUCCESS,,DELAY", b"SUCCESS;DELAY", b"SUCCESS, DELAY", b"SUCCE\xc5\xbfS",
    ],
)  # fmt: skip
def test_a_notify_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_notify(value)
    assert str(caught.value) not in {"", "None"}, "nothing is said of what is wrong"


@pytest.mark.parametrize("notify", [Notify(0), Notify.NEVER | Notify.DELAY])
def test_a_notify_that_nobody_could_read_is_not_sent(notify: Notify) -> None:
    with pytest.raises(ParseError):
        notify.to_wire()
