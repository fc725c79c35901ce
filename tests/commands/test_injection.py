"""Text that would be a second command, a second parameter or a second recipient never becomes a line (T-REPLY)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import pytest

from smtpcore.commands import (
    Auth,
    Command,
    Custom,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Rcpt,
    Vrfy,
    Xclient,
    Xforward,
)
from smtpcore.commands.xclient import ATTRIBUTES as XCLIENT
from smtpcore.commands.xforward import ATTRIBUTES as XFORWARD
from smtpcore.params import Envid, Orcpt
from smtpcore.paths import Path
from smtpcore.utf8 import encode
from tests.commands.sending import INTERNATIONAL, refusal

Make = Callable[[str], Command]

CONTROLS = [
    "\r\n", "\n", "\r", "\0", "\t", "\x0b", "\x0c", "\x1b[2K", "\x7f", "a\r\nRCPT TO:<evil@x.example>", "a\n.\r\nQUIT",
    "a>\r\nRCPT TO:<evil@x.example", "\r\nx", "x\r\n", "x\n", "x\0",
]  # fmt: skip
LINE_ENDS_OF_OTHERS = ["\x85", "\u2028", "\u2029", "\x9b"]
SEPARATORS = ["a> SIZE=1", "a SIZE=1", "a b", " a", "a ", "a> <b"]

A = Path("a", "b.c")


def mail(name: str, make: Callable[[str], object]) -> Make:
    return lambda text: Mail(A, {"SMTPUTF8": True, name: make(text)})


def rcpt(name: str, make: Callable[[str], object]) -> Make:
    return lambda text: Rcpt(A, {name: make(text)})


def attribute(kind: type[Xclient | Xforward], name: str) -> Make:
    return lambda text: kind({name: text})


def attribute_name(kind: type[Xclient | Xforward]) -> Make:
    return lambda text: kind({text: "a"})


def fields() -> Iterator[tuple[str, Make]]:
    """Every field of every command that has text in it, all of which may be UTF-8 as far as it ever may."""
    yield "HELO", Helo
    yield "EHLO", Ehlo
    yield "LHLO", Lhlo
    yield "MAIL local part", lambda text: Mail(Path(text, "b.c"), {"SMTPUTF8": True})
    yield "MAIL domain", lambda text: Mail(Path("a", text), {"SMTPUTF8": True})
    yield "MAIL keyword", lambda text: Mail(A, {text: "x"})
    yield "MAIL AUTH local part", mail("AUTH", lambda text: Path(text, "b.c"))
    yield "MAIL AUTH domain", mail("AUTH", lambda text: Path("a", text))
    yield "MAIL SUBMITTER local part", mail("SUBMITTER", lambda text: Path(text, "b.c"))
    yield "MAIL SUBMITTER domain", mail("SUBMITTER", lambda text: Path("a", text))
    yield "MAIL ENVID", mail("ENVID", Envid)
    yield "MAIL ENVID raw", mail("ENVID", lambda text: Envid("a", encode(text)))
    yield "MAIL SOLICIT", mail("SOLICIT", lambda text: (text,))
    yield "MAIL custom str", mail("XCOLOUR", str)
    yield "MAIL custom bytes", mail("XCOLOUR", encode)
    for name in ("SIZE", "BODY", "AUTH", "RET", "BY", "HOLDFOR", "HOLDUNTIL", "MT-PRIORITY", "MTRK", "SMTPUTF8"):
        yield f"MAIL {name} as text", mail(name, str)
    yield "RCPT local part", lambda text: Rcpt(Path(text, "b.c"))
    yield "RCPT domain", lambda text: Rcpt(Path("a", text))
    yield "RCPT keyword", lambda text: Rcpt(A, {text: "x"})
    yield "RCPT ORCPT type", rcpt("ORCPT", lambda text: Orcpt(text, "a"))
    yield "RCPT ORCPT address", rcpt("ORCPT", lambda text: Orcpt("rfc822", text))
    yield "RCPT ORCPT utf-8 address", rcpt("ORCPT", lambda text: Orcpt("utf-8", text))
    yield "RCPT ORCPT raw", rcpt("ORCPT", lambda text: Orcpt("rfc822", "a", encode(text)))
    for name in ("NOTIFY", "ORCPT", "RRVS", "CONNEG"):
        yield f"RCPT {name} as text", rcpt(name, str)
    yield "NOOP", Noop
    yield "HELP", Help
    yield "VRFY", Vrfy
    yield "VRFY in UTF-8", lambda text: Vrfy(text, utf8=True)
    yield "EXPN", Expn
    yield "EXPN in UTF-8", lambda text: Expn(text, utf8=True)
    yield "AUTH mechanism", Auth
    yield "ETRN node", Etrn
    yield "ETRN option", lambda text: Etrn("a", text)
    for kind, names in ((Xclient, XCLIENT), (Xforward, XFORWARD)):
        yield f"{kind.verb.decode()} name", attribute_name(kind)
        for name in names:
            yield f"{kind.verb.decode()} {name}", attribute(kind, name)
    yield "custom verb", Custom
    yield "custom argument", lambda text: Custom("XPAINT", text)


FIELDS: Mapping[str, Make] = dict(fields())
FREE_TEXT = {
    # Of printable ASCII these take all: text behind the verb, or what is quoted or encoded before it is written.
    "MAIL local part", "MAIL AUTH local part", "MAIL SUBMITTER local part", "MAIL ENVID", "RCPT local part",
    "RCPT ORCPT address", "RCPT ORCPT utf-8 address", "NOOP", "HELP", "VRFY", "VRFY in UTF-8", "EXPN", "EXPN in UTF-8",
    "custom argument",
}  # fmt: skip


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("text", [*CONTROLS, *LINE_ENDS_OF_OTHERS], ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_any_command_takes_a_control_character_or_a_line_end(field: str, text: str) -> None:
    message = refusal(FIELDS[field](text), INTERNATIONAL)
    assert "evil" not in message


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize(("field", "text"), [*product([name for name in FIELDS if name not in FREE_TEXT], SEPARATORS)])
def test_no_field_but_free_text_takes_what_separates_fields(field: str, text: str) -> None:
    refusal(FIELDS[field](text), INTERNATIONAL)


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("text", ["\udc80", "\ud800x", "\U0010ffff\x00"], ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_no_field_takes_what_utf8_cannot_hold(field: str, text: str) -> None:
    refusal(FIELDS[field](text), INTERNATIONAL)


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("field", ["AUTH mechanism", "MAIL custom str", "NOOP", "XCLIENT LOGIN"])
def test_a_message_shows_nothing_of_what_it_is_about(field: str) -> None:
    assert "secret" not in refusal(FIELDS[field]("secret\r\nQUIT"), INTERNATIONAL)
