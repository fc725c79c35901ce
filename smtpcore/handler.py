"""What an application hangs its decisions on: a hook for every stage of a session."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from smtpcore.commands import Command, Custom, Etrn, Expn, Help, Mail, Rcpt, Vrfy
from smtpcore.replies import Reply
from smtpcore.sasl import CredentialStore as CredentialStore
from smtpcore.sasl import Identity
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.envelope import Envelope
    from smtpcore.session.server import ServerSession

_T = TypeVar("_T")
MaybeAwaitable: TypeAlias = _T | Awaitable[_T]
"""A value, or something an async adapter awaits for it."""
Answer: TypeAlias = MaybeAwaitable[Reply | None]
"""None is yes; a reply is this reply, and its class decides."""

MessageAnswer: TypeAlias = MaybeAwaitable[Reply | Iterable[Reply | None] | AsyncIterable[Reply | None] | None]
"""An answer to a message; under LMTP also one for each recipient."""


class BodySink:
    """Takes the content of one message as it comes. Exactly one of ``finish`` and ``abort`` is called, once.

    The methods may be plain or async; while one is awaited nothing more is read than the input buffer takes.
    """

    def write(self, chunk: bytes) -> Answer:
        """Take some content, or refuse the message with a reply.

        After a refusal nothing more is written, ``abort`` is called, the rest is discarded, and the reply goes
        out at the true end, or at once if it closes.
        """
        return None

    def finish(self) -> MessageAnswer:
        """All content has come; answer for the message. Positive or None: it is yours now (RFC 5321 4.2.5)."""
        return None

    def abort(self) -> MaybeAwaitable[None]:
        """The message will not be completed; drop what was written."""
        return None


class Handler:
    """The application. Every hook accepts by default; override those that decide something.

    A hook may be plain, or async under an async adapter. It answers None for yes, or a Reply, whose class
    decides. One that raises is answered 451 4.3.0 (``connect``: 421, AUTH: 454 4.7.0), and the exception goes
    to the observer and to ``disconnect``. One that is not overridden costs nothing.
    """

    credentials: CredentialStore | None = None
    """Without a store no password is right."""

    def connect(self, session: ServerSession) -> Answer:
        """Somebody has connected; a 5yz is the greeting and leaves only QUIT, a 421 closes (RFC 5321 3.1)."""
        return None

    def helo(self, session: ServerSession, command: Command) -> Answer:
        """HELO, EHLO or LHLO. A 2yz is no more than yes: the server's name and its extensions are not the hook's."""
        return None

    def starttls(self, session: ServerSession) -> Answer:
        """STARTTLS, before the 220; 454 when TLS is not to be had now (RFC 3207 4)."""
        return None

    def secured(self, session: ServerSession, tls: TlsInfo) -> Answer:
        """A TLS layer is on. What refuses it is what every command but QUIT gets from then on (RFC 3207 4.1)."""
        return None

    def authenticate(self, session: ServerSession, identity: Identity) -> Answer:
        """The identity is proven; may it do so, and act for whom it wants to (RFC 4422 3.4.1)?"""
        return None

    def mail(self, session: ServerSession, mail: Mail) -> Answer:
        """A transaction begins."""
        return None

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Answer:
        """A recipient; those accepted before are in ``session.envelope``."""
        return None

    def data(self, session: ServerSession, envelope: Envelope) -> MaybeAwaitable[BodySink | Reply | None]:
        """The content is about to come: None to have it collected for ``message``, or a sink to stream it to."""
        return None

    def message(self, session: ServerSession, envelope: Envelope) -> MessageAnswer:
        """The message is complete; None or a 2yz takes responsibility for it (RFC 5321 4.2.5).

        Under LMTP the answer may be an iterable or async iterable with one answer for each accepted recipient,
        in order, duplicates included: each is sent as soon as it is known (RFC 2033 4.2).
        """
        return None

    def vrfy(self, session: ServerSession, command: Vrfy) -> Answer:
        """VRFY; None is 252 (RFC 5321 7.3)."""
        return None

    def expn(self, session: ServerSession, command: Expn) -> Answer:
        """EXPN; announced and served only where the configuration turns it on. None is 252."""
        return None

    def help(self, session: ServerSession, command: Help) -> Answer:
        """HELP; None is the text made from the table."""
        return None

    def etrn(self, session: ServerSession, command: Etrn) -> Answer:
        """ETRN; served only where the configuration says so. None is 250: the queue is being worked on (RFC 1985)."""
        return None

    def command(self, session: ServerSession, command: Custom) -> Answer:
        """A verb of an extension that the application has registered. None is 250."""
        return None

    def reset(self, session: ServerSession) -> MaybeAwaitable[None]:
        """The transaction was given up: RSET, or EHLO within it. Nothing can be refused here."""
        return None

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> MaybeAwaitable[None]:
        """The session is over, whatever ended it; called once. The cause is None for an end in good order."""
        return None


HOOKS = frozenset(name for name in vars(Handler) if not name.startswith("_")) - {"credentials"}
"""The names of the hooks."""

Hook: TypeAlias = Callable[..., object]
"""A function in place of a method of Handler, without ``self``."""


def overridden(handler: Handler) -> frozenset[str]:
    """The hooks that a handler has of its own, by its class or as functions set on it; the others cost nothing."""
    kind: type = type(handler)
    own = HOOKS & vars(handler).keys()
    # The same set for each session of a class: it takes a kilobyte.
    return _overridden(kind) | own if own else _overridden(kind)


@cache
def _overridden(kind: type) -> frozenset[str]:
    return frozenset(name for name in HOOKS if getattr(kind, name) is not getattr(Handler, name))


def handler(*, credentials: CredentialStore | None = None, **hooks: Hook) -> Handler:
    """A handler made of single functions: ``handler(rcpt=lambda session, rcpt: None)``.

    Args:
        credentials: The store for SASL mechanisms.
        hooks: Functions by the names of the hooks; each is called without ``self``.

    Raises:
        TypeError: A name is no hook's.
    """
    for name in hooks:
        if name not in HOOKS:
            raise TypeError(f"{name} is no hook; there are {', '.join(sorted(HOOKS))}")
    made = Handler()
    made.credentials = credentials
    for name, hook in hooks.items():
        setattr(made, name, hook)
    return made
