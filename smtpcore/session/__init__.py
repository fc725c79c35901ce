"""Policy without I/O: what a server does at each stage, its limits, deadlines and records."""

from __future__ import annotations

from smtpcore.session.config import ServerConfig
from smtpcore.session.envelope import Envelope
from smtpcore.session.gate import Admission, Gate
from smtpcore.session.limits import Limits
from smtpcore.session.networks import Networks
from smtpcore.session.observer import Observer, Observers
from smtpcore.session.peer import Peer
from smtpcore.session.redaction import SECRET_STAGES
from smtpcore.session.server import ServerSession
from smtpcore.session.steps import IDLE, RECEIVE, Ask, Close, Idle, Receive, Send, StartTls, Step
from smtpcore.session.timeouts import Timeouts
from smtpcore.session.transcript import SessionLog, Transcript

__all__ = [
    "IDLE",
    "RECEIVE",
    "SECRET_STAGES",
    "Admission",
    "Ask",
    "Close",
    "Envelope",
    "Gate",
    "Idle",
    "Limits",
    "Networks",
    "Observer",
    "Observers",
    "Peer",
    "Receive",
    "Send",
    "ServerConfig",
    "ServerSession",
    "SessionLog",
    "StartTls",
    "Step",
    "Timeouts",
    "Transcript",
]
