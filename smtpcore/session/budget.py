"""What a session has used up of its limits. STARTTLS gives none of it back."""

from __future__ import annotations

from smtpcore.session.limits import Limits


class Budget:
    """Counters against limits. Each method counts one more and says whether that was one too many."""

    __slots__ = (
        "_limits",
        "auth_failures",
        "bad_recipients",
        "commands_before_auth",
        "deferred_recipients",
        "errors",
        "noops",
        "overshoot",
        "transactions",
        "unknown",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.errors = 0
        self.unknown = 0
        self.noops = 0
        self.bad_recipients = 0
        self.deferred_recipients = 0
        self.overshoot = 0
        self.transactions = 0
        self.auth_failures = 0
        self.commands_before_auth = 0

    def error(self) -> bool:
        """A command was refused for the client's own fault."""
        self.errors += 1
        return _over(self.errors, self._limits.max_errors)

    def unknown_command(self) -> bool:
        """A verb was unknown."""
        self.unknown += 1
        return _over(self.unknown, self._limits.max_unknown_commands)

    def noop(self) -> bool:
        """A command came that brings no mail forward."""
        self.noops += 1
        return _over(self.noops, self._limits.max_noops)

    def bad_recipient(self) -> bool:
        """A recipient was refused 5yz."""
        self.bad_recipients += 1
        return _over(self.bad_recipients, self._limits.max_bad_recipients)

    def deferred_recipient(self) -> bool:
        """A recipient was refused 4yz by the application."""
        self.deferred_recipients += 1
        return _over(self.deferred_recipients, self._limits.max_deferred_recipients)

    def surplus_recipient(self) -> bool:
        """A recipient was refused because there are enough."""
        self.overshoot += 1
        return self.overshoot > self._limits.max_recipients_overshoot

    def transaction(self) -> bool:
        """MAIL came, accepted or not."""
        self.transactions += 1
        self.overshoot = 0
        return _over(self.transactions, self._limits.max_transactions)

    def auth_failure(self) -> bool:
        """An AUTH exchange failed."""
        self.auth_failures += 1
        return _over(self.auth_failures, self._limits.max_auth_failures)

    def command_before_auth(self) -> bool:
        """A command came before the authentication that is required."""
        self.commands_before_auth += 1
        return _over(self.commands_before_auth, self._limits.max_commands_before_auth)

    def message(self) -> None:
        """A message came to its end: mail is moving, so the idle commands are counted anew."""
        self.noops = 0


def _over(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit
