"""What all targets share: decisions taken from the input, octets folded into the language of SMTP, and the start."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

_DICTIONARY: Final = Path(__file__).with_name("smtp.dict")


def _words() -> list[bytes]:
    """What the fuzzer's dictionary has, and line ends more often than the rest."""
    lines = _DICTIONARY.read_text(encoding="ascii").splitlines()
    return [b"\r\n"] * 8 + [ast.literal_eval(f"b{line}") for line in lines if line.startswith('"')]


_WORDS: Final = _words()
"""One for each octet, so that a fuzzer that knows nothing writes lines that are nearly commands and replies."""


class Input:
    """Takes decisions from the front of what the fuzzer made, as long as there is something; then all are 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octet(self) -> int:
        """A number from 0 to 255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def flag(self) -> bool:
        """A decision."""
        return self.octet() & 1 == 1

    def choice(self, options: Sequence[T]) -> T:
        """One of several."""
        return options[self.octet() % len(options)]

    def octets(self, most: int) -> bytes:
        """So many octets at the most."""
        size = min(self.octet() * 256 + self.octet(), most)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        """Everything else, half of the time folded into words of SMTP."""
        fold = self.flag()
        rest, self._at = self._data[self._at :], len(self._data)
        return b"".join(_WORDS[octet % len(_WORDS)] for octet in rest) if fold else rest

    def cut(self, data: bytes, places: Sequence[int]) -> list[bytes]:
        """The octets in pieces, none of which is empty."""
        pieces = []
        start = 0
        for place in places:
            end = start + 1 + place
            if end >= len(data):
                break
            pieces.append(data[start:end])
            start = end
        return [*pieces, data[start:]] if start < len(data) else pieces

    def places(self) -> list[int]:
        """Where to cut: sizes of pieces, less one."""
        return [self.octet() for _ in range(self.octet() % 16)]


def raises(action: Callable[[], T], *documented: type[Exception]) -> T | None:
    """What an action gives; None where it raised what it may."""
    try:
        return action()
    except documented:
        return None


def main(name: str) -> None:
    """Fuzz one target until it is stopped; the arguments are libFuzzer's.

    Args:
        name: The target's ``__spec__.name``, or its file.
    """
    import atheris  # its wheels are for few systems, and everything else here works without

    # Imported once more, now watched.
    for module in [module for module in sys.modules if module.partition(".")[0].startswith("smtpcore")]:
        del sys.modules[module]
    with atheris.instrument_imports(include=["smtpcore", "smtpcore_tls"]):
        target = importlib.import_module(f"fuzz.{Path(name).stem}")
    atheris.Setup([*sys.argv, f"-dict={_DICTIONARY}"], target.TestOneInput)
    atheris.Fuzz()
