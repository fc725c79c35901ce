"""Reverse and forward paths: the addresses of MAIL and RCPT, and the names of EHLO and HELO.

`_Scanner` is the reference: one cursor that only moves forward, one method per production of RFC 5321
4.1.2, and no pattern but runs of one octet class, so that its work is linear in the input. In front of it
stands one flat bounded pattern for what nearly all mail has, `<dot-atom@domain>`; what it takes is exactly
what the scanner takes under any setting, and a test holds the two together. (T-ADDR, T-UTF8)
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from .common_paths import ATEXT, COMMON_PATH_GROUPS, is_common
from .errors import ParseError
from .leniencies import Leniencies
from .utf8 import encode

# RFC 5321 4.5.3.1.1 to .3, in octets.
_MAX_LOCAL = 64
_MAX_DOMAIN = 255
_MAX_PATH = 256
# RFC 1035 2.3.4: a name of more is over 255 octets in the DNS, where every label and the root carry a length octet.
_MAX_LABELS = 127

_COMMON = re.compile(COMMON_PATH_GROUPS).match

# Runs of one class of octets, each without and with the UTF-8 of RFC 6531 3.3, so that `utf8` is the index.
_DOT_STRING = (re.compile(rb"[." + ATEXT + rb"]*"), re.compile(rb"[." + ATEXT + rb"\x80-\xff]*"))
_QTEXT = (re.compile(rb"[ !#-\[\]-~]*"), re.compile(rb"[ !#-\[\]-~\x80-\xff]*"))
_DOMAIN = (re.compile(rb"[A-Za-z0-9_.-]*"), re.compile(rb"[A-Za-z0-9_.\x80-\xff-]*"))
_LITERAL_TEXT = re.compile(rb"[A-Za-z0-9:.]*")

# RFC 5321 4.1.1.3 and 4.5.1: the two paths without a domain. ABNF strings have no case.
_FIXED_PATH = re.compile(rb"<(postmaster)?>", re.IGNORECASE)
_BARE_POSTMASTER = re.compile(rb"postmaster(?= |\Z)", re.IGNORECASE)

_NUMBERS = re.compile(rb"[0-9.]+").fullmatch
# RFC 1035 2.3.4: 63 octets in the DNS, counted in characters here, since an A-label has at least as many.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_\x80-\U0010ffff-]{1,63}(?<!-)")
_ATOMS = re.compile(r"[." + ATEXT.decode("ascii") + r"\x80-\U0010ffff]+")
# The octets of the longest text form of an IPv6 address: six groups of four digits, then IPv4.
_LITERAL = re.compile(rb"\[(IPv6:)?([0-9A-Fa-f:.]{1,45})\]", re.IGNORECASE)
# C1 controls (NEL is one) and the Unicode line and paragraph separators: line ends to some reader or terminal.
_UNSAFE = re.compile(r"[\x80-\x9f\u2028\u2029]")

_DEFAULT = Leniencies()
_STRICT = Leniencies.strict()


class PathFault(Enum):
    """What is wrong with a path, as far as the reply depends on it."""

    SYNTAX = "syntax"
    """The angle brackets are missing or not closed, or text follows: ``501 5.5.2``."""
    ADDRESS = "address"
    """What the brackets hold is not an address: ``501 5.1.7`` for MAIL, ``501 5.1.3`` for RCPT."""
    NON_ASCII = "non-ascii"
    """An octet over 0x7F where SMTPUTF8 was not asked for: ``550 5.6.7``, ``553 5.6.7`` or 501 (RFC 6531 3.5)."""


class PathError(ParseError):
    """Octets that are no path; the message is a short ASCII phrase and never quotes the input."""

    def __init__(self, message: str, fault: PathFault = PathFault.ADDRESS) -> None:
        super().__init__(message)
        self.fault = fault
        """The kind of fault, from which the caller chooses the reply."""


class Path:
    """A reverse or forward path (RFC 5321 4.1.2, RFC 6531 3.3). Not to be changed once made.

    Two paths are equal when their local parts are equal to the letter and their domains but for ASCII case
    (RFC 5321 2.4); quoting (4.1.2), source route and `raw` do not count. `Path("", "")` is the null path.
    """

    __slots__ = ("domain", "local", "raw", "route")
    __match_args__ = ("local", "domain")

    local: str
    """The local part without its quoting, case kept; empty for the null path."""
    domain: str
    """The domain, or the address literal with its brackets, as sent; empty for ``<>`` and ``<Postmaster>``."""
    route: tuple[str, ...]
    """The domains of the source route, which is no part of the address and is never sent (RFC 5321 C)."""
    raw: bytes
    """The octets as they stood on the wire, with the angle brackets if there were any; empty if built here."""

    def __init__(self, local: str, domain: str, route: tuple[str, ...] = (), raw: bytes = b"") -> None:
        # No check here, since this runs for every MAIL and RCPT of a server; `to_wire` makes them all.
        self.local = local
        self.domain = domain
        self.route = route
        self.raw = raw

    @classmethod
    def parse(cls, text: str | bytes, *, leniencies: Leniencies = _DEFAULT, utf8: bool = False) -> Path:
        """Read a whole text as one path: ``<a@b.c>``, ``a@b.c``, ``<>`` or ``<Postmaster>``.

        Args:
            text: The path and nothing else; a `str` is read as its UTF-8 octets.
            leniencies: What to accept beyond the grammar; `bare_address` is the form without brackets.
            utf8: Whether non-ASCII is allowed (SMTPUTF8).

        Raises:
            PathError: The text is not a path.
        """
        data = text if isinstance(text, bytes) else encode(text)
        path, end = scan_path(data, 0, leniencies=leniencies, utf8=utf8)
        if end != len(data):
            raise PathError("text after the path", PathFault.SYNTAX)
        return path

    @property
    def is_null(self) -> bool:
        """Whether this is the null reverse path ``<>`` (RFC 5321 4.5.5)."""
        return not self.local and not self.domain

    @property
    def is_postmaster(self) -> bool:
        """Whether this is ``<Postmaster>`` without a domain, in any case (RFC 5321 4.5.1)."""
        return not self.domain and self.local.isascii() and self.local.lower() == "postmaster"

    @property
    def is_ascii(self) -> bool:
        """Whether the address can be sent without SMTPUTF8 (RFC 6531 3.2); the route is not asked."""
        return self.local.isascii() and self.domain.isascii()

    @property
    def address(self) -> str:
        """``local@domain`` with the least quoting (RFC 5321 4.1.2), the local part alone if there is no domain.

        Dots that `loose_dots` let in without quotes stay without them: such mailboxes know no other form.
        """
        local = self.local
        loose = b'"' not in self.raw and self.raw != b""  # No other part of a path can hold a quote.
        if not self.is_null and not (_ATOMS.fullmatch(local) and (loose or _is_dot_string(local))):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain}" if self.domain else local

    def to_wire(self) -> bytes:
        """The path as a client sends it: in angle brackets, with the least quoting, without a source route.

        Raises:
            PathError: What would be written is not read back as this path; a path built from foreign text
                can therefore not carry a parameter, a second recipient or a second command (T-REPLY).
        """
        wire = encode(f"<{self.address}>")
        path, end = scan_path(wire, 0, leniencies=_DEFAULT, utf8=True)
        if end != len(wire) or path != self:
            raise PathError("not an address that can be sent")
        return wire

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path):
            return NotImplemented
        return self.local == other.local and _fold(self.domain) == _fold(other.domain)

    def __hash__(self) -> int:
        return hash((self.local, _fold(self.domain)))

    def __repr__(self) -> str:
        route = f", route={self.route!a}" if self.route else ""
        return f"Path({self.local!a}, {self.domain!a}{route})"

    def __str__(self) -> str:
        return self.address


def scan_path(data: bytes, start: int, *, leniencies: Leniencies, utf8: bool = False) -> tuple[Path, int]:
    """Read the path that begins at an offset; what follows it is not judged.

    Args:
        data: A command line without its CRLF.
        start: The offset of the path's first octet.
        leniencies: What to accept beyond the grammar.
        utf8: Whether the command asks for SMTPUTF8.

    Returns:
        The path, and the offset behind its ``>``; a bare address ends before the first SP or with the data.

    Raises:
        PathError: There is no path at the offset.
    """
    common = _COMMON(data, start)
    if common is not None and (path := common_path(*common.groups())) is not None:
        return path, common.end()
    scanner = _Scanner(data, start, leniencies, utf8)
    return scanner.path(), scanner.pos


def common_path(raw: bytes, local: bytes, domain: bytes) -> Path | None:
    """The path of `COMMON_PATH_GROUPS`; None where the scanner has to judge."""
    mailbox = str(local, "ascii")
    host = str(domain, "ascii")
    return Path(mailbox, host, (), raw) if is_common(mailbox, host) else None


def is_domain(data: bytes, *, leniencies: Leniencies) -> bool:
    """Whether the octets are a Domain (RFC 5321 4.1.2): ASCII labels, no empty one, within the limits."""
    return data.isascii() and _is_domain(data.decode("ascii"), len(data), leniencies)


def is_address_literal(data: bytes) -> bool:
    """Whether the octets are an IPv4 or IPv6 address literal with its square brackets (RFC 5321 4.1.3).

    Leading zeros are refused though Snum allows them, because programs disagree on octal; a ``::`` for one
    group is accepted (RFC 4291 2.2); of General-address-literals no tag is registered.
    """
    found = _LITERAL.fullmatch(data)
    if found is None:
        return False
    # The pattern has kept from `ipaddress` what it would accept too much: zones, and digits of other scripts.
    text = found[2].decode("ascii")
    try:
        _ = IPv6Address(text) if found[1] else IPv4Address(text)
    except ValueError:
        return False
    return True


def is_helo_name(data: bytes) -> bool:
    """Whether the octets are what EHLO and HELO take by the grammar (RFC 5321 4.1.1.1, 4.1.3)."""
    # An address without brackets fits the grammar of a domain, and is none.
    return (is_domain(data, leniencies=_STRICT) and not _NUMBERS(data)) or is_address_literal(data)


class _Scanner:
    """A cursor behind the octets that are read; a production told by its first octet is entered behind that octet."""

    __slots__ = ("bracketed", "data", "leniencies", "pos", "utf8")

    def __init__(self, data: bytes, start: int, leniencies: Leniencies, utf8: bool) -> None:
        self.data = data
        self.pos = start
        self.leniencies = leniencies
        self.utf8 = utf8
        self.bracketed = data.startswith(b"<", start)

    def path(self) -> Path:
        """Path = "<" [ A-d-l ":" ] Mailbox ">" / "<>" / "<Postmaster>" [5321 4.1.2, 4.1.1.2, 4.1.1.3]."""
        start = self.pos
        if not self.bracketed:
            return self.bare_address()
        if fixed := _FIXED_PATH.match(self.data, start):
            self.pos = fixed.end()
            return Path((fixed[1] or b"").decode("ascii"), "", (), fixed[0])
        self.pos += 1
        route = self.source_route() if self.accept(b"@") else ()
        local, domain = self.mailbox()
        self.expect(b">", "address not closed by >")
        self.check_length(self.pos - start)
        return Path(local, domain, route, self.data[start : self.pos])

    def bare_address(self) -> Path:
        """A mailbox without brackets, up to the first SP: the leniency `bare_address`, no production of the RFC."""
        start = self.pos
        # Forms the leniency does not cover lack their brackets, whatever else they are.
        if not self.leniencies.bare_address or start >= len(self.data) or self.data[start] in b' "@':
            raise PathError("angle brackets missing", PathFault.SYNTAX)
        if postmaster := _BARE_POSTMASTER.match(self.data, start):
            self.pos = postmaster.end()
            return Path(postmaster[0].decode("ascii"), "", (), postmaster[0])
        local, domain = self.mailbox()
        if self.data[self.pos : self.pos + 1] not in {b"", b" "}:
            raise self.fault("invalid character behind the address")
        self.check_length(self.pos - start + 2)  # 4.5.3.1.3 counts the brackets; their lack is no gain.
        return Path(local, domain, (), self.data[start : self.pos])

    def source_route(self) -> tuple[str, ...]:
        """A-d-l ":", where A-d-l = At-domain *( "," At-domain ) and At-domain = "@" Domain [5321 4.1.2, C]."""
        route = [self.domain()]
        while self.accept(b","):
            self.expect(b"@", "source route not valid")
            route.append(self.domain())
        self.expect(b":", "source route not valid")
        return tuple(route)

    def mailbox(self) -> tuple[str, str]:
        """Mailbox = Local-part "@" ( Domain / address-literal ) [5321 4.1.2]."""
        local = self.local_part()
        self.expect(b"@", "domain missing")
        return local, self.address_literal() if self.accept(b"[") else self.domain()

    def local_part(self) -> str:
        """Local-part = Dot-string / Quoted-string [5321 4.1.2]; its length counts as sent [4.5.3.1.1]."""
        start = self.pos
        local = self.quoted_string() if self.accept(b'"') else self.dot_string()
        if self.pos - start > _MAX_LOCAL and not self.leniencies.long_paths:
            raise self.fault("local part too long")
        return local

    def dot_string(self) -> str:
        """Dot-string = Atom *("." Atom) [5321 4.1.2, 6531 3.3]; under `loose_dots`, dots anywhere around an atom."""
        run = self.text(self.take(_DOT_STRING[self.utf8]))
        if not (run.strip(".") if self.leniencies.loose_dots else _is_dot_string(run)):
            raise self.fault("local part not valid")
        return run

    def quoted_string(self) -> str:
        """Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE [5321 4.1.2, 6531 3.3], unquoted."""
        qtext = _QTEXT[self.utf8]
        pieces = [self.take(qtext)]
        while self.accept(b"\\"):
            # RFC 6531 leaves quoted-pairSMTP as it is: %d92 %d32-126, never UTF-8.
            if not b" " <= (quoted := self.data[self.pos : self.pos + 1]) <= b"~":
                raise self.fault("quoted pair not valid")
            self.pos += 1
            pieces += quoted, self.take(qtext)
        self.expect(b'"', "quoted local part not closed")
        local = self.text(b"".join(pieces))
        if not local:  # Erratum 5414: an empty one is no local part.
            raise self.fault("local part empty")
        return local

    def domain(self) -> str:
        """Domain = sub-domain *("." sub-domain) [5321 4.1.2], where a sub-domain may be a U-label [6531 3.3]."""
        run = self.take(_DOMAIN[self.utf8])
        text = self.text(run)
        if not _is_domain(text, len(run), self.leniencies):
            raise self.fault("domain not valid")
        return text

    def address_literal(self) -> str:
        """address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]" [5321 4.1.3]."""
        start = self.pos - 1
        self.take(_LITERAL_TEXT)
        self.expect(b"]", "address literal not valid")
        literal = self.data[start : self.pos]
        if not is_address_literal(literal):
            raise self.fault("address literal not valid")
        return literal.decode("ascii")

    def accept(self, octet: bytes) -> bool:
        found = self.data.startswith(octet, self.pos)
        self.pos += found
        return found

    def expect(self, octet: bytes, otherwise: str) -> None:
        if not self.accept(octet):
            raise self.fault(otherwise)

    def take(self, run: re.Pattern[bytes]) -> bytes:
        """Read a run of one class of octets, which may be empty."""
        start, found = self.pos, run.match(self.data, self.pos)
        self.pos = found.end() if found else start  # A starred class always matches; the type does not say so.
        return self.data[start : self.pos]

    def text(self, octets: bytes) -> str:
        """Decode by RFC 3629 to the letter (no overlong form, no surrogate), and never normalise (T-UTF8)."""
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fault("not valid UTF-8") from None
        if _UNSAFE.search(text):
            raise self.fault("control character in the address")
        return text

    def check_length(self, octets: int) -> None:
        if octets > _MAX_PATH and not self.leniencies.long_paths:
            raise PathError("path too long", PathFault.ADDRESS)

    def fault(self, message: str) -> PathError:
        """The error for a token that ends at the cursor, before any ``>``; the octet there says what kind it is."""
        rest = self.data[self.pos : self.pos + 1]
        if rest >= b"\x80" and not self.utf8:
            return PathError("non-ASCII address without SMTPUTF8", PathFault.NON_ASCII)
        if rest == b"\x7f" or b"" < rest < b" ":
            return PathError("control character in the address", PathFault.ADDRESS)
        if self.bracketed and self.data.find(b">", self.pos) < 0:
            return PathError("angle bracket not closed", PathFault.SYNTAX)
        return PathError(message, PathFault.ADDRESS)


def _is_dot_string(text: str) -> bool:
    """Whether atoms stand between all dots, given that no other octets than those of atoms and dots occur."""
    return text != "" and text[0] != "." and text[-1] != "." and ".." not in text


def _is_domain(text: str, octets: int, leniencies: Leniencies) -> bool:
    """Domain = sub-domain *("." sub-domain) [5321 4.1.2, 6531 3.3], given its length as sent."""
    if octets > _MAX_DOMAIN or ("_" in text and not leniencies.underscore_domain):
        return False
    labels = text.split(".")
    return len(labels) <= _MAX_LABELS and all(map(_LABEL.fullmatch, labels))


def _fold(domain: str) -> bytes:
    # `bytes.lower` knows ASCII only; on `str` it would map other scripts' letters into ASCII (T-PY).
    return encode(domain).lower()
