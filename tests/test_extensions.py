from __future__ import annotations

import pytest

from smtpcore.custom import CustomExtension, CustomParameter
from smtpcore.extensions import NONE, Extensions


def test_extensions_are_a_mapping_of_keywords_without_case() -> None:
    extensions = Extensions({"pipelining": "", "Size": "1000"})
    assert dict(extensions) == {"PIPELINING": "", "SIZE": "1000"}
    assert extensions["size"] == extensions["SIZE"] == "1000"
    assert "pIPELINING" in extensions
    assert "DSN" not in extensions
    assert len(extensions) == 2
    assert extensions.lines() == ["PIPELINING", "SIZE 1000"]
    assert repr(extensions) == "Extensions({'PIPELINING': '', 'SIZE': '1000'})"


def test_unknown_keywords_are_kept_and_put_nothing_in_force() -> None:
    extensions = Extensions({"X-FOO": "a b=c", "8BITMIME": ""})
    assert extensions.lines() == ["X-FOO a b=c", "8BITMIME"]
    assert set(extensions.parameters) == {(b"MAIL", b"BODY")}
    assert (extensions.mail_room, extensions.rcpt_room) == (14, 0)


@pytest.mark.conformance("C040")
@pytest.mark.parametrize(
    "keyword", ["", "-A", "A_B", "A B", "A=", "A\r\n", "A\n", "é", "\u017fIZE", "S\u0130ZE", "\u212aEY"]
)
def test_a_keyword_fits_the_grammar(keyword: str) -> None:
    with pytest.raises(ValueError, match="no EHLO keyword"):
        Extensions({keyword: ""})
    assert keyword not in Extensions({"SIZE": "", "KEY": ""})


@pytest.mark.conformance("C040")
@pytest.mark.parametrize("text", [" ", " a", "a ", "a  b", "a\tb", "a\r\nb", "a\n", "é", "\x7f"])
def test_parameters_fit_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="do not fit the grammar"):
        Extensions({"SIZE": text})


@pytest.mark.conformance("C040")
@pytest.mark.parametrize(
    "keyword", ["PIPELINING", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES", "EXPN", "HELP", "CHUNKING"]
)
def test_some_extensions_have_no_parameters(keyword: str) -> None:
    with pytest.raises(ValueError, match=f"the extension {keyword} takes no parameters"):
        Extensions({keyword: "x"})


def test_an_extension_brings_the_one_it_requires() -> None:
    with pytest.raises(ValueError, match="SMTPUTF8 requires 8BITMIME"):
        Extensions({"SMTPUTF8": ""})
    assert "SMTPUTF8" in Extensions({"SMTPUTF8": "", "8BITMIME": ""})


def test_the_room_is_the_sum_of_what_is_announced() -> None:
    extensions = Extensions({"SIZE": "", "8BITMIME": "", "AUTH": "PLAIN"})
    assert (extensions.mail_room, extensions.rcpt_room) == (26 + 14 + 500, 0)
    assert set(extensions.parameters) == {(b"MAIL", b"SIZE"), (b"MAIL", b"BODY"), (b"MAIL", b"AUTH")}


def test_nothing_is_in_force_at_first() -> None:
    assert len(NONE) == NONE.mail_room == NONE.rcpt_room == 0
    assert not NONE.parameters
    assert NONE == Extensions() == Extensions({})


def test_equal_extensions_have_equal_hashes_in_any_order() -> None:
    one, other = Extensions({"SIZE": "1", "HELP": ""}), Extensions({"help": "", "size": "1"})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Extensions({"SIZE": "2", "HELP": ""})


@pytest.mark.conformance("C050")
def test_what_a_server_announces_is_read_in_any_case_and_what_fits_no_grammar_is_ignored() -> None:
    read = Extensions.read(["pipelining", "***", "a_b c", "Size 1000", "X-Foo  a   b ", "", "caf\u00e9"])
    assert dict(read) == {"PIPELINING": "", "SIZE": "1000", "X-FOO": "a b"}


@pytest.mark.conformance("C052")
def test_parameters_where_there_should_be_none_are_ignored() -> None:
    assert dict(Extensions.read(["8BITMIME", "SMTPUTF8 foo"])) == {"8BITMIME": "", "SMTPUTF8": ""}


@pytest.mark.conformance("C053")
def test_the_old_form_of_auth_is_understood() -> None:
    assert Extensions.read(["AUTH=LOGIN PLAIN"])["AUTH"] == "LOGIN PLAIN"
    assert Extensions.read(["AUTH PLAIN", "AUTH=LOGIN PLAIN"])["AUTH"] == "PLAIN LOGIN"


def test_of_a_keyword_that_is_repeated_the_last_counts() -> None:
    assert Extensions.read(["SIZE 1", "SIZE 2"])["SIZE"] == "2"


def test_what_lacks_the_extension_that_it_needs_is_not_there() -> None:
    assert "SMTPUTF8" not in Extensions.read(["SMTPUTF8"])
    assert "BINARYMIME" in Extensions.read(["BINARYMIME", "CHUNKING"])


def test_the_extensions_of_the_application_are_read_with_the_others() -> None:
    custom = CustomExtension(keyword="X-NOTE", parameters=[CustomParameter(verb="MAIL", keyword="X-N", room=10)])
    assert (b"MAIL", b"X-N") in Extensions.read(["X-NOTE"], custom=[custom]).parameters
