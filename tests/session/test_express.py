"""What is usual goes through the express lane, and it is as if it had gone the long way: whatever comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore import BodySink, Envelope, Gate, Handler, Limits, Mail, Rcpt, Reply, ServerSession, Timeouts
from smtpcore.refusals import Barrier
from smtpcore.session import Ask
from smtpcore.spec import Dialect
from tests.session.driver import Dialogue, Later, Recorder, config


def keep_a_copy(session: ServerSession) -> None:
    if session.envelope is not None:
        session.envelope.recipients = session.envelope.recipients[:]


def put_another_in_its_place(session: ServerSession) -> None:
    if session.envelope is not None:
        session.envelope = replace(session.envelope, recipients=session.envelope.recipients[:])


ACTS: list[Callable[[ServerSession], object]] = [
    keep_a_copy, put_another_in_its_place, ServerSession.flush_now, lambda session: session.shutdown(5),
    ServerSession.timed_out,
]  # fmt: skip
"""What a hook may do beside its answer."""
ANSWERS = (
    Reply(250, "As you like"), Reply(550, "No"), Reply(452, "Later"), Reply(421, "Bye"), Reply(354, "Go on"),
    "no reply", RuntimeError("a fault"), KeyboardInterrupt(), Later(), BodySink(), *ACTS,
)  # fmt: skip
MAIL = st.sampled_from(
    [
        f"MAIL FROM:<a@client.test>{params}\r\n"
        for params in ("", "", "", " SIZE=20", " SIZE=40 BODY=8BITMIME", " BODY=BINARYMIME", " SMTPUTF8")
    ]
)
RCPT = st.sampled_from([f"RCPT TO:<{path}>\r\n" for path in ("ann@mx.test", "b.c@mx.test", "d..e@mx.test", "f@mx")])
BODY = st.sampled_from(["", "hi\r\n", "..hi\r\n", "x" * 1200 + "\r\n", "\r\r\n", "y\n\r\n"])
RCPTS = st.lists(RCPT, min_size=1, max_size=3).map("".join)
MANY_RCPTS = st.builds(lambda some, times: some * times, RCPTS, st.sampled_from([1, 1, 1, 20, 40]))
MESSAGE = st.builds("{}{}DATA\r\n{}.\r\n".format, MAIL, MANY_RCPTS, st.lists(BODY).map("".join))
OTHER = st.sampled_from(
    [
        "MAIL FROM:<>\r\n", "MAIL FROM:<a@b>\r\n", "mail from:<x@y.z>\r\n", "RCPT TO:<ann@mx.test> X=1\r\n",
        "rcpt to:<gil>\r\n", "RCPT\r\n", "NOOP\r\n", "RSET\r\n", "DATA\r\n", "data\r\n", "DATA \r\n", ".\r\n",
        "DATA x\r\n", "\n", "BDAT 6\r\nDATA\r\n", "BDAT 2 LAST\r\nhi", "EHLO again\r\n", "HELO again\r\n",
        "QUIT\r\n",
    ]
)  # fmt: skip
LINES = st.lists(MESSAGE | MESSAGE | MAIL | RCPT | OTHER, min_size=1, max_size=6)


class Answering(Handler):
    """Answers each hook as the test says, and notes what it can see then."""

    def __init__(self, answers: list[object], gate: Gate) -> None:
        self._answers = answers
        self._gate = gate
        self.seen: list[object] = []

    def _answer(self, session: ServerSession, subject: object) -> None:
        wire = session.connection
        assert wire.owed is not None
        about = (subject, session.transactions, session.pipelined_early, self._gate.collected, wire.defects)
        self.seen.append((about, wire.line, wire.command, wire.owed.verb, session.state, wire.buffered))
        answer = self._answers.pop() if self._answers else None
        if isinstance(answer, BaseException):
            raise answer
        if answer in ACTS:
            answer = answer(session)
        return answer  # type: ignore[return-value]

    def mail(self, session: ServerSession, mail: Mail) -> None:
        """As the test says."""
        return self._answer(session, (mail, mail.path.raw))

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
        """As the test says."""
        return self._answer(session, (rcpt, rcpt.path.raw))

    def data(self, session: ServerSession, envelope: Envelope) -> None:
        """As the test says."""
        return self._answer(session, ("data", envelope, envelope.received))

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        """As the test says."""
        return self._answer(session, ("message", envelope, envelope.trace, envelope.content, envelope.size))


class Watching(Recorder):
    """Keeps what it is told, and what it can see then."""

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        """Where the session stands."""
        super().replied(session, verb, reply)
        envelope = session.envelope
        seen = (session.state, session.transactions, envelope.recipients[:] if envelope else None)
        self.told.append(("seen", *seen))


def run(dialogue: Dialogue) -> None:
    """Go on, behind a hook that was broken off too."""
    while True:
        try:
            dialogue.run()
        except KeyboardInterrupt:
            continue
        return


def held(
    hello: str,
    pieces: list[bytes],
    answers: list[object] | None,
    limits: Limits,
    options: dict[str, object],
    *,
    taken: int = 0,
    watched: bool,
    express: bool,
) -> object:
    """All that can be seen of a session, the lane open or closed."""
    gate = Gate(max_collected=2000)
    assert gate.reserve(taken)
    handler = Handler() if answers is None else Answering(list(answers), gate)
    watching = Watching() if watched else None
    dialogue = Dialogue(config(limits=limits, **options), handler, gate=gate, observer=watching)
    session = dialogue.session
    assert session.express != options.get("submission", False)
    session.express = session.express and express
    dialogue.greeted().say(f"{hello} client.test")
    talk: list[object] = []
    for piece in pieces:
        session.receive_data(piece)
        run(dialogue)
        while isinstance(ask := dialogue.step, Ask):
            session.answer(ask, None)
            run(dialogue)
        wire = session.connection.dialogue
        talk.append(
            (session.state, wire.accepted, wire.refused, wire.binary, session.envelope, session.pipelined_early)
        )
        talk.append(
            (type(dialogue.step), session.deadline, dict(session.timers), gate.collected, session.connection.buffered)
        )
    return dialogue.writes, talk, getattr(handler, "seen", None), getattr(watching, "told", None)


def options(**changes: object) -> dict[str, object]:
    """Settings that let as much happen as possible."""
    return {"smtputf8": True, "binarymime": True, "timeouts": Timeouts.hardened(), **changes}


@settings(max_examples=400)
@given(
    lines=LINES,
    hello=st.sampled_from(["EHLO", "EHLO", "EHLO", "HELO", "LHLO"]),
    cut=chunkings() | st.just(Chunking()),
    answers=st.none() | st.lists(st.none() | st.none() | st.sampled_from(ANSWERS)),
    most=st.integers(1, 6) | st.integers(20, 100),
    hold=st.sampled_from([0, 60, 300, 16384]),
    transactions=st.none() | st.integers(1, 2),
    size=st.sampled_from([0, 30]),
    submission=st.booleans(),
    newlines=st.sampled_from(["reject", "close", "pass"]),
    watched=st.booleans(),
)
def test_the_lane_and_the_long_way_agree(
    lines: list[str],
    hello: str,
    cut: Chunking,
    answers: list[object] | None,
    most: int,
    hold: int,
    transactions: int | None,
    size: int,
    submission: bool,
    newlines: str,
    watched: bool,
) -> None:
    limits = Limits(
        max_recipients=most, max_recipients_overshoot=3, max_bad_recipients=3 if most < 10 else None,
        max_held_output=hold, max_errors=6 if most < 10 else None, max_transactions=transactions, max_message_size=size,
    )  # fmt: skip
    lmtp = hello == "LHLO"
    chosen = options(
        dialect=Dialect.LMTP if lmtp else Dialect.SMTP, submission=submission and not lmtp, bare_newlines=newlines,
        bare_newlines_bdat=newlines, enhanced_codes=lmtp or size == 0, close_on_pipelined_data=size > 0,
        announce_limits=most > 3,
    )  # fmt: skip
    pieces = cut("".join(lines).encode())
    lane, long = (
        held(hello, pieces, answers, limits, chosen, watched=watched, express=express) for express in (True, False)
    )
    assert lane == long


ENVELOPE = "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\n"
USUAL = ENVELOPE + "DATA\r\nhi\r\n.\r\n"
SIZED = USUAL.replace("client.test>", "client.test> SIZE=20 BODY=8BITMIME")
MANY = "".join(f"RCPT TO:<c{n}@{'xn--mx' if n % 8 else 'mx-'}.test>\r\n" for n in range(1, 80))
NO = Reply(550, "No")
BYE = Reply(421, "Bye")
CASES: dict[str, tuple[str, list[object], dict[str, object]]] = {
    "usual": (USUAL * 3, [], {}),
    "in small letters": (USUAL.replace("MAIL", "mail").replace("RCPT", "rcpt").replace("DATA", "data") * 2, [], {}),
    "with a size": (SIZED * 3, [None, None, None, NO], {}),
    "with a size that is too much": (SIZED * 2, [], {"max_message_size": 19}),
    "with a size, and refused": (SIZED * 2, [NO, Later()], {}),
    "with a size, and too many": (SIZED * 3, [], {"max_transactions": 2}),
    "two at a time": (USUAL + ENVELOPE, [], {}),
    "behind HELO": (USUAL, [], {"hello": "HELO"}),
    "LMTP": (USUAL.replace("DATA", "RCPT TO:<c@mx.test>\r\nDATA") * 2, [], {"hello": "LHLO", "dialect": Dialect.LMTP}),
    "submission": ("MAIL FROM:<a@b>\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e>\r\n", [], {"submission": True}),
    "too many transactions": (USUAL * 3, [], {"max_transactions": 2}),
    "too many recipients": (ENVELOPE + "RCPT TO:<c@mx.test>\r\n" * 3 + "DATA\r\n.\r\n", [], {"max_recipients": 2}),
    "many recipients": (ENVELOPE + MANY + "DATA\r\n.\r\n", [*[None] * 20, NO, None, Later(), RuntimeError("no")], {}),
    "many recipients, and the limit among them": (ENVELOPE + MANY, [None] * 36, {"max_recipients": 35}),
    "recipients in another list": (ENVELOPE + MANY, [*[None] * 5, keep_a_copy], {}),
    "another envelope": (ENVELOPE + MANY, [None, put_another_in_its_place, *[None] * 5, put_another_in_its_place], {}),
    "replies that are not to wait": (ENVELOPE + MANY, [*[None] * 5, ServerSession.flush_now], {}),
    "an end that is told of in between": (USUAL + ENVELOPE + MANY, [*[None] * 9, ACTS[3]], {}),
    "many replies held": (ENVELOPE + MANY, [], {"max_held_output": 100}),
    "refused ones count": (
        ENVELOPE + "RCPT TO:<c@mx.test>\r\n" * 3, [None, NO], {"max_recipients": 2, "announce_limits": True},
    ),
    "all recipients refused": (USUAL, [None, NO], {}),
    "a sender refused": (USUAL, [NO], {}),
    "cut off at the sender": (USUAL, [BYE], {}),
    "cut off at a recipient": (ENVELOPE, [None, BYE], {}),
    "cut off at DATA": (ENVELOPE + "DATA\r\n", [None, None, BYE], {}),
    "cut off at the message": (USUAL, [None, None, None, BYE], {}),
    "DATA refused": (USUAL, [None, None, NO], {}),
    "a message refused": (USUAL * 2, [None, None, None, NO], {}),
    "a sink": (USUAL * 2, [None, None, BodySink()], {}),
    "a hook of each kind waited for": (USUAL * 2, [Later(), Later(), Later(), Later()], {}),
    "faults": (USUAL * 4, [*[RuntimeError("no")] * 3, None, RuntimeError("no")], {}),
    "binary content by DATA": (USUAL.replace("test>", "test> BODY=BINARYMIME", 1) + USUAL, [], {}),
    "UTF-8 in one transaction, not in the next": (
        ENVELOPE.replace("test>", "test> SMTPUTF8", 1) + "RSET\r\n" + ENVELOPE + "RCPT TO:<\u00fc@mx.test>\r\n", [], {},
    ),
    "binary chunks in one transaction, not in the next": (
        ENVELOPE.replace("test>", "test> BODY=BINARYMIME", 1) + "BDAT 1\r\naRSET\r\n" + ENVELOPE + "BDAT 1 LAST\r\n\n",
        [], {},
    ),
    "a chunk that looks like DATA": (ENVELOPE + "BDAT 6\r\nDATA\r\nNOOP\r\n", [], {}),
    "a chunk without an end": (ENVELOPE + "BDAT 60\r\nDATA\r\nRCPT TO:<b@mx.test>\r\n", [], {}),
    "no memory left": (USUAL, [], {"taken": 2000}),
    "no memory left later": (USUAL.replace("hi", "hi" * 30), [], {"taken": 1990}),
    "too big": (USUAL.replace("hi", "hi" * 30) + USUAL, [], {"max_message_size": 30}),
    "a bare CR": (USUAL.replace("hi", "h\ri") + USUAL, [], {}),
    "a bare LF that ends it": (USUAL.replace("hi", "h\ni") + USUAL, [], {"bare_newlines": "close"}),
    "a long line that is let through": (USUAL.replace("hi", "hi" * 600), [], {"long_lines": "pass"}),
    "a line that is none": ("MAIL\n" + USUAL, [], {}),
    "replies sent one by one": (USUAL * 2, [], {"max_held_output": 0}),
    "closed behind a refused DATA": (USUAL, [None, None, NO], {"close_on_pipelined_data": True}),
}  # fmt: skip


def test_a_hook_may_put_another_in_its_place() -> None:
    class Changing(Handler):
        def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
            vars(self)["rcpt"] = lambda session, rcpt: NO

    written = Dialogue(handler=Changing()).ready().say(*ENVELOPE.splitlines(), "RCPT TO:<c@mx.test>")
    assert [line[:3] for line in written.splitlines()] == ["250", "250", "550"]


@pytest.mark.parametrize("express", [True, False])
def test_what_an_observer_raises_comes_behind_the_reply(express: bool) -> None:
    class Failing(Recorder):
        def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
            if verb == "RCPT" and session.envelope is not None and len(session.envelope.recipients) == 2:
                raise KeyboardInterrupt

    dialogue = Dialogue(observer=Failing()).ready()
    dialogue.session.express = express
    dialogue.session.receive_data((ENVELOPE + "RCPT TO:<c@mx.test>\r\n" * 3).encode())
    run(dialogue)
    assert dialogue.writes[-1].count(b"\r\n") == 5


@pytest.mark.parametrize("express", [True, False])
def test_without_an_envelope_a_recipient_is_answered_all_the_same(express: bool) -> None:
    class Forgetting(Handler):
        def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply:
            session.envelope = None
            return NO

    dialogue = Dialogue(handler=Forgetting()).ready()
    dialogue.session.express = express
    written = dialogue.say(*ENVELOPE.splitlines(), "RCPT TO:<c@mx.test>", "RSET")
    assert [line[:3] for line in written.splitlines()] == ["250", "550", "550", "250"]


@pytest.mark.parametrize("express", [True, False])
def test_a_barrier_stands_before_recipients_too(express: bool) -> None:
    dialogue = Dialogue().ready()
    session = dialogue.session
    session.express = express
    written = dialogue.say(*ENVELOPE.splitlines(), "RCPT TO:<c@mx.test>")
    session.connection.barrier = Barrier(NO, frozenset())
    written += dialogue.say("RCPT TO:<c@mx.test>", "RCPT TO:<c@mx.test>", "DATA")
    assert [line[:3] for line in written.splitlines()] == ["250", "250", "250", "550", "550", "550"]


@pytest.mark.parametrize("overridden", [True, False], ids=["hooks", "no hooks"])
@pytest.mark.parametrize("size", [0, 1, 20], ids=["whole", "octet by octet", "in pieces"])
@pytest.mark.parametrize("case", CASES)
def test_each_reason_to_leave_the_lane(case: str, size: int, overridden: bool) -> None:
    text, answers, changes = CASES[case]
    hello, taken = str(changes.get("hello", "EHLO")), changes.get("taken", 0)
    assert isinstance(taken, int)
    names = {field.name for field in fields(Limits)}
    limits = Limits(**{name: value for name, value in changes.items() if name in names})  # type: ignore[arg-type]
    chosen = options(**{name: value for name, value in changes.items() if name not in {*names, "hello", "taken"}})
    pieces = Chunking(size=size)(text.encode())
    told = answers[::-1] if overridden else None
    lane, long = (
        held(hello, pieces, told, limits, chosen, taken=taken, watched=overridden, express=express)
        for express in (True, False)
    )
    assert lane == long
