"""A server session in any order of commands: what it answers and keeps is what a model written by hand says.

The model knows the states by what a person would call them, and nothing of the table that the session goes by.
"""

from __future__ import annotations

import ssl
from typing import Literal

import hypothesis.strategies as st
import trustme
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from smtpcore_memory import Pipe
from smtpcore_testing import strategies
from smtpcore_testing.strategies import Chunking, line_of, stuffed

from smtpcore import CredentialStore, Envelope, Handler, Limits, Path, Reply, ServerConfig, ServerSession, State
from smtpcore.commands import Command, Ehlo, Helo, Mail, Rcpt
from tests.wire import codes

Where = Literal["met", "ready", "mail", "rcpt", "data", "chunks", "spoilt", "gone"]
"""The peer has been greeted; has said EHLO; has a sender; has a recipient; writes content; has sent a chunk; has had
a chunk refused; is gone."""
STATES: dict[Where, State] = {
    "met": State.GREETED,
    "ready": State.READY,
    "mail": State.MAIL,
    "rcpt": State.RCPT,
    "data": State.DATA,
    "chunks": State.BDAT,
    "spoilt": State.BDAT_FAILED,
    "gone": State.CLOSED,
}
AUTHORITY = trustme.CA()
CONFIG = ServerConfig(
    hostname="mx.test",
    starttls=True,
    mechanisms=("PLAIN",),
    plaintext_auth_without_tls=True,
    limits=Limits(max_errors=None, max_unknown_commands=None, max_noops=None, max_auth_failures=None),
)
RIGHT, WRONG = b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n", b"AUTH PLAIN AGFubgB3cm9uZw==\r\n"


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("mx.test").configure_cert(context)
    return context


SERVER_CONTEXT = server_context()
CLIENT_CONTEXT = ssl.create_default_context()
AUTHORITY.configure_trust(CLIENT_CONTEXT)


class Store(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == ("ann", "secret")


class Application(Handler):
    """Refuses what it is told to, and keeps what it accepts."""

    credentials = Store()

    def __init__(self) -> None:
        self.refuses = False
        self.messages: list[tuple[Path, list[Path], bytes]] = []
        self.ends = 0

    def _answer(self) -> Reply | None:
        return Reply(550, "No") if self.refuses else None

    def mail(self, session: ServerSession, mail: Mail) -> Reply | None:
        return self._answer()

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return self._answer()

    def data(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        return self._answer()

    def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        if not self.refuses:
            self.messages.append((envelope.mail.path, [rcpt.path for rcpt in envelope.recipients], envelope.content))
        return self._answer()

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.ends += 1


refusals = st.sampled_from([False, False, True])
"""Whether the application says no, should it be asked."""
politeness = st.sampled_from([True, True, True, False])
"""Whether a client begins with EHLO."""


class Session(RuleBasedStateMachine):
    @initialize(polite=politeness)
    def begin(self, polite: bool) -> None:
        self.application = Application()
        self.delivered: list[tuple[Path, list[Path], bytes]] = []
        self.over = 0
        self.connect(polite)

    @precondition(lambda self: self.where == "gone")
    @rule(polite=politeness)
    def connect(self, polite: bool) -> None:
        """A new connection; the application is the same."""
        self.pipe = Pipe(CONFIG, self.application, tls_context=SERVER_CONTEXT)
        assert codes(self.pipe.receive()) == ["220"]
        self.where: Where = "met"
        # What extensions bring is served behind EHLO alone, and not behind HELO.
        self.extended = self.secure = self.known = False
        self.sender: Path | None = None
        self.recipients: list[Path] = []
        self.content = b""
        if polite:
            self.greet("c.test", True, Chunking())

    # How the model is told.

    def says(self, octets: bytes, cut: Chunking, *expected: int) -> None:
        """The client says this, in pieces, and the codes of the replies are these."""
        heard = b""
        for piece in cut(octets):
            heard += self.pipe.send(piece)
        assert [int(code[:3]) for code in codes(heard)] == list(expected)

    def asks(self, command: Command, cut: Chunking, expected: int) -> None:
        self.says(line_of(command), cut, expected)

    def resets(self, where: Where) -> None:
        """There is no transaction any more."""
        self.where = where
        self.sender, self.recipients, self.content = None, [], b""

    def delivers(self) -> None:
        assert self.sender is not None
        if not self.application.refuses:
            self.delivered.append((self.sender, self.recipients, self.content))
        self.resets("ready")

    @property
    def speaking(self) -> bool:
        """Commands are read: no content is under way, and nobody has hung up."""
        return self.where not in ("data", "gone")

    # What the client may do.

    @precondition(lambda self: self.speaking)
    @rule(
        aim=st.sampled_from(["ready", "mail", "rcpt", "data", "chunks", "spoilt"]),
        cut=strategies.chunkings(),
    )
    def get_somewhere(self, aim: Where, cut: Chunking) -> None:
        """By the straight way, which chance alone does not find often enough."""
        self.greet("c.test", True, cut)
        if aim == "ready":
            return
        self.mail(Mail(Path("ann", "a.test")), False, cut)
        if aim == "mail":
            return
        self.rcpt(Rcpt(Path("bob", "b.test")), False, cut)
        if aim == "data":
            self.data(False, cut)
        elif aim != "rcpt":
            self.chunk(b"hello\r\n", False, aim == "spoilt", cut)
        assert self.where == aim

    @precondition(lambda self: self.speaking)
    @rule(name=strategies.domains() | strategies.address_literals(), extended=st.booleans(), cut=strategies.chunkings())
    def greet(self, name: str, extended: bool, cut: Chunking) -> None:
        self.asks(Ehlo(name) if extended else Helo(name), cut, 250)
        self.extended = extended
        self.resets("ready")

    @precondition(lambda self: self.speaking)
    @rule(command=strategies.mails(), refuses=refusals, cut=strategies.chunkings())
    def mail(self, command: Mail, refuses: bool, cut: Chunking) -> None:
        self.application.refuses = refuses
        if self.where != "ready":
            self.asks(command, cut, 503)
        elif refuses:
            self.asks(command, cut, 550)
        else:
            self.asks(command, cut, 250)
            self.where, self.sender = "mail", command.path

    @precondition(lambda self: self.speaking)
    @rule(command=strategies.rcpts(), refuses=refusals, cut=strategies.chunkings())
    def rcpt(self, command: Rcpt, refuses: bool, cut: Chunking) -> None:
        self.application.refuses = refuses
        if self.where not in ("mail", "rcpt"):
            self.asks(command, cut, 503)
        elif refuses:
            self.asks(command, cut, 550)
        else:
            self.asks(command, cut, 250)
            self.where = "rcpt"
            self.recipients = [*self.recipients, command.path]

    @precondition(lambda self: self.speaking)
    @rule(refuses=refusals, cut=strategies.chunkings())
    def data(self, refuses: bool, cut: Chunking) -> None:
        self.application.refuses = refuses
        if self.where == "rcpt":
            self.says(b"DATA\r\n", cut, 550 if refuses else 354)
            self.where = "rcpt" if refuses else "data"
        else:
            # RFC 5321 4.1.4: DATA that follows nothing but refused RCPTs is 554 or 503.
            [code] = codes(self.pipe.send(b"DATA\r\n"))
            assert code[:3] in (("503", "554") if self.where == "mail" else ("503",))

    @precondition(lambda self: self.where == "data")
    @rule(content=strategies.bodies(), refuses=refusals, cut=strategies.chunkings())
    def end_data(self, content: bytes, refuses: bool, cut: Chunking) -> None:
        self.application.refuses = refuses
        self.says(stuffed(content), cut, 550 if refuses else 250)
        self.content = content
        self.delivers()

    @precondition(lambda self: self.speaking)
    @rule(content=strategies.bodies(max_lines=3), last=st.booleans(), refuses=refusals, cut=strategies.chunkings())
    def chunk(self, content: bytes, last: bool, refuses: bool, cut: Chunking) -> None:
        self.application.refuses = refuses
        octets = b"BDAT %d%b\r\n%b" % (len(content), b" LAST" if last else b"", content)
        # The application is asked at the first chunk and at the last.
        if self.where == "spoilt":
            self.says(octets, cut, 503)
            if last:
                self.resets("ready")
        elif self.where not in ("rcpt", "chunks"):
            self.says(octets, cut, 503)
        elif not self.extended or (refuses and (last or self.where == "rcpt")):
            # HELO announces no CHUNKING; a chunk that was refused is missing all the same.
            self.says(octets, cut, 550 if self.extended else 503)
            if last:
                self.resets("ready")
            else:
                self.where = "spoilt"
        else:
            self.says(octets, cut, 250)
            self.content += content
            if last:
                self.delivers()
            else:
                self.where = "chunks"

    @precondition(lambda self: self.speaking)
    @rule(cut=strategies.chunkings())
    def reset(self, cut: Chunking) -> None:
        self.says(b"RSET\r\n", cut, 250)
        self.resets("met" if self.where == "met" else "ready")

    @precondition(lambda self: self.speaking)
    @rule(
        line=st.sampled_from(
            [
                (b"NOOP\r\n", 250),
                (b"VRFY ann\r\n", 252),
                (b"HELP\r\n", 214),
                (b"XYZZY\r\n", 500),
                # A bare line end is none, and nothing in the line is run.
                (b"RSET\nQUIT\r\n", 500),
            ]
        ),
        cut=strategies.chunkings(),
    )
    def enquire(self, line: tuple[bytes, int], cut: Chunking) -> None:
        octets, code = line
        self.says(octets, cut, code)

    @precondition(lambda self: self.speaking)
    @rule(right=st.booleans(), cut=strategies.chunkings())
    def authenticate(self, right: bool, cut: Chunking) -> None:
        if self.where != "ready" or not self.extended or self.known:
            self.says(RIGHT if right else WRONG, cut, 503)
        elif right:
            self.says(RIGHT, cut, 235)
            self.known = True
        else:
            # Of these a session has only so many; the model does not count.
            self.says(b"AUTH PLAIN\r\n", cut, 334)
            self.says(b"*\r\n", cut, 501)

    @precondition(lambda self: self.speaking)
    @rule(known=st.booleans())
    def start_tls(self, known: bool) -> None:
        if self.where != "ready" or not self.extended or self.secure:
            self.says(b"STARTTLS\r\n", Chunking(), 503)
            return
        if known:
            self.authenticate(True, Chunking())
        self.says(b"STARTTLS\r\n", Chunking(), 220)
        self.pipe.start_tls(CLIENT_CONTEXT, "mx.test")
        # RFC 3207 4.2: all that was known is forgotten.
        self.secure, self.known, self.extended = True, False, False
        self.resets("met")

    @precondition(lambda self: self.speaking)
    @rule(seconds=st.integers(0, 299))
    def take_time(self, seconds: int) -> None:
        self.says(b"NOOP\r\n", Chunking(), 250)
        assert self.pipe.advance(seconds) == b""

    # How it ends.

    @precondition(lambda self: self.where != "gone")
    @rule(how=st.sampled_from(["quit", "fall asleep", "hang up", "shut down"]))
    def end(self, how: str) -> None:
        if how == "quit" and self.speaking:
            self.says(b"QUIT\r\n", Chunking(), 221)
        elif how == "fall asleep":
            assert codes(self.pipe.advance(301)) == ["421 4.4.2"]
        elif how == "shut down":
            assert codes(self.pipe.shutdown(0)) == ["421 4.3.2"]
        else:
            assert self.pipe.send(b"") == b""
        self.resets("gone")
        self.over += 1

    # What holds at any time.

    @invariant()
    def the_session_stands_where_the_model_does(self) -> None:
        session = self.pipe.session
        assert session.state is STATES[self.where]
        assert self.pipe.closed == (self.where == "gone")
        if self.where == "gone":
            return
        assert (session.tls is not None) == self.secure
        assert (session.identity is not None) == self.known
        envelope = session.envelope
        assert (envelope is not None) == (self.sender is not None)
        if envelope is not None:
            assert envelope.mail.path == self.sender
            assert [rcpt.path for rcpt in envelope.recipients] == self.recipients

    @invariant()
    def what_was_accepted_has_arrived_whole_and_once(self) -> None:
        assert self.application.messages == self.delivered

    @invariant()
    def the_application_hears_of_the_end_once(self) -> None:
        assert self.application.ends == self.over

    def teardown(self) -> None:
        # Nobody may have connected: an example can end before it has begun.
        if hasattr(self, "pipe") and self.where != "gone":
            self.pipe.close()
            assert self.application.ends == self.over + 1


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=100, stateful_step_count=40)
