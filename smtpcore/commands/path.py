"""``FROM:<path>`` and ``TO:<path>``: what MAIL and RCPT have in common."""

from __future__ import annotations

from collections.abc import Callable

from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import is_utf8_announced
from smtpcore.paths import Path, PathError, PathFault, scan_path
from smtpcore.replies import Reply


class PathReader:
    """Reads the path of one command.

    Args:
        prefix: What stands before the path, in upper case with the colon.
        enhanced: The enhanced status code of a bad address (RFC 3463 3.2).
        not_ascii: The reply code to an address that only SMTPUTF8 allows, where it is on offer and not asked
            for (RFC 6531 3.5).
        asked: Whether it was asked for, by what stands behind the path or earlier.
    """

    def __init__(self, prefix: bytes, enhanced: str, not_ascii: int, asked: Callable[[bytes, Grammar], bool]) -> None:
        self._prefix = prefix
        self._usual = prefix + b"<"
        self._length = len(prefix)
        self._enhanced = enhanced
        self._asked = asked
        self._not_ascii = Reply(not_ascii, "The address is not ASCII, and SMTPUTF8 was not asked for", "5.6.7")
        self._no_prefix = Reply(501, f"Syntax: {prefix.decode()}<address>", "5.5.2")

    def __call__(self, argument: bytes, grammar: Grammar) -> tuple[Path, int]:
        """The path and the offset of what follows it.

        Raises:
            CommandError: 501 5.5.2 for the form, 501 with the command's own code for the address, the other
                code with 5.6.7 for want of SMTPUTF8.
        """
        start = self._length
        leniencies = grammar.leniencies
        if not argument.startswith(self._usual):
            if argument[:start].upper() != self._prefix:
                raise CommandError(self._no_prefix)
            # RFC 5321 3.3 forbids the space and much software sends it; one is taken, no more.
            if leniencies.space_after_colon and argument[start : start + 1] == b" ":
                start += 1
        try:
            return scan_path(argument, start, leniencies=leniencies)
        except PathError as error:
            # What nearly all mail has was read above; only here does anybody ask for SMTPUTF8.
            if error.fault is not PathFault.NON_ASCII or not is_utf8_announced(grammar):
                raise self._refusal(error) from None
        try:
            path, end = scan_path(argument, start, leniencies=leniencies, utf8=True)
        except PathError as error:
            raise self._refusal(error) from None
        if not self._asked(argument[end:], grammar):
            raise CommandError(self._not_ascii)
        return path, end

    def _refusal(self, error: PathError) -> CommandError:
        if error.fault is PathFault.SYNTAX:
            return CommandError(Reply(501, str(error), "5.5.2"))
        return self.error(str(error))

    def error(self, text: str) -> CommandError:
        """What the argument deserves whose address is wrong."""
        return CommandError(Reply(501, text, self._enhanced))
