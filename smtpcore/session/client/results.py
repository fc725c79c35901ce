"""What became of what a client was told to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from smtpcore.commands import Command, Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.replies import EnhancedCode, Reply
from smtpcore.session.client.message import Content, Message, check

if TYPE_CHECKING:
    from smtpcore.session.client.content import Feed


class Status(Enum):
    """What became of a message for one recipient."""

    PENDING = "pending"
    """It is not known yet."""
    ACCEPTED = "accepted"
    """The server has taken responsibility (RFC 5321 6.1)."""
    TEMPORARY = "temporary"
    """It was not taken; trying again later may help."""
    PERMANENT = "permanent"
    """It was not taken, and trying the same again will not help."""
    UNCERTAIN = "uncertain"
    """All of it was sent, and the reply never came: the server may have taken it, so that sending it again may make
    two of it (RFC 1047)."""


def in_one_line(reply: Reply) -> str:
    """What the server said, for people: the code, the enhanced status code if there is one, and the text."""
    enhanced = f"{reply.enhanced} " if reply.enhanced is not None else ""
    return f"{reply.code} {enhanced}{' '.join(reply.lines)}"


class SessionError(Exception):
    """Why a session could not go on, or was not begun.

    The text is for people; it holds no secrets, and what the server said stands in it escaped.
    """

    def __init__(
        self, stage: str, text: str, *, temporary: bool, reply: Reply | None = None, enhanced: str | None = None
    ) -> None:
        super().__init__(f"{stage}: {text}")
        self.stage = stage
        """Where it happened: ``connect``, ``greeting``, ``hello``, ``starttls``, ``tls``, ``xclient``, ``auth``,
        ``mail``, ``rcpt``, ``data``, ``content``, ``final``, ``rset``, ``command``, ``idle``, ``quit``."""
        self.temporary = temporary
        """Whether trying again later may help."""
        self.reply = reply
        """What the server said, if it was that."""
        self.enhanced = enhanced
        """An enhanced status code for what was found out on this side, for who has to tell somebody else."""

    @classmethod
    def of(cls, stage: str, reply: Reply) -> SessionError:
        """A refusal by the server."""
        return cls(stage, in_one_line(reply), temporary=not reply.permanent, reply=reply)


@dataclass(slots=True)
class Result:
    """What became of the message for one recipient."""

    recipient: Rcpt
    status: Status = Status.PENDING
    rcpt_reply: Reply | None = None
    """What the server said to RCPT, once it has; a positive one is not yet a message accepted."""
    stage: str = ""
    """What decided: ``mail``, ``rcpt``, ``data``, ``content``, ``final``, or where the session failed."""
    reply: Reply | None = None
    """What the server said; None where it was not the server that decided."""
    error: BaseException | None = None
    """What went wrong, where it was not a reply."""

    @property
    def accepted(self) -> bool:
        """The server has taken the message for this recipient."""
        return self.status is Status.ACCEPTED

    @property
    def enhanced(self) -> EnhancedCode | None:
        """The enhanced status code of the reply."""
        return self.reply.enhanced if self.reply is not None else None

    @property
    def text(self) -> str:
        """Why, in one line, for people."""
        if self.reply is not None:
            return in_one_line(self.reply)
        return str(self.error) if self.error is not None else ""


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on its way, and what becomes of it."""

    message: Message
    results: list[Result]
    """One for each recipient of the message, in its order."""
    told: Callable[[Result], None] | None = None
    """Is called with each result that is settled, as soon as it is."""
    fault: Exception | None = None
    """What ``told`` has raised, if it has. It was not called again; the results are what they are."""
    mail_reply: Reply | None = None
    """What the server said to MAIL, once it has."""
    error: SessionError | None = None
    """Why the message as a whole could not be sent, where it was not a reply to it that decided."""
    begun: bool = False
    """The server has taken its MAIL. If not, nobody can have it, and it can be given to another session without a
    thought."""
    done: bool = False
    """Nothing will change any more."""
    open: bool = False
    """Recipients may still be added, and the content is not there yet."""

    @classmethod
    def of(cls, message: Message, told: Callable[[Result], None] | None = None) -> Delivery:
        """One of which nothing is known yet, with a result for each recipient of the message."""
        return cls(message, [Result(recipient) for recipient in message.recipients], told)

    def add(self, recipient: Rcpt) -> Result:
        """Another recipient of a delivery that is open; the result is settled by a refusal, or by the whole message.

        Raises:
            LocalProtocolError: It is not open.
            TypeError: The recipient is no command with a path in it.
        """
        self._check_open()
        check(Rcpt, recipient)
        result = Result(recipient)
        self.results.append(result)
        return result

    def complete(self, content: Content | Feed) -> None:
        """Let the content follow, and add no more recipients.

        Args:
            content: The content, or a feed into which it will be written when it is there.

        Raises:
            LocalProtocolError: It is not open.
        """
        self._check_open()
        self.message.content = content
        self.open = False

    def cancel(self) -> None:
        """Give an open delivery up: nobody gets it."""
        if self.open:
            self.open = False
            self.error = SessionError("mail", "given up", temporary=True)

    def settle(
        self,
        result: Result,
        status: Status,
        stage: str,
        *,
        reply: Reply | None = None,
        error: BaseException | None = None,
    ) -> bool:
        """Note what became of it for one recipient, unless that is known already; whether it was news."""
        if result.status is not Status.PENDING:
            return False
        result.status = status
        result.stage = stage
        result.reply = reply
        result.error = error
        self.tell(result)
        return True

    def tell(self, result: Result) -> None:
        """Call ``told``, unless there is none or it has failed."""
        if self.told is not None and self.fault is None:
            try:
                self.told(result)
            except Exception as exception:
                self.fault = exception

    def fail(self, error: SessionError) -> None:
        """It was not begun and will not be: the session has failed."""
        self.error = error
        status = Status.TEMPORARY if error.temporary else Status.PERMANENT
        for result in self.results:
            self.settle(result, status, error.stage, reply=error.reply, error=error)
        self.open = False
        self.done = True

    def raise_failure(self) -> None:
        """Raise what keeps the message as a whole from being sent, if something does.

        Raises:
            SessionError: The session has failed, the delivery was given up, or the server has refused MAIL.
        """
        if self.error is not None:
            raise self.error
        if self.mail_reply is not None and not self.mail_reply.positive:
            raise SessionError.of("mail", self.mail_reply)

    @property
    def accepted(self) -> list[Result]:
        """Those for whom the server has taken it."""
        return [result for result in self.results if result.accepted]

    @property
    def refused(self) -> list[Result]:
        """Those for whom it has not, or not for certain."""
        return [result for result in self.results if not result.accepted]

    def _check_open(self) -> None:
        if not self.open:
            raise LocalProtocolError("the delivery takes nothing more; begin another with open()")


@dataclass(slots=True, eq=False)
class Exchange:
    """One command outside of a mail transaction, and its reply."""

    command: Command
    reply: Reply | None = None
    error: BaseException | None = None
    """Why there is no reply."""
    done: bool = False

    def fail(self, error: SessionError) -> None:
        """It will not be sent, or there will be no reply."""
        self.error = error
        self.done = True
