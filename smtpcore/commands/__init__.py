"""The commands as values: a class for each, which is also the event the server reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from smtpcore.commands.auth import Auth, SaslCancel, SaslResponse
from smtpcore.commands.base import Command
from smtpcore.commands.bdat import Bdat
from smtpcore.commands.custom import Custom
from smtpcore.commands.etrn import Etrn
from smtpcore.commands.hello import Ehlo, Helo, Lhlo
from smtpcore.commands.mail import Mail
from smtpcore.commands.rcpt import Rcpt
from smtpcore.commands.simple import Data, Quit, Rset, StartTls
from smtpcore.commands.text import Expn, Help, Noop, Vrfy
from smtpcore.commands.xclient import Xclient
from smtpcore.commands.xforward import Xforward
from smtpcore.grammar import Grammar

COMMAND_TYPES: Final[Mapping[bytes, type[Command]]] = MappingProxyType(
    {
        kind.verb: kind
        for kind in (
            Helo,
            Ehlo,
            Lhlo,
            Mail,
            Rcpt,
            Data,
            Bdat,
            Rset,
            Noop,
            Quit,
            Vrfy,
            Expn,
            Help,
            StartTls,
            Auth,
            Etrn,
            Xclient,
            Xforward,
        )
    }
)
"""The class of each verb that can be served."""

Reader: TypeAlias = Callable[[bytes, Grammar], Command]
"""Makes a command of its argument, or raises CommandError."""

READERS: Final[Mapping[bytes, Reader]] = MappingProxyType({verb: kind.parse for verb, kind in COMMAND_TYPES.items()})
"""What reads the argument of each verb; an application's verbs come on top."""

__all__ = [
    "COMMAND_TYPES",
    "READERS",
    "Auth",
    "Bdat",
    "Command",
    "Custom",
    "Data",
    "Ehlo",
    "Etrn",
    "Expn",
    "Helo",
    "Help",
    "Lhlo",
    "Mail",
    "Noop",
    "Quit",
    "Rcpt",
    "Reader",
    "Rset",
    "SaslCancel",
    "SaslResponse",
    "StartTls",
    "Vrfy",
    "Xclient",
    "Xforward",
]
