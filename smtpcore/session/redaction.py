"""What of a line may be shown: printable ASCII, and no secrets (T-AUTH)."""

from __future__ import annotations

HIDDEN = "<hidden>"
_LONGEST = 512


def redact(line: bytes, *, secret: bool) -> tuple[str, str]:
    """The verb and the line as they may be written to a log.

    Args:
        line: A command line as it came.
        secret: The line stands where a SASL response may: only its verb is shown, if it has a known form.

    Returns:
        The first word in upper case, and the line, escaped, cut, and its secrets replaced.
    """
    word, _, rest = line.partition(b" ")
    verb = escape(word[:32]).upper()
    if verb == "AUTH":
        # However many spaces there are and whatever state it was typed in: the mechanism and no more.
        mechanism, *secrets = [part for part in rest.split(b" ") if part] or [b""]
        return verb, f"{verb} {escape(mechanism[:20])} {HIDDEN if secrets else ''}".rstrip()
    if verb == "XCLIENT":
        return verb, f"{verb} {HIDDEN}"
    return verb, HIDDEN if secret else escape(line[:_LONGEST])


def escape(octets: bytes) -> str:
    r"""Octets as printable ASCII; the others as ``\x1b``."""
    return "".join(chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in octets)
