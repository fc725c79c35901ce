"""What the author of an adapter gives, and the fixtures that the tests make of it."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig
from smtpcore_testing.certificate import certificate

from .servers import Connect, Running, Start, connecting, starting

FOREVER = 3600.0
"""Seconds that no test waits."""


class Adapter(ABC):
    """An adapter under test."""

    awaits: ClassVar[bool] = True
    """Hooks may return awaitables. Where they may not, one that does is answered 451, and its fault is a TypeError."""
    resumes: ClassVar[bool] = True
    """A hook goes on by itself when what it awaits is done: there is an event loop. It counts only with `awaits`."""

    @abstractmethod
    def serve(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        tls_context: ssl.SSLContext,
        gate: Gate | None,
        observer: Callable[[], Observer] | None,
    ) -> AbstractContextManager[Running]:
        """Serve while the context is open, not in the thread of the tests.

        Args:
            config: The settings of all sessions; with ``implicit_tls`` TLS begins with the first octet.
            handler: The application.
            tls_context: The server's certificate.
            gate: Counts and limits connections; it has a lock.
            observer: Makes the observer of each session.

        Returns:
            A context manager with the server; `Listening` does for all that listen on a TCP port.
        """

    def sleep(self, seconds: float) -> Awaitable[object]:
        """What a hook under this adapter awaits to let time pass; override it where that is not asyncio's sleep."""
        return asyncio.sleep(seconds)

    @pytest.fixture
    def client_context(self) -> ssl.SSLContext:
        """What clients begin TLS with: it trusts the server's certificate and nothing else."""
        return ssl.create_default_context(cadata=certificate().certificate.decode())

    @pytest.fixture
    def start(self) -> Iterator[Start]:
        """Start a server; it stops when the test is over."""
        with starting(self.serve, certificate().context) as start:
            yield start

    @pytest.fixture
    def connect(self, start: Start) -> Iterator[Connect]:
        """Connect to a server; all clients hang up before the servers stop."""
        with connecting() as connect:
            yield connect
