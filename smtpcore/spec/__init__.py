"""The executable specification: states, commands, parameters, extensions and codes as data.

Nothing here does anything. Dispatch, the order checks, EHLO, HELP, the client's preconditions and the
documentation all read these tables, and none of them has a second copy.
"""

from __future__ import annotations

from smtpcore.spec.codes import CODES
from smtpcore.spec.commands import (
    AUTH_LINE,
    BASE_LINE,
    BDAT_LAST,
    COMMANDS,
    END_OF_DATA,
    GREETING,
    PSEUDO,
    SASL,
    UNKNOWN,
    Argument,
    Availability,
    Guard,
    Moves,
    Rule,
)
from smtpcore.spec.extensions import EXTENSIONS, PARAMETERS, Extension, Parameter, Value
from smtpcore.spec.states import LIVE, Dialect, State

__all__ = [
    "AUTH_LINE",
    "BASE_LINE",
    "BDAT_LAST",
    "CODES",
    "COMMANDS",
    "END_OF_DATA",
    "EXTENSIONS",
    "GREETING",
    "LIVE",
    "PARAMETERS",
    "PSEUDO",
    "SASL",
    "UNKNOWN",
    "Argument",
    "Availability",
    "Dialect",
    "Extension",
    "Guard",
    "Moves",
    "Parameter",
    "Rule",
    "State",
    "Value",
]
