"""What holds for the reader of every parameter, whatever octets it gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.extensions import Extensions
from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import READERS, UTF8_READERS, parse_parameters, value_of
from smtpcore.spec import PARAMETERS, Value

EVERY_READER = [
    *[pytest.param(reader, id=keyword.decode()) for keyword, reader in READERS.items()],
    *[pytest.param(reader, id=f"{keyword.decode()} with UTF-8") for keyword, reader in UTF8_READERS.items()],
]
EVERYTHING = {
    "SIZE": "0", "8BITMIME": "", "AUTH": "PLAIN", "DSN": "", "SMTPUTF8": "", "REQUIRETLS": "", "DELIVERBY": "",
    "FUTURERELEASE": "", "MT-PRIORITY": "", "RRVS": "", "NO-SOLICITING": "", "MTRK": "", "SUBMITTER": "",
    "CONPERM": "", "CONNEG": "",
}  # fmt: skip
GRAMMAR = Grammar(extensions=Extensions(EVERYTHING), extended=True)

# Near to what the grammars have, so that more than the first octet is looked at.
PIECES = [
    b"+", b"+3D", b"+00", b"+0a", b"=", b";", b",", b"<", b">", b"@", b"a", b"b.c", b"-", b"0", b"1", b"9" * 9,
    b"N", b"R", b"T", b"Z", b":", b".", b"2026-11-25", b"12:00:00", b"+01:00", b"NEVER", b"SUCCESS", b"FULL",
    b"utf-8", b"rfc822", b"\\x{E9}", b"\\x{", b"}", b"\\", b"\xc3\xa9", b"\xc0\xae", b"\xff", b" ", b"\n", b"\0",
]  # fmt: skip
likely = st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join)


@pytest.mark.parametrize("read", EVERY_READER)
@given(value=st.binary(max_size=40) | likely)
@example(b"")
@example(b"9" * 5000)
@example(b"\xd9\xa1\xd9\xa2")
def test_any_octets_are_a_value_or_a_parse_error(read: Callable[[bytes], object], value: bytes) -> None:
    message = "read"
    try:
        read(value)
    except ParseError as error:
        message = str(error)
    assert message not in {"", "None"}, "nothing is said of what is wrong"
    assert message.isascii()
    assert message.isprintable()


def test_each_parameter_with_a_value_has_its_reader() -> None:
    assert {row.keyword for row in PARAMETERS if row.value is Value.REQUIRED} == READERS.keys()
    assert UTF8_READERS.keys() <= READERS.keys()


@given(text=st.binary(max_size=60) | st.lists(likely, max_size=5).map(b" ".join))
@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT"])
def test_any_octets_behind_a_path_are_parameters_or_a_reply(verb: bytes, text: bytes) -> None:
    code = 501
    try:
        parse_parameters(verb, text, GRAMMAR)
    except CommandError as error:
        code = error.reply.code
    assert code in (501, 555)


@pytest.mark.parametrize(
    ("verb", "text", "code", "enhanced"),
    [
        (b"MAIL", b"SIZE=1", 501, "5.5.4"),  # no space before it
        (b"MAIL", b"\tSIZE=1", 501, "5.5.4"),
        (b"MAIL", b" ", 501, "5.5.4"),
        (b"MAIL", b"  SIZE=1", 501, "5.5.4"),
        (b"MAIL", b" SIZE=1 ", 501, "5.5.4"),
        (b"MAIL", b" =x", 501, "5.5.4"),
        (b"MAIL", b" X==", 555, "5.5.4"),  # not known, so it has no form
        (b"MAIL", b" ;", 501, "5.5.4"),
        (b"MAIL", b" \xc3\xa9=1", 501, "5.5.4"),
        (b"MAIL", b" SIZE=\xd9\xa1\xd9\xa2", 501, "5.5.2"),
        (b"MAIL", b" AUTH=\xc3\xa9@x.org", 501, "5.5.2"),
        (b"MAIL", b" SMTPUTF8 ENVID=\xc3\xa9", 501, "5.5.2"),
        (b"MAIL", b" -X", 501, "5.5.4"),
        (b"MAIL", b" " + b"k" * 400, 555, "5.5.4"),
        (b"MAIL", b" " + b"SIZE=1 " * 9999 + b"SIZE=1", 501, "5.5.4"),
        (b"MAIL", b" SIZE=1 size=2", 501, "5.5.4"),
        (b"MAIL", b" MT-PRIORITY=1 MT-PRIORITY=1", 501, "5.5.2"),
        (b"MAIL", b" MT-PRIORITY=10", 501, "5.5.2"),
        (b"MAIL", b" MT-PRIORITY", 501, "5.5.2"),
        (b"MAIL", b" SIZE", 501, "5.5.4"),
        (b"MAIL", b" SIZE=", 501, "5.5.4"),
        (b"MAIL", b" BODY", 501, "5.5.4"),
        (b"MAIL", b" SMTPUTF8=1", 501, "5.5.4"),
        (b"MAIL", b" SMTPUTF8=", 501, "5.5.4"),
        (b"MAIL", b" REQUIRETLS=x", 501, "5.5.4"),
        (b"MAIL", b" CONPERM=", 501, "5.5.4"),
        (b"RCPT", b" CONNEG=x", 501, "5.5.4"),
        (b"RCPT", b" RRVS", 501, "5.5.4"),
        (b"MAIL", b" NOTIFY=NEVER", 555, "5.5.4"),  # of the other command
        (b"RCPT", b" SIZE=1", 555, "5.5.4"),
        (b"RCPT", b" SMTPUTF8", 555, "5.5.4"),
        (b"MAIL", b" TRANSID=<1@x.org>", 555, "5.5.4"),
        (b"RCPT", b" ALT-ADDRESS=a@b.c", 555, "5.5.4"),
    ],
)
def test_parameters_that_are_refused(verb: bytes, text: bytes, code: int, enhanced: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_parameters(verb, text, GRAMMAR)
    assert (caught.value.reply.code, str(caught.value.reply.enhanced)) == (code, enhanced)


def test_parameters_come_in_any_order_and_case_and_keep_that_of_their_values() -> None:
    params = parse_parameters(b"MAIL", b" envid=QqQ314 Size=5 smtputf8 REQUIRETLS", GRAMMAR)
    assert list(params) == ["ENVID", "SIZE", "SMTPUTF8", "REQUIRETLS"]
    assert params["SMTPUTF8"] is params["REQUIRETLS"] is True


def test_a_value_is_only_given_out_as_what_it_is_said_to_be() -> None:
    assert value_of({"SIZE": 5}, "SIZE", int) == 5
    assert value_of({"SIZE": "5"}, "SIZE", int) is None
    assert value_of({}, "SIZE", int) is None
