"""smtpcore: the SMTP and LMTP protocol as a state machine without I/O.

The wire layer is here: ``ServerConnection``, the commands and events it reports, replies and paths. Policy is
in ``smtpcore.session``, the application's hooks in ``smtpcore.handler``, the values of parameters in
``smtpcore.params``, TLS facts in ``smtpcore.tls``.
"""

from __future__ import annotations

from smtpcore.body import Defect
from smtpcore.chain import Chain
from smtpcore.client import ClientConnection
from smtpcore.commands import (
    Auth,
    Bdat,
    Command,
    Custom,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    Vrfy,
    Xclient,
    Xforward,
)
from smtpcore.custom import CustomExtension, CustomParameter, CustomVerb
from smtpcore.dialogue import Dialogue, select
from smtpcore.errors import LocalProtocolError, ParseError, ProtocolError, RemoteProtocolError, SaslError
from smtpcore.events import BodyChunk, ConnectionClosed, EarlyTalk, EndOfBody, EndOfChunk, Event, Pause, Rejected
from smtpcore.extensions import Extensions
from smtpcore.handler import BodySink, CredentialStore, Handler, handler
from smtpcore.leniencies import Leniencies
from smtpcore.paths import Path, PathError
from smtpcore.refusals import Barrier
from smtpcore.replies import EhloReply, EnhancedCode, Reply
from smtpcore.reply_reader import ReplyLimits
from smtpcore.sasl import Credentials, Identity
from smtpcore.server import ServerConnection
from smtpcore.session import (
    Envelope,
    Gate,
    Limits,
    Observer,
    Observers,
    Peer,
    ServerConfig,
    ServerSession,
    SessionLog,
    Timeouts,
    Transcript,
)
from smtpcore.spec import Dialect, State
from smtpcore.tls import TlsInfo

__all__ = [
    "Auth",
    "Barrier",
    "Bdat",
    "BodyChunk",
    "BodySink",
    "Chain",
    "ClientConnection",
    "Command",
    "ConnectionClosed",
    "CredentialStore",
    "Credentials",
    "Custom",
    "CustomExtension",
    "CustomParameter",
    "CustomVerb",
    "Data",
    "Defect",
    "Dialect",
    "Dialogue",
    "EarlyTalk",
    "Ehlo",
    "EhloReply",
    "EndOfBody",
    "EndOfChunk",
    "EnhancedCode",
    "Envelope",
    "Etrn",
    "Event",
    "Expn",
    "Extensions",
    "Gate",
    "Handler",
    "Helo",
    "Help",
    "Identity",
    "Leniencies",
    "Lhlo",
    "Limits",
    "LocalProtocolError",
    "Mail",
    "Noop",
    "Observer",
    "Observers",
    "ParseError",
    "Path",
    "PathError",
    "Pause",
    "Peer",
    "ProtocolError",
    "Quit",
    "Rcpt",
    "Rejected",
    "RemoteProtocolError",
    "Reply",
    "ReplyLimits",
    "Rset",
    "SaslCancel",
    "SaslError",
    "SaslResponse",
    "ServerConfig",
    "ServerConnection",
    "ServerSession",
    "SessionLog",
    "StartTls",
    "State",
    "Timeouts",
    "TlsInfo",
    "Transcript",
    "Vrfy",
    "Xclient",
    "Xforward",
    "handler",
    "select",
]
