"""What an application builds on: a handler, its hooks, and the parts it hands in."""

from __future__ import annotations

from inspect import signature

import pytest

from smtpcore import BodySink, CredentialStore, Handler, handler
from smtpcore.handler import HOOKS, overridden

# Written by hand: the design's list for this stage of the project.
NAMES = {
    "connect", "helo", "starttls", "secured", "authenticate", "mail", "rcpt", "data", "message", "vrfy", "expn", "help",
    "reset", "disconnect",
}  # fmt: skip


def test_every_stage_has_a_hook() -> None:
    assert NAMES <= HOOKS
    assert "credentials" not in HOOKS
    assert not [name for name in HOOKS if name.startswith("_")]


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_accepts_by_default(name: str) -> None:
    hook = getattr(Handler(), name)
    assert hook(*[None for _ in signature(hook).parameters]) is None


def test_by_default_there_are_no_credentials_and_no_password_is_right() -> None:
    assert Handler().credentials is None
    assert CredentialStore().verify_password("bob", "hunter2") is False


def test_a_sink_takes_everything_by_default() -> None:
    sink = BodySink()
    assert sink.write(b"x") is None
    assert sink.finish() is None
    assert sink.abort() is None


# What counts as overridden.


class Base(Handler):
    def mail(self, *_: object) -> None:
        """Accept."""


class Derived(Base):
    async def rcpt(self, *_: object) -> None:
        """Accept."""


def test_a_hook_is_overridden_by_its_class_a_base_of_it_or_the_instance() -> None:
    assert overridden(Handler()) == set()
    assert overridden(Base()) == {"mail"}
    assert overridden(Derived()) == {"mail", "rcpt"}
    made = Derived()
    made.data = lambda *_: None  # type: ignore[method-assign]
    made.anything_else = 1  # type: ignore[attr-defined]
    assert overridden(made) == {"mail", "rcpt", "data"}
    assert overridden(Derived()) == {"mail", "rcpt"}


def test_a_mixin_that_is_no_handler_overrides_too() -> None:
    class Mixin:
        def vrfy(self, *_: object) -> None:
            """Accept."""

    class Both(Mixin, Handler):
        """One of each."""

    assert overridden(Both()) == {"vrfy"}


# Single functions.


def test_single_functions_make_a_handler() -> None:
    store = CredentialStore()
    made = handler(mail=lambda session, mail: (session, mail), credentials=store)
    assert isinstance(made, Handler)
    assert made.credentials is store
    assert overridden(made) == {"mail"}
    answer: object = made.mail("session", "mail")  # type: ignore[arg-type]
    assert answer == ("session", "mail")


def test_two_handlers_made_of_functions_share_nothing() -> None:
    assert overridden(handler(mail=print)) == {"mail"}
    assert overridden(handler(rcpt=print)) == {"rcpt"}
    assert overridden(handler()) == set()


@pytest.mark.parametrize("name", ["recipient", "Mail", "__init__", "command_line"])
def test_a_name_that_is_no_hooks_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is no hook; there are .*connect, .*mail"):
        handler(**{name: print})  # type: ignore[arg-type]
