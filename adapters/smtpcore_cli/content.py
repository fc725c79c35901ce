"""The message to send: a file or the standard input, as it is or with the envelope that its header section names."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from itertools import takewhile
from typing import BinaryIO

from smtpcore_tls import message_of

from smtpcore.line_ends import LineEnds
from smtpcore.params import BodyType
from smtpcore.paths import Path, PathError
from smtpcore.session.client import Message

from . import envelope_flags
from .errors import UsageError, reason

_PIECE = 256 * 1024
# As the email package cuts lines, and what it takes for one of the header section. Spaces before a colon, which are to
# be read (RFC 5322 4.5.3), end a header section there, and are taken out before it sees them: no Bcc may be missed.
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_OF_HEADER = re.compile(rb"From |[!-9;-~]*[ \t]*:|[\t ]").match
_BEFORE_COLON = re.compile(rb"\A([!-9;-~]+)[ \t]+(?=:)")
_BCC = re.compile(rb"(?:resent-)?bcc[ \t]*:", re.IGNORECASE).match
_OF_MAILBOX = re.compile(rb"From (?![ \t]*:)").match


@contextmanager
def opened(path: str | None) -> Iterator[BinaryIO]:
    """The file, the standard input for None and ``-``.

    Raises:
        UsageError: It cannot be read.
    """
    if path is None or path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 - what the caller does with it is not to be caught here.
    except OSError as error:
        raise UsageError(f"cannot read the message: {reason(error)}") from error
    with file:
        yield file


def parse_address(text: str) -> Path:
    """Read an address, in angle brackets or not.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        return Path.parse(text if text.startswith("<") else f"<{text}>", utf8=True)
    except PathError as error:
        raise argparse.ArgumentTypeError(f"{text!a} is no address: {error}") from None


def parse_recipient(text: str) -> Path:
    """The same, and not the null path.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    path = parse_address(text)
    if path.is_null:
        raise argparse.ArgumentTypeError("a recipient is not empty")
    return path


def message(arguments: argparse.Namespace, file: BinaryIO) -> Message:
    """The message. Where the envelope is given the content is read while it is sent, and never held as a whole.

    Raises:
        UsageError: The envelope cannot be had, or something of it is wrong.
    """
    mail = envelope_flags.mail_parameters(arguments)
    rcpt = envelope_flags.rcpt_parameters(arguments)
    sender, recipients = arguments.sender, arguments.to
    try:
        if sender is not None and recipients is not None:
            size = _size(file, binary=mail.get("BODY") is BodyType.BINARY_MIME)
            made = Message.to(sender, recipients, file, mail=mail, rcpt=rcpt, size=size)
        else:
            octets = file.read()
            head = _header_section(octets)
            parsed = BytesHeaderParser().parsebytes(b"".join(_BEFORE_COLON.sub(rb"\1", each) for each in head))
            own = _without_bcc(head) + octets[sum(map(len, head)) :]
            made = message_of(parsed, sender, recipients, mail=mail, rcpt=rcpt, content=own)
    except OSError as error:
        raise UsageError(f"cannot read the message: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{error}; or use --from and --to") from error
    made.forwarded = envelope_flags.xforward(arguments)
    return made


def _header_section(octets: bytes) -> list[bytes]:
    """Its lines, with their ends."""
    lines = (line[0] for line in _LINE.finditer(octets))
    return list(takewhile(lambda line: _OF_HEADER(line) is not None, lines))


def _without_bcc(head: list[bytes]) -> bytes:
    """The header section without Bcc and Resent-Bcc, and without the line that a mailbox file puts before it.

    Everything else stays as it is, to the octet.
    """
    kept: list[bytes] = []
    hidden = False
    for number, line in enumerate(head):
        # A line that is folded belongs to the field before it.
        if line[:1] not in b" \t":
            hidden = _BCC(line) is not None or (number == 0 and _OF_MAILBOX(line) is not None)
        if not hidden:
            kept.append(line)
    # A CR alone that has lost the line behind it must not become one line end with the LF that comes then.
    return b"".join(kept) + (b"\n" if hidden and kept and kept[-1].endswith(b"\r") else b"")


def _size(file: BinaryIO, *, binary: bool) -> int | None:
    """Octets of the content with its line ends as they are sent; None where it can be read but once."""
    if not file.seekable():
        return None
    start = file.tell()
    ends = LineEnds(bare_newlines="convert", allow_nul=True)
    size = 0
    while piece := file.read(_PIECE):
        size += len(piece if binary else ends.write(piece))
    file.seek(start)
    return size + len(ends.finish())
