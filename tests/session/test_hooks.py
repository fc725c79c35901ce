"""What a hook may answer at each stage, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from smtpcore import CredentialStore, Handler, Identity, Reply, ServerConfig, ServerSession, TlsInfo, handler
from tests.session.driver import PLAIN_BOB, TLS, Dialogue, Later, Recorder, config

CONFIG = config(starttls=True, mechanisms=("PLAIN",), plaintext_auth_without_tls=True, expn=True)


class Open(CredentialStore):
    """Every password is right."""

    def verify_password(self, username: str, password: str) -> bool:
        return True


@dataclass(frozen=True)
class Stage:
    """How to get to a hook, and what an application's fault in it is on the wire."""

    name: str
    trigger: Callable[[Dialogue], str]
    fault: str = "451 4.3.0 Local error in processing"
    settings: ServerConfig = CONFIG


def secure(dialogue: Dialogue) -> str:
    dialogue.ready().say("STARTTLS")
    return dialogue.tls() + dialogue.say("EHLO client.test")


def deliver(dialogue: Dialogue) -> str:
    return dialogue.in_data().say("hi", ".")


STAGES = [
    Stage("connect", lambda d: d.run() + d.wait(0), "421 mx.test Local error in processing"),
    Stage("helo", lambda d: d.greeted().say("EHLO client.test"), "451 Local error in processing"),
    Stage("starttls", lambda d: d.ready().say("STARTTLS")),
    Stage("secured", secure, "451 Local error in processing"),
    Stage("authenticate", lambda d: d.ready().say(PLAIN_BOB), "454 4.7.0 Temporary authentication failure"),
    Stage("mail", lambda d: d.ready().say("MAIL FROM:<a@b.example>")),
    Stage("rcpt", lambda d: d.ready().say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")),
    Stage("data", lambda d: d.mailing().say("DATA")),
    Stage("message", deliver),
    Stage("vrfy", lambda d: d.greeted().say("VRFY x")),
    Stage("expn", lambda d: d.greeted().say("EXPN x")),
    Stage("help", lambda d: d.greeted().say("HELP")),
]
BY_NAME = {stage.name: stage for stage in STAGES}
EACH = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)


def dialogue_with(stage: Stage, hook: Callable[..., object], recorder: Recorder | None = None) -> Dialogue:
    made = handler(credentials=Open(), **{stage.name: hook})
    return Dialogue(stage.settings, made, observer=recorder)


def raising(*_: object) -> object:
    raise RuntimeError("secret of the application")


def last_line(written: str) -> str:
    return written.splitlines()[-1]


@EACH
def test_a_hook_that_raises_is_a_local_error(stage: Stage) -> None:
    recorder = Recorder()
    dialogue = dialogue_with(stage, raising, recorder)
    assert last_line(stage.trigger(dialogue)) == stage.fault
    assert recorder.named("fault") == [(stage.name, RuntimeError)]
    assert b"secret" not in b"".join(dialogue.writes)


@EACH
def test_an_async_hook_that_raises_is_a_local_error(stage: Stage) -> None:
    recorder = Recorder()
    dialogue = dialogue_with(stage, lambda *_: Later(), recorder)
    written = stage.trigger(dialogue)
    dialogue.asked(stage.name)
    written += dialogue.fail(RuntimeError("secret of the application"))
    if stage.name == "connect":
        written += dialogue.wait(0)
    assert last_line(written) == stage.fault
    assert recorder.named("fault") == [(stage.name, RuntimeError)]


@EACH
def test_an_async_hook_that_takes_too_long_is_a_local_error_and_its_ask_is_gone(stage: Stage) -> None:
    recorder = Recorder()
    dialogue = dialogue_with(stage, lambda *_: Later(), recorder)
    stage.trigger(dialogue)
    ask = dialogue.asked(stage.name)
    timeouts = dialogue.session.config.timeouts
    limit = timeouts.message_hook if stage.name == "message" else timeouts.hook
    assert dialogue.session.deadline == dialogue.now + (limit or 0)
    written = dialogue.wait(limit or 0)
    assert dialogue.step is not ask
    assert last_line(written) == stage.fault
    assert recorder.named("fault") == [(stage.name, TimeoutError)]
    dialogue.session.answer(ask, None)
    assert dialogue.run() == ""


@EACH
@pytest.mark.conformance("C152")
@pytest.mark.parametrize("answer", [True, False, "yes", 250, [Reply(250)], object()], ids=repr)
def test_an_answer_that_is_none_is_a_local_error(stage: Stage, answer: object) -> None:
    recorder = Recorder()
    dialogue = dialogue_with(stage, lambda *_: answer, recorder)
    assert last_line(stage.trigger(dialogue)) == stage.fault
    assert [error for _, error in recorder.named("fault")] == [TypeError]
    awaited = dialogue_with(stage, lambda *_: Later())
    stage.trigger(awaited)
    written = awaited.answer(answer)
    assert last_line(written + (awaited.wait(0) if stage.name == "connect" else "")) == stage.fault


@EACH
@pytest.mark.conformance("C152")
def test_a_class_that_the_command_cannot_have_is_a_local_error(stage: Stage) -> None:
    recorder = Recorder()
    dialogue = dialogue_with(stage, lambda *_: Reply(250 if stage.name == "data" else 354, "Oops"), recorder)
    assert last_line(stage.trigger(dialogue)) == stage.fault
    assert len(recorder.named("fault")) == 1


@EACH
def test_an_own_refusal_is_sent_as_it_is(stage: Stage) -> None:
    written = stage.trigger(dialogue_with(stage, lambda *_: Reply(550, "Go away", "5.7.1")))
    plain = stage.name in ("connect", "helo", "secured")
    assert last_line(written) == f"550 {'mx.test ' if stage.name == 'connect' else '' if plain else '5.7.1 '}Go away"


@EACH
@pytest.mark.parametrize("text", ["mx.test Enough", "Enough"])
def test_a_421_of_a_hook_closes_behind_it_and_names_the_server(stage: Stage, text: str) -> None:
    dialogue = dialogue_with(stage, lambda *_: Reply(421, text, "4.7.0"))
    written = stage.trigger(dialogue)
    plain = stage.name in ("connect", "helo")
    assert last_line(written) == f"421 {'' if plain else '4.7.0 '}mx.test Enough"
    assert dialogue.closing
    dialogue.close()
    assert dialogue.over


@EACH
def test_a_refusal_may_ask_to_close(stage: Stage) -> None:
    dialogue = dialogue_with(stage, lambda *_: Reply(550, "Bye", close=True))
    written = last_line(stage.trigger(dialogue))
    assert written.startswith("550 ")
    assert written.endswith("Bye")
    assert dialogue.closing


# A yes to TLS has no reply that could close.
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.name != "secured"], ids=lambda stage: stage.name)
def test_a_positive_reply_may_ask_to_close(stage: Stage) -> None:
    code = {"connect": 220, "starttls": 220, "authenticate": 235, "data": 354}.get(stage.name, 250)
    dialogue = dialogue_with(stage, lambda *_: Reply(code, "Bye", close=True))
    written = last_line(stage.trigger(dialogue))
    assert written.startswith(f"{code} ")
    assert written.endswith("Bye")
    assert dialogue.closing


@pytest.mark.parametrize("name", ["mail", "rcpt", "message", "vrfy", "expn", "help"])
def test_a_positive_reply_may_have_a_text_of_its_own(name: str) -> None:
    stage = BY_NAME[name]
    written = stage.trigger(dialogue_with(stage, lambda *_: Reply(250, "queued as 4711")))
    assert last_line(written) == "250 2.0.0 queued as 4711"


def test_a_positive_reply_to_helo_is_no_more_than_a_yes() -> None:
    dialogue = Dialogue(CONFIG, handler(helo=lambda *_: Reply(250, ("mx.test", "SIZE 1"))))
    assert dialogue.greeted().say("HELO client.test") == "250 mx.test\r\n"
    assert "250-SIZE 36700160\r\n" in dialogue.say("EHLO client.test")


def test_a_220_of_connect_has_the_servers_name_first() -> None:
    for text, line in ("Welcome", "220 mx.test Welcome\r\n"), ("mx.test ESMTP hi", "220 mx.test ESMTP hi\r\n"):
        dialogue = Dialogue(handler=handler(connect=lambda *_, text=text: Reply(220, text)))
        assert dialogue.run() + dialogue.wait(0) == line


def test_a_temporary_refusal_of_connect_leaves_only_quit() -> None:
    dialogue = Dialogue(handler=handler(connect=lambda *_: Reply(450, "Later")))
    assert dialogue.run() + dialogue.wait(0) == "450 mx.test Later\r\n"
    assert dialogue.say("EHLO x.test").startswith("503 ")
    assert dialogue.say("QUIT").startswith("221 ")


def test_a_220_of_starttls_may_have_a_text_of_its_own_and_no_other_code_goes_out() -> None:
    assert Dialogue(CONFIG, handler(starttls=lambda *_: Reply(220, "Do"))).ready().say("STARTTLS") == "220 2.0.0 Do\r\n"
    assert Dialogue(CONFIG, handler(starttls=lambda *_: Reply(250))).ready().say("STARTTLS").startswith("220 ")


def test_a_positive_answer_of_secured_changes_nothing() -> None:
    dialogue = Dialogue(CONFIG, handler(secured=lambda *_: Reply(250)))
    assert secure(dialogue).startswith("250-mx.test")


def test_reset_and_disconnect_cannot_fail_the_peer() -> None:
    for hook in raising, lambda *_: Reply(550, "No"), lambda *_: 17:
        recorder = Recorder()
        dialogue = Dialogue(handler=handler(reset=hook, disconnect=hook), observer=recorder).mailing()
        assert dialogue.say("RSET") == "250 2.0.0 OK\r\n"
        dialogue.say("QUIT")
        dialogue.close()
        assert dialogue.over
        assert {stage for stage, _ in recorder.named("fault")} <= {"reset", "disconnect"}


def test_async_reset_and_disconnect_are_waited_for() -> None:
    dialogue = Dialogue(handler=handler(reset=lambda *_: Later(), disconnect=lambda *_: Later())).mailing()
    assert dialogue.say("RSET", "NOOP") == ""
    dialogue.asked("reset")
    assert dialogue.answer().splitlines() == ["250 2.0.0 OK", "250 2.0.0 OK"]
    dialogue.say("QUIT")
    dialogue.close()
    dialogue.asked("disconnect")
    assert dialogue.answer() == ""
    assert dialogue.over


def test_ehlo_in_a_transaction_resets_it_and_one_outside_does_not() -> None:
    told: list[object] = []
    dialogue = Dialogue(handler=handler(reset=told.append)).ready()
    dialogue.say("EHLO client.test")
    assert told == []
    dialogue.say("MAIL FROM:<>", "EHLO client.test")
    assert told == [dialogue.session]
    assert dialogue.session.envelope is None


def test_disconnect_learns_of_the_fault_of_a_hook() -> None:
    causes: list[object] = []
    hooks: dict[str, Any] = {"mail": raising, "disconnect": lambda session, cause: causes.append(cause)}
    dialogue = Dialogue(handler=handler(**hooks)).ready()
    dialogue.say("MAIL FROM:<>", "QUIT")
    dialogue.close()
    assert [type(cause) for cause in causes] == [RuntimeError]


def test_each_hook_is_given_what_it_decides_about() -> None:
    given: dict[str, tuple[object, ...]] = {}

    class Curious(Handler):
        credentials = Open()

    curious = Curious()
    for name in (*BY_NAME, "reset", "disconnect"):
        setattr(curious, name, lambda *arguments, name=name: given.setdefault(name, arguments) and None)
    dialogue = Dialogue(CONFIG, curious)
    secure(dialogue)
    dialogue.say(PLAIN_BOB, "VRFY x", "EXPN y", "HELP z", "MAIL FROM:<>", "RSET", "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.say("DATA")
    dialogue.say(".", "QUIT")
    dialogue.close()
    assert set(given) == {*BY_NAME, "reset", "disconnect"}
    assert all(arguments[0] is dialogue.session for arguments in given.values())
    assert isinstance(given["secured"][1], TlsInfo)
    assert given["secured"][1] == TLS
    assert given["authenticate"][1] == Identity("bob", mechanism="PLAIN")
    assert given["data"][1] is given["message"][1]
    assert given["disconnect"][1] is None


def test_a_base_exception_of_a_plain_hook_is_not_the_applications_to_hide() -> None:
    class Interrupt(BaseException):
        """What a signal raises."""

    def mail(session: ServerSession, *_: object) -> None:
        raise Interrupt

    dialogue = Dialogue(handler=handler(mail=mail)).ready()
    with pytest.raises(Interrupt):
        dialogue.say("MAIL FROM:<>")
