"""A mail transaction: the envelope in groups, then the content, and a result for each recipient."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from smtpcore.client import Sent
from smtpcore.commands import Bdat, Command, Data, Mail, Rcpt, Rset, Xforward
from smtpcore.errors import LocalProtocolError
from smtpcore.replies import Reply
from smtpcore.session.client.announced import limit
from smtpcore.session.client.body import Body
from smtpcore.session.client.plan import Plan, make
from smtpcore.session.client.results import Delivery, Result, SessionError, Status
from smtpcore.session.client.stages import Stage
from smtpcore.spec import Dialect, State

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession

_LONGEST_GROUP: Final = 500
"""Commands without a reply at the most. Their replies fit into what a session keeps unread."""
_TOO_MANY: Final = (5, 3)
"""Subject and detail of the enhanced status code for too many recipients (RFC 3463 3.6)."""


class Transaction(Stage):
    """Sends one message, in as many transactions as it takes."""

    name = "mail"

    def __init__(self, session: ClientSession, delivery: Delivery) -> None:
        super().__init__(session)
        self._delivery = delivery
        self._plan: Plan | None = None
        self._queued = 0  # of the results of the delivery, how many have gone into the queue
        self._queue: deque[Command | Result] = deque()
        self._asked: deque[Result] = deque()  # those whose RCPT has no reply yet
        self._taken: list[Result] = []  # accepted by the server in this transaction, and not settled
        self._left: deque[Result] = deque()  # those for the transactions to come
        self._body: Body | None = None
        self._reset_sent = False

    def where(self, sent: Sent | None) -> str:
        """By the command; while there is content to send, and when there was, by that."""
        if self._body is not None:
            return "final" if self._body.ended else "content"
        match sent:
            case Rcpt():
                return "rcpt"
            case Data():
                return "data"
            case Rset():
                return "rset"
            case Bdat():
                return "content"
            case _:
                return self.name

    @property
    def waits(self) -> bool:
        """Whether it is the application's turn: everything was answered, and recipients or content may follow."""
        delivery = self._delivery
        if self._next is not None or self.session.connection.due is not None:
            return False
        if self._body is not None:
            return self._body.waits
        return delivery.open and self._queued == len(delivery.results) and not self._queue

    def begin(self) -> None:
        """Decide how it is sent, and begin."""
        session, delivery = self.session, self._delivery
        if delivery.error is not None:
            self._give_up(delivery.error)
            return
        extensions = session.connection.extensions
        try:
            self._plan = make(delivery.message, session.config, extensions, session.tls)
            if not delivery.open:
                self._plan.load(delivery.message, session.config, extensions)
        except SessionError as error:
            self._give_up(error)
            return
        session.timers.start("transaction", session.monotonic(), session.config.timeouts.transaction)
        self._left.extend(delivery.results)
        self._queued = len(delivery.results)
        self._begin_transaction(self._plan)

    def _begin_transaction(self, plan: Plan) -> None:
        session = self.session
        extensions = session.connection.extensions
        most = limit(extensions, "MAILMAX")
        if most is not None and session.transactions >= most:
            self._give_up(SessionError("mail", f"the server takes {most} messages in a session", temporary=True))
            return
        session.transactions += 1
        message = self._delivery.message
        if message.forwarded and "XFORWARD" in extensions:
            self._queue.append(Xforward(message.forwarded))
        self._queue.append(plan.mail)
        self._reset_sent = False
        self._body = None
        self._queue.extend(self._batch())
        if not plan.chunks and not self._delivery.open and "PIPELINING" in extensions and session.config.pipelining:
            self._queue.append(Data())

    def _batch(self) -> list[Result]:
        """The recipients of one transaction: no more than the server takes in one (RFC 9422 3)."""
        extensions = self.session.connection.extensions
        most = limit(extensions, "RCPTMAX")
        most_domains = limit(extensions, "RCPTDOMAINMAX")
        batch: list[Result] = []
        domains: set[str] = set()
        while self._left and (most is None or len(batch) < most):
            domains.add(self._left[0].recipient.path.domain.lower())
            if most_domains is not None and len(domains) > most_domains:
                break
            batch.append(self._left.popleft())
        if self._left and not self._can_go_again():
            text = "the server takes no more in one transaction, and the content cannot be had again"
            error = SessionError("rcpt", text, temporary=True, enhanced="4.5.3")
            while self._left:
                self._settle(self._left.popleft(), Status.TEMPORARY, "rcpt", error=error)
        return batch

    def advance(self) -> bool:
        """Send what the replies so far allow; whether there was anything to do."""
        if super().advance():
            return True
        connection = self.session.connection
        delivery = self._delivery
        if delivery.error is not None:
            # It was given up, or cannot be begun: what is not sent yet stays so.
            self._queue.clear()
        else:
            self._queue.extend(delivery.results[self._queued :])
            self._queued = len(delivery.results)
        if self._queue:
            if not self._may_send():
                return False
            while self._queue and self._may_send() and delivery.error is None:
                self._send_next(self._queue.popleft())
            return True
        if self._body is not None:
            return self._body.advance()
        if connection.due is not None or delivery.open:
            return False
        self._envelope_over()
        return True

    def _may_send(self) -> bool:
        connection = self.session.connection
        if not self.session.config.pipelining and connection.due is not None:
            return False
        return connection.may_send and len(connection.outstanding) < _LONGEST_GROUP

    def _send_next(self, item: Command | Result) -> None:
        if isinstance(item, Data) and not (self._asked or self._taken):
            return  # Nobody is left who could get the message.
        command = item.recipient if isinstance(item, Result) else item
        try:
            self.session.send(command)
        except LocalProtocolError as error:
            if isinstance(item, Result):
                missing = "SMTPUTF8" not in self.session.connection.extensions
                code = "5.6.7" if missing and not item.recipient.path.is_ascii else "5.3.3"
                failure = SessionError("rcpt", str(error), temporary=False, enhanced=code)
                self._settle(item, Status.PERMANENT, "rcpt", error=failure)
            else:
                self._delivery.error = SessionError("mail", str(error), temporary=False, enhanced="5.3.3")
                self._delivery.open = False
            return
        if isinstance(item, Result):
            self._asked.append(item)

    # Replies.

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """Draw the conclusion for those recipients whom the reply concerns."""
        match event:
            case Mail():
                self._delivery.mail_reply = reply
                self._delivery.begun = self._delivery.begun or reply.positive
                # A farewell says nothing of this message; what it means for it is settled with the session.
                if not reply.positive and not reply.close:
                    self._mail_refused(reply)
            case Rcpt():
                self._rcpt_answered(self._asked.popleft(), reply)
            case Data():
                self._data_answered(reply)
            case Bdat(last=False):
                if not reply.positive:
                    self._content_refused(reply)
            case Rset():
                self._was_reset(reply)
            case Xforward():
                pass  # What it tells is for the server's logs, and the server need not want it.
            case _:
                self._final(reply)

    def _mail_refused(self, reply: Reply) -> None:
        self._queue.clear()
        self._left.clear()
        self._delivery.open = False
        # Those of the transactions before have their results, and there may be some that were added only now.
        self._queued = len(self._delivery.results)
        for result in self._delivery.results:
            self._settle_by(result, "mail", reply)

    def _rcpt_answered(self, result: Result, reply: Reply) -> None:
        result.rcpt_reply = reply
        if result.status is not Status.PENDING:
            return  # MAIL was refused; what is said to the rest of its group means nothing.
        if reply.positive:
            self._taken.append(result)
        elif self._taken and _is_too_many(reply):
            # An open delivery has no content yet, and leaves it to the application what becomes of the recipient.
            if self._can_go_again():
                self._left.append(result)
            else:
                self._settle(result, Status.TEMPORARY, "rcpt", reply=reply)
        else:
            self._settle_by(result, "rcpt", reply)

    def _can_go_again(self) -> bool:
        source = self._plan.source if self._plan is not None else None
        return source is not None and source.repeatable

    def _data_answered(self, reply: Reply) -> None:
        if not reply.intermediate:
            self._all_taken("data", reply)
            return
        assert self._plan is not None  # it was made before anything was sent
        # RFC 2920 3.1: a server may want the content though it has refused all recipients, and gets none.
        self._body = Body(self.session, self._plan, self, empty=not self._taken)

    def _content_refused(self, reply: Reply) -> None:
        """A chunk was refused: the message can never be completed (RFC 3030 2)."""
        if self._body is not None and not self._body.ended:
            self.session.forget_content()
            self._body = None
        self._all_taken("content", reply)

    def _final(self, reply: Reply) -> None:
        if self.session.config.dialect is Dialect.LMTP and self._taken:
            # RFC 2033 4.2: in the order of the RCPTs that were accepted.
            self._settle_by(self._taken.pop(0), "final", reply)
        else:
            self._all_taken("final", reply)
        if self.session.connection.due is None:
            self._body = None

    def _all_taken(self, stage: str, reply: Reply) -> None:
        taken, self._taken = self._taken, []
        for result in taken:
            self._settle_by(result, stage, reply)

    def _was_reset(self, reply: Reply) -> None:
        if not reply.positive:
            # RFC 5321 4.1.1.5: it cannot be refused. Whatever this server does, it is not understood any more.
            self.session.lost(SessionError.of("rset", reply))

    # What follows.

    def _envelope_over(self) -> None:
        """Everything of the envelope was answered, or all of the transaction."""
        session = self.session
        if self._taken and self._delivery.error is None:
            self._send_content()
        elif session.connection.state is not State.READY and not self._reset_sent:
            self._reset_sent = True
            session.send(Rset())
        else:
            self._transaction_over()

    def _send_content(self) -> None:
        session, plan = self.session, self._plan
        assert plan is not None  # it was made before anything was sent
        if plan.source is None:
            try:
                plan.load(self._delivery.message, session.config, session.connection.extensions)
            except SessionError as error:
                self.content_failed(error, temporary=error.temporary)
                return
        if plan.chunks:
            self._body = Body(session, plan, self)
            self._body.advance()
        else:
            session.send(Data())

    def _transaction_over(self) -> None:
        error = self._delivery.error
        if error is not None:
            self._give_up(error)
        elif self._left and self._plan is not None:
            self._begin_transaction(self._plan)
        else:
            self._end()

    def content_failed(self, error: BaseException, *, temporary: bool) -> None:
        """The content cannot be had, or may not be sent: nobody gets it."""
        session = self.session
        for result in (*self._taken, *self._left):
            self._settle(result, Status.TEMPORARY if temporary else Status.PERMANENT, "content", error=error)
        self._taken.clear()
        self._left.clear()
        self._body = None
        if session.connection.state is State.DATA:
            # There is no way to give up but this one: the end of the input is no end of a message.
            session.lost(SessionError("content", "the message could not be completed", temporary=temporary))

    def lost(self, error: SessionError) -> None:
        """Settle what is not: for certain where the message was not sent as a whole, else as uncertain."""
        ended = self._body is not None and self._body.ended
        lmtp = self.session.config.dialect is Dialect.LMTP
        permanent = self._body is not None and error.reply is not None and error.reply.permanent
        for result in self._taken:
            # RFC 2033 5: under LMTP replies that are missing are failures to be tried again.
            lost = Status.UNCERTAIN if ended and not lmtp else Status.PERMANENT if permanent else Status.TEMPORARY
            self._settle(result, lost, "final" if ended else error.stage, reply=error.reply, error=error)
        self._give_up(error, temporary=True)

    def _give_up(self, error: SessionError, *, temporary: bool | None = None) -> None:
        """Settle all that is pending, for the message as a whole has failed."""
        self._delivery.error = error
        status = Status.TEMPORARY if temporary or error.temporary else Status.PERMANENT
        for result in self._delivery.results:
            self._settle(result, status, error.stage, reply=error.reply, error=error)
        self._end()

    def _end(self) -> None:
        self._delivery.open = False
        self._delivery.done = True
        self.session.timers.stop("transaction")
        self.session.go_to(None)

    def _settle_by(self, result: Result, stage: str, reply: Reply) -> None:
        status = Status.ACCEPTED if reply.positive else Status.PERMANENT if reply.permanent else Status.TEMPORARY
        self._settle(result, status, stage, reply=reply)

    def _settle(
        self,
        result: Result,
        status: Status,
        stage: str,
        *,
        reply: Reply | None = None,
        error: BaseException | None = None,
    ) -> None:
        if self._delivery.settle(result, status, stage, reply=reply, error=error):
            self.session.settled(result)


def _is_too_many(reply: Reply) -> bool:
    """Whether a refusal of RCPT stands for too many recipients, where others were accepted before.

    RFC 5321 4.5.3.1.10: that is a 452, or the 552 of old, which says so or says nothing else.
    """
    enhanced = reply.enhanced
    if reply.code not in (452, 552):
        return False
    return enhanced is None or (enhanced.subject, enhanced.detail) == _TOO_MANY
