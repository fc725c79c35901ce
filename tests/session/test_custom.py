"""Extensions that an application registers: keywords, verbs and parameters of its own."""

from __future__ import annotations

import pytest

from smtpcore import Custom, CustomExtension, CustomParameter, CustomVerb, Handler, Mail, Reply, ServerSession, State
from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError
from smtpcore.spec import Argument, Value
from tests.session.driver import Dialogue, config


def colour(value: bytes) -> str:
    if value == b"gold":
        raise CommandError(Reply(504, "gold is not for everybody", "5.5.4"))
    if value not in (b"red", b"blue"):
        raise ParseError("no colour")
    return value.decode()


PAINT = CustomExtension(
    keyword="XPAINT",
    text="red blue",
    verbs=(
        CustomVerb(name="XPAINT", argument=Argument.REQUIRED),
        CustomVerb(name="XWASH", argument=Argument.NONE, states=(State.GREETED, State.READY), extended=False),
    ),
    parameters=(
        CustomParameter(verb="MAIL", keyword="XCOLOUR", room=13, read=colour),
        CustomParameter(verb="RCPT", keyword="XGLOSSY", room=8, value=Value.NONE),
    ),
)


class Painter(Handler):
    def __init__(self) -> None:
        self.seen: list[object] = []

    def command(self, session: ServerSession, command: Custom) -> Reply | None:
        self.seen.append(command)
        return Reply(550, "not that one", "5.7.1") if command.argument == "green" else None

    def mail(self, session: ServerSession, mail: Mail) -> None:
        self.seen.append(dict(mail.params))


def painting(handler: Handler | None = None) -> Dialogue:
    return Dialogue(config(extensions=[PAINT]), handler)


def test_the_keyword_is_announced_with_its_text() -> None:
    assert "XPAINT red blue\r\n" in painting().greeted().say("EHLO c.test")


def test_a_verb_goes_to_the_hook_and_its_answer_to_the_peer() -> None:
    painter = Painter()
    dialogue = painting(painter).ready()
    assert dialogue.say("xpaint red") == "250 2.0.0 OK\r\n"
    assert dialogue.say("XPAINT green") == "550 5.7.1 not that one\r\n"
    assert dialogue.say("XWASH") == "250 2.0.0 OK\r\n"
    assert painter.seen == [Custom("XPAINT", "red"), Custom("XPAINT", "green"), Custom("XWASH")]


def test_a_verb_without_a_hook_is_accepted() -> None:
    assert painting().ready().say("XPAINT red") == "250 2.0.0 OK\r\n"


def test_a_reader_that_fails_is_a_fault_of_the_application_and_never_leaves_the_session() -> None:
    def number(value: bytes) -> object:
        return {b"0": 1}[b"%d" % int(value)]

    parameter = CustomParameter(verb="MAIL", keyword="XCOUNT", room=20, read=number)
    dialogue = Dialogue(config(extensions=[CustomExtension(keyword="XCOUNT", parameters=(parameter,))])).ready()
    assert dialogue.say("MAIL FROM:<a@b.example> XCOUNT=many") == "501 5.5.4 XCOUNT: a value that cannot be read\r\n"
    assert dialogue.say("MAIL FROM:<a@b.example> XCOUNT=7") == "451 4.3.0 Local error in processing\r\n"
    assert dialogue.say("MAIL FROM:<a@b.example> XCOUNT=0").startswith("250 ")


def test_argument_and_order_are_judged_as_for_any_verb() -> None:
    dialogue = painting().greeted()
    assert dialogue.say("XPAINT red").startswith("503 5.5.1 ")
    assert dialogue.say("XWASH").startswith("250 ")
    assert dialogue.say("XWASH now").startswith("501 5.5.4 ")
    dialogue.say("HELO c.test")
    assert dialogue.say("XPAINT red").startswith("503 5.5.1 ")
    dialogue.say("EHLO c.test")
    assert dialogue.say("XPAINT").startswith("501 5.5.4 ")
    dialogue.say("MAIL FROM:<a@b.c>")
    assert dialogue.say("XPAINT red").startswith("503 5.5.1 ")
    assert dialogue.say("RCPT TO:<d@e.f>").startswith("250 ")


def test_a_parameter_is_read_by_the_application() -> None:
    painter = Painter()
    dialogue = painting(painter).ready()
    assert dialogue.say("MAIL FROM:<a@b.c> XCOLOUR=pink").startswith("501 5.5.4 ")
    assert dialogue.say("MAIL FROM:<a@b.c> XCOLOUR=gold").startswith("504 5.5.4 ")
    assert dialogue.say("MAIL FROM:<a@b.c> XGLOSSY").startswith("555 5.5.4 ")
    assert dialogue.say("MAIL FROM:<a@b.c> SIZE=5 xcolour=red").startswith("250 ")
    assert painter.seen == [{"SIZE": 5, "XCOLOUR": "red"}]
    assert dialogue.say("RCPT TO:<d@e.f> XGLOSSY=1").startswith("501 5.5.4 ")
    assert dialogue.say("RCPT TO:<d@e.f> XGLOSSY").startswith("250 ")


def test_nothing_of_it_exists_in_another_configuration() -> None:
    dialogue = Dialogue().ready()
    assert dialogue.say("XPAINT red").startswith("500 5.5.1 ")
    assert dialogue.say("MAIL FROM:<a@b.c> XCOLOUR=red").startswith("555 5.5.4 ")


def test_the_lines_grow_by_the_room_that_was_asked_for() -> None:
    plain, custom = Dialogue(config()), painting()
    for dialogue in (plain, custom):
        dialogue.ready()
    room = [dialogue.session.connection.grammar.extensions for dialogue in (plain, custom)]
    assert room[1].mail_room - room[0].mail_room == 13
    assert room[1].rcpt_room - room[0].rcpt_room == 8


@pytest.mark.parametrize("name", ["MAIL", "xpaint", "X PAINT", "X\r\nY", ""])
def test_a_verb_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="no verb"):
        CustomVerb(name=name)


@pytest.mark.parametrize(("keyword", "room"), [("SIZE", 9), ("xa", 9), ("XA", 2), ("X=", 9)])
def test_a_parameter_has_a_name_of_its_own_and_room(keyword: str, room: int) -> None:
    with pytest.raises(ValueError, match=r"no parameter|needs more room"):
        CustomParameter(verb="MAIL", keyword=keyword, room=room)


@pytest.mark.parametrize("keyword", ["PIPELINING", "xa", "-X"])
def test_an_extension_has_a_keyword_of_its_own(keyword: str) -> None:
    with pytest.raises(ValueError, match="no EHLO keyword"):
        CustomExtension(keyword=keyword)


def test_a_value_is_text_unless_the_application_reads_it() -> None:
    assert CustomParameter(verb="MAIL", keyword="XA", room=9).read(b"text") == "text"
