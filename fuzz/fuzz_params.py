"""MAIL and RCPT with all their parameters.

Properties: CommandError and nothing else is raised, its reply can be written; a command that was read is written
within its length, in printable octets, and read back as the same.
"""

from __future__ import annotations

import re

from fuzz.harness import Input, main, raises
from smtpcore import Extensions, LocalProtocolError, Reply
from smtpcore.commands import Command, Mail, Rcpt
from smtpcore.commands.wire import to_wire
from smtpcore.grammar import CommandError, Grammar
from smtpcore.leniencies import Leniencies

EVERYTHING = Extensions(
    {
        "SIZE": "", "8BITMIME": "", "CHUNKING": "", "BINARYMIME": "", "AUTH": "PLAIN", "DSN": "", "SMTPUTF8": "",
        "REQUIRETLS": "", "DELIVERBY": "", "FUTURERELEASE": "1000 2027-01-01T00:00:00Z", "MT-PRIORITY": "", "RRVS": "",
        "NO-SOLICITING": "", "MTRK": "", "SUBMITTER": "", "CONPERM": "", "CONNEG": "",
    }
)  # fmt: skip
LINE = re.compile(rb"[2-5][0-9]{2}[ -][\t -~]*\r\n")


def read(kind: type[Mail | Rcpt], argument: bytes, grammar: Grammar) -> Command | Reply:
    """The command, or the reply that it deserves."""
    try:
        return kind.parse(argument, grammar)
    except CommandError as error:
        return error.reply


def TestOneInput(data: bytes) -> None:
    """Read one command, and write it again."""
    given = Input(data)
    kinds: tuple[type[Mail], type[Rcpt]] = (Mail, Rcpt)
    kind = kinds[given.octet() % 2]
    leniencies = Leniencies.strict() if given.flag() else Leniencies()
    grammar = Grammar(leniencies, extensions=EVERYTHING, extended=True, utf8=given.flag())
    # What is in an argument the connection has looked at already.
    argument = re.sub(rb"[\x00-\x1f\x7f]", b"", given.rest()).rstrip(b" \t")
    command = read(kind, argument, grammar)
    if isinstance(command, Reply):
        assert all(LINE.fullmatch(line + b"\r\n") for line in command.to_wire().split(b"\r\n")[:-1])
        return
    line = raises(lambda: to_wire(command, grammar), LocalProtocolError)
    if line is None:
        return  # What only a lenient server takes, or what is too long with the least quoting of all.
    assert line.endswith(b"\r\n")
    assert not any(octet < 32 or octet == 127 for octet in line[:-2])
    assert (
        kind.parse(line[5:-2], Grammar(Leniencies(), extensions=EVERYTHING, extended=True, utf8=grammar.utf8))
        == command
    )


if __name__ == "__main__":
    main(__file__)
