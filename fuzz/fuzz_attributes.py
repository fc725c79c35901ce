"""The attributes of XCLIENT and XFORWARD.

Properties: CommandError and nothing else is raised; a value that was read has no octet in it that could break a
header or a log; what was read is written and read back as the same.
"""

from __future__ import annotations

import re

from fuzz.harness import Input, main, raises
from smtpcore import Extensions, LocalProtocolError
from smtpcore.commands import Xclient, Xforward
from smtpcore.commands.wire import to_wire
from smtpcore.grammar import CommandError, Grammar

GRAMMAR = Grammar(extensions=Extensions({"XCLIENT": "NAME", "XFORWARD": "NAME"}), extended=True)


def TestOneInput(data: bytes) -> None:
    """Read one command, and write it again."""
    given = Input(data)
    kinds: tuple[type[Xclient], type[Xforward]] = (Xclient, Xforward)
    kind = kinds[given.octet() % 2]
    argument = re.sub(rb"[^ -~]", b"", given.rest()).rstrip(b" ")
    command = raises(lambda: kind.parse(argument, GRAMMAR), CommandError)
    if command is None:
        return
    for value in command.attributes.values():
        assert not isinstance(value, str) or all("!" <= char <= "~" for char in value)
    line = raises(lambda: to_wire(command, GRAMMAR), LocalProtocolError)
    if line is not None:
        assert kind.parse(line[len(kind.verb) + 1 : -2], GRAMMAR) == command


if __name__ == "__main__":
    main(__file__)
