"""The step machine alone: it knows no SMTP, and what it does is for its role to say."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import Reply, Timeouts
from smtpcore.session import Close, Send
from smtpcore.session.machine import StepMachine
from smtpcore.session.steps import Step
from smtpcore.session.timers import Timers
from tests.session.driver import TLS


class Role(StepMachine):
    """The smallest role: says something, and closes."""

    def __init__(self) -> None:
        super().__init__(Timeouts(), lambda: 0.0, self.begin)

    def begin(self) -> Step | None:
        self.write(b"hello ")
        self.write(b"world")
        self.enter(self._close)
        return None

    def _disconnect(self) -> Step | None:
        self._phase = None
        return None


def test_the_smallest_role_says_something_and_closes() -> None:
    role = Role()
    step = role.next_step()
    assert step == Send(b"hello world")
    role.sent()
    assert isinstance(role.next_step(), Close)
    role.closed()
    assert role.next_step() is None


@pytest.mark.parametrize("what", ["fault", "_secured", "_read", "_disconnect"])
def test_what_belongs_to_the_role_is_not_there_without_one(what: str) -> None:
    machine: Any = Role()
    arguments = {"fault": ("x", KeyError()), "_secured": (TLS,), "_read": (b"",), "_disconnect": ()}[what]
    with pytest.raises(NotImplementedError):
        getattr(StepMachine, what)(machine, *arguments)


def test_a_hook_that_is_answered_at_once_needs_no_step() -> None:
    role = Role()
    got: list[object] = []
    role.call("mail", lambda number: Reply(number), 250, then=got.append)
    role.call("mail", lambda: None, then=got.append)
    role.call("verify", lambda: True, then=got.append, accept=(bool,))
    assert got == [Reply(250), None, True]


# Timers.


def test_timers_are_known_by_name_and_may_be_off() -> None:
    timers = Timers()
    assert not timers
    timers["a"] = 5
    timers.start("b", 1, 2)
    assert timers == {"a": 5, "b": 3}
    timers.start("b", 1, None)
    assert timers == {"a": 5}
    assert "a" in timers
    assert "b" not in timers
    timers.stop("a", "b")
    assert not timers


def test_a_timer_may_be_brought_forward_and_never_put_off() -> None:
    timers = Timers()
    for at, earliest in (5, 5), (9, 5), (2, 2):
        timers.bring("grace", at)
        assert timers["grace"] == earliest


def test_what_has_expired_is_taken_the_earliest_first() -> None:
    timers = Timers()
    for name, at in ("late", 9), ("second", 5), ("first", 4):
        timers[name] = at
    assert timers.expired(5) == ["first", "second"]
    assert timers.expired(5) == []
    assert timers == {"late": 9}
