r"""Reads the dialogues, which are text: what is sent, what each server answers, and what its application gets.

A file is read line by line; ``#`` begins a comment::

    setup tls, smtp-server           # settings from here on, and the peers that play; all, if none is named

    in MAIL                          # one session behind EHLO and MAIL, up to the next line without indentation
        RCPT TO:<b@mx.test> -> 250
        DATA -> 354
        .one\r\n. -> 250
            = <a@client.test> <b@mx.test>: one\r\n
            aiosmtpd: 552 [reason]
            aiosmtpd = nothing [reason]

    each in HELO                     # a session for each of the steps
        QUIT -> 221 closes

A step is sent with CRLF behind it, unless it ends with ``\c``. Its escapes are those of Python, ``{x*500}`` for 500
times x, ``{b64:...}`` for base64, and ``{}`` for no octets. ``{cut}`` ends a write, ``{tls}`` alone is a handshake and
``{end}`` alone the end of the input.

Outcomes are the codes of the replies, and ``closes`` if the connection is over behind them; ``nothing`` is no reply.
Behind the outcome of a peer ``ends`` hangs up, where the session cannot go on as ours does. ``both`` are two peers.
A reason is a row of the table in docs/differences.md.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PEERS = ("aiosmtpd", "smtp-server")
TLS, END, CUT = b"{tls}", b"{end}", b"{cut}"
NOTHING = "nothing"

_LINE = re.compile(r"(?P<indent> *)(?P<text>.*?)(?:(?:^| +)#( .*)?)?")
_DIFFERENCE = re.compile(r"(?P<peer>aiosmtpd|smtp-server|both)(?P<kind>:| =) (?P<what>.+) \[(?P<reason>[a-z0-9-]+)\]")
_OUTCOME = re.compile(r"(?P<outcome>nothing|closes|[2-5]\d\d( [2-5]\d\d)*( closes)?)(?P<ends> ends)?")
_ESCAPE = re.compile(rb"\\(?:x(?P<hex>[0-9a-f]{2})|(?P<letter>[rnt0\\]))|\{(?P<unit>[^{}*]+)\*(?P<count>\d+)\}")
_BASE64 = re.compile(rb"\{b64:([^{}]*)\}")
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True)
class Difference:
    """What a peer does where it is not what our server does."""

    what: str
    """The outcome, or what its application got."""
    reason: str
    """The row in the table of reasons."""
    ends: bool = False
    """The session does not go on."""


@dataclass
class Step:
    """Something that is sent, and all that comes of it."""

    text: str
    outcome: str
    """Ours."""
    line: int = 0
    delivered: list[str] = field(default_factory=list)
    """What our application gets; see ``show``."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """Outcomes by peer."""
    deliveries: dict[str, list[Difference]] = field(default_factory=dict)
    """Deliveries by peer."""

    @property
    def octets(self) -> bytes:
        """What goes out."""
        return unescape(self.text.removesuffix("\\c")) + (b"" if self.text.endswith("\\c") else b"\r\n")

    @property
    def special(self) -> bytes | None:
        """A handshake, or the end of the input."""
        return self.text.encode() if self.text.encode() in (TLS, END) else None

    def expected(self, peer: str | None) -> str:
        """The outcome; that of our server for None."""
        return self.differences[peer].what if peer in self.differences else self.outcome

    def taken(self, peer: str | None) -> list[str]:
        """What the application gets, as ``show`` shows it."""
        if peer not in self.deliveries:
            return self.delivered
        return [difference.what for difference in self.deliveries[peer] if difference.what != NOTHING]


@dataclass
class Dialogue:
    """A session."""

    name: str
    """The file and the line, for those who look for it."""
    setup: str
    peers: tuple[str, ...]
    steps: list[Step]

    def all_differences(self) -> Iterator[tuple[str, Step, Difference]]:
        """Each difference with its peer and its step."""
        for step in self.steps:
            for peer, difference in step.differences.items():
                yield peer, step, difference
            for peer, differences in step.deliveries.items():
                for difference in differences:
                    yield peer, step, difference


def unescape(text: str) -> bytes:
    """The octets that a text of the notation stands for."""

    def put(match: re.Match[bytes]) -> bytes:
        if match["hex"]:
            return bytes.fromhex(match["hex"].decode())
        if match["letter"]:
            return _LETTERS[match["letter"]]
        return _ESCAPE.sub(put, match["unit"]) * int(match["count"])

    return _BASE64.sub(lambda match: b64encode(match[1]), _ESCAPE.sub(put, text.replace("{}", "").encode()))


def show(sender: str, recipients: Sequence[str], content: bytes) -> str:
    """A delivery as the notation writes it, without its abbreviations."""
    envelope = " ".join(f"<{address}>" for address in (sender, *recipients))
    text = content.decode("utf-8", "backslashreplace").replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    return f"{envelope}: {text}"


_HELO = [Step("HELO client.test", "250")]
_EHLO = [Step("EHLO client.test", "250")]
_MAIL = [*_EHLO, Step("MAIL FROM:<a@client.test>", "250")]
_RCPT = [*_MAIL, Step("RCPT TO:<b@mx.test>", "250")]
_LHLO = [Step("LHLO client.test", "250")]
_STARTTLS = [*_EHLO, Step("STARTTLS", "220"), Step("{tls}", NOTHING)]
PLACES: dict[str, list[Step]] = {
    "GREETED": [],
    "HELO": _HELO,
    "EHLO": _EHLO,
    "MAIL": _MAIL,
    "RCPT": _RCPT,
    "DATA": [*_RCPT, Step("DATA", "354")],
    "LHLO": _LHLO,
    "LHLO, MAIL": [*_LHLO, *_MAIL[1:]],
    "LHLO, RCPT": [*_LHLO, *_RCPT[1:]],
    "STARTTLS": _STARTTLS,
    "TLS": [*_STARTTLS, *_EHLO],
    "AUTH": [*_EHLO, Step("AUTH LOGIN", "334")],
    "LOGGED IN": [*_EHLO, Step("AUTH PLAIN {b64:\\0ann@mx.test\\0s3cret pass}", "235")],
}
"""What leads to the places where a dialogue may begin."""


def read(path: Path) -> list[Dialogue]:
    """The dialogues of a file."""
    reader = _Reader(path.stem)
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            match = _LINE.fullmatch(line)
            assert match
            reader.take(len(match["indent"]), match["text"], number)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{path}:{number}: {error}: {line}") from error
    return reader.dialogues


class _Reader:
    """What is known so far."""

    def __init__(self, name: str) -> None:
        self.dialogues: list[Dialogue] = []
        self._name = name
        self._setup = ""
        self._peers: tuple[str, ...] = PEERS
        self._place: list[Step] = []
        self._each = False

    def take(self, indent: int, text: str, number: int) -> None:
        """The next line."""
        if not text:
            return
        if indent == 0:
            self._head(text, number)
        elif indent == 4:
            self._step(text, number)
        elif indent == 8:
            self._result(self.dialogues[-1].steps[-1], text)
        else:
            raise ValueError("steps are indented by 4, what comes of them by 8")

    def _head(self, text: str, number: int) -> None:
        if text.startswith("setup "):
            self._setup, *peers = re.split(", ?", text.removeprefix("setup "))
            self._peers = tuple(peers) or PEERS
            return
        self._each = text.startswith("each ")
        where = text.removeprefix("each ")
        if not where.startswith("in "):
            raise ValueError("neither a setup nor a place")
        self._place = PLACES[where.removeprefix("in ")]
        if not self._each:
            self._begin(number)

    def _begin(self, number: int) -> None:
        self.dialogues.append(Dialogue(f"{self._name}:{number}", self._setup, self._peers, list(self._place)))

    def _step(self, text: str, number: int) -> None:
        sent, arrow, outcome = text.rpartition(" -> ")
        match = _OUTCOME.fullmatch(outcome)
        if not arrow or match is None or match["ends"]:
            raise ValueError("no step with an outcome")
        if self._each:
            self._begin(number)
        self.dialogues[-1].steps.append(Step(sent, outcome, number))

    def _result(self, step: Step, text: str) -> None:
        if text.startswith("= "):
            step.delivered.append(_canonical(text[2:]))
            return
        match = _DIFFERENCE.fullmatch(text)
        if match is None:
            raise ValueError("neither a delivery nor a difference")
        for peer in PEERS if match["peer"] == "both" else (match["peer"],):
            if peer not in self._peers:
                raise ValueError(f"{peer} does not play here")
            if match["kind"] == ":":
                outcome = _OUTCOME.fullmatch(match["what"])
                if outcome is None or outcome["outcome"] == step.outcome or peer in step.differences:
                    raise ValueError("no outcome, or no difference, or a second one")
                step.differences[peer] = Difference(outcome["outcome"], match["reason"], bool(outcome["ends"]))
            else:
                step.deliveries.setdefault(peer, []).append(Difference(_canonical(match["what"]), match["reason"]))


def _canonical(delivery: str) -> str:
    """A delivery with the abbreviations written out, as ``show`` would show it."""
    if delivery == NOTHING:
        return delivery
    envelope, _, content = delivery.partition(": ")
    _, _, shown = show("", (), unescape(content)).partition(": ")
    return f"{envelope}: {shown}"
