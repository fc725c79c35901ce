"""What the tests of the client's lines share: everything in force, and how a line is made and refused."""

from __future__ import annotations

import pytest

from smtpcore.commands import READERS, Command, Custom, SaslCancel, SaslResponse
from smtpcore.commands.wire import to_wire
from smtpcore.custom import CustomExtension, CustomParameter, CustomVerb
from smtpcore.errors import LocalProtocolError, ParseError
from smtpcore.extensions import Extensions
from smtpcore.grammar import Grammar
from smtpcore.lengths import LineLengths
from smtpcore.spec import Value


def depth(value: bytes) -> int:
    if value not in (b"8", b"24"):
        raise ParseError("a depth is 8 or 24")
    return int(value)


CUSTOM = CustomExtension(
    keyword="XPAINT",
    verbs=(CustomVerb(name="XPAINT"),),
    parameters=(
        CustomParameter(verb="MAIL", keyword="XCOLOUR", room=40),
        CustomParameter(verb="MAIL", keyword="XDEPTH", room=20, read=depth),
        CustomParameter(verb="RCPT", keyword="XGLOSSY", room=8, value=Value.NONE),
    ),
)
EXTENSIONS = Extensions(
    {
        "SIZE": "0", "8BITMIME": "", "CHUNKING": "", "BINARYMIME": "", "AUTH": "PLAIN", "DSN": "", "SMTPUTF8": "",
        "REQUIRETLS": "", "DELIVERBY": "", "FUTURERELEASE": "", "MT-PRIORITY": "", "RRVS": "", "NO-SOLICITING": "",
        "MTRK": "", "SUBMITTER": "", "CONPERM": "", "CONNEG": "", "XPAINT": "",
    },
    custom=[CUSTOM],
)  # fmt: skip


def grammar(*, utf8: bool = False) -> Grammar:
    """All extensions are in force; `utf8` says whether the open transaction has asked for SMTPUTF8."""
    return Grammar(extensions=EXTENSIONS, extended=True, utf8=utf8)


EVERYTHING = grammar()
INTERNATIONAL = grammar(utf8=True)
AFTER_HELO = Grammar()


def read(line: bytes, known: Grammar = EVERYTHING) -> Command:
    """The command that a server finds in a line."""
    assert line.endswith(b"\r\n")
    assert line.count(b"\r") == line.count(b"\n") == 1
    verb, _, argument = line[:-2].partition(b" ")
    if verb == b"XPAINT":
        return Custom.read("XPAINT", argument, known)
    return READERS[verb](argument, known)


def refusal(
    command: Command | SaslResponse | SaslCancel, known: Grammar = EVERYTHING, lengths: LineLengths | None = None
) -> str:
    """The message of the error that is raised in place of a line."""
    with pytest.raises(LocalProtocolError) as caught:
        to_wire(command, known, lengths)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    return str(caught.value)
