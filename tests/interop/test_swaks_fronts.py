"""swaks speaks LMTP, signs by CRAM-MD5, and speaks for others: by XCLIENT and by PROXY headers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smtpcore import Peer, Timeouts
from smtpcore.commands import Rcpt
from smtpcore.replies import Reply
from smtpcore.session import ServerSession
from smtpcore.spec import Dialect
from tests.interop.conftest import BODY, run
from tests.interop.recording import PASSWORD, USER, Recording

pytestmark = pytest.mark.interop("swaks")
Start = Callable[..., Recording]


def swaks(server: Recording, letter: Path, *words: str, status: int = 0) -> str:
    """Send the letter; swaks puts a CRLF of its own behind the last line."""
    letter.write_bytes(BODY.removesuffix(b"\r\n"))
    return run(
        "swaks", "-n", "--helo", "client.test", "--from", "a@client.test", "--to", "b@mx.test",
        "-s", f"127.0.0.1:{server.port}", "--timeout", "20", "--data", f"@{letter}", *words, status=status,
    )  # fmt: skip


def test_lmtp_answers_for_each_of_two_recipients(recording: Start, letter: Path) -> None:
    server = recording(dialect=Dialect.LMTP)
    text = swaks(server, letter, "--protocol", "LMTP", "--to", "b@mx.test,c@mx.test")
    assert text.count("<-  250 2.0.0 ") == 2
    delivery = server.take_one()
    assert delivery.recipients == ["b@mx.test", "c@mx.test"]
    assert (delivery.protocol, delivery.content) == (b"LMTP", BODY)


def test_lmtp_without_a_recipient_has_no_content(recording: Start, letter: Path) -> None:
    server = recording(dialect=Dialect.LMTP)

    def nobody(session: ServerSession, rcpt: Rcpt) -> Reply:
        return Reply(550, "nobody here", "5.1.1")

    server.recorder.rcpt = nobody  # type: ignore[method-assign]
    text = swaks(server, letter, "--protocol", "LMTP", "--pipeline", "--to", "b@mx.test,c@mx.test", status=24)
    assert text.count("<** 550 5.1.1 nobody here") == 2
    assert "<** 503 5.5.1 " in text
    assert server.take(0) == []


def test_cram_md5(recording: Start, letter: Path) -> None:
    server = recording(mechanisms=("CRAM-MD5",))
    swaks(server, letter, "-a", "CRAM-MD5", "-au", USER, "-ap", PASSWORD)
    delivery = server.take_one()
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, "CRAM-MD5")
    assert (delivery.protocol, delivery.content) == (b"ESMTPA", BODY)


def test_a_wrong_password_by_cram_md5(recording: Start, letter: Path) -> None:
    server = recording(mechanisms=("CRAM-MD5",))
    text = swaks(server, letter, "-a", "CRAM-MD5", "-au", USER, "-ap", "wrong", status=28)
    assert "<** 535 5.7.8 " in text
    assert server.take(0) == []


def test_a_pipelined_group_is_read_in_order(recording: Start, letter: Path) -> None:
    server = recording()
    swaks(server, letter, "--pipeline", "--to", "b@mx.test,c@mx.test,d@mx.test")
    delivery = server.take_one()
    assert delivery.pipelined
    assert delivery.recipients == ["b@mx.test", "c@mx.test", "d@mx.test"]
    assert delivery.content == BODY


def test_xclient(recording: Start, letter: Path) -> None:
    server = recording(xclient_networks=("127.0.0.1",))
    text = swaks(
        server, letter, "--xclient-addr", "192.0.2.7", "--xclient-port", "4444", "--xclient-name", "x.test",
        "--xclient-login", "bob", "--xclient-helo", "xh.test", "--xclient-proto", "ESMTP",
        "--xclient-destaddr", "192.0.2.1", "--xclient-destport", "25",
    )  # fmt: skip
    assert text.count("<-  220 mx.test ") == 2
    delivery = server.take_one()
    assert delivery.peer == Peer("192.0.2.7", 4444, "192.0.2.1", 25)
    assert delivery.transport_peer.host == "127.0.0.1"
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == ("bob", "XCLIENT")
    assert delivery.claimed == {
        "ADDR": "192.0.2.7", "PORT": 4444, "NAME": "x.test", "LOGIN": "bob", "HELO": "xh.test", "PROTO": "ESMTP",
        "DESTADDR": "192.0.2.1", "DESTPORT": 25,
    }  # fmt: skip
    assert delivery.helo == "client.test"
    assert delivery.content == BODY


def test_xclient_with_ipv6_behind_starttls(recording: Start, letter: Path) -> None:
    server = recording(xclient_networks=("127.0.0.1",))
    swaks(server, letter, "-tls", "--xclient-addr", "IPV6:2001:db8::7", "--xclient-name", "[UNAVAILABLE]")
    delivery = server.take_one()
    assert delivery.peer.host == "2001:db8::7"
    assert delivery.tls is not None
    assert delivery.identity is None


def test_xclient_is_not_on_offer_to_others(recording: Start, letter: Path) -> None:
    server = recording(xclient_networks=("192.0.2.0/24",))
    text = swaks(server, letter, "--xclient-addr", "192.0.2.7", status=33)
    assert "XCLIENT" not in "".join(line for line in text.splitlines() if line.startswith("<-"))
    assert server.take(0) == []


INET = ("192.0.2.9", 4444, "192.0.2.1", 25)
INET6 = ("2001:db8::9", 4444, "2001:db8::1", 25)


@pytest.mark.parametrize(
    ("version", "family", "addresses"),
    [(1, "TCP4", INET), (1, "TCP6", INET6), (2, "AF_INET", INET), (2, "AF_INET6", INET6)],
)
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_proxy(
    recording: Start, letter: Path, version: int, family: str, addresses: tuple[str, int, str, int], tls: bool
) -> None:
    server = recording(proxy_networks=("127.0.0.1",), implicit_tls=tls)
    source, source_port, destination, destination_port = addresses
    swaks(
        server, letter, *(("-tlsc",) if tls else ()), "--proxy-version", str(version), "--proxy-family", family,
        "--proxy-source", source, "--proxy-source-port", str(source_port),
        "--proxy-dest", destination, "--proxy-dest-port", str(destination_port),
    )  # fmt: skip
    delivery = server.take_one()
    assert delivery.proxy is not None
    assert delivery.proxy.version == version
    assert delivery.peer == Peer(*addresses)
    assert delivery.transport_peer.host == "127.0.0.1"
    assert (delivery.tls is not None) == tls
    assert delivery.content == BODY


def test_proxy_that_knows_nothing_leaves_the_real_peer(recording: Start, letter: Path) -> None:
    server = recording(proxy_networks=("127.0.0.1",))
    swaks(server, letter, "--proxy", "UNKNOWN")
    delivery = server.take_one()
    assert delivery.proxy is not None
    assert delivery.proxy.source is None
    assert delivery.peer == delivery.transport_peer


def test_proxy_with_a_command_that_nobody_knows_is_dropped(recording: Start, letter: Path) -> None:
    server = recording(proxy_networks=("127.0.0.1",))
    # What swaks means by LOCAL is command 2, and a receiver has to drop what it does not know (proxy-protocol.txt 2.2).
    swaks(
        server, letter, "--proxy-version", "2", "--proxy-command", "LOCAL", "--proxy-family", "AF_INET",
        "--proxy-source", "192.0.2.9", "--proxy-source-port", "4444",
        "--proxy-dest", "192.0.2.1", "--proxy-dest-port", "25", status=6,
    )  # fmt: skip
    assert server.take(0) == []


def test_who_must_send_a_header_and_does_not_is_not_served(recording: Start, letter: Path) -> None:
    server = recording(proxy_networks=("127.0.0.1",), timeouts=Timeouts(proxy_header=0.2))
    swaks(server, letter, status=6)
    assert server.take(0) == []
    assert not server.said("EHLO")
