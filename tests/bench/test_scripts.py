"""The scripts of the benchmark: what is played is what was written down, and what the canned server counts."""

from __future__ import annotations

import re

import pytest

from bench.script import Handshake, Hear, Hold, Say, Step, decode, encode
from bench.servers.canned import turns
from bench.workloads import WORKLOADS, Workload, chunked, message

EVERY_WORKLOAD = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)


def test_a_script_is_read_as_it_was_written() -> None:
    script: list[Step] = [Hear(220), Say(b"EHLO a.test\r\nr 250\n"), Hear(250), Handshake(), Hold()]
    assert list(decode(encode(script))) == script


def test_what_is_no_script_is_refused() -> None:
    with pytest.raises(ValueError, match="no step"):
        list(decode(b"x 1\n"))


@pytest.mark.parametrize("size", [1024, 65536, 5 * 1024 * 1024])
def test_a_message_has_the_size_it_says_and_needs_no_dot_stuffing(size: int) -> None:
    made = message(size)
    assert len(made) == size
    assert made.endswith(b"\r\n")
    assert b"\n." not in made
    assert not re.search(rb"[^\r]\n", made)


def test_chunks_are_as_long_as_they_say_and_only_one_is_the_last() -> None:
    said = [step.octets for step in chunked(b"0123456789", 4) if isinstance(step, Say)]
    assert said[2:] == [b"BDAT 4\r\n0123", b"BDAT 4\r\n4567", b"BDAT 2 LAST\r\n89"]


@EVERY_WORKLOAD
def test_the_ceiling_waits_for_all_octets_and_gives_all_replies(workload: Workload) -> None:
    script = workload.script()
    counted = turns(script)
    waits = sum(1 for step in script if isinstance(step, Hold))
    assert sum(expected for expected, _, _ in counted) - waits == sum(
        len(step.octets) for step in script if isinstance(step, Say)
    )
    codes = [int(line[:3]) for _, answer, _ in counted for line in answer.splitlines()]
    assert codes == [step.code for step in script if isinstance(step, Hear)]


@EVERY_WORKLOAD
def test_a_workload_has_as_many_messages_in_a_session_as_it_says(workload: Workload) -> None:
    said = b"".join(step.octets for step in workload.script() if isinstance(step, Say))
    assert said.count(b"MAIL FROM:") == workload.messages
