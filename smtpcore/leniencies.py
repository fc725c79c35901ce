"""What is read beyond the grammar of RFC 5321, since strict grammar alone loses real mail."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Leniencies:
    """What the readers accept beyond the grammar of RFC 5321, each by name.

    Strict grammar alone loses real mail, so the defaults are what every large receiver does.
    """

    space_after_colon: bool = True
    """A SP after ``FROM:`` or ``TO:``, never before the colon."""
    bare_address: bool = True
    """``MAIL FROM:a@b.c`` without angle brackets, up to the first SP."""
    underscore_domain: bool = True
    """``_`` in a domain label."""
    loose_dots: bool = True
    """Leading, trailing or doubled dots in an unquoted local part; kept as sent."""
    long_paths: bool = True
    """Local parts over 64 and paths over 256 octets, as far as the command line allows."""
    helo_names: bool = True
    """HELO and EHLO arguments that are no domain; exposed as ``helo_valid=False``."""
    helo_params: bool = False
    """SIZE and BODY on MAIL after HELO."""

    @classmethod
    def strict(cls) -> Leniencies:
        """Every leniency off: the grammar of RFC 5321 and nothing else."""
        return cls(**{field.name: False for field in fields(cls)})
