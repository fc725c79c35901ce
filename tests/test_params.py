"""What is common to all ESMTP parameters; tests/params has each family."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpcore.custom import CustomExtension, CustomParameter
from smtpcore.extensions import Extensions
from smtpcore.grammar import CommandError, Grammar
from smtpcore.leniencies import Leniencies
from smtpcore.params import NO_PARAMETERS, asks_for_utf8, parse_parameters
from smtpcore.params.body import BodyType

EVERYTHING = Grammar(
    extensions=Extensions({"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "AUTH": "PLAIN"}), extended=True
)


def refused(text: bytes, grammar: Grammar = EVERYTHING, verb: bytes = b"MAIL") -> str:
    with pytest.raises(CommandError) as caught:
        parse_parameters(verb, text, grammar)
    return f"{caught.value.reply.code} {caught.value.reply.enhanced}"


def test_parameters_are_kept_by_keyword_in_upper_case_in_any_order() -> None:
    params = parse_parameters(b"MAIL", b" body=7bit Smtputf8 SIZE=3", EVERYTHING)
    assert list(params.items()) == [("BODY", BodyType.SEVEN_BIT), ("SMTPUTF8", True), ("SIZE", 3)]


def test_no_parameters_are_a_mapping_that_nobody_can_fill() -> None:
    assert dict(NO_PARAMETERS) == {}
    with pytest.raises(TypeError):
        NO_PARAMETERS["SIZE"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (b" SMTPUTF8=1", "501 5.5.4"),
        (b" SMTPUTF8=", "501 5.5.4"),
        (b" SIZE", "501 5.5.4"),
        (b" SIZE=", "501 5.5.4"),
        (b" ENVID=a=b", "501 5.5.4"),
        (b" SMTPUTF8 SIZE=\xd9\xa1", "501 5.5.2"),
        (b" SMTPUTF8 smtputf8", "501 5.5.4"),
        (b" \xc3\xa9=1", "501 5.5.4"),
        (b"X=1", "501 5.5.4"),
        (b" ", "501 5.5.4"),
        (b" X" + 400 * b"x", "555 5.5.4"),
    ],
)
def test_the_first_fault_answers(text: bytes, reply: str) -> None:
    assert refused(text) == reply


@pytest.mark.parametrize("text", [b" X\tSMTPUTF8", b" SMTPUTF8\x0b", b" X=SMTPUTF8", b" SMTPUTF8=1"])
def test_nothing_but_spaces_separates_parameters(text: bytes) -> None:
    assert not asks_for_utf8(text, EVERYTHING)
    assert asks_for_utf8(text + b" smtputf8", EVERYTHING)


def test_a_parameter_belongs_to_its_command() -> None:
    assert refused(b" SIZE=1", verb=b"RCPT") == "555 5.5.4"
    assert refused(b" NOTIFY=NEVER") == "555 5.5.4"


def custom(value: bytes) -> int:
    """A reader of an application's, which raises what int() raises."""
    return int(value)


@pytest.mark.parametrize("wrong", ["SIZE=1 SIZE=1", "SIZE", "SIZE=", "SIZE=x", "SMTPUTF8=1", "XAGE=x", "XAGE"])
def test_the_reply_names_the_parameter_that_is_wrong(wrong: str) -> None:
    age = CustomParameter(verb="MAIL", keyword="XAGE", room=20, read=custom)
    extensions = Extensions(
        {"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "XAGES": ""},
        custom=[CustomExtension(keyword="XAGES", parameters=(age,))],
    )
    known = Grammar(extensions=extensions, extended=True)
    assert parse_parameters(b"MAIL", b" XAGE=5", known) == {"XAGE": 5}
    with pytest.raises(CommandError) as caught:
        parse_parameters(b"MAIL", b" " + wrong.encode(), known)
    reply = caught.value.reply
    assert (reply.code, str(reply.enhanced)) == (501, "5.5.4")
    assert reply.text.startswith(wrong.partition("=")[0])


def test_a_command_has_so_many_parameters_and_no_more() -> None:
    known = replace(EVERYTHING, max_params=2)
    assert len(parse_parameters(b"MAIL", b" SIZE=1 BODY=7BIT", known)) == 2
    assert refused(b" SIZE=1 BODY=7BIT SMTPUTF8", known) == "501 5.5.4"


def test_ten_thousand_parameters_are_not_read() -> None:
    assert refused(10000 * b" SIZE=1") == "501 5.5.4"


@pytest.mark.conformance("C104")
def test_after_helo_only_the_leniency_knows_any() -> None:
    lenient = Grammar(Leniencies(helo_params=True))
    assert parse_parameters(b"MAIL", b" SIZE=1", lenient) == {"SIZE": 1}
    assert refused(b" SIZE=1", lenient, b"RCPT") == "555 5.5.4"
    assert refused(b" SIZE=1", Grammar()) == "555 5.5.4"
    assert refused(b" SIZE=1 SIZE=1", lenient) == "501 5.5.4"
