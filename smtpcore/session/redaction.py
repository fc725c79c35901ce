"""What of a line may be shown: printable ASCII, and no secrets (T-AUTH)."""

from __future__ import annotations

import re
from collections.abc import Container

HIDDEN = "<hidden>"
SECRET_STAGES = frozenset({"credentials", "mechanism"})
"""Stages whose exceptions may quote a password, so that their text belongs into no log."""
NO_COMMAND = "?"
"""Stands for the verb of a line that is no command."""
_LONGEST = 512
# However it was typed and whatever state it was typed in: with spaces before it, tabs behind it.
_AUTH = re.compile(rb"[^A-Za-z0-9]*AUTH(?![A-Za-z0-9])[^A-Za-z0-9]*", re.IGNORECASE)
_XCLIENT = re.compile(rb"[^A-Za-z0-9]*XCLIENT(?![A-Za-z0-9])", re.IGNORECASE)
# A secret may stand where the mechanism should, so only a name that is known is shown.
_MECHANISM = re.compile(
    rb"(?:ANONYMOUS|CRAM-MD5|DIGEST-MD5|EXTERNAL|GSSAPI|LOGIN|NTLM|OAUTHBEARER|PLAIN|SCRAM-SHA-[0-9]{1,3}(?:-PLUS)?"
    rb"|XOAUTH2)(?=[ \t]|\Z)",
    re.IGNORECASE,
)


def redact(line: bytes, verbs: Container[bytes], *, secret: bool) -> tuple[str, str]:
    """The verb and the line as they may be written to a log.

    Args:
        line: A command line as it came.
        verbs: The verbs that are known, in upper case.
        secret: The line stands where a SASL response may: unless it is a command, none of it is shown.

    Returns:
        The verb in upper case, ``?`` for what is no command; and the line, escaped, cut, its secrets replaced.
    """
    if (auth := _AUTH.match(line)) is not None:
        mechanism = _MECHANISM.match(line, auth.end())
        words = ["AUTH"]
        if mechanism is not None:
            words.append(escape(mechanism[0]))
        if line[mechanism.end() if mechanism is not None else auth.end() :].strip(b" \t"):
            words.append(HIDDEN)
        return "AUTH", " ".join(words)
    if _XCLIENT.match(line) is not None:
        return "XCLIENT", f"XCLIENT {HIDDEN}"
    verb = line.partition(b" ")[0].rstrip(b"\t").upper()
    if verb in verbs:
        return verb.decode("ascii"), escape(line[:_LONGEST])
    return NO_COMMAND, HIDDEN if secret else escape(line[:_LONGEST])


def escape(octets: bytes) -> str:
    r"""Octets as printable ASCII; the others as ``\x1b``."""
    return "".join(chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in octets)
