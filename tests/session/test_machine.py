"""The step machine alone: it knows no SMTP, and what it does is for its role to say."""

from __future__ import annotations

import pytest

from smtpcore import Reply, Timeouts
from smtpcore.session import Close, Send
from smtpcore.session.machine import Phase, StepMachine
from smtpcore.session.timers import Timers
from tests.session.driver import TLS


def machine(first: Phase = lambda: None) -> StepMachine:
    """One without a role, which has its first phase from here."""
    return StepMachine(Timeouts(), lambda: 0.0, first, 16384)


def test_a_machine_says_something_and_closes() -> None:
    def begin() -> None:
        saying.write(b"hello ")
        saying.write(b"world")
        saying.enter(saying._close)

    saying = machine(begin)
    step = saying.next_step()
    assert step == Send(b"hello world")
    saying.sent()
    assert isinstance(saying.next_step(), Close)


@pytest.mark.parametrize("what", ["fault", "_secured", "_read", "_wait_for_input", "_disconnect"])
def test_what_belongs_to_the_role_is_not_there_without_one(what: str) -> None:
    arguments = {"fault": ("x", KeyError()), "_secured": (TLS,), "_read": (b"",)}.get(what, ())
    with pytest.raises(NotImplementedError):
        getattr(machine(), what)(*arguments)


def test_a_hook_that_is_answered_at_once_needs_no_step() -> None:
    calling = machine()
    got: list[object] = []
    calling.call("mail", lambda number: Reply(number), 250, then=got.append)
    calling.call("mail", lambda: None, then=got.append)
    calling.call("verify", lambda: True, then=got.append, accept=(bool,))
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
