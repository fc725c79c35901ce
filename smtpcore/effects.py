"""What a 2yz or 3yz to a command changes in how a server reads the next octets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from smtpcore.body import DotReader
from smtpcore.commands import Mail
from smtpcore.errors import LocalProtocolError
from smtpcore.extensions import NONE, Extensions
from smtpcore.params.body import BodyType
from smtpcore.replies import EhloReply, Reply

if TYPE_CHECKING:
    from smtpcore.server import ServerConnection


def put_in_force(connection: ServerConnection, extensions: Extensions, *, extended: bool) -> None:
    """Read commands by these extensions from now on; ``extended``: behind EHLO or LHLO."""
    connection.grammar.extended = extended
    connection.grammar.extensions = extensions
    connection.lengths = connection.lengths.under(extensions)


def _ehlo(connection: ServerConnection, reply: Reply) -> None:
    put_in_force(connection, reply.extensions if isinstance(reply, EhloReply) else NONE, extended=True)


def _helo(connection: ServerConnection, reply: Reply) -> None:
    if isinstance(reply, EhloReply):
        # RFC 5321 3.2: whoever says HELO would not understand it.
        raise LocalProtocolError("HELO is not answered with extensions; send a 250 with the name alone")
    put_in_force(connection, NONE, extended=False)


def _mail(connection: ServerConnection, reply: Reply) -> None:
    command = connection.command
    assert isinstance(command, Mail)  # A MAIL that was rejected cannot be accepted.
    connection.grammar.utf8 = command.smtputf8
    connection.dialogue.binary = command.body is BodyType.BINARY_MIME
    connection.chunks.forget()


def _data(connection: ServerConnection, reply: Reply) -> None:
    connection.body = DotReader()


EFFECTS: Final[Mapping[bytes, Callable[[ServerConnection, Reply], None]]] = {
    b"EHLO": _ehlo,
    b"LHLO": _ehlo,
    b"HELO": _helo,
    b"XCLIENT": _helo,
    b"MAIL": _mail,
    b"DATA": _data,
}
"""By verb; a LocalProtocolError where the reply cannot be the answer."""
