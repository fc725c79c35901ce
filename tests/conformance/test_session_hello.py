"""HELO and EHLO of a session: what is announced works, and nothing else is announced."""

from __future__ import annotations

import re

import pytest

from smtpcore import Leniencies, ServerConfig
from tests.session.driver import PLAIN_BOB, Dialogue, config

EVERYTHING = config(starttls=True, mechanisms=("PLAIN", "LOGIN"), plaintext_auth_without_tls=True, expn=True)
NOTHING = config(help=False, enhanced_codes=False)
# Registered with IANA, and in force in this stage of the project or a later one.
REGISTERED = {
    "PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH", "EXPN", "HELP", "CHUNKING",
    "BINARYMIME", "SMTPUTF8", "DSN", "DELIVERBY", "FUTURERELEASE", "MT-PRIORITY", "MTRK", "NO-SOLICITING", "SUBMITTER",
    "REQUIRETLS", "RRVS", "LIMITS", "ETRN", "CONPERM", "CONNEG", "XCLIENT", "XFORWARD",
}  # fmt: skip
COMMANDS = {"STARTTLS": "STARTTLS x", "AUTH": PLAIN_BOB, "EXPN": "EXPN x", "HELP": "HELP"}
"""How to use what is announced; STARTTLS so that the dialogue goes on."""


def keywords(dialogue: Dialogue) -> dict[str, str]:
    """The keywords of the EHLO reply and their parameters."""
    lines = dialogue.greeted().say("EHLO client.test").splitlines()
    return {line[4:].partition(" ")[0]: line[4:].partition(" ")[2] for line in lines[1:]}


@pytest.mark.conformance("C035", "C036", "C047")
def test_helo_is_one_line_with_the_own_name() -> None:
    assert Dialogue(EVERYTHING).greeted().say("HELO client.test") == "250 mx.test\r\n"


@pytest.mark.conformance("C037", "C038")
@pytest.mark.parametrize("settings", [EVERYTHING, NOTHING])
def test_what_is_announced_works_and_what_works_is_announced(settings: ServerConfig) -> None:
    announced = keywords(Dialogue(settings))
    for keyword, line in COMMANDS.items():
        code = Dialogue(settings).ready().say(line)[:3]
        assert (code in ("500", "502")) is (keyword not in announced), keyword


@pytest.mark.conformance("C038")
def test_announced_parameters_work() -> None:
    dialogue = Dialogue(EVERYTHING).ready()
    assert dialogue.say("MAIL FROM:<a@b.example> SIZE=5 BODY=8BITMIME AUTH=<>").startswith("250 2.1.0 ")


@pytest.mark.conformance("C039", "C040")
@pytest.mark.parametrize("settings", [EVERYTHING, NOTHING])
def test_every_keyword_is_registered_and_fits_the_grammar(settings: ServerConfig) -> None:
    announced = keywords(Dialogue(settings))
    assert set(announced) <= REGISTERED
    for keyword, parameters in announced.items():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", keyword)
        assert re.fullmatch(r"(?:[!-~]+(?: [!-~]+)*)?", parameters)
    assert not [name for name in ("PIPELINING", "8BITMIME", "CHUNKING", "STARTTLS", "SMTPUTF8") if announced.get(name)]


@pytest.mark.conformance("C040", "C047")
def test_the_reply_to_ehlo_has_the_name_first_and_no_enhanced_codes() -> None:
    lines = Dialogue(EVERYTHING).greeted().say("EHLO client.test").split("\r\n")
    assert lines.pop() == ""
    assert lines[0] == "250-mx.test"
    assert all(line.startswith("250-") for line in lines[:-1])
    assert lines[-1].startswith("250 ")
    assert not [line for line in lines if re.match(r"250[ -]\d\.\d", line) or line.endswith(" ") or len(line) > 510]


@pytest.mark.conformance("C041")
@pytest.mark.parametrize("verb", ["EHLO", "HELO"])
def test_ehlo_in_a_transaction_ends_it(verb: str) -> None:
    dialogue = Dialogue().mailing()
    assert dialogue.say(f"{verb} client.test").startswith("250")
    assert dialogue.session.envelope is None
    assert dialogue.say("DATA").startswith("503 ")
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C042", "C043")
def test_an_ehlo_without_a_name_is_501_and_leaves_the_transaction() -> None:
    dialogue = Dialogue().ready()
    dialogue.say("MAIL FROM:<>")
    assert dialogue.say("EHLO") == "501 The command needs an argument\r\n"
    assert dialogue.say("HELO").startswith("501 ")
    assert dialogue.session.helo is not None
    assert dialogue.say("RCPT TO:<b@mx.test>").startswith("250 ")


@pytest.mark.conformance("C044", "C045", "C046")
@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("[192.0.2.1]", True),
        ("[IPv6:2001:db8::1]", True),
        ("other.example", True),
        ("my_pc", False),
        ("[192.0.2.1] foo", False),
    ],
)
def test_names_are_taken_as_they_come_and_strict_is_strict(name: str, valid: bool) -> None:
    for verb in "EHLO", "HELO":
        dialogue = Dialogue().greeted()
        assert dialogue.say(f"{verb} {name}").startswith("250")
        assert dialogue.session.helo is not None
        assert (dialogue.session.helo.domain, dialogue.session.helo.helo_valid) == (name, valid)
        strict = Dialogue(config(leniencies=Leniencies.strict())).greeted()
        assert strict.say(f"{verb} {name}")[:3] == ("250" if valid else "501")
        assert strict.say("NOOP").startswith("250 ")


@pytest.mark.conformance("C181")
def test_size_is_announced_as_a_number() -> None:
    assert keywords(Dialogue())["SIZE"] == "36700160"
