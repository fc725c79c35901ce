"""The one certificate of this process for all servers under test: a key costs time, and one is enough."""

from __future__ import annotations

import functools

from smtpcore_tls import SelfSigned, self_signed


@functools.cache
def certificate() -> SelfSigned:
    """A certificate for ``localhost``, ``127.0.0.1`` and ``::1``.

    Raises:
        MissingDependency: The package ``cryptography`` is not installed.
    """
    return self_signed("localhost")
