"""How a message is sent to this very server: with which parameters, by DATA or by BDAT, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smtpcore.commands import Mail
from smtpcore.errors import LocalProtocolError
from smtpcore.extensions import Extensions
from smtpcore.params.body import BodyType
from smtpcore.paths import Path
from smtpcore.session.client.config import ClientConfig
from smtpcore.session.client.content import Filter, Source
from smtpcore.session.client.message import Message
from smtpcore.session.client.results import SessionError
from smtpcore.tls import TlsInfo

_SIZE: Final = re.compile(r"[0-9]{1,20}")
_CRLF: Final = b"\r\n"
_FIELD: Final = re.compile(rb"[!-9;-~]+[ \t]*:").match  # RFC 5322 2.2, 4.5.3


@dataclass(slots=True)
class Plan:
    """What was decided about a message before anything of it is sent."""

    mail: Mail
    """The command with all its parameters."""
    chunks: bool
    """The content goes by BDAT."""
    seven_bit: bool
    """The server takes no octets over 0x7F."""
    source: Source | None = None
    """Where the content comes from; None while that is not known."""
    octets: bytes | None = None
    """The content as it will be sent but for stuffing, where all of it is there."""

    def filter(self, config: ClientConfig) -> Filter:
        """What the pieces of the content go through."""
        return Filter(config, binary=self.mail.body is BodyType.BINARY_MIME, seven_bit=self.seven_bit)

    def load(self, message: Message, config: ClientConfig, extensions: Extensions) -> None:
        """Look at the content, as far as it is there, and say in MAIL what it needs.

        Raises:
            SessionError: It cannot be sent, or not to this server.
        """
        try:
            self.source = Source(message.content)
            if self.source.whole is not None:
                content = self.filter(config)
                self.octets = content.feed(self.source.whole) + content.finish()
        except (LocalProtocolError, TypeError) as error:
            raise _refusal("content", str(error), "5.6.0") from error
        except Exception as error:
            # A file that is closed, for instance.
            raise SessionError("content", str(error), temporary=True) from error
        octets = self.octets
        if octets is None:
            return
        # DATA ends the last line of a content that does not do so itself.
        added = 0 if self.chunks or not octets or octets.endswith(_CRLF) else len(_CRLF)
        params = dict(self.mail.params)
        if octets.isascii() and "BODY" not in message.mail.params:
            params.pop("BODY", None)
        elif not octets[: _end_of_header(octets)].isascii():
            # RFC 6531 3.4: the header section needs it too.
            if "SMTPUTF8" not in extensions:
                raise _refusal("content", "the header section needs a server with SMTPUTF8: encode it", "5.6.7")
            params["SMTPUTF8"] = True
        _set_size(params, len(octets) + added, extensions)
        self.mail = Mail(self.mail.path, params)


def make(message: Message, config: ClientConfig, extensions: Extensions, tls: TlsInfo | None) -> Plan:
    """Decide by the envelope, and take the content for one that may have any octets and has the size it is said to.

    Raises:
        SessionError: The message cannot be sent to this server, or not over this connection.
    """
    mail = message.mail
    binary = mail.body is BodyType.BINARY_MIME
    chunks = "CHUNKING" in extensions and (config.chunking or binary)
    if binary and "BINARYMIME" not in extensions:
        raise _refusal("content", "binary content for a server without BINARYMIME: encode it", "5.6.1")
    if mail.requiretls and ("REQUIRETLS" not in extensions or tls is None or not tls.peer_verified):
        # RFC 8689 4.2.1: the server's certificate is verified, and it promises to go on likewise.
        text = "the message requires TLS with a verified certificate, and a server with REQUIRETLS"
        raise _refusal("mail", text, "5.7.30")
    if "SMTPUTF8" not in extensions and (mail.smtputf8 or not mail.path.is_ascii):
        raise _refusal("mail", "the message needs a server with SMTPUTF8", "5.6.7")
    params = dict(mail.params)
    eight_bit = "8BITMIME" in extensions
    if eight_bit:
        params.setdefault("BODY", BodyType.EIGHT_BIT_MIME)
    else:
        # RFC 6152 2: what is not announced is not said; that the content has seven bits is seen to otherwise.
        params.pop("BODY", None)
    if "SMTPUTF8" in extensions and not all(path.is_ascii for path in _paths(message)):
        params["SMTPUTF8"] = True
    _set_size(params, message.size if message.size is not None else mail.size, extensions)
    return Plan(Mail(mail.path, params), chunks, seven_bit=not eight_bit)


def _refusal(stage: str, text: str, enhanced: str) -> SessionError:
    return SessionError(stage, text, temporary=False, enhanced=enhanced)


def _set_size(params: dict[str, object], size: int | None, extensions: Extensions) -> None:
    """Declare the size where that can be done (RFC 1870 3)."""
    params.pop("SIZE", None)
    if size is None or "SIZE" not in extensions:
        return
    text = extensions["SIZE"]
    if _SIZE.fullmatch(text) and 0 < int(text) < size:
        # RFC 1870 7: a message that is sure to be refused is not begun.
        raise _refusal("mail", f"the message has {size} octets, and the server takes {int(text)}", "5.3.4")
    params["SIZE"] = size


def _paths(message: Message) -> Iterator[Path]:
    yield message.mail.path
    for recipient in message.recipients:
        yield recipient.path


def _end_of_header(octets: bytes) -> int:
    if _FIELD(octets) is None:
        return 0  # It begins with its body.
    end = octets.find(b"\r\n\r\n")
    return end if end >= 0 else len(octets)
