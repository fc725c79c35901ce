"""Ready observers: the dialogue as text, and one line for each session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smtpcore.proxy import ProxyHeader
from smtpcore.replies import Reply
from smtpcore.session.observer import Observer
from smtpcore.session.redaction import HIDDEN, SECRET_STAGES, escape
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def fault_line(stage: str, exception: BaseException) -> str:
    """What has gone wrong in the application, in one line of printable ASCII, secrets hidden."""
    text = HIDDEN if stage in SECRET_STAGES else escape(str(exception).encode("utf-8", "backslashreplace"))
    return f"{stage}: {type(exception).__name__}: {text}"


class Transcript(Observer):
    """The dialogue line by line, ``C:`` and ``S:``, secrets already gone, content as its size only.

    Args:
        write: Takes a line of printable ASCII without a line end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def opened(self, session: ServerSession) -> None:
        """Say who it is."""
        self._note(session, f"connect from {session.peer}")

    def proxied(self, session: ServerSession, header: ProxyHeader) -> None:
        """Say whom the proxy speaks for."""
        self._note(session, f"PROXY {header.version} for {session.peer}")

    def received(self, session: ServerSession, verb: str, line: str) -> None:
        """Write what the client said."""
        self._write(f"{session.id} C: {line}")

    def content(self, session: ServerSession, size: int) -> None:
        """Write how much came."""
        self._write(f"{session.id} C: <{size} octets of content>")

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        """Write what the server says."""
        if reply.code == 334:
            self._write(f"{session.id} S: 334 {HIDDEN}")
            return
        plain = verb in _PLAIN or (verb == "XCLIENT" and reply.code == 220)
        enhanced = session.config.enhanced_codes and not plain
        for line in reply.to_wire(enhanced=enhanced).split(b"\r\n")[:-1]:
            self._write(f"{session.id} S: {escape(line)}")

    def secured(self, session: ServerSession, tls: TlsInfo) -> None:
        """Write the version and the cipher."""
        self._note(session, f"{tls.version} {tls.cipher}")

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """Write what went wrong in the application."""
        self._note(session, fault_line(stage, exception))

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        """Write why it ended."""
        self._note(session, "closed" if cause is None else f"closed: {type(cause).__name__}")

    def _note(self, session: ServerSession, text: str) -> None:
        self._write(f"{session.id} -- {text}")


_PLAIN = ("(greeting)", "EHLO", "HELO", "LHLO")
_SPACE = r"\x20"
_COUNTED = ("helo", "starttls", "auth", "mail", "rcpt", "data", "bdat", "rset", "noop", "vrfy", "quit", "other")
_NAMES = {"EHLO": "helo", "HELO": "helo", "LHLO": "helo", "=": "auth", ".": "data", "BDAT LAST": "bdat"}


class SessionLog(Observer):
    """One line at the end of each session: who, and how many of each command were accepted of how many.

    Make one for each session.

    Args:
        write: Takes the line, without a line end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._counts: dict[str, list[int]] = {}
        self._octets = 0

    def content(self, session: ServerSession, size: int) -> None:
        """Add up what came."""
        self._octets += size

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        """Count, unless it is still open how the command ends: behind a challenge, and while content is to come."""
        if verb in ("(greeting)", "(unasked)") or reply.intermediate:
            return
        name = _NAMES.get(verb, verb.lower())
        counts = self._counts.setdefault(name if name in _COUNTED else "other", [0, 0])
        counts[1] += 1
        if reply.code < 400:
            counts[0] += 1

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """Count it with the rest; what it was is for the transcript."""
        self._counts.setdefault("fault", [0, 0])[1] += 1

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        """Write the line."""
        words = [f"disconnect from {session.peer}"]
        if session.peer != session.transport_peer:
            words.append(f"via={session.transport_peer}")
        for name in (*_COUNTED, "fault"):
            if name in self._counts:
                good, total = self._counts[name]
                words.append(f"{name}={good}" if good == total else f"{name}={good}/{total}")
        words.append(f"bytes={self._octets}")
        if session.tls is not None:
            words.append(f"tls={session.tls.version}")
        if session.identity is not None:
            words.append(f"user={escape(session.identity.name.encode()).replace(' ', _SPACE)}")
        if cause is not None:
            words.append(f"cause={type(cause).__name__}")
        self._write(" ".join(words))
