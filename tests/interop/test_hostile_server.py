"""Our clients and servers that mean harm, over sockets: what shows only where octets come in their own time."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from smtpcore.commands import Mail, Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.paths import Path, PathError
from smtpcore.sasl import Credentials
from smtpcore.session.client import ClientTimeouts, Delivery, Message, SessionError, Status, TlsMode
from tests.adapters.blocking.clients import Peer, scripted
from tests.interop.delivering import ACCEPTED, Deliver, Sent, message, outcome
from tests.interop.letters import LARGE
from tests.interop.recording import PASSWORD, USER

# It needs no program, but once is enough.
pytestmark = pytest.mark.interop()
HOSTNAME = "c.test"
SECRET = Credentials(username=USER, password=PASSWORD)


def goes_on(peer: Peer, octets: bytes) -> None:
    """Say this again and again, until the client has gone."""
    try:
        while True:
            peer.says(octets)
    except OSError:
        pass


def tried(deliver: Deliver, script: Callable[[Peer], object], *messages: Message, **settings: Any) -> SessionError:
    """Why the client could not be made ready, which it has to say in good time."""
    began = time.monotonic()
    with scripted(script) as place, pytest.raises(SessionError) as failure:
        deliver(place, *messages, hostname=HOSTNAME, **settings)
    assert time.monotonic() - began < 10
    return failure.value


def sent_to(deliver: Deliver, script: Callable[[Peer], object], *messages: Message, **settings: Any) -> Sent:
    """What the client has made of it."""
    with scripted(script) as place:
        return deliver(place, *messages, hostname=HOSTNAME, **settings)


# Replies.


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    "octets", [b"220-" + b"x" * 70 + b"\r\n", b"220" + b" " * 70_000, b"\0" * 4096, b"\r\n", b"220-\r", b"\x1b[2J\n"]
)
def test_an_endless_greeting_is_not_read_to_its_end(deliver: Deliver, octets: bytes) -> None:
    failure = tried(deliver, lambda peer: goes_on(peer, octets))
    assert failure.stage == "greeting"
    assert str(failure).isprintable()


@pytest.mark.threat("T-CLIENT")
def test_a_greeting_that_drips_has_no_more_time_than_any_other(deliver: Deliver) -> None:
    def drip(peer: Peer) -> None:
        peer.sock.settimeout(0.03)
        try:
            while True:
                peer.says(b"2")
                try:
                    assert peer.sock.recv(1) == b""  # the client says nothing, and goes
                    return
                except TimeoutError:
                    pass
        except OSError:
            pass

    began = time.monotonic()
    failure = tried(deliver, drip, timeouts=ClientTimeouts(greeting=0.3))
    assert failure.stage == "greeting"
    assert time.monotonic() - began < 5


@pytest.mark.threat("T-CLIENT")
def test_a_hundred_thousand_keywords_are_too_many(deliver: Deliver) -> None:
    def script(peer: Peer) -> None:
        peer.says(b"220 mx.test\r\n")
        peer.hears(b"EHLO")
        try:
            peer.says(b"".join(b"250-X%d\r\n" % number for number in range(100_000)) + b"250 SIZE\r\n")
        except OSError:
            pass

    assert tried(deliver, script).stage == "hello"


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("pipelining", [True, False])
def test_replies_that_come_before_their_commands_accept_nothing(deliver: Deliver, pipelining: bool) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.says(b"220 mx.test\r\n")
        peer.hears(b"EHLO")
        peer.says(b"250-mx.test\r\n250 PIPELINING\r\n" + b"250 fine\r\n250 fine\r\n354 go\r\n250 taken\r\n")
        heard.append(peer.rest())

    with scripted(script) as place:
        sent = Sent()
        try:
            deliver(place, sent=sent, hostname=HOSTNAME, pipelining=pipelining)
        except SessionError:
            pass
    assert not [delivery for delivery in sent.deliveries if delivery.accepted]
    assert heard == [b""]


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    ("replies", "stage"),
    [((b"354 go", b"250 fine"), "rcpt"), ((b"250 fine", b"250 fine"), "data"), ((b"250 fine", b"235 in"), "data")],
)
def test_a_reply_of_the_wrong_kind_brings_no_content_about(
    deliver: Deliver, replies: tuple[bytes, bytes], stage: str
) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.greets(b"PIPELINING")
        peer.hears(b"MAIL")
        peer.says(b"250 fine\r\n" + b"\r\n".join(replies) + b"\r\n")
        heard.append(peer.rest())

    sent = sent_to(deliver, script)
    assert outcome(sent.delivery) == [(Status.TEMPORARY, stage, None)]
    assert heard == [b"RCPT TO:<b@mx.test>\r\nDATA\r\n"]


# TLS.


@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.OPPORTUNISTIC])
@pytest.mark.parametrize("cut", [0, 10], ids=["in one segment", "later"])
def test_clear_text_behind_the_220_is_the_end(deliver: Deliver, mode: TlsMode, cut: int) -> None:
    heard: list[bytes] = []
    injected = b"220 go on\r\n250-mx.test\r\n250 AUTH PLAIN\r\n"

    def script(peer: Peer) -> None:
        peer.greets(b"STARTTLS")
        peer.hears(b"STARTTLS")
        if cut:
            peer.says(injected[: cut + 1])
            # The ClientHello: TLS has begun, and what follows is read as TLS or not at all.
            heard.append(peer.sock.recv(5))
            peer.says(injected[cut + 1 :])
        else:
            peer.says(injected)
        try:
            heard.append(peer.rest())
        except OSError:
            pass

    failure = tried(deliver, script, tls=mode, credentials=SECRET)
    assert failure.stage in ("starttls", "tls")
    everything = b"".join(heard)
    assert everything[:1] in (b"", b"\x16")
    assert b"AUTH" not in everything
    assert b"MAIL" not in everything


@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("reply", [b"454 later", b"502 no", b"250 fine", b"235 in", b"354 go", b"334 ", b"221 bye"])
def test_without_the_tls_that_is_asked_for_nothing_is_told(deliver: Deliver, reply: bytes) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.greets(b"STARTTLS", b"AUTH PLAIN LOGIN")
        peer.hears(b"STARTTLS")
        peer.says(reply + b"\r\n")
        line = peer.line()
        heard.append(line)
        if line == b"QUIT\r\n":
            peer.says(b"221 bye\r\n")
        heard.append(peer.rest())

    failure = tried(deliver, script, tls=TlsMode.STARTTLS, credentials=SECRET)
    assert failure.stage == "starttls"
    assert b"".join(heard) in (b"", b"QUIT\r\n")


@pytest.mark.threat("T-TLS")
def test_behind_the_end_of_tls_clear_text_is_not_read(deliver: Deliver, server_ssl_context: ssl.SSLContext) -> None:
    def script(peer: Peer) -> None:
        with server_ssl_context.wrap_socket(peer.sock.dup(), server_side=True) as secured:
            inner = Peer(secured)
            inner.greets()
            inner.takes(b"MAIL", b"RCPT")
            inner.hears(b"DATA")
            inner.says(b"354 go\r\n")
            while inner.line() != b".\r\n":
                pass
            try:
                secured.unwrap()
            except OSError:
                pass
        peer.says(b"250 taken, says somebody else\r\n")

    sent = sent_to(deliver, script, tls=TlsMode.IMPLICIT)
    assert outcome(sent.delivery) == [(Status.UNCERTAIN, "final", None)]


# AUTH.


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
@pytest.mark.parametrize("challenge", [b"", b"VXNlcm5hbWU6", b"!", b"cj1yLHM9QUFBQSxpPTQwOTY="])
def test_challenges_without_end_have_an_end(deliver: Deliver, mechanism: str, challenge: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.greets(b"AUTH " + mechanism.encode())
        try:
            while peer.line() not in (b"", b"QUIT\r\n"):
                peer.says(b"334 " + challenge + b"\r\n")
        except OSError:
            pass

    words = {"credentials": SECRET, "mechanisms": (mechanism,), "plaintext_auth_without_tls": True}
    assert tried(deliver, script, **words).stage == "auth"


@pytest.mark.threat("T-AUTH")
def test_scram_does_not_count_for_ever(deliver: Deliver) -> None:
    def script(peer: Peer) -> None:
        peer.greets(b"AUTH SCRAM-SHA-256")
        first = base64.b64decode(peer.line().split()[2])
        nonce = first.partition(b",r=")[2]
        peer.says(b"334 " + base64.b64encode(b"r=" + nonce + b"x,s=c2FsdA==,i=2147483647") + b"\r\n")
        assert peer.line() == b"*\r\n"
        peer.says(b"501 cancelled\r\n")
        peer.hears(b"QUIT")

    assert tried(deliver, script, credentials=SECRET).stage == "auth"


# What we send.

SMUGGLED = b"MAIL FROM:<x@y>\r\nRCPT TO:<e@mx.test>\r\nDATA\r\nhello\r\n.\r\n"


def taking(heard: list[bytes]) -> Callable[[Peer], None]:
    """Take one message by DATA; its content as it came, and what came behind it, are kept."""

    def script(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        content = b""
        while not content.endswith(b"\r\n.\r\n"):
            content += peer.line()
        peer.says(b"250 taken\r\n")
        heard.extend((content, peer.line()))
        peer.says(b"221 bye\r\n")

    return script


def octets(content: bytes) -> Iterable[bytes]:
    """One by one."""
    return (content[index : index + 1] for index in range(len(content)))


@pytest.mark.threat("T-EOD-OUT")
@pytest.mark.parametrize(
    "pieces", [lambda content: content, lambda content: list(octets(content))], ids=["whole", "bits"]
)
@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\r.\r", b"\r\n.\r\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\n"]
)
def test_content_does_not_end_before_its_end(deliver: Deliver, end: bytes, pieces: Callable[[bytes], object]) -> None:
    heard: list[bytes] = []
    content = b".a" + end + SMUGGLED
    letter = Message.to("a@client.test", ["b@mx.test"], pieces(content))  # type: ignore[arg-type]
    sent = sent_to(deliver, taking(heard), letter, bare_newlines="convert")
    assert outcome(sent.delivery) == [ACCEPTED]
    wire, behind = heard
    assert behind == b"QUIT\r\n"
    lines = wire.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert lines[-2:] == [b".", b""]
    assert b"." not in lines[:-2]
    assert lines[0] == b"..a"
    assert lines[-7:-2] == [b"MAIL FROM:<x@y>", b"RCPT TO:<e@mx.test>", b"DATA", b"hello", b".."]


@pytest.mark.threat("T-EOD-OUT")
@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\0"])
def test_what_may_end_content_elsewhere_is_not_sent(deliver: Deliver, end: bytes) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.greets()
        while line := peer.line():
            heard.append(line)
            peer.says(b"221 bye\r\n" if line == b"QUIT\r\n" else b"250 fine\r\n")

    sent = sent_to(deliver, script, message(content=b"a" + end + SMUGGLED))
    [result] = sent.delivery.results
    assert (result.status, result.stage, result.reply) == (Status.PERMANENT, "content", None)
    assert heard == [b"QUIT\r\n"]


@pytest.mark.threat("T-EOD-OUT")
def test_content_may_come_octet_by_octet(deliver: Deliver) -> None:
    heard: list[bytes] = []
    content = LARGE[:20_000] + b"\r\n"
    letter = Message.to("a@client.test", ["b@mx.test"], octets(content))
    sent = sent_to(deliver, taking(heard), letter)
    assert outcome(sent.delivery) == [ACCEPTED]
    wire, behind = heard
    assert behind == b"QUIT\r\n"
    assert (b"\r\n" + wire).replace(b"\r\n.", b"\r\n")[2:-2] == content


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize(
    "parameters",
    [
        {"SIZE": "1\r\nRCPT TO:<e@mx.test>"},
        {"X\r\nRSET": ""},
        {"AUTH": "<>\r\nRSET"},
        {"ENVID": "a\nRSET"},
        {"BODY": "8BITMIME\r"},
    ],
)
def test_a_parameter_is_no_way_to_send_commands(deliver: Deliver, parameters: dict[str, object]) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.greets(b"SIZE", b"DSN", b"8BITMIME", b"AUTH PLAIN")
        while line := peer.line():
            heard.append(line)
            peer.says(b"221 bye\r\n" if line == b"QUIT\r\n" else b"250 fine\r\n")

    letter = Message(Mail(Path.parse("<a@client.test>"), parameters), [Rcpt(Path.parse("<b@mx.test>"))], b"x\r\n")
    delivery: Delivery | None = None
    with scripted(script) as place:
        try:
            delivery = deliver(place, letter, hostname=HOSTNAME).delivery
        except LocalProtocolError:
            pass
    assert delivery is None or not delivery.accepted
    assert b"e@mx.test" not in b"".join(heard)
    assert b"RSET\r\n" not in heard


@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("address", ["a@b>\r\nRCPT TO:<e@mx.test", "a\r\n@b", "a@b\n", "a\0@b", '"a\r\nRSET"@b'])
def test_an_address_is_no_way_to_send_commands(address: str) -> None:
    with pytest.raises(PathError):
        message(address)
