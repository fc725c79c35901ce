"""A message that comes bit by bit, as a server has it that passes it on."""

from __future__ import annotations

from smtpcore.commands import Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.session.client import Content, Delivery, Feed, Result

from .clientloop import ClientLoop


class OpenDelivery:
    """A message that is given recipient by recipient, each with its own reply, before its content is there."""

    delivery: Delivery
    """What becomes of it. It is ``done`` where MAIL was refused or the session has failed."""

    def __init__(self, delivery: Delivery, loop: ClientLoop) -> None:
        self.delivery = delivery
        self._loop = loop
        self._feed: Feed | None = None

    def add(self, recipient: Rcpt) -> Result:
        """Another recipient, and the server's reply to it; the result stays pending if that is positive.

        Raises:
            SessionError: The message as a whole has failed.
            LocalProtocolError: The content was begun.
        """
        self._loop.check()
        self.delivery.raise_failure()
        result = self.delivery.add(recipient)
        self._loop.run()
        return result

    def complete(self, content: Content) -> Delivery:
        """Let the content follow, and wait for what becomes of it. Where no recipient was accepted nothing is sent.

        Raises:
            SessionError: The message as a whole has failed before.
            LocalProtocolError: The content was begun.
        """
        self._loop.check()
        self.delivery.raise_failure()
        self.delivery.complete(content)
        self._loop.run()
        return self.delivery

    def write(self, piece: bytes | str) -> None:
        """Let the next piece of the content follow, and wait until the connection takes more.

        What is written behind a refusal is dropped; `finish` says which.

        Raises:
            SessionError: The message as a whole has failed before its content was begun.
            LocalProtocolError: The content is complete.
        """
        self._loop.check()
        if self._feed is None:
            self.delivery.raise_failure()
            feed = Feed()
            self.delivery.complete(feed)
            self._feed = feed
        if not self.delivery.done:
            self._feed.write(piece)
            self._loop.run()

    def finish(self) -> Delivery:
        """End the content that was written, and wait for what becomes of it.

        Raises:
            LocalProtocolError: Nothing was written.
        """
        self._loop.check()
        if self._feed is None:
            raise LocalProtocolError("no content was written: use write() before, or complete() instead")
        self._feed.finish()
        self._loop.run()
        return self.delivery

    def cancel(self) -> None:
        """Give it up: nobody gets it. Once the content is begun that takes hanging up; behind its end it is no use."""
        self._loop.check()
        self.delivery.cancel()
        self._loop.run()
        if not self.delivery.done:
            self._loop.abandon(None)
