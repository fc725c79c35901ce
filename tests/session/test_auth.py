"""AUTH: the exchange and every fault in it (RFC 4954, RFC 4616, T-AUTH)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from smtpcore import CredentialStore, Identity, Limits, Reply, State, handler
from tests.session.driver import PLAIN_BOB, Dialogue, Later, Recorder, config, later

CONFIG = config(mechanisms=("PLAIN", "LOGIN"), plaintext_auth_without_tls=True)
BOB = "\0bob\0hunter2"
GOOD = "235 2.7.0 Authentication succeeded\r\n"
BAD = "535 5.7.8 Authentication credentials invalid\r\n"
NO_BASE64 = "501 5.5.2 That is no base64\r\n"
FAULT = "454 4.7.0 Temporary authentication failure\r\n"
ENOUGH = "421 4.7.0 mx.test Too many errors or commands\r\n"


class Store(CredentialStore):
    """Knows bob."""

    def __init__(self, answer: object = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer = answer

    def verify_password(self, username: str, password: str) -> Any:
        self.asked.append((username, password))
        if isinstance(self.answer, Exception):
            raise self.answer
        return (username, password) == ("bob", "hunter2") if self.answer is None else self.answer


def b64(text: str | bytes) -> str:
    return b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(text: str | bytes) -> str:
    return f"AUTH PLAIN {b64(text)}"


def ready(store: CredentialStore | None = None, settings: Any = CONFIG, **hooks: Any) -> Dialogue:
    return Dialogue(settings, handler(credentials=store or Store(), **hooks)).ready()


# PLAIN and LOGIN.


@pytest.mark.conformance("C231")
@pytest.mark.parametrize("verb", ["AUTH PLAIN", "auth plain", "Auth Plain"])
def test_plain_with_an_initial_response(verb: str) -> None:
    dialogue = ready()
    assert dialogue.say(f"{verb} {b64(BOB)}") == GOOD
    assert dialogue.session.identity == Identity("bob", mechanism="PLAIN")


@pytest.mark.conformance("C159", "C235")
def test_plain_without_an_initial_response_gets_an_empty_challenge() -> None:
    dialogue = ready()
    assert dialogue.say("AUTH PLAIN") == "334 \r\n"
    assert dialogue.say(b64("\0bob\0hunter2")) == GOOD


def test_login_asks_for_the_name_and_the_password() -> None:
    dialogue = ready()
    assert dialogue.say("AUTH LOGIN") == "334 VXNlcm5hbWU6\r\n"
    assert dialogue.say(b64("bob")) == "334 UGFzc3dvcmQ6\r\n"
    assert dialogue.say(b64("hunter2")) == GOOD
    assert dialogue.session.identity == Identity("bob", mechanism="LOGIN")


def test_login_takes_the_name_with_the_command() -> None:
    dialogue = ready()
    assert dialogue.say(f"AUTH LOGIN {b64('bob')}") == "334 UGFzc3dvcmQ6\r\n"
    assert dialogue.say(b64("hunter2")) == GOOD


@pytest.mark.conformance("C239")
@pytest.mark.threat("T-AUTH")
def test_an_unknown_user_and_a_wrong_password_get_the_same_reply() -> None:
    assert ready().say(plain("\0bob\0wrong")) == ready().say(plain("\0nobody\0hunter2")) == BAD
    dialogue = ready()
    assert dialogue.session.state is State.READY
    dialogue.say("AUTH LOGIN", b64("bob"))
    assert dialogue.say(b64("wrong")) == BAD
    assert dialogue.session.identity is None
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


def test_without_a_store_no_password_is_right() -> None:
    dialogue = Dialogue(CONFIG).ready()
    assert dialogue.say(PLAIN_BOB) == BAD


@pytest.mark.conformance("C243", "C245")
@pytest.mark.parametrize(
    "response",
    [
        b"\0\0\0",
        b"bob hunter2",
        b"\0bob",
        b"\0bob\0hunter2\0",
        b"\0\0hunter2",
        b"\0bob\0",
        b"\0\xff\0hunter2",
        b"\xc3\0a\0b",
    ],
)
def test_plain_responses_that_do_not_fit_are_refused_and_nothing_is_checked(response: bytes) -> None:
    store = Store(True)
    assert ready(store).say(plain(response))[:3] in ("501", "535")
    assert store.asked == []


@pytest.mark.conformance("C234")
def test_an_empty_initial_response_is_a_response() -> None:
    assert ready().say("AUTH PLAIN =").startswith("501 5.5.2 ")
    assert ready().say("AUTH LOGIN =") == BAD


@pytest.mark.parametrize("name", [b"", b"\xff", b"a\0b"])
def test_login_names_that_do_not_fit_are_refused(name: bytes) -> None:
    dialogue = ready()
    dialogue.say("AUTH LOGIN")
    assert dialogue.say(b64(name))[:3] in ("501", "535")
    assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.conformance("C244")
def test_fields_of_255_octets_are_processed() -> None:
    store = Store(True)
    assert ready(store).say(plain("\0" + "u" * 255 + "\0" + "p" * 255)) == GOOD
    assert store.asked == [("u" * 255, "p" * 255)]


# Who may act for whom.


@pytest.mark.threat("T-AUTH")
def test_acting_for_another_needs_a_hook_that_allows_it() -> None:
    assert ready().say(plain("bob\0bob\0hunter2")) == GOOD
    assert ready().say(plain("admin\0bob\0hunter2")) == BAD
    dialogue = ready(authenticate=lambda *_: None)
    assert dialogue.say(plain("admin\0bob\0hunter2")) == GOOD
    assert dialogue.session.identity is not None
    assert dialogue.session.identity.name == "admin"


def test_authenticate_may_refuse_and_have_its_own_words() -> None:
    dialogue = ready(authenticate=lambda *_: Reply(535, "Not you", "5.7.8"))
    assert dialogue.say(PLAIN_BOB) == "535 5.7.8 Not you\r\n"
    assert dialogue.session.identity is None
    assert dialogue.session.state is State.READY
    assert ready(authenticate=lambda *_: Reply(235, "Hello bob")).say(PLAIN_BOB) == "235 2.7.0 Hello bob\r\n"
    assert ready(authenticate=lambda *_: Reply(454, "Later")).say(PLAIN_BOB) == "454 4.7.0 Later\r\n"


def test_async_stores_and_hooks_are_waited_for() -> None:
    dialogue = ready(Store(Later()), authenticate=later)
    assert dialogue.say(PLAIN_BOB) == ""
    dialogue.asked("credentials")
    assert dialogue.answer(True) == ""
    dialogue.asked("authenticate")
    assert dialogue.answer() == GOOD
    dialogue = ready(Store(Later()))
    dialogue.say(PLAIN_BOB)
    assert dialogue.answer(False) == BAD


# Faults of the application.


@pytest.mark.parametrize(
    "answer",
    [RuntimeError("db"), Reply(235), Reply(334, "x"), Reply(250), Reply(550, "x"), 1, "yes", object()],
    ids=repr,
)
def test_a_store_that_fails_lets_nobody_in(answer: object) -> None:
    recorder = Recorder()
    dialogue = Dialogue(CONFIG, handler(credentials=Store(answer)), observer=recorder).ready()
    assert dialogue.say(PLAIN_BOB) == FAULT
    assert [stage for stage, _ in recorder.named("fault")] == ["credentials"]
    assert dialogue.session.identity is None
    assert not dialogue.session.connection.dialogue.authenticated
    assert dialogue.session.state is State.READY
    # The same from an async one.
    dialogue = ready(Store(Later()))
    dialogue.say(PLAIN_BOB)
    assert (dialogue.fail(answer) if isinstance(answer, Exception) else dialogue.answer(answer)) == FAULT
    assert dialogue.say(PLAIN_BOB) == ""


def test_a_store_that_forgets_to_answer_says_no() -> None:
    dialogue = ready(Store(Later()))
    dialogue.say(PLAIN_BOB)
    assert dialogue.answer(None) == BAD


def test_a_store_that_takes_too_long_is_a_temporary_failure() -> None:
    dialogue = ready(Store(Later()))
    dialogue.say(PLAIN_BOB)
    assert dialogue.wait(100) == FAULT
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


def test_a_challenge_from_a_hook_is_a_fault_and_ends_the_exchange() -> None:
    dialogue = ready(authenticate=lambda *_: Reply(334, "more"))
    assert dialogue.say(PLAIN_BOB) == FAULT
    assert dialogue.say("AAAA").startswith("500 ")


# Faults of the peer.


@pytest.mark.conformance("C233")
@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize(
    "encoded", ["!!!!", "=AAA", "AAA=BBB", "AGEAYg", "AGEAYh==", "AGEAYg== x", "AGEAYg==\tx", "=="]
)
def test_bad_base64_is_501(encoded: str) -> None:
    dialogue = ready()
    assert dialogue.say(f"AUTH PLAIN {encoded}").startswith("501 5.5.2 ")
    dialogue.say("AUTH PLAIN")
    assert dialogue.say(encoded) == NO_BASE64
    assert dialogue.session.state is State.READY


def test_a_space_behind_a_response_is_bad_base64() -> None:
    dialogue = ready()
    dialogue.say("AUTH PLAIN")
    assert dialogue.say("AGEAYg== ") == NO_BASE64


def test_a_line_fault_in_an_exchange_is_bad_base64() -> None:
    for octets in b"AG\nEA\r\n", b"AG\rEA\r\n", b"AG\0EA\r\n", b"AG\x01A\r\n":
        dialogue = ready()
        dialogue.say("AUTH PLAIN")
        assert dialogue.feed(octets) == NO_BASE64, octets
        assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.conformance("C232")
def test_a_star_cancels() -> None:
    dialogue = ready()
    dialogue.say("AUTH LOGIN")
    assert dialogue.say("*") == "501 5.7.0 Authentication cancelled\r\n"
    assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.conformance("C237", "C238")
@pytest.mark.threat("T-AUTH")
def test_a_response_may_have_12288_octets_and_no_more() -> None:
    store = Store(True)
    dialogue = ready(store)
    dialogue.say("AUTH PLAIN")
    longest = b64(b"\0bob\0" + b"p" * 9208)
    assert len(longest) <= 12286
    assert dialogue.say(longest) == GOOD
    for length in 12287, 13000:
        dialogue = ready()
        dialogue.say("AUTH PLAIN")
        assert dialogue.say("A" * length).startswith("500 5.5.6 ")
        assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.conformance("C230")
@pytest.mark.parametrize("name", ["FOO", "CRAM-MD5", "PLAIN-", "\u017flogin".encode().decode("latin-1")])
def test_an_unknown_mechanism_is_504(name: str) -> None:
    assert ready().say(f"AUTH {name}")[:9] in ("504 5.5.4", "501 5.5.2")


@pytest.mark.conformance("C230")
def test_a_mechanism_that_is_not_offered_is_504_and_its_response_is_not_looked_at() -> None:
    dialogue = ready(settings=config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True))
    assert dialogue.say("AUTH PLAIN !!!!").startswith("504 5.5.4 ")


@pytest.mark.conformance("C228")
@pytest.mark.threat("T-AUTH")
def test_after_success_another_is_503() -> None:
    dialogue = ready()
    in_one_go = dialogue.say(PLAIN_BOB, PLAIN_BOB)
    assert in_one_go.startswith(f"{GOOD}503 5.5.1 ")
    assert dialogue.say(PLAIN_BOB).startswith("503 5.5.1 ")
    assert "AUTH" not in dialogue.say("EHLO client.test")


@pytest.mark.conformance("C229", "C332")
@pytest.mark.threat("T-AUTH")
def test_where_it_is_out_of_order_it_is_503() -> None:
    dialogue = Dialogue(CONFIG, handler(credentials=Store())).greeted()
    assert dialogue.say("AUTH PLAIN").startswith("503 5.5.1 ")
    dialogue.say("HELO client.test")
    assert dialogue.say("AUTH PLAIN").startswith("503 5.5.1 ")
    dialogue.say("EHLO client.test", "MAIL FROM:<>")
    assert dialogue.say(PLAIN_BOB).startswith("503 5.5.1 ")
    dialogue.say("RSET")
    assert dialogue.say(PLAIN_BOB) == GOOD


def test_not_configured_it_is_502() -> None:
    assert Dialogue().ready().say(PLAIN_BOB).startswith("502 5.5.1 ")


@pytest.mark.conformance("C241")
@pytest.mark.threat("T-AUTH")
def test_without_tls_it_is_not_offered_and_538_before_anything_is_decoded() -> None:
    store = Store(True)
    dialogue = Dialogue(config(mechanisms=("PLAIN", "LOGIN"), starttls=True), handler(credentials=store))
    dialogue.greeted()
    assert "AUTH" not in dialogue.say("EHLO client.test")
    for line in "AUTH PLAIN", PLAIN_BOB, "AUTH PLAIN !!!!", "AUTH LOGIN", "AUTH LOGIN Ym9i":
        assert dialogue.say(line).startswith("538 5.7.11 ")
    assert store.asked == []
    assert dialogue.session.state is State.READY
    dialogue.say("STARTTLS")
    dialogue.tls()
    assert "250-AUTH PLAIN LOGIN\r\n" in dialogue.say("EHLO client.test")
    assert dialogue.say(PLAIN_BOB) == GOOD


@pytest.mark.conformance("C240")
def test_required_and_missing_it_stands_before_mail() -> None:
    settings = config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True, require_auth=True, starttls=True)
    dialogue = Dialogue(settings, handler(credentials=Store())).greeted()
    for line in "HELO x", "EHLO x", "NOOP", "RSET":
        assert dialogue.say(line).startswith("250")
    for line in "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA", "VRFY x", "HELP":
        assert dialogue.say(line) == "530 5.7.0 Authentication required\r\n"
    assert dialogue.say(PLAIN_BOB) == GOOD
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C257")
@pytest.mark.threat("T-PIPE")
def test_in_a_pipeline_it_is_answered_in_order() -> None:
    dialogue = ready()
    assert dialogue.say(PLAIN_BOB, "MAIL FROM:<>") == GOOD + "250 2.1.0 Sender accepted\r\n"
    dialogue = ready()
    assert dialogue.say(plain("\0bob\0no"), "MAIL FROM:<>") == BAD + "250 2.1.0 Sender accepted\r\n"
    # What stands where a response is due is a response and nothing else.
    for line, code in ("RSET1", "501"), ("RSET", "535"):  # the second one happens to be base64
        written = ready().say("AUTH LOGIN", line, "NOOP").splitlines()
        assert written[1][:3] == code
        assert written[2] == "250 2.0.0 OK"


# Budgets.


@pytest.mark.conformance("C242")
@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize("limit", [3, 5])
def test_failures_are_counted_and_three_are_never_too_many(limit: int) -> None:
    dialogue = ready(
        settings=config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True, limits=Limits(max_auth_failures=limit))
    )
    assert [dialogue.say(plain("\0bob\0no")) for _ in range(limit + 1)] == [BAD] * limit + [ENOUGH]
    assert dialogue.closing


@pytest.mark.threat("T-AUTH")
@pytest.mark.parametrize("failure", ["*", "!!!!", "AAAA", "\n"])
def test_every_way_to_fail_is_a_failure(failure: str) -> None:
    dialogue = ready(
        settings=config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True, limits=Limits(max_auth_failures=3))
    )
    for _ in range(3):
        dialogue.say("AUTH PLAIN")
        assert dialogue.say(failure)[:3] in ("501", "535")
    dialogue.say("AUTH PLAIN")
    assert dialogue.say(failure) == ENOUGH


def test_a_store_that_is_down_cannot_be_asked_for_ever() -> None:
    dialogue = ready(Store(RuntimeError("down")))
    assert [dialogue.say(PLAIN_BOB) for _ in range(6)] == [FAULT] * 5 + [ENOUGH]


def test_refused_mechanisms_count_as_errors() -> None:
    dialogue = ready()
    assert dialogue.say(*["AUTH FOO"] * 21).splitlines()[-1] + "\r\n" == ENOUGH


@pytest.mark.threat("T-AUTH")
def test_an_exchange_has_no_more_than_so_many_rounds() -> None:
    limits = Limits(max_auth_rounds=1)
    dialogue = ready(settings=config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True, limits=limits))
    assert dialogue.say("AUTH LOGIN").startswith("334 ")
    assert dialogue.say(b64("bob")) == BAD
