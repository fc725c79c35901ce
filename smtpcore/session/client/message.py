"""A message that is to be sent: the envelope, and where the content comes from."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, runtime_checkable

from smtpcore.commands import Mail, Rcpt
from smtpcore.commands.attributes import Attribute
from smtpcore.paths import Path

if TYPE_CHECKING:
    from smtpcore.session.client.content import Feed


@runtime_checkable
class Readable(Protocol):
    """A file opened for reading in binary mode, of the standard library or of an async one."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """At most so many octets; none at the end."""


Piece: TypeAlias = bytes | bytearray | memoryview | str
Content: TypeAlias = Piece | Readable | Iterable[Piece] | AsyncIterable[Piece]
"""Octets, or text that is sent as UTF-8; whole, or as a file or an iterator gives it piece by piece."""


@dataclass(slots=True)
class Message:
    """What is to be sent to whom.

    ``mail`` and ``recipients`` go out as they are. What the session adds to MAIL is ``SIZE``, ``BODY`` and
    ``SMTPUTF8``, by what the content and the addresses need and the server announces.

    Raises:
        TypeError: They are not commands with paths in them.
    """

    mail: Mail
    """The reverse path and its parameters."""
    recipients: Sequence[Rcpt]
    content: Content | Feed = field(repr=False)
    size: int | None = None
    """Octets of the content, where it comes piece by piece and its size is known: for ``SIZE``."""
    forwarded: Mapping[str, Attribute] = field(default_factory=dict)
    """What to tell by XFORWARD to a server that announces it: attributes by name in upper case, for its logs."""

    def __post_init__(self) -> None:
        check(Mail, self.mail)
        for recipient in self.recipients:
            check(Rcpt, recipient)

    @classmethod
    def to(
        cls,
        sender: str | Path,
        recipients: Iterable[str | Path],
        content: Content,
        *,
        mail: Mapping[str, object] | None = None,
        rcpt: Mapping[str, object] | None = None,
        size: int | None = None,
    ) -> Self:
        """A message made of addresses.

        Args:
            sender: The reverse path; ``""`` or ``"<>"`` is the null path.
            recipients: The forward paths.
            content: The content.
            mail: Parameters of MAIL, by keyword in upper case.
            rcpt: Parameters of each RCPT.
            size: Octets of the content, if it comes piece by piece.

        Raises:
            PathError: A text is no address.
            ValueError: There is no recipient.
        """
        if isinstance(recipients, str):
            raise TypeError("recipients is a list of addresses, not one string")
        paths = [_path(recipient) for recipient in recipients]
        if not paths:
            raise ValueError("a message needs a recipient")
        commands = [Rcpt(path, dict(rcpt or {})) for path in paths]
        return cls(Mail(_path(sender), dict(mail or {})), commands, content, size)


def check(kind: type[Mail | Rcpt], command: Mail | Rcpt) -> None:
    """See that it is the command it should be: an address in its place is easily given, and noticed late.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(command, kind) or not isinstance(command.path, Path):
        raise TypeError(f"give a {kind.__name__} that has a Path, or let Message.to() make it of addresses")


def _path(address: str | Path) -> Path:
    if isinstance(address, Path):
        return address
    # Without its brackets an address with a quoted local part would be none.
    return Path.parse(address if address.startswith("<") else f"<{address}>", utf8=True)
