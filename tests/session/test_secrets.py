"""No secret in a transcript, a log line, a repr or an exception, however it was typed (T-AUTH)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from smtpcore import CredentialStore, Observers, SessionLog, Transcript, handler
from smtpcore.session import Ask
from smtpcore.session.redaction import redact
from tests.session.driver import Dialogue, Later, Recorder, config

PASSWORD = "hunter2hunter2"
RESPONSE = b64encode(f"\0bob\0{PASSWORD}".encode()).decode()
NAME, WORD = b64encode(b"bob").decode(), b64encode(PASSWORD.encode()).decode()
SECRETS = {PASSWORD, RESPONSE, NAME, WORD} | {text.upper() for text in (RESPONSE, NAME, WORD)}
SETTINGS = config(mechanisms=("PLAIN", "LOGIN"), plaintext_auth_without_tls=True)
VERBS = frozenset({b"NOOP", b"MAIL", b"AUTH"})


class Store(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        if username == "fault":
            raise KeyError(password)
        return (username, password) == ("bob", PASSWORD)


def told(*lines: str, ready: bool = True) -> str:
    """Everything that observers get to know of these lines."""
    written: list[str] = []
    recorder = Recorder()
    observer = Observers(Transcript(written.append), SessionLog(written.append), recorder)
    dialogue = Dialogue(SETTINGS, handler(credentials=Store()), observer=observer)
    if ready:
        dialogue.ready()
    else:
        dialogue.greeted()
    for line in lines:
        dialogue.say(line)
    dialogue.close()
    return "\n".join(written) + repr(recorder.told)


@pytest.mark.conformance("C248")
@pytest.mark.threat("T-AUTH", "T-PY")
@pytest.mark.parametrize(
    "lines",
    [
        [f"AUTH PLAIN {RESPONSE}"],
        [f"auth plain {RESPONSE}"],
        [f"auth  plain {RESPONSE}"],
        [f"AUTH\tPLAIN\t{RESPONSE}"],
        [f" AUTH PLAIN {RESPONSE}"],
        [f"\tAUTH PLAIN {RESPONSE}"],
        [f"AUTH:PLAIN {RESPONSE}"],
        [f"AUTH=PLAIN {RESPONSE}"],
        [f"AUTH {RESPONSE}"],
        [f"AUTH FOO {RESPONSE}"],
        [f"AUTH PLAIN\t{RESPONSE}"],
        ["AUTH PLAIN", RESPONSE],
        ["AUTH PLAIN", f"{RESPONSE}="],
        ["AUTH LOGIN", NAME, WORD],
        [f"AUTH LOGIN {NAME}", WORD],
        ["AUTH FOO", RESPONSE],
        ["AUTH FOO", NAME, WORD],
        ["AUTH PLAIN", "*", RESPONSE],
        ["AUTH PLAIN", "AAAA", RESPONSE],
        ["AUTH LOGIN", NAME, "", WORD],
        [f"AUTH PLAIN {RESPONSE}\n", RESPONSE],
        ["AUTH LOGIN\n", NAME, WORD],
        [f"AUTH PLAIN {'A' * 13000}", RESPONSE],
    ],
    ids=repr,
)
@pytest.mark.parametrize("ready", [True, False])
def test_no_secret_reaches_an_observer(lines: list[str], ready: bool) -> None:
    everything = told(*lines, ready=ready)
    assert not [secret for secret in SECRETS if secret in everything]


@pytest.mark.threat("T-AUTH")
def test_what_a_store_raises_may_quote_the_password_and_is_not_shown() -> None:
    written: list[str] = []
    dialogue = Dialogue(SETTINGS, handler(credentials=Store()), observer=Transcript(written.append)).ready()
    response = b64encode(f"\0fault\0{PASSWORD}".encode()).decode()
    assert dialogue.say(f"AUTH PLAIN {response}").startswith("454 ")
    assert f"{dialogue.session.id} -- credentials: KeyError: <hidden>" in written
    assert PASSWORD not in "\n".join(written)


def test_a_challenge_is_shown_without_its_text() -> None:
    written: list[str] = []
    dialogue = Dialogue(SETTINGS, observer=Transcript(written.append)).ready()
    dialogue.say("AUTH LOGIN")
    assert written[-2:] == [f"{dialogue.session.id} C: AUTH LOGIN", f"{dialogue.session.id} S: 334 <hidden>"]


@pytest.mark.threat("T-AUTH")
def test_no_step_shows_a_secret() -> None:
    class Slow(CredentialStore):
        def verify_password(self, username: str, password: str) -> Later:  # type: ignore[override]
            return Later()

    dialogue = Dialogue(SETTINGS, handler(credentials=Slow())).ready()
    dialogue.say(f"AUTH PLAIN {RESPONSE}")
    assert isinstance(dialogue.step, Ask)
    for secret in SECRETS:
        assert secret not in repr(dialogue.step)
        assert secret not in repr(dialogue.session.exchange)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"AUTH", ("AUTH", "AUTH")),
        (b"AUTH PLAIN", ("AUTH", "AUTH PLAIN")),
        (b"auth  scram-sha-256-plus  biws", ("AUTH", "AUTH scram-sha-256-plus <hidden>")),
        (b"AUTH c2VjcmV0", ("AUTH", "AUTH <hidden>")),
        (b"AUTHOR x", ("?", "AUTHOR x")),
        (b"XCLIENT LOGIN=bob", ("XCLIENT", "XCLIENT <hidden>")),
        (b"noop\t", ("NOOP", "noop\\x09")),
        (b"MAIL FROM:<\xe9\x1b[2J>", ("MAIL", "MAIL FROM:<\\xe9\\x1b[2J>")),
        (b"XYZZY now", ("?", "XYZZY now")),
        (b"", ("?", "")),
        (b"x" * 1000, ("?", "x" * 512)),
    ],
)
def test_what_is_shown_of_a_line(line: bytes, expected: tuple[str, str]) -> None:
    assert redact(line, VERBS, secret=False) == expected


def test_where_a_response_may_stand_only_commands_are_shown() -> None:
    assert redact(b"NOOP x", VERBS, secret=True) == ("NOOP", "NOOP x")
    assert redact(b"c2VjcmV0", VERBS, secret=True) == ("?", "<hidden>")
