"""Which mechanisms a session offers, and those that an application brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from smtpcore import Identity, Observers, Reply, ServerConfig, TlsInfo
from smtpcore.handler import CredentialStore
from smtpcore.sasl import (
    SERVER_MECHANISMS,
    Challenge,
    Context,
    Failure,
    Outcome,
    Query,
    ServerMechanism,
    Success,
)
from smtpcore.session import Transcript
from smtpcore.session.offer import Circumstances
from tests.sasl.exchange import BINDINGS, PASSWORD, SECRET, TLS
from tests.sasl.line import (
    FAILED,
    FAULT,
    OK,
    Line,
    challenge,
    plain,
    xoauth2,
)
from tests.session.driver import Dialogue


def test_mechanisms_are_announced_as_far_as_they_can_work() -> None:
    everything = tuple(SERVER_MECHANISMS)
    assert Line().mechanisms == ["AUTH", *everything]
    clear = {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "ANONYMOUS"}
    assert set(Line(tls=None).mechanisms) == {"AUTH", *clear}
    tokens = {"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"}
    bare = replace(TLS, channel_bindings={}, peer_verified=False, peer_certificate=None)
    assert set(Line(tls=bare).mechanisms) == {"AUTH", *clear, *tokens}
    bound = replace(bare, channel_bindings=BINDINGS)
    assert set(Line(tls=bound).mechanisms) == {"AUTH", *everything} - {"EXTERNAL"}
    assert Line("EXTERNAL", tls=bare).mechanisms == ["AUTH"]
    assert "AUTH" not in Line("EXTERNAL", tls=bare).ehlo


def test_the_reply_to_ehlo_is_made_once_for_each_set_of_mechanisms() -> None:
    config = ServerConfig(mechanisms=tuple(SERVER_MECHANISMS), sasl_secret=SECRET)
    other = replace(TLS, channel_bindings={"tls-unique": b"another"}, peer_certificate=b"another")

    def reply(info: TlsInfo | None) -> Reply:
        return config.offer.reply(Circumstances(True, config.offer.mechanisms(tls=True, info=info)))

    assert reply(TLS) is reply(other)
    assert reply(TLS) is not reply(None)


def test_nothing_is_announced_to_who_is_in() -> None:
    line = Line("PLAIN")
    assert plain(line, "user", PASSWORD) == OK
    assert "AUTH" not in line.dialogue.say("EHLO client.test")


@pytest.mark.conformance("C230", "C241")
def test_what_is_not_announced_cannot_be_used() -> None:
    line = Line(tls=None)
    assert line.auth("PLAIN").startswith("538 5.7.11")
    assert line.auth("XOAUTH2").startswith("538 5.7.11")
    for name in ("EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "GSSAPI"):
        assert line.auth(name).startswith("504 5.5.4")


def test_tokens_go_in_clear_text_only_if_the_configuration_says_so() -> None:
    line = Line("XOAUTH2", tls=None, plaintext_auth_without_tls=True)
    assert line.mechanisms == ["AUTH", "XOAUTH2"]
    assert xoauth2(line, "user", PASSWORD) == OK


class Custom(ServerMechanism):
    """Lets in whoever says please; at fault in several ways otherwise."""

    name = "X-PLEASE"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if context.hostname == "broken.test":
            raise RuntimeError("broken")

    def step(self, response: bytes | None) -> Outcome:
        match response:
            case None:
                return Challenge(b"Well?")
            case b"please":
                return Success(Identity("guest", mechanism=self.name))
            case b"long":
                return Challenge(b"x" * 9216)
            case b"text":
                return Challenge("text")  # type: ignore[arg-type]
            case b"ask":
                return Question()
            case b"nothing":
                return None  # type: ignore[return-value]
            case b"raise":
                raise RuntimeError("S3CRET")
        return Failure()

    def answered(self, value: object) -> Outcome:
        return self.answered(value) if value is None else Failure()


class Question(Query):
    """Asked of a store that has no idea."""

    def ask(self, store: CredentialStore) -> object:
        return None


def test_an_application_may_bring_mechanisms_of_its_own() -> None:
    line = Line("PLAIN", "X-PLEASE", custom_mechanisms=(Custom,))
    assert line.mechanisms == ["AUTH", "PLAIN", "X-PLEASE"]
    assert challenge(line.auth("x-please")) == b"Well?"
    assert line.respond(b"now") == FAILED
    assert line.auth("X-PLEASE", b"please") == OK
    assert line.session.identity == Identity("guest", mechanism="X-PLEASE")


@pytest.mark.parametrize("response", [b"long", b"text", b"nothing", b"raise", b"ask"])
def test_a_mechanism_at_fault_is_454(response: bytes) -> None:
    line = Line("X-PLEASE", custom_mechanisms=(Custom,))
    assert line.auth("X-PLEASE", response) == FAULT
    assert challenge(line.auth("X-PLEASE")) == b"Well?"
    assert line.respond(response) == FAULT
    assert line.auth("X-PLEASE", b"please") == OK


def test_a_mechanism_that_cannot_be_made_is_454() -> None:
    config = ServerConfig(hostname="broken.test", mechanisms=("X-PLEASE",), custom_mechanisms=(Custom,))
    dialogue = Dialogue(config).ready()
    assert dialogue.say("AUTH X-PLEASE") == FAULT


def named(name: str) -> type[ServerMechanism]:
    return type("Named", (ServerMechanism,), {"name": name})


MANY: Final[tuple[type[ServerMechanism], ...]] = tuple(
    type("Bound", (ServerMechanism,), {"name": f"X-BOUND-{number:08}", "channel_binding": True}) for number in range(30)
)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"mechanisms": ("PLAIN", "GSSAPI")}, "no SASL mechanism 'GSSAPI'"),
        ({"mechanisms": ("plain",)}, "no SASL mechanism 'plain'"),
        ({"mechanisms": "PLAIN"}, "not one string"),
        ({"mechanisms": ("PLAIN", "LOGIN", "PLAIN")}, "named twice"),
        ({"mechanisms": ("SCRAM-SHA-1",)}, "sasl_secret"),
        ({"mechanisms": ("SCRAM-SHA-256-PLUS",), "sasl_secret": b"short"}, "at least 16 octets"),
        ({"scram_iterations": 0}, "scram_iterations"),
        ({"custom_mechanisms": (named("lower"),)}, "RFC 4422"),
        ({"custom_mechanisms": (named("X" * 21),)}, "RFC 4422"),
        ({"custom_mechanisms": (named("X Y"),)}, "RFC 4422"),
        ({"custom_mechanisms": (named(""),)}, "RFC 4422"),
        ({"custom_mechanisms": MANY, "mechanisms": [kind.name for kind in MANY]}, "over 512 octets"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ServerConfig(**settings)


def test_the_order_is_that_of_the_configuration() -> None:
    assert Line("LOGIN", "PLAIN").mechanisms == ["AUTH", "LOGIN", "PLAIN"]
    assert Line("PLAIN", "LOGIN").mechanisms == ["AUTH", "PLAIN", "LOGIN"]


def test_a_mechanism_of_the_applications_own_may_take_the_place_of_ours() -> None:
    mine = type("Mine", (Custom,), {"name": "PLAIN"})
    assert Line("PLAIN", custom_mechanisms=(mine,)).auth("PLAIN", b"please") == OK


def test_what_a_mechanism_raises_is_not_written_down() -> None:
    lines: list[str] = []
    line = Line("X-PLEASE", custom_mechanisms=(Custom,), observer=Observers(Transcript(lines.append)))
    assert line.auth("X-PLEASE", b"raise") == FAULT
    assert any("mechanism: RuntimeError" in shown for shown in lines)
    assert not any("S3CRET" in shown for shown in lines)
