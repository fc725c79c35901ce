"""Several handlers as one: the first refusal wins, and each member gets the body in the form it asked for."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smtpcore import BodySink, Chain, CredentialStore, Gate, Handler, Reply, handler
from smtpcore.handler import overridden
from smtpcore.session import Ask
from tests.session.driver import Dialogue, Later

NO = Reply(550, "No")


def run(value: object) -> object:
    """Await what a chain of async members gave; no event loop, for nothing here waits for anything."""
    assert inspect.iscoroutine(value)
    try:
        value.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class Sink(BodySink):
    """Writes down what is done to it."""

    def __init__(self, *, refuse: Reply | None = None, finish: object = None, abort: object = None) -> None:
        self.log: list[object] = []
        self.refuse = refuse
        self.verdict = finish
        self.at_abort = abort

    def write(self, chunk: bytes) -> Reply | None:
        self.log.append(chunk)
        return self.refuse

    def finish(self) -> Any:
        self.log.append("finish")
        return raised(self.verdict)

    def abort(self) -> None:
        self.log.append("abort")
        raised(self.at_abort)


class AsyncSink(Sink):
    async def write(self, chunk: bytes) -> Reply | None:  # type: ignore[override]
        return super().write(chunk)

    async def finish(self) -> Any:
        return super().finish()

    async def abort(self) -> None:  # type: ignore[override]
        super().abort()


def raised(value: object) -> object:
    if isinstance(value, BaseException):
        raise value
    return value


def gives(value: object) -> Callable[..., object]:
    """A plain hook."""
    return lambda *_: raised(value)


def gives_later(value: object) -> Callable[..., Awaitable[object]]:
    """An async hook."""

    async def hook(*_: object) -> object:
        return raised(value)

    return hook


def settle(dialogue: Dialogue) -> str:
    """Await each hook that is waited for, as an adapter would."""
    written = ""
    while type(dialogue.step) is Ask:
        try:
            written += dialogue.answer(run(dialogue.asked().pending))
        except (RuntimeError, KeyError) as error:
            written += dialogue.fail(error)
    return written


def messages(*chain: Handler) -> str:
    """What a session with this chain answers to a message of two lines."""
    dialogue = Dialogue(handler=Chain(*chain)).mailing()
    assert (dialogue.say("DATA") + settle(dialogue)).startswith("354 ")
    return dialogue.say("one", "two", ".") + settle(dialogue)


BODY = b"one\r\ntwo\r\n"


# Asking in turn.


def test_each_member_is_asked_in_turn_until_one_refuses() -> None:
    asked: list[str] = []

    def member(name: str, answer: Reply | None) -> Handler:
        def rcpt(*_: object) -> Reply | None:
            asked.append(name)
            return answer

        return handler(rcpt=rcpt)

    chain = Chain(member("a", None), member("b", NO), member("c", None))
    dialogue = Dialogue(handler=chain).ready()
    assert dialogue.say("MAIL FROM:<a@b.example>", "RCPT TO:<b@mx.test>").splitlines()[1] == "550 5.7.1 No"
    assert asked == ["a", "b"]


def test_a_chain_of_plain_members_is_plain() -> None:
    chain = Chain(handler(mail=gives(None)), handler(mail=gives(Reply(250, "Yes"))))
    assert chain.mail(None, None) == Reply(250, "Yes")  # type: ignore[arg-type]


def test_plain_and_async_members_may_stand_in_any_order() -> None:
    for hooks in (gives, gives_later), (gives_later, gives), (gives_later, gives_later):
        chain = Chain(handler(mail=hooks[0](None)), handler(mail=hooks[1](NO)), handler(mail=gives(KeyError())))
        assert run(chain.mail(None, None)) is NO  # type: ignore[arg-type]


def test_the_first_own_text_of_members_who_agree_is_sent() -> None:
    chain = Chain(*(handler(mail=gives(answer)) for answer in (None, Reply(250, "first"), Reply(250, "second"))))
    assert chain.mail(None, None) == Reply(250, "first")  # type: ignore[arg-type]


def test_an_answer_of_the_wrong_kind_ends_the_turn_and_is_the_sessions_to_judge() -> None:
    chain = Chain(handler(mail=gives(False)), handler(mail=gives(KeyError())))
    assert "451 4.3.0" in Dialogue(handler=chain).ready().say("MAIL FROM:<a@b.example>")


def test_what_a_member_raises_is_raised_by_the_chain() -> None:
    for hook in gives, gives_later:
        chain = Chain(handler(mail=hook(KeyError("x"))), handler(mail=gives(None)))
        with pytest.raises(KeyError):
            run(chain.mail(None, None)) if hook is gives_later else chain.mail(None, None)  # type: ignore[arg-type]


# What costs nothing.


def test_a_hook_that_no_member_has_counts_as_not_overridden() -> None:
    chain = Chain(handler(rcpt=gives(None)), Handler(), Chain(handler(mail=gives(None))))
    assert overridden(chain) == {"rcpt", "mail"}


def test_an_empty_chain_accepts_everything() -> None:
    assert overridden(Chain()) == set()
    assert messages().startswith("250 ")


def test_a_member_without_the_hook_is_not_asked() -> None:
    class Silent(Handler):
        def mail(self, session: object, mail: object) -> None:
            raise KeyError

    del Silent.mail
    assert overridden(Chain(Silent())) == set()


def test_the_credentials_are_those_of_the_first_member_with_a_store() -> None:
    first, second = CredentialStore(), CredentialStore()
    chain = Chain(Handler(), handler(credentials=first), handler(credentials=second))
    assert chain.credentials is first
    assert Chain(Handler()).credentials is None


# Hooks that refuse nothing.


def test_every_member_hears_of_the_end_whatever_the_others_raise() -> None:
    told: list[str] = []
    chain = Chain(
        handler(disconnect=gives(KeyError("first"))),
        handler(disconnect=lambda *_: told.append("plain")),
        handler(disconnect=gives_later(None)),
        handler(disconnect=lambda *_: told.append("last")),
    )
    with pytest.raises(KeyError, match="first"):
        run(chain.disconnect(None, None))  # type: ignore[arg-type]
    assert told == ["plain", "last"]


def test_several_faults_at_the_end_are_raised_as_a_group() -> None:
    chain = Chain(handler(reset=gives(KeyError())), handler(reset=gives(ValueError())), handler(reset=gives(None)))
    with pytest.raises(ExceptionGroup) as caught:
        chain.reset(None)  # type: ignore[arg-type]
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


# The body.


def test_collecting_members_share_what_the_session_collects() -> None:
    got: list[bytes] = []
    taker = handler(message=lambda session, envelope: got.append(envelope.content))
    written = messages(taker, Handler(), taker, handler(data=gives(None)))
    assert written.startswith("250 ")
    assert got == [BODY, BODY]


@pytest.mark.parametrize("kind", [Sink, AsyncSink])
@pytest.mark.parametrize("hook", [gives, gives_later])
def test_each_member_gets_the_body_in_the_form_it_asked_for(
    kind: type[Sink], hook: Callable[[object], Callable[..., object]]
) -> None:
    got: list[bytes] = []
    sinks = kind(), Sink()
    taker = handler(message=lambda session, envelope: got.append(envelope.content))
    written = messages(handler(data=hook(sinks[0])), taker, Handler(), handler(data=gives(sinks[1])), taker)
    assert written.startswith("250 ")
    assert got == [BODY, BODY]
    assert [sink.log for sink in sinks] == [[BODY, "finish"]] * 2


@pytest.mark.parametrize("hook", [gives, gives_later])
@pytest.mark.parametrize("answer", [NO, Reply(250, "what is that"), KeyError()])
def test_a_refusal_of_data_aborts_the_sinks_that_were_given_before(
    hook: Callable[[object], Callable[..., object]], answer: object
) -> None:
    before, asked = Sink(), []
    last = handler(data=lambda *_: asked.append("last"))
    dialogue = Dialogue(handler=Chain(handler(data=gives(before)), handler(data=hook(answer)), last)).mailing()
    written = dialogue.say("DATA") + settle(dialogue)
    assert written[:3] == ("550" if answer is NO else "451")
    assert before.log == ["abort"]
    assert asked == []


def test_a_354_with_own_text_is_a_yes() -> None:
    sink = Sink()
    written = messages(handler(data=gives(Reply(354, "Go on"))), handler(data=gives(sink)))
    assert written.startswith("250 ")
    assert sink.log == [BODY, "finish"]


@pytest.mark.parametrize("kind", [Sink, AsyncSink])
def test_a_sink_that_refuses_early_has_all_sinks_aborted(kind: type[Sink]) -> None:
    sinks = kind(), kind(refuse=NO), kind()
    written = messages(*(handler(data=gives(sink)) for sink in sinks))
    assert written == "550 5.7.1 No\r\n"
    assert [sink.log for sink in sinks] == [[BODY, "abort"], [BODY, "abort"], ["abort"]]


@pytest.mark.parametrize("kind", [Sink, AsyncSink])
@pytest.mark.parametrize("verdict", [NO, RuntimeError()])
def test_those_behind_a_refusal_at_the_end_are_aborted(kind: type[Sink], verdict: object) -> None:
    got: list[object] = []
    sinks = Sink(), kind(finish=verdict), kind()
    taker = handler(message=lambda *_: got.append("message"))
    written = messages(*(handler(data=gives(sink)) for sink in sinks), taker)
    assert written[:3] == ("550" if verdict is NO else "451")
    assert [sink.log[1:] for sink in sinks] == [["finish"], ["finish"], ["abort"]]
    assert got == []


def test_a_message_hook_that_refuses_aborts_the_sinks_behind_it() -> None:
    sink = Sink()
    written = messages(handler(message=gives(NO)), handler(data=gives(sink)))
    assert written == "550 5.7.1 No\r\n"
    assert sink.log == [BODY, "abort"]


def test_an_abort_that_raises_keeps_no_other_from_being_called() -> None:
    sinks = Sink(abort=KeyError()), Sink()
    dialogue = Dialogue(handler=Chain(*(handler(data=gives(sink)) for sink in sinks))).in_data()
    dialogue.close(ConnectionResetError())
    assert dialogue.over
    assert [sink.log for sink in sinks] == [["abort"], ["abort"]]


def test_a_cancelled_finish_aborts_the_sinks_behind_it() -> None:
    class Cancelled(BaseException):
        """What event loops throw."""

    class Waiting(Sink):
        def finish(self) -> Any:
            return Waits()

    class Waits:
        def __await__(self) -> Any:
            yield

    sinks = Waiting(), Sink()
    dialogue = Dialogue(handler=Chain(*(handler(data=gives(sink)) for sink in sinks))).in_data()
    dialogue.say("one", "two", ".")
    pending: Any = dialogue.asked("finish").pending
    pending.send(None)
    with pytest.raises(Cancelled):
        pending.throw(Cancelled())
    assert sinks[1].log == [BODY, "abort"]


def test_a_wait_that_is_thrown_away_is_simply_closed() -> None:
    class Waits:
        def __await__(self) -> Any:
            yield

    for hooks in {"mail": gives(Waits())}, {"data": gives(Waits())}:
        chain: Any = Chain(handler(**hooks))  # type: ignore[arg-type]
        pending = getattr(chain, next(iter(hooks)))(None, None)
        pending.send(None)
        pending.close()

    class Waiting(Sink):
        def finish(self) -> Any:
            return Waits()

    dialogue = Dialogue(handler=Chain(handler(data=gives(Waiting())), handler(data=gives(Sink())))).in_data()
    dialogue.say(".")
    thrown_away: Any = dialogue.asked("finish").pending
    thrown_away.send(None)
    thrown_away.close()


def test_what_a_chain_collects_beside_a_sink_counts_as_memory_of_the_session() -> None:
    gate = Gate(max_collected=8)
    sink = Sink()
    chain = Chain(handler(data=gives(sink)), handler(message=gives(None)))
    dialogue = Dialogue(handler=chain, gate=gate).in_data()
    dialogue.say("one")
    assert gate.collected == 5
    assert dialogue.say("two", ".").startswith("452 4.3.1 ")
    assert gate.collected == 0
    assert sink.log == [b"one\r\n", "abort"]


def test_chains_may_stand_in_chains() -> None:
    sinks = Sink(), Sink()
    inner = Chain(handler(data=gives(sinks[0])), handler(message=gives(None)))
    written = messages(inner, handler(data=gives(sinks[1])))
    assert written.startswith("250 ")
    assert [sink.log for sink in sinks] == [[BODY, "finish"]] * 2


def test_an_async_member_is_waited_for_by_the_session() -> None:
    dialogue = Dialogue(handler=Chain(handler(mail=gives(Later())))).ready()
    assert dialogue.say("MAIL FROM:<a@b.example>") == ""
    assert inspect.iscoroutine(dialogue.asked("mail").pending)
    dialogue.asked().pending.close()  # type: ignore[attr-defined]
