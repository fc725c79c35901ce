"""The reply codes, each with the enhanced status code it usually has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        211: ("system status or help", "2.0.0"),
        214: ("help", "2.0.0"),
        220: ("service ready", "2.0.0"),
        221: ("closing the channel", "2.0.0"),
        235: ("authentication succeeded", "2.7.0"),
        250: ("completed", "2.0.0"),
        251: ("user not local, will forward", "2.1.5"),
        252: ("cannot verify, will attempt delivery", "2.5.0"),
        253: ("messages pending", "2.0.0"),
        334: ("SASL challenge", ""),
        354: ("start mail input", ""),
        355: ("octet offset", ""),
        421: ("service not available, closing the channel", "4.3.2"),
        432: ("password transition needed", "4.7.12"),
        450: ("mailbox unavailable for now", "4.2.0"),
        451: ("local error", "4.3.0"),
        452: ("insufficient storage", "4.3.1"),
        453: ("no mail", "4.3.2"),
        454: ("temporarily not available", "4.7.0"),
        455: ("cannot accommodate parameters", "4.3.3"),
        458: ("unable to queue messages", "4.5.0"),
        459: ("node not allowed", "4.7.1"),
        500: ("unknown or unreadable command", "5.5.2"),
        501: ("syntax error in arguments", "5.5.4"),
        502: ("command not implemented", "5.5.1"),
        503: ("bad sequence of commands", "5.5.1"),
        504: ("parameter not implemented", "5.5.4"),
        521: ("host does not accept mail", "5.3.2"),
        523: ("encryption needed", "5.7.10"),
        525: ("account disabled", "5.7.13"),
        530: ("authentication or TLS required", "5.7.0"),
        534: ("mechanism too weak", "5.7.9"),
        535: ("credentials invalid", "5.7.8"),
        538: ("encryption required for mechanism", "5.7.11"),
        550: ("mailbox unavailable or policy", "5.7.1"),
        551: ("user not local", "5.1.6"),
        552: ("storage allocation exceeded", "5.3.4"),
        553: ("mailbox name not allowed", "5.1.3"),
        554: ("transaction failed", "5.3.0"),
        555: ("parameters not recognised", "5.5.4"),
        556: ("domain does not accept mail", "5.1.10"),
    }
)
"""Each reply code with its meaning and the enhanced status code it has when none is given (RFC 5321
4.2.3, RFC 5248)."""
