"""What the wire layer answers by itself: the replies, and what is wrong with the octets of a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smtpcore.commands import Bdat, Command, Mail, Rcpt, SaslCancel, SaslResponse
from smtpcore.commands.bdat import NO_SIZE
from smtpcore.events import Rejected
from smtpcore.grammar import CommandError, Grammar
from smtpcore.lines import LineFault
from smtpcore.params import is_utf8_announced
from smtpcore.replies import Reply
from smtpcore.sasl.base64 import decode
from smtpcore.spec import UNKNOWN as NO_COMMAND
from smtpcore.spec import Dialect, Rule, State

if TYPE_CHECKING:
    from smtpcore.dialogue import Dialogue

PRINTABLE: Final = bytes(range(0x20, 0x7F))
_EIGHT_BIT: Final = bytes(range(0x80, 0x100))
_PATHS: Final[Mapping[bytes, type[Command]]] = {kind.verb: kind for kind in (Mail, Rcpt)}
_ADDRESS: Final = 1  # RFC 3463 3.2: the subject of the codes about addresses

BARE: Final = Reply(500, "A line ends with CRLF; bare CR, bare LF and NUL are not allowed", "5.5.2")
TOO_LONG: Final = Reply(500, "The line is too long", "5.5.2")
AUTH_TOO_LONG: Final = Reply(500, "The line is too long", "5.5.6")
DRAIN: Final = Reply(421, "The line is far too long", "4.7.0")
BAD_VERB: Final[Reply] = Reply(500, "That is no command", "5.5.2")
BAD_OCTETS: Final = Reply(501, "Octets that are not allowed in an argument", "5.5.2")
UNKNOWN: Final[Reply] = Reply(500, "Command unknown", "5.5.1")
NOT_SERVED: Final = Reply(502, "Command not implemented", "5.5.1")
NO_CHUNKS: Final = Reply(502, "Command not implemented", "5.5.1", close=True)
NO_ARGUMENT: Final = Reply(501, "The command takes no argument", "5.5.4")
ARGUMENT: Final = Reply(501, "The command needs an argument", "5.5.4")
ORDER: Final = Reply(503, "Not now: bad sequence of commands", "5.5.1")
NO_RECIPIENTS: Final = Reply(554, "No valid recipients", "5.5.1")
NOT_LAST: Final = Reply(501, "Behind the size of a chunk stands LAST or nothing", "5.5.4")
_BAD_BASE64: Final = Reply(501, "That is no base64", "5.5.2")

CHUNK_LINE_TOO_LONG: Final = Reply(500, "The line is too long", "5.5.2", close=True)
"""Octets follow a BDAT, and a line that is not read does not say how many."""

_LINE_FAULTS: Final = {LineFault.BARE: BARE, LineFault.TOO_LONG: TOO_LONG, LineFault.DRAIN: DRAIN}
"""What a command line gets that cannot be read."""
_SASL_FAULTS: Final = {LineFault.BARE: _BAD_BASE64, LineFault.TOO_LONG: AUTH_TOO_LONG, LineFault.DRAIN: DRAIN}
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


def chunk_fault(command: Bdat, rule: Rule, dialogue: Dialogue, barrier: Barrier | None) -> Reply | None:
    """The reply that is due behind the octets of a chunk that is not taken; None if it is (RFC 3030 2)."""
    if barrier is not None and rule.verb not in barrier.verbs:
        return barrier.reply
    if not dialogue.allows(rule) or dialogue.state is State.BDAT_FAILED:
        return ORDER
    return NOT_LAST if command.malformed else None


def too_long(verb: bytes, rule: Rule | None) -> Reply:
    """The reply to a line that is over the limit of its verb (RFC 5321 4.5.3.1.4, RFC 4954 4)."""
    if rule is not None and rule.payload and rule.enabled:
        return CHUNK_LINE_TOO_LONG
    return AUTH_TOO_LONG if verb.upper() == b"AUTH" else TOO_LONG


def line_fault(fault: LineFault, head: bytes, table: Mapping[bytes, Rule]) -> tuple[Rule, Reply]:
    """The row and the reply of a line that cannot be read; one that is too long has a verb all the same."""
    verb = head.partition(b" ")[0]
    rule = table.get(verb.upper()) if fault is LineFault.TOO_LONG else None
    return (NO_COMMAND, _LINE_FAULTS[fault]) if rule is None else (rule, too_long(verb, rule))


def unknown(verb: bytes) -> Reply:
    """The reply to what stands in the place of a verb and is none that is known."""
    return BAD_VERB if not verb or verb.translate(None, PRINTABLE) else UNKNOWN


def order_fault(rule: Rule, dialogue: Dialogue, dialect: Dialect) -> Reply:
    """The reply to a command that may not stand where it does."""
    # RFC 5321 3.3 and RFC 2033 4.2: DATA without an accepted recipient; LMTP knows only the 503.
    if rule.verb == b"DATA" and dialogue.refused and dialogue.state is State.MAIL and dialect is Dialect.SMTP:
        return NO_RECIPIENTS
    return ORDER


def lets_utf8_in(rule: Rule | None, argument: bytes, grammar: Grammar) -> bool:
    """Whether an argument with other octets than printable ASCII is for its command to judge (RFC 6531 3.3)."""
    if rule is None or not rule.utf8 or not is_utf8_announced(grammar):
        return False
    return not argument.translate(None, PRINTABLE + _EIGHT_BIT)


def read_response(line: bytes | LineFault) -> SaslResponse | SaslCancel | Rejected:
    """What a line of a SASL exchange is; nothing is added to it, and no white space taken off (RFC 4954 4)."""
    if isinstance(line, LineFault):
        reply = _SASL_FAULTS[line]
        return Rejected(b"", reply, fatal=reply.close)
    if line == b"*":
        return SaslCancel()
    data = decode(line)
    return Rejected(b"", _BAD_BASE64) if data is None else SaslResponse(data)


def octet_fault(verb: bytes, argument: bytes, grammar: Grammar) -> Reply:
    """The reply to an argument with octets in it that a command cannot have (RFC 5321 2.4, 4.1.2)."""
    if not verb or verb.translate(None, PRINTABLE):
        return BAD_VERB
    if verb.upper() == b"BDAT":
        return NO_SIZE
    kind = _PATHS.get(verb.upper())
    if kind is not None and not argument.translate(None, PRINTABLE + _EIGHT_BIT):
        # In the path, octets over 0x7F are a fault of the address.
        try:
            kind.parse(argument, grammar)
        except CommandError as error:
            if error.reply.enhanced is not None and error.reply.enhanced.subject == _ADDRESS:
                return error.reply
    return BAD_OCTETS


_EVERYWHERE: Final = {state: state for state in State}


def out_of_order(rule: Rule) -> Rule:
    """What stands for the rule of a verb that is refused in a state in which it is not allowed: nothing moves."""
    return Rule(rule.verb, negative=_EVERYWHERE, enhanced=rule.enhanced, holds=rule.holds)
