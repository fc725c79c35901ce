"""Commands in any order: our server and the others are in step, but for codes that the dialogues explain."""

from __future__ import annotations

from contextlib import closing
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtpcore_memory import Pipe

from tests.differential.driver import outcome_of
from tests.differential.notation import read
from tests.differential.ours import CONFIGS, Application
from tests.differential.servers import Servers
from tests.differential.test_dialogues import FILES

CONTENT = b"x\r\n..\r\n..two\r\n.\r\n"
"""Lines behind DATA, and their end."""
COMMANDS = (
    "EHLO client.test",
    "HELO client.test",
    "MAIL FROM:<a@client.test>",
    "MAIL FROM:<>",
    "MAIL FROM:<a@@client.test>",
    "MAIL",
    "RCPT TO:<b{}@mx.test>",  # another one each time
    "RCPT TO:<eve@mx.test>",
    "RCPT TO:<later@mx.test>",
    "DATA",
    "RSET",
    "NOOP",
    "VRFY b@mx.test",
    "EXPN list",
    "HELP",
    "NONSENSE",
)

# With fewer commands that nobody knows than it takes to be cut off for them.
sequences = st.lists(st.sampled_from(COMMANDS), max_size=12).filter(lambda commands: commands.count("NONSENSE") < 5)


@cache
def explained(peer: str) -> set[tuple[str, str, str]]:
    """Steps of the dialogues with our outcome and that of the peer."""
    dialogues = [dialogue for path in FILES for dialogue in read(path) if dialogue.setup == "basic"]
    steps = [step for dialogue in dialogues for step in dialogue.steps if peer in step.differences]
    return {(step.text, step.outcome, step.differences[peer].what) for step in steps}


def check(server: Servers, peer: str, commands: list[str]) -> None:
    """Say the same to both, and content where both wait for it."""
    server["basic"].take()
    application = Application()
    pipe = Pipe(CONFIGS["basic"], application)
    assert pipe.receive().startswith(b"220 ")
    with closing(server["basic"].dial()) as wire:
        assert wire.outcome("220") == "220"
        for number, command in enumerate([*commands, "QUIT"]):
            line = command.format(number).encode() + b"\r\n"
            ours = outcome_of(pipe.send(line), pipe.closed)
            wire.send(line)
            theirs = wire.outcome(ours)
            assert theirs == ours or (command, ours, theirs) in explained(peer)
            if ours == "354":
                wire.send(CONTENT)
                assert wire.outcome("250") == outcome_of(pipe.send(CONTENT), pipe.closed)
    assert server["basic"].take() == application.taken


@pytest.mark.interop
@given(sequences)
@settings(max_examples=60)
def test_aiosmtpd_is_in_step_whatever_is_said(aiosmtpd: Servers, commands: list[str]) -> None:
    check(aiosmtpd, "aiosmtpd", commands)


@pytest.mark.interop("node")
@given(sequences)
@settings(max_examples=60)
def test_smtp_server_is_in_step_whatever_is_said(smtp_server: Servers, commands: list[str]) -> None:
    check(smtp_server, "smtp-server", commands)
