"""The message to send: a file or the standard input, as it is or with the envelope that its header section names."""

from __future__ import annotations

import argparse
import email
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from typing import BinaryIO

from smtpcore_tls import message_of

from smtpcore.line_ends import LineEnds
from smtpcore.params import BodyType
from smtpcore.paths import Path, PathError
from smtpcore.session.client import Message

from . import envelope_flags
from .errors import UsageError, reason

_PIECE = 256 * 1024
# Octets stay as they are, but for what the email package cannot help: the one space behind the name of a field.
_AS_IT_IS = policy.compat32.clone(max_line_length=None)


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
            parsed = email.message_from_binary_file(file, policy=_AS_IT_IS)
            made = message_of(parsed, sender, recipients, mail=mail, rcpt=rcpt)
    except OSError as error:
        raise UsageError(f"cannot read the message: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{error}; or use --from and --to") from error
    made.forwarded = envelope_flags.xforward(arguments)
    return made


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
