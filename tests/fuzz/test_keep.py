"""What is kept of a fuzzer's inputs."""

from __future__ import annotations

from fuzz.keep import news, steps
from smtpcore.paths import Path, PathError


def parse(data: bytes) -> None:
    """A target."""
    try:
        Path.parse(data)
    except PathError:
        pass


def test_of_the_inputs_those_are_kept_that_go_new_ways() -> None:
    seed, same, quoted, long = b"<a@b.c>", b"<d@e.f>", b'<"a b"@c>', b"<@x:" + b"a" * 400 + b"@c>"
    assert steps(parse, seed) == steps(parse, same)
    assert list(news(parse, [seed], [long, quoted, same])) == [quoted]
    assert list(news(parse, [seed, quoted], [quoted, same])) == []


def test_a_way_is_from_one_line_of_smtpcore_to_another() -> None:
    found = steps(parse, b"<a@b.c>")
    assert found
    assert all("smtpcore" in file for file, _, _ in found)
