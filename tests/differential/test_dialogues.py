"""The same dialogues to our server and to two others: each difference is in the dialogue, with its reason."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.differential.driver import groups, in_memory, play, play_at_once, script
from tests.differential.notation import Dialogue, read
from tests.differential.servers import Servers

FILES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))
FEW = 3
"""Faults after which no more are looked for: a reply that does not come takes its time."""
LOOKS_AHEAD = b"STARTTLS\r\nNOOP"
"""What comes behind STARTTLS one octet later is not behind it, but part of a handshake."""

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def check(faults: Iterator[str]) -> None:
    """There are none."""
    found = list(islice(faults, FEW))
    assert not found, "\n\n".join(found)


def compared(
    dialogue: Dialogue, steps: Sequence[str], expected: Sequence[str], came: Sequence[str], taken: Sequence[str],
    delivered: Sequence[str],
) -> Iterator[str]:  # fmt: skip
    """What is not as it was expected, as a text that shows the dialogue."""
    if list(came) != list(expected) or list(taken) != list(delivered):
        lines = [
            f"    {said:40} -> {'' if i >= len(came) else came[i]}"
            + ("" if i < len(came) and came[i] == wanted else f"   but expected was {wanted}")
            for i, (said, wanted) in enumerate(zip(("(greeting)", *steps), expected, strict=True))
        ]
        if list(taken) != list(delivered):
            lines += [f"    delivered {each}" for each in taken] + [f"    expected  {each}" for each in delivered]
        yield "\n".join([f"{dialogue.name} ({dialogue.setup})", *lines])


def one_by_one(path: Path, servers: Servers, peer: str | None) -> Iterator[str]:
    """What this server does otherwise than the dialogues of a file say, each step played when it is its turn."""
    for dialogue in read(path):
        if peer is None or peer in dialogue.peers:
            server = servers[dialogue.setup]
            steps = script(dialogue, peer)
            came = play(server.dial(), dialogue, peer)
            expected = ["220", *(step.expected(peer) for step in steps)]
            delivered = [delivery for step in steps for delivery in step.taken(peer)]
            yield from compared(dialogue, [step.text for step in steps], expected, came, server.take(), delivered)


def all_at_once(
    path: Path, play: Callable[[Dialogue], tuple[list[str], list[str]]], but: bytes | None = None
) -> Iterator[str]:
    """What our server does otherwise when nobody waits for replies; dialogues with ``but`` in them are left out."""
    for dialogue in read(path):
        if but is not None and any(but in step.octets for step in dialogue.steps):
            continue
        said = [" | ".join(step.text for step in group) for group, _ in groups(dialogue)]
        expected = ["220", *(expected for _, expected in groups(dialogue))]
        delivered = [delivery for step in dialogue.steps for delivery in step.delivered]
        came, taken = play(dialogue)
        yield from compared(dialogue, said, expected, came, taken, delivered)


@each_file
def test_our_server_answers_one_command_after_the_other(path: Path, ours: Servers) -> None:
    check(one_by_one(path, ours, None))


@pytest.mark.conformance("C023")
@each_file
def test_our_server_answers_the_same_when_all_of_it_comes_at_once(path: Path, ours: Servers) -> None:
    def play(dialogue: Dialogue) -> tuple[list[str], list[str]]:
        server = ours[dialogue.setup]
        return play_at_once(server.dial(), dialogue), server.take()

    check(all_at_once(path, play))


@pytest.mark.conformance("C023")
@each_file
def test_our_server_answers_the_same_when_it_comes_octet_by_octet(
    path: Path, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    check(all_at_once(path, lambda dialogue: in_memory(dialogue, server_ssl_context, client_ssl_context), LOOKS_AHEAD))


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@each_file
def test_aiosmtpd_differs_where_a_dialogue_says_so_and_nowhere_else(path: Path, aiosmtpd: Servers) -> None:
    check(one_by_one(path, aiosmtpd, "aiosmtpd"))


@pytest.mark.interop("node")
@each_file
def test_smtp_server_differs_where_a_dialogue_says_so_and_nowhere_else(path: Path, smtp_server: Servers) -> None:
    check(one_by_one(path, smtp_server, "smtp-server"))
