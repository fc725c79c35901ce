"""What a probe has found, for programs and for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from smtpcore.extensions import Extensions
from smtpcore.replies import Reply
from smtpcore.session.client.results import in_one_line
from smtpcore.utf8 import printable

from .certificates import Certificate, read_certificate
from .probing import Findings

Json: TypeAlias = "bool | int | str | list[Json] | Mapping[str, Json] | None"


def as_json(findings: Findings) -> Mapping[str, Json]:
    """All of it, as JSON has it; what is not known is null."""
    return {
        "answered": findings.answered,
        "error": None if findings.error is None else str(findings.error),
        "greeting": _reply(findings.greeting),
        "before_tls": _offer(findings.before),
        "starttls": _reply(findings.starttls),
        "tls": _tls(findings),
        "within_tls": _offer(findings.after),
    }


def as_text(findings: Findings) -> Iterator[str]:
    """All of it, line by line."""
    found = as_json(findings)
    for title in ("greeting", "before_tls", "starttls", "tls", "within_tls", "error"):
        value = found[title]
        if value is not None:
            yield from _lines(title.replace("_", " "), value, "")


def _lines(title: str, value: Json, indent: str) -> Iterator[str]:
    match value:
        case Mapping():
            yield f"{indent}{title}:"
            for name, part in value.items():
                yield from _lines(name.replace("_", " "), part, f"{indent}  ")
        case list():
            yield f"{indent}{title}: {', '.join(map(_shown, value)) or '-'}"
        case bool():
            yield f"{indent}{title}: {'yes' if value else 'no'}"
        case None:
            yield f"{indent}{title}: -"
        case "":
            yield f"{indent}{title}"
        case _:
            yield f"{indent}{title}: {_shown(value)}"


def _shown(value: Json) -> str:
    # A certificate says what its issuer wants, and a terminal obeys what it reads.
    return printable(str(value))


def _reply(reply: Reply | None) -> Json:
    return None if reply is None else in_one_line(reply)


def _offer(extensions: Extensions | None) -> Json:
    if extensions is None:
        return None
    mechanisms: list[Json] = [word for word in extensions.get("AUTH", "").split(" ") if word]
    size = extensions.get("SIZE", "")
    return {
        "extensions": dict(extensions),
        "mechanisms": mechanisms,
        # RFC 1870 3: 0, or nothing, is no limit that is known.
        "size_limit": int(size) if size.isascii() and size.isdigit() and 0 < len(size) <= 20 and int(size) else None,
    }


def _tls(findings: Findings) -> Json:
    tls = findings.tls
    if tls is None:
        return None
    certificate: Json = None
    if tls.peer_certificate is not None:
        try:
            certificate = _certificate(read_certificate(tls.peer_certificate))
        except ValueError as error:
            certificate = str(error)
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "bits": tls.bits,
        "verified": tls.peer_verified,
        "not_verified_because": findings.untrusted,
        "certificate": certificate,
    }


def _certificate(certificate: Certificate) -> Json:
    return {
        "subject": certificate.subject,
        "names": list(certificate.names),
        "issuer": certificate.issuer,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "sha256": certificate.fingerprint,
    }
