"""A handler that hands each message to the next hop while it comes, and answers what that answers.

Nothing is accepted before the next hop has accepted it, and nothing is kept: who dies in the middle has lost nothing
that anybody was told is safe. Where the next hop has had the whole message and its answer never came, nobody knows
whether it has it; that is a temporary failure, and a line in the log says so, since the message may then come twice
(RFC 1047).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smtpcore_anyio import OpenDelivery

from smtpcore import BodySink, Dialect, Envelope, Handler, Mail, Rcpt, Reply, ServerSession
from smtpcore.session.client import Result, SessionError, Status

from .hop import Hop
from .relay import Relay

_ONE_AT_A_TIME = Reply(452, "One recipient at a time", "4.5.3")
_UNREACHABLE = Reply(451, "The next hop is not to be had now", "4.4.1")
_LOST = Reply(451, "The connection to the next hop was lost", "4.4.2")
_UNKNOWN = Reply(451, "It is not known whether the next hop has the message", "4.4.2")
_IN_A_TRANSACTION = ("mail", "rcpt", "data", "content", "final")
_INCAPABLE = "The next hop cannot do what the message asks for"
_TOO_BIG = Reply(552, "The message is too big for the next hop", "5.3.4")
_CONTENT = Reply(554, "The content cannot be forwarded", "5.6.0")


class ForwardHandler(Handler):
    """Forwards to one next hop.

    Args:
        hop: The next hop.
        log: Takes lines about what went wrong.
    """

    def __init__(self, hop: Hop, log: Callable[[str], None]) -> None:
        self._hop = hop
        self._log = log
        self._relays: dict[ServerSession, Relay] = {}

    async def mail(self, session: ServerSession, mail: Mail) -> Reply | None:
        """Say the same to the next hop."""
        relay = self._relays.setdefault(session, Relay(self._hop))
        try:
            await relay.begin(session, mail)
        except SessionError as error:
            return self.refusal(session, error)
        return None

    async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Say the same to the next hop."""
        relay = self._relays[session]
        delivery = relay.delivery
        if delivery is None:
            return _LOST
        envelope = session.envelope
        if self._one_verdict(session) and envelope is not None and envelope.recipients:
            # There would be several verdicts behind the content, and there is one reply for all of them.
            return _ONE_AT_A_TIME
        try:
            result = await delivery.add(Rcpt(rcpt.path, rcpt.params))
        except SessionError as error:
            return self.refusal(session, error)
        if result.status is Status.PENDING:
            return None
        return self._verdict(session, result)

    async def data(self, session: ServerSession, envelope: Envelope) -> BodySink | Reply:
        """Take the content as it comes."""
        relay = self._relays[session]
        if relay.delivery is None:
            return _LOST
        return _Sink(self, session, envelope, relay, relay.delivery)

    async def reset(self, session: ServerSession) -> None:
        """Give the message up at the next hop too."""
        relay = self._relays.get(session)
        if relay is not None:
            await relay.cancel()

    async def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        """Take leave of the next hop."""
        relay = self._relays.pop(session, None)
        if relay is not None:
            await relay.close()

    def verdicts(self, session: ServerSession, delivery: OpenDelivery) -> list[Reply | None]:
        """What became of the message, for each recipient that was accepted, in order."""
        accepted = [
            result
            for result in delivery.delivery.results
            if result.rcpt_reply is not None and result.rcpt_reply.positive
        ]
        return [self._verdict(session, result) for result in accepted]

    def _one_verdict(self, session: ServerSession) -> bool:
        return self._hop.lmtp and session.config.dialect is not Dialect.LMTP

    def _verdict(self, session: ServerSession, result: Result) -> Reply | None:
        """What the server answers for one recipient."""
        if result.accepted:
            assert result.reply is not None  # nothing is accepted but by a reply
            return Reply(250, [f"Forwarded: {line}" for line in result.reply.lines], "2.0.0")
        if result.stage == "final" and result.error is not None:
            # Under LMTP too: what is missing there is to be sent again (RFC 2033 5), and may have come all the same.
            self._log(f"{session.id} uncertain: {result.recipient.path} {result.text}")
            return _UNKNOWN
        if result.reply is not None:
            return _passed_back(result.reply)
        self._log(f"{session.id} {result.stage}: {result.text}")
        if result.status is Status.TEMPORARY:
            return _LOST
        return _CONTENT if result.stage == "content" else Reply(550, _INCAPABLE, "5.3.3")

    def refusal(self, session: ServerSession, error: SessionError) -> Reply:
        """What the server answers where the message as a whole has failed."""
        if error.reply is not None and error.stage in _IN_A_TRANSACTION:
            return _passed_back(error.reply)
        self._log(f"{session.id} {error}")
        if error.temporary or error.enhanced is None:
            return _UNREACHABLE
        return _TOO_BIG if error.enhanced == "5.3.4" else Reply(550, _INCAPABLE, error.enhanced)


class _Sink(BodySink):
    """Writes content to the next hop."""

    def __init__(
        self, handler: ForwardHandler, session: ServerSession, envelope: Envelope, relay: Relay, delivery: OpenDelivery
    ) -> None:
        self._handler = handler
        self._session = session
        self._envelope = envelope
        self._relay = relay
        self._delivery = delivery
        self._begun = False

    async def write(self, chunk: bytes) -> Reply | None:
        """Hand it on, unless the next hop has refused the message already."""
        try:
            await self._hand_on(chunk)
        except SessionError as error:
            return self._handler.refusal(self._session, error)
        if not self._delivery.delivery.done:
            return None
        verdicts = self._handler.verdicts(self._session, self._delivery)
        return next((verdict for verdict in verdicts if verdict is not None and verdict.code >= 400), _LOST)

    async def finish(self) -> Reply | Iterable[Reply | None] | None:
        """Wait for the verdict."""
        try:
            await self._hand_on(b"")
            await self._delivery.finish()
        except SessionError as error:
            return self._handler.refusal(self._session, error)
        except BaseException:
            # Nobody waits any more; what is not known now is to be on record.
            self._handler.verdicts(self._session, self._delivery)
            raise
        self._relay.delivery = None
        verdicts = self._handler.verdicts(self._session, self._delivery)
        return verdicts if self._session.config.dialect is Dialect.LMTP else verdicts[0]

    async def abort(self) -> None:
        """Give the message up, which takes the connection."""
        await self._relay.cancel()

    async def _hand_on(self, chunk: bytes) -> None:
        if not self._begun:
            self._begun = True
            chunk = self._envelope.received + chunk
        if chunk:
            await self._delivery.write(chunk)


def _passed_back(reply: Reply) -> Reply:
    """The next hop's refusal as our own. That it closes its connection is no reason to close ours."""
    return Reply(451 if reply.close else reply.code, reply.lines, reply.enhanced)
