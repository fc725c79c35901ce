"""haproxy stands in front and names the client: by PROXY version 1 and 2, with TLVs, and by LOCAL for its checks."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from smtpcore import Peer
from smtpcore.proxy import ProxyEndpoint, ProxyHeader, SslClient, TlvType
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY
from tests.interop.programs import running
from tests.interop.recording import Delivery, Recording

pytestmark = pytest.mark.interop("haproxy")
Start = Callable[..., Recording]
Front = Callable[..., tuple[str, int]]

SETTINGS = """
defaults
    mode tcp
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    timeout check 10s
    unique-id-format connection-%ci-%cp
listen front
    bind fd@{descriptor} {bind}
    {option}
    server mx 127.0.0.1:{port} {server}
"""


@contextmanager
def listening(host: str) -> Iterator[socket.socket]:
    """A socket that haproxy takes over: it listens before haproxy does, so nobody has to wait or guess a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as sock:
        yield sock


class Named(smtplib.SMTP_SSL):
    """Asks for a host by a name that no resolver knows."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(socket.create_connection((host, port), timeout), server_hostname="mx.test")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """Start haproxy in front of a server; where it listens."""
    with ExitStack() as stack:

        def start(
            server: Recording, words: str, *, bind: str = "", option: str = "", host: str = "127.0.0.1"
        ) -> tuple[str, int]:
            sock = stack.enter_context(listening(host))
            config = tmp_path / "haproxy.cfg"
            config.write_text(
                SETTINGS.format(descriptor=sock.fileno(), bind=bind, option=option, port=server.port, server=words)
            )
            log = tmp_path / "haproxy.log"
            stack.enter_context(running("haproxy", "-db", "-f", config, log=log, descriptors=[sock.fileno()]))
            return host, sock.getsockname()[1]

        yield start


def deliver(client: smtplib.SMTP) -> Peer:
    """Send the message; the two ends of the connection to haproxy, as the server should see them."""
    assert client.sock is not None
    own, other = client.sock.getsockname(), client.sock.getpeername()
    client.sendmail("a@client.test", ["b@mx.test"], BODY)
    client.quit()
    return Peer(own[0], own[1], other[0], other[1])


def header(delivery: Delivery) -> ProxyHeader:
    assert delivery.proxy is not None
    return delivery.proxy


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("words", "version"), [("send-proxy", 1), ("send-proxy-v2", 2)])
def test_the_client_is_who_haproxy_names(recording: Start, front: Front, host: str, words: str, version: int) -> None:
    server = recording(proxy_networks=("127.0.0.1",))
    peer = deliver(smtplib.SMTP(*front(server, words, host=host), "client.test", timeout=20))
    delivery = server.take_one()
    assert (header(delivery).version, header(delivery).local) == (version, False)
    assert delivery.peer == peer
    assert delivery.transport_peer.port != peer.port
    assert delivery.content == BODY


def test_starttls_passes_behind_a_header(recording: Start, front: Front, client_ssl_context: ssl.SSLContext) -> None:
    server = recording(proxy_networks=("127.0.0.1",))
    host, port = front(server, "send-proxy-v2")
    client = smtplib.SMTP(host, port, "client.test", timeout=20)
    client.starttls(context=client_ssl_context)
    peer = deliver(client)
    delivery = server.take_one()
    assert delivery.peer == peer
    assert (delivery.protocol, delivery.content) == (b"ESMTPS", BODY)


def test_implicit_tls_behind_a_header(recording: Start, front: Front, client_ssl_context: ssl.SSLContext) -> None:
    server = recording(proxy_networks=("127.0.0.1",), implicit_tls=True)
    host, port = front(server, "send-proxy-v2")
    peer = deliver(smtplib.SMTP_SSL(host, port, "client.test", timeout=20, context=client_ssl_context))
    delivery = server.take_one()
    assert delivery.peer == peer
    assert delivery.tls is not None
    assert delivery.content == BODY


def test_a_checksum_and_an_id(recording: Start, front: Front) -> None:
    server = recording(proxy_networks=("127.0.0.1",))
    host, port = front(server, "send-proxy-v2 proxy-v2-options crc32c,unique-id")
    peer = deliver(smtplib.SMTP(host, port, "client.test", timeout=20))
    delivery = server.take_one()
    assert [kind for kind, _ in header(delivery).tlvs] == [TlvType.CRC32C, TlvType.UNIQUE_ID]
    assert header(delivery).unique_id == f"connection-{peer.host}-{peer.port}".encode()
    assert header(delivery).ssl is None
    assert delivery.content == BODY


def test_tls_that_ended_at_haproxy(
    recording: Start, front: Front, tmp_path: Path, tls_files: TlsFiles, tls_authority: trustme.CA
) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(tls_files.cert.read_bytes() + tls_files.key.read_bytes())
    server = recording(proxy_networks=("127.0.0.1",), starttls=False)
    host, port = front(
        server,
        "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
        bind=f"ssl crt {chain} ca-file {tls_files.ca} verify optional alpn smtp",
    )
    context = ssl.create_default_context(cafile=str(tls_files.ca))
    context.set_alpn_protocols(["smtp"])
    tls_authority.issue_cert("client.test", common_name="ann").configure_cert(context)
    client = Named(host, port, "client.test", timeout=20, context=context)
    assert isinstance(client.sock, ssl.SSLSocket)
    assert client.sock.selected_alpn_protocol() == "smtp"
    cipher = client.sock.cipher()
    assert cipher is not None
    peer = deliver(client)
    delivery = server.take_one()
    told = header(delivery)
    assert delivery.peer == peer
    assert (told.authority, told.alpn) == ("mx.test", b"smtp")
    assert told.unique_id == f"connection-{peer.host}-{peer.port}".encode()
    assert TlvType.CRC32C in [kind for kind, _ in told.tlvs]
    assert told.ssl is not None
    assert told.ssl.client == SslClient.SSL | SslClient.CERT_CONN | SslClient.CERT_SESS
    assert told.ssl.verified
    assert (told.ssl.version, told.ssl.cipher, told.ssl.cn) == ("TLSv1.3", cipher[0], "ann")
    assert told.ssl.sig_alg
    assert told.ssl.key_alg
    # It protects nothing between haproxy and the server.
    assert delivery.tls is None
    assert delivery.content == BODY


def checked(recording: Start, front: Front, words: str) -> tuple[ProxyHeader, str]:
    """The header of haproxy's own check of the server, and what the session was told of the peer."""
    server = recording(proxy_networks=("127.0.0.1",))
    front(server, f"{words} check check-send-proxy inter 100", option="option smtpchk EHLO haproxy.test")
    server.wait_for(lambda: any(server.recorder.proxied), "a check")
    told = server.recorder.proxied[0]
    assert told is not None
    assert server.said("EHLO")[0] == "EHLO haproxy.test"
    return told, server.recorder.lines[0]


def test_a_check_by_version_2_is_local(recording: Start, front: Front) -> None:
    told, first = checked(recording, front, "send-proxy-v2")
    assert (told.version, told.local, told.source) == (2, True, None)
    assert first.endswith("connect from [127.0.0.1]")


def test_a_check_by_version_1_names_haproxy_itself(recording: Start, front: Front) -> None:
    told, _ = checked(recording, front, "send-proxy")
    assert (told.version, told.local) == (1, False)
    assert isinstance(told.source, ProxyEndpoint)
    assert told.source.host == "127.0.0.1"


def test_who_comes_past_haproxy_is_not_served(recording: Start) -> None:
    server = recording(proxy_networks=("192.0.2.1",))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtplib.SMTP("127.0.0.1", server.port, timeout=20)
    assert server.take(0) == []
