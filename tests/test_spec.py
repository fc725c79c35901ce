"""The tables against a copy made by hand from the documents, since a table tested against itself proves nothing."""

from __future__ import annotations

import pytest

from smtpcore.commands import COMMAND_TYPES
from smtpcore.dialogue import select
from smtpcore.leniencies import Leniencies
from smtpcore.params import READERS
from smtpcore.replies import EnhancedCode
from smtpcore.spec import (
    BDAT_LAST,
    CODES,
    COMMANDS,
    END_OF_DATA,
    EXTENSIONS,
    GREETING,
    PARAMETERS,
    PSEUDO,
    SASL,
    UNKNOWN,
    Argument,
    Availability,
    Dialect,
    Guard,
    Rule,
    State,
    Value,
)

LIVE = {State.GREETED, State.READY, State.MAIL, State.RCPT, State.BDAT, State.BDAT_FAILED}


def verbs(text: str) -> set[bytes]:
    return set(text.encode().split())


def test_the_verbs_are_those_of_the_documents_and_no_more() -> None:
    assert COMMANDS.keys() == verbs(
        "HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY EXPN HELP STARTTLS AUTH QUIT ETRN ATRN BURL TURN SEND SOML"
        " SAML XCLIENT XFORWARD"
    )
    assert all(rule.verb == verb == verb.upper() for verb, rule in COMMANDS.items())
    assert not {rule.verb for rule in PSEUDO} & COMMANDS.keys()


@pytest.mark.conformance("C170", "C173", "C174")
def test_only_what_rfc_2920_names_may_stand_anywhere_in_a_group() -> None:
    assert {verb for verb, rule in COMMANDS.items() if rule.holds} == verbs("MAIL RCPT RSET BDAT XFORWARD")
    assert [rule for rule in PSEUDO if rule.holds] == [END_OF_DATA, BDAT_LAST]


@pytest.mark.conformance("C216")
def test_before_required_tls_little_is_served() -> None:
    # RFC 3207 4, and LHLO for EHLO; XCLIENT and XFORWARD come from a trusted front that has done the TLS.
    assert {verb for verb, rule in COMMANDS.items() if rule.before_tls} == verbs(
        "EHLO LHLO NOOP STARTTLS QUIT XCLIENT XFORWARD"
    )


@pytest.mark.conformance("C240")
def test_before_required_authentication_no_mail_is_served() -> None:
    assert {verb for verb, rule in COMMANDS.items() if rule.before_auth} == verbs(
        "EHLO HELO LHLO AUTH NOOP RSET STARTTLS QUIT XCLIENT XFORWARD"
    )


def test_each_verb_has_the_argument_of_its_grammar() -> None:
    served = {verb: rule for verb, rule in COMMANDS.items() if rule.availability is not Availability.NEVER}
    assert {verb for verb, rule in served.items() if rule.argument is Argument.NONE} == verbs("DATA RSET STARTTLS QUIT")
    assert {verb for verb, rule in served.items() if rule.argument is Argument.OPTIONAL} == verbs("NOOP HELP")


@pytest.mark.conformance("C016", "C294")
def test_what_is_obsolete_or_out_of_scope_is_never_served() -> None:
    assert {verb for verb, rule in COMMANDS.items() if rule.availability is Availability.NEVER} == verbs(
        "ATRN BURL TURN SEND SOML SAML"
    )
    assert {verb for verb, rule in COMMANDS.items() if rule.availability is Availability.HIDDEN} == verbs(
        "XCLIENT XFORWARD"
    )
    assert {verb for verb, rule in COMMANDS.items() if rule.availability is Availability.OPTIONAL} == verbs(
        "BDAT EXPN HELP STARTTLS AUTH ETRN"
    )


def test_each_dialect_has_its_own_hello() -> None:
    assert {verb for verb, rule in COMMANDS.items() if Dialect.LMTP not in rule.dialects} == verbs("HELO EHLO")
    assert {verb for verb, rule in COMMANDS.items() if Dialect.SMTP not in rule.dialects} == verbs("LHLO")


@pytest.mark.conformance("C025", "C047")
def test_the_greeting_and_the_hellos_have_no_enhanced_codes() -> None:
    assert {verb for verb, rule in COMMANDS.items() if not rule.enhanced} == verbs("HELO EHLO LHLO")
    assert not GREETING.enhanced


def test_guards_stand_where_the_documents_put_them() -> None:
    assert {verb: rule.guards for verb, rule in COMMANDS.items() if rule.guards} == {
        b"DATA": (Guard.TEXT,),
        b"BDAT": (Guard.EXTENDED,),
        b"STARTTLS": (Guard.EXTENDED, Guard.CLEAR),
        b"AUTH": (Guard.EXTENDED, Guard.ANONYMOUS),
        b"ETRN": (Guard.EXTENDED,),
    }


STAY = {state: state for state in LIVE}
TO_READY = dict.fromkeys(LIVE, State.READY)
READY, MAIL, RCPT = State.READY, State.MAIL, State.RCPT

# verb: what a 2yz, a 3yz and a 4yz or 5yz lead to; design.md section 4.
MOVES = {
    b"EHLO": (TO_READY, None, STAY),
    b"HELO": (TO_READY, None, STAY),
    b"LHLO": (TO_READY, None, STAY),
    b"MAIL": ({READY: MAIL}, None, {READY: READY}),
    b"RCPT": ({MAIL: RCPT, RCPT: RCPT}, None, {MAIL: MAIL, RCPT: RCPT}),
    b"DATA": (None, {RCPT: State.DATA}, {RCPT: RCPT}),
    b"BDAT": (
        {RCPT: State.BDAT, State.BDAT: State.BDAT},
        None,
        dict.fromkeys((RCPT, State.BDAT, State.BDAT_FAILED), State.BDAT_FAILED),
    ),
    b"RSET": ({**TO_READY, State.GREETED: State.GREETED}, None, STAY),
    b"NOOP": (STAY, None, STAY),
    b"VRFY": (STAY, None, STAY),
    b"EXPN": (STAY, None, STAY),
    b"HELP": (STAY, None, STAY),
    b"STARTTLS": ({READY: State.TLS_HANDSHAKE}, None, {READY: READY}),
    b"AUTH": ({READY: READY}, {READY: State.AUTH}, {READY: READY}),
    b"QUIT": (
        dict.fromkeys((*LIVE, State.REFUSED), State.CLOSED),
        None,
        {**STAY, State.REFUSED: State.REFUSED},
    ),
    b"ETRN": ({READY: READY}, None, {READY: READY}),
    b"XCLIENT": (
        dict.fromkeys((State.GREETED, READY), State.GREETED),
        None,
        {State.GREETED: State.GREETED, READY: READY},
    ),
    b"XFORWARD": (
        {State.GREETED: State.GREETED, READY: READY},
        None,
        {State.GREETED: State.GREETED, READY: READY},
    ),
}
PSEUDO_MOVES = {
    b"(greeting)": ({State.CONNECTED: State.GREETED}, None, {State.CONNECTED: State.REFUSED}),
    b"(unknown)": (None, None, {**STAY, State.REFUSED: State.REFUSED}),
    b".": ({State.DATA: READY}, None, {State.DATA: READY}),
    b"=": ({State.AUTH: READY}, {State.AUTH: State.AUTH}, {State.AUTH: READY}),
    b"BDAT LAST": (
        dict.fromkeys((RCPT, State.BDAT), READY),
        None,
        dict.fromkeys((RCPT, State.BDAT, State.BDAT_FAILED), READY),
    ),
}


def moves(rule: Rule) -> tuple[object, object, object]:
    return rule.positive, rule.intermediate, rule.negative


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_a_reply_leads_where_the_table_of_the_design_says(verb: bytes) -> None:
    assert moves(COMMANDS[verb]) == MOVES.get(verb, (None, None, STAY))
    for state in State:
        assert COMMANDS[verb].allowed_in(state) is (state in MOVES.get(verb, (None, None, STAY))[2])


def test_what_is_answered_like_a_command_has_its_moves_too() -> None:
    assert {rule.verb: moves(rule) for rule in PSEUDO} == PSEUDO_MOVES
    assert PSEUDO == (GREETING, UNKNOWN, END_OF_DATA, SASL, BDAT_LAST)


def test_no_table_can_be_changed() -> None:
    for table in (COMMANDS, EXTENSIONS, CODES, COMMANDS[b"MAIL"].negative):
        with pytest.raises(TypeError):
            table[b"x"] = None  # type: ignore[index]


@pytest.mark.parametrize("rule", [*COMMANDS.values(), *PSEUDO], ids=lambda rule: rule.verb.decode())
def test_every_row_says_where_it_is_specified(rule: Rule) -> None:
    assert rule.clause.startswith(("RFC ", "Postfix "))
    assert rule.keyword is None or rule.keyword in EXTENSIONS


def test_every_served_verb_has_a_command() -> None:
    assert COMMAND_TYPES.keys() == {
        verb for verb, rule in COMMANDS.items() if rule.availability is not Availability.NEVER
    }


# extensions.md: keyword: octets on MAIL, octets on RCPT, whether it may have parameters.
ROWS = {
    "PIPELINING": (0, 0, False),
    "SIZE": (26, 0, True),
    "8BITMIME": (14, 0, False),
    "ENHANCEDSTATUSCODES": (0, 0, False),
    "STARTTLS": (0, 0, False),
    "CHUNKING": (0, 0, False),
    "AUTH": (500, 0, True),
    "DSN": (116, 536, False),
    "SMTPUTF8": (10, 0, False),
    "REQUIRETLS": (11, 0, False),
    "EXPN": (0, 0, False),
    "HELP": (0, 0, False),
}


@pytest.mark.conformance("C039")
@pytest.mark.parametrize("keyword", ROWS)
def test_an_extension_makes_the_room_its_rfc_states(keyword: str) -> None:
    row = EXTENSIONS[keyword]
    assert (row.mail, row.rcpt, not row.bare) == ROWS[keyword]
    assert row.keyword == keyword
    assert row.clause.startswith("RFC ")


def test_every_parameter_belongs_to_an_extension_and_has_a_reader() -> None:
    for row in PARAMETERS:
        assert row.extension in EXTENSIONS
        assert row.verb in (b"MAIL", b"RCPT")
        assert row.keyword == row.keyword.upper()
        assert (row.keyword in READERS) is (row.value is Value.REQUIRED)
    by_keyword = {(row.verb, row.keyword): row.extension for row in PARAMETERS}
    assert len(by_keyword) == len(PARAMETERS)
    assert by_keyword[b"MAIL", b"SIZE"] == "SIZE"
    assert by_keyword[b"MAIL", b"BODY"] == "8BITMIME"
    assert by_keyword[b"MAIL", b"AUTH"] == "AUTH"


# replies.md section 2: the enhanced code a reply has when none is given.
USUAL = {
    211: "2.0.0", 214: "2.0.0", 220: "2.0.0", 221: "2.0.0", 235: "2.7.0", 250: "2.0.0", 251: "2.1.5", 252: "2.5.0",
    253: "2.0.0", 334: "", 354: "", 355: "", 421: "4.3.2", 432: "4.7.12", 450: "4.2.0", 451: "4.3.0", 452: "4.3.1",
    453: "4.3.2", 454: "4.7.0", 455: "4.3.3", 458: "4.5.0", 459: "4.7.1", 500: "5.5.2", 501: "5.5.4", 502: "5.5.1",
    503: "5.5.1", 504: "5.5.4", 521: "5.3.2", 523: "5.7.10", 525: "5.7.13", 530: "5.7.0", 534: "5.7.9", 535: "5.7.8",
    538: "5.7.11", 550: "5.7.1", 551: "5.1.6", 552: "5.3.4", 553: "5.1.3", 554: "5.3.0", 555: "5.5.4", 556: "5.1.10",
}  # fmt: skip


def test_every_code_has_its_usual_enhanced_code() -> None:
    assert {code: enhanced for code, (_, enhanced) in CODES.items()} == USUAL
    for code, (meaning, enhanced) in CODES.items():
        assert meaning
        assert not enhanced or EnhancedCode.parse(enhanced).class_ == code // 100


def test_strict_turns_every_leniency_off() -> None:
    defaults = Leniencies()
    assert (defaults.space_after_colon, defaults.bare_address, defaults.underscore_domain) == (True, True, True)
    assert (defaults.loose_dots, defaults.long_paths, defaults.helo_names, defaults.helo_params) == (
        True, True, True, False,
    )  # fmt: skip
    assert Leniencies.strict() == Leniencies(False, False, False, False, False, False, False)


@pytest.mark.parametrize("dialect", Dialect)
def test_select_marks_what_is_off_and_leaves_out_what_hides(dialect: Dialect) -> None:
    nothing = select(dialect, frozenset())
    everything = select(dialect, frozenset(COMMANDS))
    assert {verb for verb, rule in nothing.items() if not rule.enabled} == verbs(
        "BDAT EXPN HELP STARTTLS AUTH ETRN ATRN BURL TURN SEND SOML SAML"
    )
    assert {verb for verb, rule in everything.items() if not rule.enabled} == verbs("ATRN BURL TURN SEND SOML SAML")
    assert everything.keys() - nothing.keys() == verbs("XCLIENT XFORWARD")
    assert (b"LHLO" in nothing) is (dialect is Dialect.LMTP)
    assert (b"EHLO" in nothing) is (b"HELO" in nothing) is (dialect is Dialect.SMTP)
    assert all(rule.enabled for rule in COMMANDS.values())
