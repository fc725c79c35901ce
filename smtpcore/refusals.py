"""What the wire layer answers by itself: the replies, and what is wrong with the octets of a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smtpcore.lines import LineFault
from smtpcore.replies import Reply
from smtpcore.spec import Rule, State

PRINTABLE: Final = bytes(range(0x20, 0x7F))
EIGHT_BIT: Final = bytes(range(0x80, 0x100))

BARE: Final = Reply(500, "A line ends with CRLF; bare CR, bare LF and NUL are not allowed", "5.5.2")
TOO_LONG: Final = Reply(500, "The line is too long", "5.5.2")
AUTH_TOO_LONG: Final = Reply(500, "The line is too long", "5.5.6")
DRAIN: Final = Reply(421, "The line is far too long", "4.7.0")
BAD_VERB: Final = Reply(500, "That is no command", "5.5.2")
BAD_OCTETS: Final = Reply(501, "Octets that are not allowed in an argument", "5.5.2")
BAD_SENDER: Final = Reply(501, "The address is not ASCII", "5.1.7")
BAD_RECIPIENT: Final = Reply(501, "The address is not ASCII", "5.1.3")
UNKNOWN: Final = Reply(500, "Command unknown", "5.5.1")
NOT_SERVED: Final = Reply(502, "Command not implemented", "5.5.1")
NO_CHUNKS: Final = Reply(502, "Command not implemented", "5.5.1", close=True)
NO_ARGUMENT: Final = Reply(501, "The command takes no argument", "5.5.4")
ARGUMENT: Final = Reply(501, "The command needs an argument", "5.5.4")
ORDER: Final = Reply(503, "Not now: bad sequence of commands", "5.5.1")
NO_RECIPIENTS: Final = Reply(554, "No valid recipients", "5.5.1")
NOT_LAST: Final = Reply(501, "Behind the size of a chunk stands LAST or nothing", "5.5.4")
CHUNK_TOO_BIG: Final = Reply(552, "The chunk is far too big", "5.3.4", close=True)
BAD_BASE64: Final = Reply(501, "That is no base64", "5.5.2")

LINE_FAULTS: Final = {LineFault.BARE: BARE, LineFault.TOO_LONG: TOO_LONG, LineFault.DRAIN: DRAIN}
"""What a command line gets that cannot be read."""
SASL_FAULTS: Final = {LineFault.BARE: BAD_BASE64, LineFault.TOO_LONG: AUTH_TOO_LONG, LineFault.DRAIN: DRAIN}
"""What a SASL response gets that cannot be read; it ends the exchange."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """What stands before most commands: TLS or authentication that is required and missing.

    It is asked before arguments and order are looked at, so it belongs to the wire layer, while whether
    it stands is for the session to say.
    """

    reply: Reply
    """What every command gets that may not pass."""
    verbs: frozenset[bytes]
    """The verbs that pass."""


def octet_fault(verb: bytes, argument: bytes) -> Reply:
    """The reply to a line with octets in it that a command cannot have (RFC 5321 2.4, 4.1.2)."""
    if verb.translate(None, PRINTABLE) or not verb:
        return BAD_VERB
    if not argument.translate(None, PRINTABLE + EIGHT_BIT):
        # Only 8-bit octets; in the path they are a fault of the address.
        first = len(argument) - len(argument.lstrip(PRINTABLE))
        if b">" not in argument[:first]:
            known = verb.upper()
            if known == b"MAIL":
                return BAD_SENDER
            if known == b"RCPT":
                return BAD_RECIPIENT
    return BAD_OCTETS


def _stay_everywhere(*, enhanced: bool) -> Rule:
    return Rule(b"(out of order)", negative={state: state for state in State}, enhanced=enhanced)


# What stands for the rule of a verb that is refused in a state in which it is not allowed.
OUT_OF_ORDER: Final = {True: _stay_everywhere(enhanced=True), False: _stay_everywhere(enhanced=False)}
