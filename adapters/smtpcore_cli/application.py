"""What sessions run on, wherever they come from: the handler, the gate and the observers, made of the settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

from smtpcore import Chain, Gate, Handler, Observer, Observers, ServerSession, SessionLog, Transcript
from smtpcore.session.transcript import fault_line

from .credentials import FileCredentials
from .discard import DiscardHandler
from .forward import ForwardHandler
from .hop import Hop
from .maildir import MaildirHandler
from .output import Lines, open_log
from .policies import handlers
from .printing import PrintHandler
from .settings import Settings


class Summary(SessionLog):
    """The line of a session, and one for each fault, which no transcript has."""

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """Write it, and count it."""
        self._write(f"{session.id} {fault_line(stage, exception)}")
        super().fault(session, stage, exception)


class Application:
    """The handler, the gate and the observers.

    Args:
        settings: What was asked for.
        stack: Closes what is open, at the end.

    Raises:
        UsageError: A file that is to be written cannot be had.
    """

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.log = Lines(sys.stderr)
        self.output_closed: Callable[[], None] = lambda: None
        """What to do when nobody reads any more what is printed."""
        self._transcript = None
        if settings.transcript is not None:
            file = sys.stderr if settings.transcript == "-" else stack.enter_context(open_log(settings.transcript))
            self._transcript = Lines(file)
        self.gate = Gate(
            settings.max_connections,
            settings.max_connections_per_address,
            settings.max_connections_per_network,
            max_collected=settings.max_collected,
        )
        delivery = self._delivery(settings)
        before = handlers(settings.policies, self.log, stack)
        self.handler = Chain(*before, delivery) if before else delivery
        found = settings.authentication
        if found.mechanisms:
            self.handler.credentials = FileCredentials(found.users, found.tokens)

    def observer(self) -> Observer:
        """What watches one session."""
        if self._transcript is None:
            return Summary(self.log)
        return Observers(Transcript(self._transcript), SessionLog(self.log))

    def _delivery(self, settings: Settings) -> Handler:
        match settings.delivery:
            case "print":
                sys.stdout.flush()
                return PrintHandler(sys.stdout.fileno(), lambda: self.output_closed())
            case "discard":
                return DiscardHandler()
            case Hop() as hop:
                return ForwardHandler(hop, self.log)
            case maildir:
                return MaildirHandler(maildir, self.log)
