"""Keeps in the corpus of a target what goes new ways through the code: ``python -m fuzz.keep server FOLDER``.

libFuzzer's own way, ``-merge=1``, starts the program that runs, which here is Python. So the inputs that a fuzzer has
left in a folder are run again, the short ones first, and those are kept that go ways between lines that are new.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

Step: TypeAlias = tuple[str, int, int]
"""From one line of a file to another."""
CORPUS = Path(__file__).with_name("corpus")
_LONGEST = 400
"""Octets of an input that is kept."""


def steps(target: Callable[[bytes], None], data: bytes) -> set[Step]:
    """The ways that an input takes through smtpcore and its adapters."""
    found: set[Step] = set()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        if "smtpcore" not in file:
            return None
        last = -1

        def line(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            found.add((file, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line(frame, event, argument)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(before)
    return found


def news(target: Callable[[bytes], None], known: Iterable[bytes], inputs: Iterable[bytes]) -> Iterator[bytes]:
    """Of these inputs those that go ways which none before has gone."""
    seen: set[Step] = set()
    for data in known:
        seen |= steps(target, data)
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        if len(data) <= _LONGEST and (found := steps(target, data)) - seen:
            seen |= found
            yield data


def main() -> None:
    """Keep them."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz.keep", description="Keep what goes new ways through the code."
    )
    parser.add_argument("target", choices=sorted(path.name for path in CORPUS.iterdir()))
    parser.add_argument("folder", type=Path, help="the inputs")
    parser.add_argument("--most", type=int, default=40, help="so many of them (default: 40)")
    chosen = parser.parse_args()
    target: Callable[[bytes], None] = importlib.import_module(f"fuzz.fuzz_{chosen.target}").TestOneInput
    corpus = CORPUS / chosen.target
    known = [path.read_bytes() for path in corpus.iterdir()]
    number = len(known)
    for data in news(target, known, (path.read_bytes() for path in chosen.folder.iterdir())):
        (corpus / f"{number:02d}").write_bytes(data)
        number += 1
        if number - len(known) == chosen.most:
            break
    sys.stdout.write(f"{number - len(known)} kept\n")


if __name__ == "__main__":
    main()
