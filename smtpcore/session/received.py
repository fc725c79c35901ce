"""The trace lines: Return-Path and Received (RFC 5321 4.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from smtpcore.paths import Path, is_helo_name
from smtpcore.session.peer import Peer
from smtpcore.tls import TlsInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_IANA_CIPHER = re.compile(r"TLS_[A-Z0-9_]{1,64}")
_SAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_LONGEST_NAME = 255
_LONGEST_ADDRESS = 900


def with_protocol(*, extended: bool, tls: bool, authenticated: bool, lmtp: bool = False, utf8: bool = False) -> str:
    """The protocol as the WITH clause names it (RFC 3848, RFC 6531 4.3)."""
    if not lmtp and not extended:
        return "SMTP"
    name = ("UTF8LMTP" if utf8 else "LMTP") if lmtp else ("UTF8SMTP" if utf8 else "ESMTP")
    return f"{name}{'S' if tls else ''}{'A' if authenticated else ''}"


def date_time(moment: datetime) -> str:
    """An aware moment as RFC 5322 3.3 writes it: four-digit year, numeric zone."""
    offset = moment.strftime("%z")
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year:04d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {offset[:5] or '+0000'}"
    )


def safe_name(text: str) -> str:
    """A name the client gave, with what could break a header line replaced (T-HEADER)."""
    if is_helo_name(text.encode("ascii", "replace")) and text.isascii():
        return text
    return _SAFE.sub("?", text[:_LONGEST_NAME]) or "unknown"


def received_line(
    *,
    hostname: str,
    helo: str,
    peer: Peer,
    protocol: str,
    id: str,
    tls: TlsInfo | None,
    recipients: Sequence[Path],
    moment: datetime,
    priority: int | None = None,
    utf8: bool = False,
) -> bytes:
    """One Received field, folded, with its CRLF.

    Args:
        hostname: The server's own name.
        helo: What the client called itself.
        peer: Where the connection comes from.
        protocol: The WITH clause.
        id: The transaction's id.
        tls: The TLS layer, for the TLS clause (RFC 8314 4.3).
        recipients: With exactly one the FOR clause names it; with more it would tell who else gets a copy.
        moment: When the content began to come.
        priority: What the message has, where it was asked for (RFC 6710 4.1).
        utf8: The field may have UTF-8 in it (RFC 6531 3.7.3).
    """
    lines = [f"Received: from {safe_name(helo)} ({_address_info(peer)})", f"by {hostname} with {protocol} id {id}"]
    if len(recipients) == 1:
        address = recipients[0].address
        octets = len(address.encode("utf-8"))
        # What is not printable is what changes the look of what stands behind it, too (T-HEADER).
        if (utf8 or address.isascii()) and address.isprintable() and octets < _LONGEST_ADDRESS:
            lines.append(f"for <{address}>")
    # The clauses that were registered later stand behind those of RFC 5321 4.4.
    if tls is not None:
        # RFC 8314 4.3 wants the name of the IANA registry; OpenSSL has others for older suites.
        if _IANA_CIPHER.fullmatch(tls.cipher):
            lines.append(f"tls {tls.cipher} ({tls.version})")
        else:
            lines.append(f"({_SAFE.sub('?', tls.version)} cipher {_SAFE.sub('?', tls.cipher)})")
    if priority is not None:
        lines.append(f"priority {priority}")
    return (";".join(("\r\n\t".join(lines), f"\r\n\t{date_time(moment)}\r\n"))).encode("utf-8")


def trace_lines(reverse_path: Path, received: bytes) -> bytes:
    """Return-Path, then Received: what a delivering server puts before the content (RFC 5321 4.4)."""
    return b"Return-Path: %b\r\n%b" % (reverse_path.to_wire(), received)


def _address_info(peer: Peer) -> str:
    if peer.host is None:
        return "unknown"
    return f"[IPv6:{peer.host}]" if ":" in peer.host else f"[{peer.host}]"
