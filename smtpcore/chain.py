"""Several handlers as one: each is asked in turn, and the first refusal wins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from smtpcore.handler import HOOKS, BodySink, Handler, MaybeAwaitable, MessageAnswer, overridden
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.envelope import Envelope
    from smtpcore.session.server import ServerSession

_Turn: TypeAlias = Generator[object, object, object]
"""Yields what each call returned and is sent what came of it, so one text serves plain and async members."""

_TOLD = ("reset", "disconnect")
"""The hooks that refuse nothing: every member hears of them."""


class Chain(Handler):
    """Handlers one behind the other.

    Each hook asks the members that have it, in order, until one refuses; of positive replies with a text of
    their own the first is sent. A member that is behind a refusal is not asked. The body goes to each member
    in the form it asked for: streamed to those that gave a sink, collected for the ``message`` of the others.
    When one refuses, the sinks of those behind it are aborted; what is before it has taken the message.

    Members may be plain and async in any order; as long as no member's answer has to be awaited, the chain
    is plain. The credentials are those of the first member that has a store. Under LMTP an answer for each
    recipient may come from the last member that takes the message.
    """

    def __init__(self, *handlers: Handler) -> None:
        self.handlers = handlers
        self.credentials = next((member.credentials for member in handlers if member.credentials is not None), None)
        # Set on the instance, and only where a member has something to say: the others cost nothing.
        for name in HOOKS:
            hooks = [getattr(member, name) for member in handlers if name in overridden(member)]
            if hooks:
                turn = self._open if name == "data" else partial(_tell if name in _TOLD else _ask, hooks)
                setattr(self, name, partial(_run, turn))

    def _open(self, session: ServerSession, envelope: Envelope) -> _Turn:
        sinks: list[BodySink] = []
        for member in self.handlers:
            hooks = overridden(member)
            try:
                answer = (yield member.data(session, envelope)) if "data" in hooks else None
            except GeneratorExit:
                raise
            except BaseException:
                yield from _abort(sinks)
                raise
            if isinstance(answer, BodySink):
                sinks.append(answer)
            elif answer is not None and not (isinstance(answer, Reply) and answer.intermediate):
                yield from _abort(sinks)
                return answer
            elif "message" in hooks:
                sinks.append(_Collected(member, session, envelope))
        # The session collects for those who all want it so.
        return None if all(isinstance(sink, _Collected) for sink in sinks) else _Tee(session, envelope, sinks)


class _Collected(BodySink):
    """Stands among the sinks for a member whose ``message`` is to be called."""

    def __init__(self, member: Handler, session: ServerSession, envelope: Envelope) -> None:
        self._member = member
        self._session = session
        self._envelope = envelope

    def finish(self) -> MessageAnswer:
        return self._member.message(self._session, self._envelope)


class _Tee(BodySink):
    """Gives the content to several sinks, and collects it once for all members that want it whole."""

    def __init__(self, session: ServerSession, envelope: Envelope, sinks: list[BodySink]) -> None:
        self._session = session
        self._envelope = envelope
        self._sinks = sinks
        self._collecting = any(isinstance(sink, _Collected) for sink in sinks)

    def write(self, chunk: bytes) -> MaybeAwaitable[Reply | None]:
        return _run(self._write, chunk)  # type: ignore[return-value]

    def finish(self) -> MessageAnswer:
        return _run(self._finish)  # type: ignore[return-value]

    def abort(self) -> MaybeAwaitable[None]:
        return _run(_abort, self._sinks)  # type: ignore[return-value]

    def _write(self, chunk: bytes) -> _Turn:
        if self._collecting and (refusal := self._session.content.collect(self._session, chunk)) is not None:
            return refusal
        for sink in self._sinks:
            answer = yield sink.write(chunk)
            if answer is not None:
                return answer
        return None

    def _finish(self) -> _Turn:
        if self._collecting:
            self._envelope.content = self._session.content.take()
        own: object = None
        for number, sink in enumerate(self._sinks, 1):
            behind = self._sinks[number:]
            try:
                answer = yield sink.finish()
            except GeneratorExit:
                raise
            except BaseException:
                yield from _abort(behind)
                raise
            if not _agrees(answer):
                yield from _abort(behind)
                return answer
            own = answer if own is None else own
        return own


def _agrees(answer: object) -> bool:
    return answer is None or (isinstance(answer, Reply) and answer.positive)


def _ask(hooks: list[Callable[..., object]], *args: object) -> _Turn:
    own: object = None
    for hook in hooks:
        answer = yield hook(*args)
        if not _agrees(answer):
            return answer
        own = answer if own is None else own
    return own


def _abort(sinks: Iterable[BodySink]) -> _Turn:
    return _tell([sink.abort for sink in sinks])


def _tell(hooks: list[Callable[..., object]], *args: object) -> _Turn:
    """Call all of them, whatever one of them raises."""
    errors: list[Exception] = []
    for hook in hooks:
        try:
            yield hook(*args)
        except Exception as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several members of a chain failed", errors)
    return None


def _run(turn: Callable[..., _Turn], *args: object) -> object:
    """Go through a turn; what is left of it from the first answer on that has to be awaited is a coroutine."""
    calls = turn(*args)
    try:
        value = next(calls)
        while not hasattr(value, "__await__"):
            value = calls.send(value)
    except StopIteration as end:
        return end.value
    return _await(calls, value)


async def _await(calls: _Turn, value: object) -> object:
    try:
        while True:
            if isinstance(value, Awaitable):
                try:
                    value = await value
                except GeneratorExit:
                    raise
                except BaseException as error:
                    # Also a cancellation: those who have not answered yet are to be aborted.
                    value = calls.throw(error)
                    continue
            value = calls.send(value)
    except StopIteration as end:
        return end.value
