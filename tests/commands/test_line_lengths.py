"""How long the lines may be that a client sends: at the limit, and one octet above."""

from __future__ import annotations

import pytest

from smtpcore.commands import Auth, Command, Custom, Mail, Noop, Rcpt, SaslCancel, SaslResponse, Vrfy
from smtpcore.commands.wire import to_wire
from smtpcore.extensions import Extensions
from smtpcore.grammar import Grammar
from smtpcore.lengths import LineLengths
from smtpcore.params import Orcpt
from smtpcore.paths import Path
from tests.commands.sending import AFTER_HELO, EVERYTHING, refusal

DSN = Grammar(extensions=Extensions({"DSN": "", "SIZE": ""}), extended=True)


def lengths(grammar: Grammar, command: int = 512, auth: int = 12288) -> LineLengths:
    return LineLengths(command, auth, 0).under(grammar.extensions)


def noop(octets: int) -> Command:
    return Noop("x" * (octets - len("NOOP \r\n")))


def rcpt(octets: int) -> Command:
    """A RCPT line with a parameter."""
    path = "b" * (octets - len("RCPT TO:<@b.c> ORCPT=rfc822;x\r\n"))
    return Rcpt(Path(path, "b.c"), {"ORCPT": Orcpt("rfc822", "x")})


@pytest.mark.parametrize("known", [AFTER_HELO, EVERYTHING])
def test_a_command_has_512_octets_whatever_is_announced(known: Grammar) -> None:
    for limits in (None, lengths(known)):
        assert len(to_wire(noop(512), known, limits)) == 512
        assert refusal(noop(513), known, limits).startswith("NOOP: the line would be over 512 octets")
        assert "VRFY" in refusal(Vrfy("x" * 600), known, limits)
        assert "XPAINT" in refusal(Custom("XPAINT", "x" * 600), known, limits)


def test_mail_and_rcpt_have_what_the_extensions_add() -> None:
    longest = 512 + 507 + 29
    for limits in (None, lengths(DSN)):
        assert len(to_wire(rcpt(longest), DSN, limits)) == longest
        assert refusal(rcpt(longest + 1), DSN, limits).startswith(f"RCPT: the line would be over {longest} octets")
        path = "b" * (512 + 116 + 26 - len("MAIL FROM:<@b.c>\r\n"))
        assert len(to_wire(Mail(Path(path, "b.c")), DSN, limits)) == 654
        assert "654" in refusal(Mail(Path(path + "b", "b.c")), DSN, limits)


def test_a_path_alone_is_measured_too() -> None:
    path = "b" * (512 - len("RCPT TO:<@b.c>\r\n"))
    assert len(to_wire(Rcpt(Path(path, "b.c")), AFTER_HELO)) == 512
    assert "512" in refusal(Rcpt(Path(path + "b", "b.c")), AFTER_HELO)


def test_limits_of_ones_own_count() -> None:
    limits = lengths(AFTER_HELO, command=600, auth=1000)
    assert len(to_wire(noop(600), AFTER_HELO, limits)) == 600
    assert "600" in refusal(noop(601), AFTER_HELO, limits)
    # 1000 octets are 996 of base64, 747 of response.
    assert len(to_wire(SaslResponse(bytes(747)), AFTER_HELO, limits)) == 998
    assert "1000" in refusal(SaslResponse(bytes(750)), AFTER_HELO, limits)


@pytest.mark.conformance("C249")
@pytest.mark.parametrize("limits", [None, lengths(EVERYTHING)])
def test_an_initial_response_fits_into_512_octets_or_goes_as_a_response(limits: LineLengths | None) -> None:
    # RFC 4954 4. "AUTH PLAIN " and CRLF leave room for 499 octets, of which base64 can use 496.
    assert len(to_wire(Auth("PLAIN", bytes(372)), EVERYTHING, limits)) == 509
    message = refusal(Auth("PLAIN", b"secret" * 63), EVERYTHING, limits)
    assert message == (
        "AUTH: the initial response is too long for the line; send AUTH without it, and it as a response"
    )
    # With a name of twelve octets, base64 can use the last of them.
    assert len(to_wire(Auth("X" * 12, bytes(369)), EVERYTHING, limits)) == 512
    assert "too long" in refusal(Auth("X" * 13, bytes(369)), EVERYTHING, limits)


@pytest.mark.parametrize("limits", [None, lengths(EVERYTHING)])
def test_a_sasl_response_has_12288_octets(limits: LineLengths | None) -> None:
    assert len(to_wire(SaslResponse(bytes(9213)), EVERYTHING, limits)) == 12286
    message = refusal(SaslResponse(b"secret" * 1536), EVERYTHING, limits)
    assert message == "the SASL response takes more than the 12288 octets of a line; cancel the exchange"
    assert to_wire(SaslCancel(), EVERYTHING, limits) == b"*\r\n"
