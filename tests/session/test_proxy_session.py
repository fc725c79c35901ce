"""PROXY before everything else: whom it lets in, whom the session then serves, and what nobody ever hears (T-PROXY)."""

from __future__ import annotations

import pytest

from smtpcore import Gate, Handler, Limits, Observer, Observers, Peer, ServerSession, SessionLog, Timeouts, Transcript
from smtpcore.errors import ParseError
from smtpcore.proxy import ProxyEndpoint, ProxyHeader
from smtpcore.session import Networks, StartTls
from tests.feeding import cuttings
from tests.proxying import BINARY, LINE, SIGNATURE, TCP4, TCP6, binary, ssl, summed, tlv, unix
from tests.session.driver import Dialogue, config

PROXY = Peer("10.1.2.3", 40000, "10.1.2.4", 2525)
CLIENT = Peer("203.0.113.9", 51000, "192.0.2.25", 25)
HEADERS = [LINE, BINARY, summed(0x11, TCP4, ssl(1, 0), tlv(0x02, b"mx.example.org"), tlv(0xEA, bytes(300)))]
headers = pytest.mark.parametrize("header", HEADERS, ids=["line", "binary", "binary with fields"])


class Notes(Handler):
    """Notes its hooks."""

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.peers: list[Peer] = []
        self.cause: BaseException | None = None

    def connect(self, session: ServerSession) -> None:
        self.hooks.append("connect")
        self.peers.append(session.peer)

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.hooks.append("disconnect")
        self.cause = cause


def behind_proxy(handler: Handler | None = None, *, peer: Peer = PROXY, **more: object) -> Dialogue:
    """A session that expects a header from 10.0.0.0/8."""
    rest = {name: more.pop(name) for name in ("gate", "observer") if name in more}
    settings = config(**{"proxy_networks": ("10.0.0.0/8",), **more})
    dialogue = Dialogue(settings, handler, peer=peer, **rest)  # type: ignore[arg-type]
    dialogue.run()
    return dialogue


def dropped(dialogue: Dialogue) -> BaseException:
    """The connection is closed, and nothing was said or asked."""
    assert dialogue.closing
    assert dialogue.writes == []
    assert not dialogue.session.wants_data
    handler = dialogue.session.handler
    assert isinstance(handler, Notes)
    assert handler.hooks == []
    dialogue.close()
    assert dialogue.over
    assert dialogue.session.deadline is None
    assert handler.hooks == ["disconnect"]
    assert handler.cause is not None
    return handler.cause


# Who is served.


@pytest.mark.conformance("C304", "C308")
@headers
def test_behind_a_header_the_client_is_served(header: bytes) -> None:
    notes = Notes()
    dialogue = behind_proxy(notes)
    assert dialogue.receiving
    assert dialogue.session.wants_data
    assert dialogue.feed(header) == ""
    assert dialogue.wait(0).startswith("220 mx.test")
    assert dialogue.say("EHLO x").startswith("250-mx.test")
    session = dialogue.session
    assert (session.peer, session.transport_peer, notes.peers) == (CLIENT, PROXY, [CLIENT])
    assert session.proxy is not None
    assert session.proxy.source == ProxyEndpoint("203.0.113.9", 51000)
    assert not session.early_talk
    assert dialogue.say("QUIT").startswith("221")
    dialogue.close()
    assert notes.hooks == ["connect", "disconnect"]
    assert notes.cause is None


@pytest.mark.conformance("C308")
@headers
def test_commands_behind_a_header_are_early_talk_and_answered_however_it_is_cut(header: bytes) -> None:
    for pieces in cuttings(header + b"EHLO x\r\nQUIT\r\n"):
        dialogue = behind_proxy()
        written = "".join(map(dialogue.feed, pieces)) + dialogue.wait(0)
        assert written.startswith("220 mx.test"), pieces
        assert "\r\n250-mx.test" in written
        assert "\r\n221 2.0.0 " in written


def test_octets_behind_a_header_are_early_talk() -> None:
    dialogue = behind_proxy(refuse_early_talk=True)
    assert dialogue.feed(LINE + b"EHLO x\r\n").startswith("554 ")
    assert dialogue.session.early_talk


def test_the_end_of_the_input_may_come_with_the_header() -> None:
    dialogue = behind_proxy()
    dialogue.session.receive_data(LINE + b"EHLO x\r\nQUIT\r\n")
    dialogue.session.receive_data(b"")
    assert dialogue.run().startswith("220 ")
    assert dialogue.writes[-1].startswith(b"221 ")
    assert dialogue.closing


def test_a_peer_that_says_nothing_behind_its_header_and_ends_is_no_fault() -> None:
    notes = Notes()
    dialogue = behind_proxy(notes)
    dialogue.session.receive_data(LINE)
    assert dialogue.end_input().startswith("220 ")
    dialogue.close()
    assert notes.cause is None


@pytest.mark.conformance("C307", "C309")
@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN 203.0.113.9 192.0.2.25 51000 25\r\n",
        binary(0x11, TCP4, command=0x20),
        binary(0x00, b"", command=0x20),
        binary(0x00, TCP4),
    ],
)
def test_a_header_that_names_nobody_keeps_the_real_peer(header: bytes) -> None:
    dialogue = behind_proxy()
    dialogue.feed(header)
    assert dialogue.wait(0).startswith("220 ")
    assert dialogue.session.peer == dialogue.session.transport_peer == PROXY
    assert isinstance(dialogue.session.proxy, ProxyHeader)


def test_a_client_of_a_unix_socket_has_no_address_and_its_path_is_in_the_header() -> None:
    dialogue = behind_proxy()
    dialogue.feed(binary(0x31, unix(b"/run/client", b"/run/mx")))
    assert dialogue.wait(0).startswith("220 ")
    assert dialogue.session.peer == Peer()
    assert dialogue.session.proxy == ProxyHeader(2, source=b"/run/client", destination=b"/run/mx")


def test_a_client_by_ipv6() -> None:
    dialogue = behind_proxy()
    dialogue.feed(binary(0x21, TCP6))
    assert dialogue.session.peer == Peer("2001:db8::9", 51000, "2001:db8::25", 25)


def test_the_trace_line_names_the_client() -> None:
    dialogue = behind_proxy()
    dialogue.feed(BINARY)
    dialogue.wait(0)
    dialogue.say("EHLO client.test", "MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA")
    envelope = dialogue.session.envelope
    assert envelope is not None
    assert b"([203.0.113.9])" in envelope.trace


def test_tls_at_the_proxy_is_told_and_is_not_tls_of_ours() -> None:
    dialogue = behind_proxy(starttls=True, require_tls=True)
    dialogue.feed(summed(0x11, TCP4, ssl(0x07, 0, tlv(0x21, b"TLSv1.3"), tlv(0x22, b"client.test"))))
    dialogue.wait(0)
    session = dialogue.session
    assert session.proxy is not None
    assert session.proxy.ssl is not None
    assert (session.proxy.ssl.version, session.proxy.ssl.verified) == ("TLSv1.3", True)
    assert session.tls is None
    assert "STARTTLS" in dialogue.say("EHLO x")
    assert dialogue.say("MAIL FROM:<a@client.test>").startswith("530")


def test_the_header_survives_starttls() -> None:
    dialogue = behind_proxy(starttls=True)
    dialogue.feed(LINE)
    dialogue.wait(0)
    dialogue.say("EHLO x", "STARTTLS")
    dialogue.tls()
    assert dialogue.session.peer == CLIENT
    assert dialogue.session.proxy is not None


# Who is not.


@pytest.mark.conformance("C304", "C305", "C306", "C310", "C311")
@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO x\r\n",
        b"\x16\x03\x01\x02\0",
        LINE[:-2] + b"\n",
        b"PROXY " + b"x" * 10_000,
        b"PROXY TCP4 203.0.113.9 192.0.2.25 51000 025\r\n",
        b"PROXY TCP4 127.0.0.1\0 192.0.2.25 51000 25\r\n",
        SIGNATURE + b"\x31\x11\x00\x0c" + TCP4,
        SIGNATURE + b"\x22\x11\x00\x0c" + TCP4,
        binary(0x12, TCP4),
        binary(0x11, TCP4, length=11),
        binary(0x11, b"", length=65535),
        binary(0x11, TCP4 + b"\x02\0\x05abc"),
        binary(0x11, TCP4 + tlv(0x03, b"\0\0\0\0")),
    ],
)
def test_without_a_valid_header_nothing_is_said_and_nobody_is_asked(octets: bytes) -> None:
    for pieces in ([octets], [octets[i : i + 1] for i in range(min(len(octets), 300))]):
        gate = Gate()
        dialogue = behind_proxy(Notes(), gate=gate)
        for piece in pieces:
            if not dialogue.closing:
                assert dialogue.receiving
                dialogue.feed(piece)
        assert isinstance(dropped(dialogue), ParseError)
        assert gate.open == 0


@pytest.mark.conformance("C304")
def test_nothing_is_said_to_a_peer_that_waits() -> None:
    dialogue = behind_proxy(Notes())
    assert dialogue.session.deadline == dialogue.now + 5.0
    assert dialogue.wait(4.9) == ""
    assert dialogue.receiving
    assert dialogue.wait(0.1) == ""
    assert isinstance(dropped(dialogue), TimeoutError)


@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("header", [LINE, BINARY, binary(0x11, TCP4 + bytes(4000), length=4012)])
def test_a_dripped_header_ends_at_its_deadline(header: bytes) -> None:
    dialogue = behind_proxy(Notes())
    for octet in header[:9]:
        dialogue.feed(bytes((octet,)))
        dialogue.wait(0.6)
    assert isinstance(dropped(dialogue), TimeoutError)


def test_the_deadline_can_be_set_and_ends_with_the_header() -> None:
    timeouts = Timeouts(proxy_header=60.0, idle=None)
    dialogue = behind_proxy(timeouts=timeouts)
    dialogue.wait(59.0)
    dialogue.feed(LINE)
    dialogue.wait(0)
    assert dialogue.session.deadline is None
    dialogue = behind_proxy(timeouts=Timeouts(proxy_header=None))
    assert dialogue.session.deadline is None
    assert dialogue.receiving


@pytest.mark.parametrize("octets", [b"", LINE[:20], BINARY[:12], BINARY[:-1]])
def test_an_end_of_the_input_inside_the_header_ends_it_silently(octets: bytes) -> None:
    dialogue = behind_proxy(Notes())
    if octets:
        dialogue.feed(octets)
    dialogue.end_input()
    assert isinstance(dropped(dialogue), EOFError)


def test_a_broken_connection_inside_the_header() -> None:
    notes = Notes()
    dialogue = behind_proxy(notes)
    dialogue.feed(LINE[:10])
    broken = ConnectionResetError()
    dialogue.close(broken)
    assert dialogue.over
    assert (notes.hooks, notes.cause) == (["disconnect"], broken)
    assert dialogue.session.deadline is None


@pytest.mark.parametrize("timeouts", [Timeouts(session=2.0), Timeouts(session=5.0)])
def test_the_session_limit_is_silent_before_the_header(timeouts: Timeouts) -> None:
    dialogue = behind_proxy(Notes(), timeouts=timeouts)
    dialogue.wait(5.0)
    assert isinstance(dropped(dialogue), TimeoutError)


@pytest.mark.parametrize("grace", [0.0, 30.0])
def test_a_shutdown_is_silent_before_the_header(grace: float) -> None:
    dialogue = behind_proxy(gate=Gate())
    dialogue.feed(LINE[:10])
    assert dialogue.shut_down(grace) == ""
    assert dialogue.closing
    assert dialogue.writes == []


@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("peer", [Peer("11.0.0.1", 1), Peer("2001:db8::1", 1), Peer("::ffff:11.0.0.1", 1), Peer()])
def test_a_peer_outside_the_networks_is_not_even_listened_to(peer: Peer) -> None:
    dialogue = behind_proxy(Notes(), peer=peer)
    assert isinstance(dropped(dialogue), PermissionError)
    dialogue = behind_proxy(Notes(), peer=peer)
    dialogue.feed(LINE)
    assert isinstance(dropped(dialogue), PermissionError)
    assert dialogue.session.peer == peer


@pytest.mark.threat("T-PROXY")
def test_trust_is_in_the_real_address_and_never_in_a_claimed_one() -> None:
    claims = b"PROXY TCP4 10.9.9.9 192.0.2.25 51000 25\r\n"
    assert isinstance(dropped(behind_proxy(Notes(), peer=Peer("203.0.113.9", 1))), PermissionError)
    dialogue = behind_proxy()
    dialogue.feed(claims)
    dialogue.wait(0)
    assert dialogue.session.peer.host == "10.9.9.9"
    assert dialogue.say("PROXY TCP4 127.0.0.1 192.0.2.25 51000 25").startswith("500")


@pytest.mark.threat("T-PROXY")
def test_a_second_header_is_a_command_that_nobody_knows() -> None:
    dialogue = behind_proxy()
    dialogue.feed(LINE + b"PROXY TCP4 127.0.0.1 192.0.2.25 51000 25\r\nNOOP\r\n")
    written = b"".join(dialogue.writes).decode("ascii").splitlines()
    assert [reply[:3] for reply in written] == ["220", "500", "250"]
    assert dialogue.session.peer == CLIENT


@pytest.mark.threat("T-PROXY")
def test_nothing_in_a_second_binary_header_is_run() -> None:
    dialogue = behind_proxy()
    dialogue.feed(BINARY + BINARY + b"\r\nNOOP\r\n")
    written = b"".join(dialogue.writes).decode("ascii").splitlines()
    assert written[0].startswith("220")
    assert written[-1].startswith("250")
    assert {reply[:3] for reply in written[1:-1]} == {"500"}
    assert dialogue.receiving


@pytest.mark.conformance("C311")
@pytest.mark.threat("T-PROXY")
def test_without_networks_proxy_is_a_command_that_nobody_knows() -> None:
    dialogue = Dialogue().greeted()
    assert dialogue.session.peer == dialogue.session.transport_peer
    assert dialogue.session.proxy is None
    assert dialogue.say(LINE.decode("ascii").rstrip()).startswith("500 ")
    early = Dialogue()
    early.run()
    assert early.feed(LINE).startswith("220 ")
    assert early.session.early_talk
    assert early.session.peer.host == "192.0.2.7"


# The gate.


def test_the_gate_counts_the_client_and_not_the_proxy() -> None:
    gate = Gate(per_address=1)
    first, second = behind_proxy(gate=gate), behind_proxy(gate=gate)
    assert gate.open == 0
    first.feed(LINE)
    assert gate.open == 1
    assert second.feed(LINE.replace(b"203.0.113.9", b"203.0.113.8")) == ""
    assert gate.open == 2
    third = behind_proxy(gate=gate)
    assert third.feed(BINARY).startswith("421 ")
    third.close()
    # Whatever becomes of the peer, the gate is released with the one that it counted.
    first.session.peer = Peer("198.51.100.1")
    for dialogue in (first, second):
        dialogue.close()
    assert gate.open == 0
    assert gate.admit(CLIENT).value == "admitted"


def test_a_full_gate_is_told_before_the_handshake_and_in_silence() -> None:
    gate = Gate(per_address=0)
    dialogue = behind_proxy(Notes(), gate=gate, implicit_tls=True)
    dialogue.feed(BINARY + b"\x16\x03\x01")
    assert dialogue.closing
    assert dialogue.writes == []


# TLS from the first octet.


@pytest.mark.conformance("C364")
@headers
def test_what_comes_behind_the_header_is_for_tls_however_it_is_cut(header: bytes) -> None:
    hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"
    for pieces in cuttings(header + hello):
        dialogue = behind_proxy(implicit_tls=True)
        received = b""
        for piece in pieces:
            if dialogue.receiving:
                assert dialogue.session.wants_data
                dialogue.feed(piece)
                if type(dialogue.step) is StartTls:
                    received = dialogue.step.received
                    assert not dialogue.session.wants_data
            else:
                received += piece
        assert type(dialogue.step) is StartTls
        assert received == hello
        assert dialogue.tls() + dialogue.wait(0) != ""
        assert dialogue.writes[0].startswith(b"220 ")
        assert not dialogue.session.early_talk
        assert dialogue.session.peer == CLIENT


@pytest.mark.conformance("C364")
def test_a_client_hello_without_a_header_is_dropped() -> None:
    dialogue = behind_proxy(Notes(), implicit_tls=True)
    dialogue.feed(b"\x16\x03\x01\x02\0\x01")
    assert isinstance(dropped(dialogue), ParseError)


@pytest.mark.parametrize("behind", [b"", b"\x16\x03\x01"])
def test_no_handshake_is_begun_with_a_peer_that_has_ended(behind: bytes) -> None:
    dialogue = behind_proxy(Notes(), implicit_tls=True)
    dialogue.session.receive_data(LINE + behind)
    dialogue.end_input()
    assert isinstance(dropped(dialogue), EOFError)


def test_the_handshake_has_a_deadline_of_its_own_behind_the_header() -> None:
    dialogue = behind_proxy(implicit_tls=True)
    dialogue.wait(4.0)
    dialogue.feed(LINE)
    assert dialogue.session.deadline == dialogue.now + 60.0


# Records.


def test_observers_see_the_proxy_and_the_client() -> None:
    lines: list[str] = []

    class Seen(Observer):
        def opened(self, session: ServerSession) -> None:
            lines.append(f"opened {session.peer}")

        def proxied(self, session: ServerSession, header: ProxyHeader) -> None:
            lines.append(f"proxied {session.transport_peer} {session.peer} {header.version}")

    dialogue = behind_proxy(observer=Observers(Seen(), Transcript(lines.append), SessionLog(lines.append), Observer()))
    dialogue.feed(BINARY)
    dialogue.wait(0)
    dialogue.close()
    name = dialogue.session.id
    assert lines[:4] == [
        "opened [10.1.2.3]",
        f"{name} -- connect from [10.1.2.3]",
        "proxied [10.1.2.3] [203.0.113.9] 2",
        f"{name} -- PROXY 2 for [203.0.113.9]",
    ]
    assert lines[-1].startswith("disconnect from [203.0.113.9] via=[10.1.2.3]")


def test_a_refused_header_leaves_its_cause_and_nothing_of_its_octets() -> None:
    lines: list[str] = []
    dialogue = behind_proxy(observer=SessionLog(lines.append))
    dialogue.feed(b"EHLO secret.example\r\n")
    dialogue.close()
    assert lines == ["disconnect from [10.1.2.3] bytes=0 cause=ParseError"]
    assert "secret" not in str(dialogue.session.cause)


# Settings.


def test_networks_are_addresses_networks_and_unix() -> None:
    networks = Networks(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "unix"])
    inside = ["192.0.2.255", "2001:db8:ffff::1", "198.51.100.7", "::ffff:192.0.2.1", None]
    outside = ["192.0.3.0", "2001:db9::", "198.51.100.8", "::192.0.2.1", "::ffff:192.0.3.1"]
    assert all(Peer(host) in networks for host in inside)
    assert not any(Peer(host) in networks for host in outside)
    assert Peer() not in Networks(["0.0.0.0/0", "::/0"])
    assert Peer("192.0.2.1") not in Networks(["unix"])
    assert Peer() not in Networks([])


@pytest.mark.parametrize("name", ["192.0.2.1/24", "mx.example.org", "", "192.0.2", "::1%eth0/64", "Unix"])
def test_what_is_no_network_is_refused_with_the_settings(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        config(proxy_networks=(name,))


def test_a_string_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r".*"):
        config(proxy_networks="10.0.0.0/8")


def test_the_longest_header_can_be_set() -> None:
    padded = binary(0x11, TCP4 + tlv(0xEE, bytes(9000)))
    assert isinstance(dropped_by(padded, Limits()), ParseError)
    dialogue = behind_proxy(limits=Limits(max_proxy_header=16384))
    dialogue.feed(padded)
    assert dialogue.session.peer == CLIENT
    with pytest.raises(ValueError, match="at least 232"):
        Limits(max_proxy_header=231)


def dropped_by(header: bytes, limits: Limits) -> BaseException:
    dialogue = behind_proxy(Notes(), limits=limits)
    dialogue.feed(header)
    return dropped(dialogue)
