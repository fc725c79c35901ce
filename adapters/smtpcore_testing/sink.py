"""A real mail server for tests of code that sends mail: it keeps what it gets, and fails as it is told to."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from smtpcore_blocking import serve_socket
from smtpcore_tls import client_context

from smtpcore.session import ServerConfig, Transcript
from smtpcore.spec import Dialect

from .certificate import certificate
from .conversation import Application, Conversation
from .messages import Message
from .script import Rule, Script
from .users import ITERATIONS, MECHANISMS, Users

_RETRY = 0.1
"""Seconds until the next try where the system has no resources for a connection."""
_PATIENCE = 5.0
"""Seconds that threads have to end once their connections are cut."""


class SmtpSink:
    """A server on a free port of this machine, in threads of its own.

    It runs within a ``with`` statement::

        with SmtpSink() as sink:
            code_that_sends_mail(sink.host, sink.port)
            [message] = sink.wait_for(1)

    Its methods and attributes may be used from any thread. Clients may be sync or async: the test needs no event loop.
    """

    host: str = "127.0.0.1"
    """Where it listens."""
    port: int
    """Where it listens; known once it runs."""

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        tls: Literal["starttls", "implicit"] | None = None,
        users: Mapping[str, str] | None = None,
        require_auth: bool = False,
        lmtp: bool = False,
    ) -> None:
        """Make a server that does not listen yet.

        Args:
            config: Other settings than the usual ones; what the further arguments ask for goes on top.
            tls: Offer STARTTLS, or begin each connection with TLS. Clients verify the certificate by `ca_file` or
                `client_context`.
            users: Offer AUTH to these, passwords by name, in clear text too.
            require_auth: Take no mail from others.
            lmtp: Speak LMTP: a reply for each recipient (RFC 2033).

        Raises:
            MissingDependency: TLS needs the package ``cryptography``, which is not installed.
            ValueError: Settings that contradict each other.
        """
        config = ServerConfig(smtputf8=True, dsn=True) if config is None else config
        if tls is not None:
            config = replace(config, starttls=tls == "starttls", implicit_tls=tls == "implicit")
        if lmtp:
            config = replace(config, dialect=Dialect.LMTP)
        if users is not None:
            config = replace(
                config,
                mechanisms=MECHANISMS,
                plaintext_auth_without_tls=True,
                sasl_secret=os.urandom(16),
                scram_iterations=ITERATIONS,
            )
        self._config = replace(config, require_auth=require_auth or config.require_auth)
        self._users = None if users is None else Users(users)
        self._certificate = certificate() if config.starttls or config.implicit_tls else None
        self._script = Script()
        self._messages: list[Message] = []
        self._arrived = threading.Condition()
        self._lines: list[str] = []
        self._stopping = threading.Event()
        self._open: dict[threading.Thread, Conversation] = {}

    def __enter__(self) -> Self:
        """Listen, and serve whoever comes."""
        with ExitStack() as stack:
            self._listener = stack.enter_context(socket.create_server((self.host, 0)))
            self.port = self._listener.getsockname()[1]
            if self._certificate is not None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="smtpcore-"))
                self._ca_file = Path(folder) / "ca.pem"
                self._ca_file.write_bytes(self._certificate.certificate)
            self._thread = threading.Thread(target=self._accept, name="smtp sink", daemon=True)
            self._thread.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cut the connections that are still there, and end."""
        with self._stack:
            self._stopping.set()
            # Closing a socket does not wake the thread that waits for it; a connection does.
            socket.create_connection((self.host, self.port), _PATIENCE).close()
            self._thread.join(_PATIENCE)
            with self._arrived:
                conversations = dict(self._open)
            for thread, conversation in conversations.items():
                conversation.cut()
                thread.join(_PATIENCE)

    @property
    def messages(self) -> list[Message]:
        """What has arrived so far, in order. A message is here before its client gets the reply."""
        with self._arrived:
            return list(self._messages)

    def wait_for(self, number: int = 1, timeout: float = 5.0) -> list[Message]:
        """Wait until so many messages have arrived, and return all there are.

        In async code that sends on the same event loop, wait in a thread: ``asyncio.to_thread(sink.wait_for, 2)``.

        Raises:
            TimeoutError: They have not, after so many seconds; the message ends with the transcript.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._messages) >= number, timeout):
                raise TimeoutError(
                    f"{len(self._messages)} of {number} messages came within {timeout} s\n{self.transcript}"
                )
            return list(self._messages)

    @property
    def transcript(self) -> str:
        """The dialogues so far, line by line: ``C:`` and ``S:`` behind a name for each connection, without secrets."""
        return "\n".join(self._lines)

    @property
    def ca_file(self) -> Path:
        """The certificate to trust, in PEM; the file is there as long as the sink runs.

        Raises:
            ValueError: The sink was made without TLS.
        """
        if self._certificate is None:
            raise ValueError('this sink has no certificate: make it with tls="starttls" or tls="implicit"')
        return self._ca_file

    @property
    def client_context(self) -> ssl.SSLContext:
        """A new client configuration that trusts this server, by the names localhost and 127.0.0.1, and no other.

        Raises:
            ValueError: The sink was made without TLS.
        """
        return client_context(self.ca_file)

    def on_connect(self) -> Rule:
        """A rule for the greeting."""
        return self._script.add("connect", "*")

    def on_auth(self, username: str = "*") -> Rule:
        """A rule for AUTH with the right password, by user name; a wrong one is refused in any case."""
        return self._script.add("auth", username)

    def on_mail(self, sender: str = "*") -> Rule:
        """A rule for MAIL, by the address of the sender."""
        return self._script.add("mail", sender)

    def on_rcpt(self, recipient: str = "*") -> Rule:
        """A rule for RCPT, by the address.

        Args:
            recipient: A pattern as ``fnmatch`` has them: ``"bad@*"``. Case does not count. Of several rules that
                fit, the first that was made and is not used up applies; so it is in all the methods ``on_...``.
        """
        return self._script.add("rcpt", recipient)

    def on_data(self, recipient: str = "*") -> Rule:
        """A rule for DATA, or the first BDAT, of messages to such a recipient among others."""
        return self._script.add("data", recipient)

    def on_message(self, recipient: str = "*") -> Rule:
        """A rule for the end of the content of messages to such a recipient; under LMTP for that recipient alone."""
        return self._script.add("message", recipient)

    def _keep(self, message: Message) -> None:
        with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                # There is no descriptor left for it, and there may be one soon.
                self._stopping.wait(_RETRY)
                continue
            if self._stopping.is_set():
                sock.close()
                return
            conversation = Conversation(sock, self._lines, self._stopping)
            thread = threading.Thread(target=self._serve, args=(sock, conversation), name="smtp sink", daemon=True)
            with self._arrived:
                self._open[thread] = conversation
            thread.start()

    def _serve(self, sock: socket.socket, conversation: Conversation) -> None:
        try:
            serve_socket(
                sock,
                self._config,
                Application(self._script, conversation, self._keep, self._users),
                tls_context=None if self._certificate is None else self._certificate.context,
                observer=Transcript(conversation.write),
            )
        finally:
            with self._arrived:
                del self._open[threading.current_thread()]
