"""The commands as values: what each is equal to, what it shows, and what its reader takes."""

from __future__ import annotations

import pytest

from smtpcore.commands import (
    COMMAND_TYPES,
    Auth,
    Command,
    Data,
    Ehlo,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    Vrfy,
)
from smtpcore.events import Event, Rejected
from smtpcore.extensions import Extensions
from smtpcore.grammar import CommandError, Grammar
from smtpcore.leniencies import Leniencies
from smtpcore.paths import Path
from smtpcore.replies import Reply
from tests.wire import STRICT

GRAMMAR = Grammar(extensions=Extensions({"SIZE": "", "8BITMIME": "", "AUTH": "PLAIN"}), extended=True)


def test_every_command_is_an_event_and_knows_its_verb() -> None:
    for verb, kind in COMMAND_TYPES.items():
        assert issubclass(kind, Command)
        assert issubclass(kind, Event)
        assert kind.verb == verb


def test_a_command_without_a_reader_is_none() -> None:
    with pytest.raises(NotImplementedError):
        Command.parse(b"", Grammar())


@pytest.mark.parametrize(
    ("verb", "argument", "command"),
    [
        (b"HELO", b"c.example", Helo("c.example")),
        (b"EHLO", b"[192.0.2.1]", Ehlo("[192.0.2.1]")),
        (b"LHLO", b"c.example", Lhlo("c.example")),
        (b"MAIL", b"FROM:<a@b.c>", Mail(Path("a", "b.c"))),
        (b"MAIL", b"FROM:<> SIZE=7", Mail(Path("", ""), {"SIZE": 7})),
        (b"RCPT", b"TO:<a@b.c>", Rcpt(Path("a", "b.c"))),
        (b"DATA", b"", Data()),
        (b"RSET", b"", Rset()),
        (b"QUIT", b"", Quit()),
        (b"STARTTLS", b"", StartTls()),
        (b"NOOP", b"", Noop()),
        (b"NOOP", b"<any> thing", Noop("<any> thing")),
        (b"HELP", b"", Help()),
        (b"HELP", b"MAIL", Help("MAIL")),
        (b"VRFY", b"John Smith <a@b.c>", Vrfy("John Smith <a@b.c>")),
        (b"EXPN", b"list", Expn("list")),
        (b"AUTH", b"plain AGEAYg==", Auth("PLAIN", b"\0a\0b")),
        (b"AUTH", b"LOGIN", Auth("LOGIN")),
        (b"AUTH", b"X-foo =", Auth("X-FOO", b"")),
    ],
)
def test_a_line_read_is_equal_to_the_command_that_says_the_same(verb: bytes, argument: bytes, command: Command) -> None:
    read = COMMAND_TYPES[verb].parse(argument, GRAMMAR)
    assert read == command
    assert type(read) is type(command)
    assert read.verb == verb


@pytest.mark.parametrize(
    "commands",
    [
        (Helo("a.b"), Ehlo("a.b")),
        (Data(), Rset()),
        (Noop("x"), Help("x")),
        (Noop("x"), Noop("y")),
        (Mail(Path("a", "b.c")), Rcpt(Path("a", "b.c"))),
        (Mail(Path("a", "b.c")), Mail(Path("a", "b.c"), {"SIZE": 1})),
        (Auth("PLAIN"), Auth("PLAIN", b"")),
    ],
)
def test_commands_that_say_something_else_are_not_equal(commands: tuple[Command, Command]) -> None:
    one, other = commands
    assert one != other


def test_commands_can_be_matched() -> None:
    match Rcpt.parse(b"TO:<a@b.c>", GRAMMAR):
        case Rcpt(path=Path(local, domain)):
            assert (local, domain) == ("a", "b.c")


def test_whether_a_name_is_valid_is_no_part_of_what_was_said() -> None:
    assert Ehlo.parse(b"my_pc", GRAMMAR) == Ehlo("my_pc")
    assert not Ehlo.parse(b"my_pc", GRAMMAR).helo_valid
    with pytest.raises(CommandError) as caught:
        Ehlo.parse(b"my_pc", Grammar(STRICT))
    assert caught.value.reply == Reply(501, "That is no domain or address literal", "5.5.4")
    assert str(caught.value) == caught.value.reply.text


@pytest.mark.parametrize("leniencies", [Leniencies(), STRICT])
def test_prefixes_have_no_case(leniencies: Leniencies) -> None:
    grammar = Grammar(leniencies)
    for prefix in (b"FROM:", b"from:", b"fRoM:"):
        assert Mail.parse(prefix + b"<a@b.c>", grammar) == Mail(Path("a", "b.c"))


def test_no_fault_quotes_what_was_sent() -> None:
    for verb, argument in [
        (b"MAIL", b"FROM:<secret@>"),
        (b"MAIL", b"secret"),
        (b"MAIL", b"FROM:<a@b.c> SIZE=secret"),
        (b"MAIL", b"FROM:<a@b.c> BODY=secret"),
        (b"RCPT", b"TO:secret"),
    ]:
        with pytest.raises(CommandError) as caught:
            COMMAND_TYPES[verb].parse(argument, GRAMMAR)
        assert "secret" not in str(caught.value)


@pytest.mark.conformance("C248")
def test_a_secret_is_in_no_repr() -> None:
    assert repr(Auth("PLAIN", b"secret")) == "Auth(mechanism='PLAIN', initial=<hidden>)"
    assert repr(Auth("PLAIN", None, malformed=True)) == "Auth(mechanism='PLAIN', initial=<hidden>)"
    assert repr(Auth("PLAIN")) == "Auth(mechanism='PLAIN', initial=None)"
    assert repr(SaslResponse(b"secret")) == "SaslResponse(<hidden>)"
    assert repr(SaslCancel()) == "SaslCancel()"
    assert "c2VjcmV0" not in repr(Rejected(b"c2VjcmV0", Reply(500, "Command unknown", "5.5.1")))
