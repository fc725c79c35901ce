"""The message that an object of the ``email`` package stands for: its envelope, and its content as octets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from email import policy
from email.errors import InvalidHeaderDefect
from email.generator import BytesGenerator
from email.headerregistry import AddressHeader, BaseHeader
from email.message import EmailMessage
from email.message import Message as LegacyMessage
from io import BytesIO
from typing import TypeAlias, cast

from smtpcore.paths import Path, PathError
from smtpcore.session.client import Content, Message

Email: TypeAlias = EmailMessage | LegacyMessage
"""A message of either of the two interfaces of the ``email`` package."""

_Field: TypeAlias = tuple[str, object]
"""The name of a field in lower case, and its value in whatever form the message keeps it."""

_RESENT = "resent-"
_TRACE = frozenset({"received", "return-path"})
_RECIPIENTS = ("to", "cc", "bcc")
_ADDRESSES = frozenset({"from", "sender", "reply-to", *_RECIPIENTS})


def message_of(
    email: Email,
    sender: str | Path | None = None,
    recipients: Iterable[str | Path] | None = None,
    *,
    mail: Mapping[str, object] | None = None,
    rcpt: Mapping[str, object] | None = None,
    content: Content | None = None,
) -> Message:
    """Make a message for a session of one of the ``email`` package, which stays as it is.

    What is not given of the envelope is taken from the header section: from the newest block of Resent- fields (the
    first one, RFC 5322 3.6.6) where there are any. Neither Bcc nor Resent-Bcc is sent. Where an address of the envelope
    or the header section is not ASCII, the header section is UTF-8, for servers that take it (RFC 6531).

    Args:
        email: The message.
        sender: The reverse path, ``""`` or ``"<>"`` for the null path; by default Sender, or the one address of From.
        recipients: The forward paths; by default each address of To, Cc and Bcc, once.
        mail: Parameters of MAIL, by keyword in upper case.
        rcpt: Parameters of each RCPT.
        content: What is sent, in place of what the ``email`` package would write; it has to be without Bcc then.

    Raises:
        ValueError: There is no sender or no recipient, or what should be an address is none.
    """
    if isinstance(recipients, str):
        raise TypeError("recipients is a list of addresses, not one string")
    fields = _newest_block(email) or [(name.lower(), value) for name, value in email.raw_items()]
    reverse = _sender(fields) if sender is None else _path(sender)
    forward = _paths(fields, *_RECIPIENTS) if recipients is None else [_path(recipient) for recipient in recipients]
    if not forward:
        raise ValueError("the message has no recipient: give recipients, or a field To, Cc or Bcc")
    params = dict(mail or {})
    utf8 = _is_international(email, [reverse, *forward])
    if utf8:
        params["SMTPUTF8"] = True
    return Message.to(reverse, forward, _octets(email, utf8) if content is None else content, mail=params, rcpt=rcpt)


# The header section.


def _newest_block(email: Email) -> list[_Field]:
    """The Resent- fields of the last time that the message was sent on, without that prefix."""
    block: dict[str, object] = {}
    for written, value in email.raw_items():
        name = written.lower()
        # RFC 5322 3.6.6, 3.6.7: no field occurs twice in a block, and trace fields stand in front of each.
        if name in block or (block and name in _TRACE):
            break
        if name.startswith(_RESENT):
            block[name] = value
    return [(name.removeprefix(_RESENT), value) for name, value in block.items()]


def _sender(fields: Sequence[_Field]) -> Path:
    for wanted in ("sender", "from"):
        paths = _paths(fields, wanted)
        if len(paths) > 1:
            # RFC 5322 3.6.2: Sender is there to say which of them it was.
            raise ValueError(f"{wanted.capitalize()} has several addresses: give a sender, or a field Sender with one")
        if paths:
            return paths[0]
    raise ValueError('the message has no sender: give one ("<>" for the null path), or a field From')


def _paths(fields: Sequence[_Field], *names: str) -> list[Path]:
    """Each address in the fields of these names, once."""
    found = (path for wanted in names for name, value in fields if name == wanted for path in _addresses(name, value))
    return list(dict.fromkeys(found))


def _addresses(name: str, value: object) -> Iterator[Path]:
    """The addresses of a field, those of groups too.

    Raises:
        ValueError: Something in it is no address.
    """
    for username, domain in _parsed(name, value):
        try:
            path = Path(_text(username), _text(domain))
            path.to_wire()
        except PathError as error:
            address = f"{username}@{domain}" if domain else username
            raise ValueError(f"{name.capitalize()}: {address!a} cannot be sent to: {error}") from error
        yield path


def _parsed(name: str, value: object) -> list[tuple[str, str]]:
    """The local parts, without their quoting, and the domains of a field."""
    try:
        header = _header(name, value)
    except Exception as error:
        # Beside errors of its own the parser raises what an index or the constructor of an address does.
        raise ValueError(f"{name.capitalize()} cannot be read: {error!a}") from error
    defects = cast(BaseHeader, header).defects  # It is both, and the types do not say so.
    pairs = [(address.username, address.domain) for address in header.addresses]
    if ("", "") in pairs or any(isinstance(defect, InvalidHeaderDefect) for defect in defects):
        # The parser leaves out what it does not understand, and a recipient would be missing.
        raise ValueError(f"{name.capitalize()}: {str(header)!a} is no list of addresses")
    return pairs


def _header(name: str, value: object) -> AddressHeader:
    """The field as the newer interface of the ``email`` package has it, whatever the message keeps."""
    header = value if isinstance(value, AddressHeader) else policy.default.header_fetch_parse(name, str(value))
    assert isinstance(header, AddressHeader)  # by its name
    return header


def _text(part: str) -> str:
    """A part of an address; where the message was read from octets, they are taken for UTF-8 (RFC 6532 3.1)."""
    try:
        return part.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise PathError("not valid UTF-8") from None


def _path(address: str | Path) -> Path:
    if isinstance(address, Path):
        return address
    try:
        return Path.parse(address if address.startswith("<") else f"<{address}>", utf8=True)
    except PathError as error:
        raise ValueError(f"{address!a} is no address: {error}") from error


# The octets.


def _is_international(email: Email, envelope: Iterable[Path]) -> bool:
    """Whether an address of the envelope or of the header section is not ASCII."""
    if not all(path.is_ascii for path in envelope):
        return True
    for written, value in email.raw_items():
        name = written.lower().removeprefix(_RESENT)
        if name not in _ADDRESSES:
            continue
        try:
            addresses = _header(name, value).addresses
        except Exception:  # noqa: S112
            continue  # Nothing is sent to it, and as it stands it can be written.
        if not all(address.addr_spec.isascii() for address in addresses):
            return True
    return False


def _octets(email: Email, utf8: bool) -> bytes:
    # The generator gives boundaries to what has none, in parts of parts too.
    email = deepcopy(email)
    for name in ("Bcc", "Resent-Bcc"):
        del email[name]
    written = email.policy.clone(linesep="\r\n")
    if isinstance(written, policy.EmailPolicy):
        written = written.clone(utf8=utf8)
    file = BytesIO()
    # Lines that begin with "From " are for mailbox files to quote.
    BytesGenerator(file, mangle_from_=False, policy=written).flatten(email)
    return file.getvalue()
