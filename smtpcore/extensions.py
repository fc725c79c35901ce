"""The extensions that an EHLO reply announces, and what they put in force (RFC 5321 2.2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Self

from smtpcore.custom import CustomExtension
from smtpcore.spec import EXTENSIONS, PARAMETERS, Extension, Parameter

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_PARAMETERS = re.compile(r"[!-~]+(?: [!-~]+)*")
_OLD_AUTH = re.compile(r"\AAUTH=", re.IGNORECASE | re.ASCII)


class Extensions(Mapping[str, str]):
    """An immutable set of announced extensions: keyword in upper case to its parameters as text.

    Args:
        announced: Keywords with their parameters, an empty string where there are none, in the order
            in which EHLO lists them.
        custom: The application's own extensions, which may be among the announced.

    Raises:
        ValueError: A keyword or its parameters do not fit the grammar (RFC 5321 4.1.1.1), an extension
            has parameters that takes none, or one is missing that another requires.
    """

    __slots__ = ("_announced", "mail_room", "parameters", "rcpt_room")

    mail_room: int
    """Octets by which a MAIL line may pass the base limit (RFC 5321 4.1.1.11)."""
    rcpt_room: int
    """Octets by which a RCPT line may pass the base limit."""
    parameters: Mapping[tuple[bytes, bytes], Parameter]
    """The ESMTP parameters in force, by verb and keyword, both in upper case."""

    def __init__(self, announced: Mapping[str, str] | None = None, *, custom: Collection[CustomExtension] = ()) -> None:
        rows = {**EXTENSIONS, **{extension.keyword: extension.row() for extension in custom}} if custom else EXTENSIONS
        self._announced: dict[str, str] = {}
        self.mail_room = self.rcpt_room = 0
        for keyword, text in (announced or {}).items():
            # Before upper(), which would make ASCII of letters that are none (T-PY).
            if not _KEYWORD.fullmatch(keyword):
                raise ValueError(f"no EHLO keyword: {keyword!r}")
            self._announced[keyword.upper()] = text
        for keyword, text in self._announced.items():
            if text and not _PARAMETERS.fullmatch(text):
                raise ValueError(f"EHLO parameters of {keyword} that do not fit the grammar: {text!r}")
            row = rows.get(keyword)
            if row is None:
                continue
            if row.bare and text:
                raise ValueError(f"the extension {keyword} takes no parameters ({row.clause})")
            if row.requires is not None and row.requires not in self._announced:
                raise ValueError(f"the extension {keyword} requires {row.requires} ({row.clause})")
            self.mail_room += row.mail
            self.rcpt_room += row.rcpt
        registered = [row.row(extension.keyword) for extension in custom for row in extension.parameters]
        self.parameters = {
            (row.verb, row.keyword): row for row in (*PARAMETERS, *registered) if row.extension in self._announced
        }

    @classmethod
    def read(cls, lines: Iterable[str], *, custom: Collection[CustomExtension] = ()) -> Self:
        """What a server announces, as far as it can be understood; the rest is ignored (RFC 5321 4.1.1.1).

        Args:
            lines: The lines of the EHLO reply behind the first.
            custom: The application's own extensions.
        """
        rows = {**EXTENSIONS, **{extension.keyword: extension.row() for extension in custom}}
        announced: dict[str, str] = {}
        for line in lines:
            # Servers announced AUTH with a "=" before it was an RFC, and some still do, beside the new form.
            words = [word for word in _OLD_AUTH.sub("AUTH ", line).split(" ") if word]
            keyword, text = "".join(words[:1]), " ".join(words[1:])
            if not _KEYWORD.fullmatch(keyword) or (text and not _PARAMETERS.fullmatch(text)):
                continue
            keyword = keyword.upper()
            if keyword == "AUTH" and keyword in announced:
                text = " ".join(dict.fromkeys(f"{announced[keyword]} {text}".split(" ")))
            row = rows.get(keyword)
            # RFC 6531 3.1: parameters where there should be none are ignored.
            announced[keyword] = "" if row is not None and row.bare else text
        # One that is announced without what it needs cannot be used.
        usable = {keyword: text for keyword, text in announced.items() if _is_complete(rows.get(keyword), announced)}
        return cls(usable, custom=custom)

    def lines(self) -> list[str]:
        """The lines of the EHLO reply behind the first, in the order given."""
        return [f"{keyword} {text}" if text else keyword for keyword, text in self._announced.items()]

    def __getitem__(self, keyword: str) -> str:
        return self._announced[keyword.upper() if keyword.isascii() else keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._announced)

    def __len__(self) -> int:
        return len(self._announced)

    def __hash__(self) -> int:
        # Equality is the one of mappings, to which the order is nothing.
        return hash(frozenset(self._announced.items()))

    def __repr__(self) -> str:
        return f"Extensions({self._announced!r})"


def _is_complete(row: Extension | None, announced: Mapping[str, str]) -> bool:
    return row is None or row.requires is None or row.requires in announced


NONE = Extensions()
"""What is in force before EHLO and after HELO."""
