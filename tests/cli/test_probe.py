"""``smtpcore probe``: what a server offers, and what is wrong with its TLS."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from smtpcore_blocking import serve_socket
from smtpcore_cli.certificates import Certificate
from smtpcore_cli.findings import as_text
from smtpcore_cli.probing import Findings
from smtpcore_testing import SmtpSink

from smtpcore import Handler, Reply, ServerConfig, ServerSession, TlsInfo
from tests.cli.process import Serve
from tests.cli.sending import run
from tests.conftest import TlsFiles

Capture = pytest.CaptureFixture[str]
Start = Callable[..., Serve]


def found(capsys: Capture, *words: str, status: int = 0) -> dict[str, Any]:
    """What ``smtpcore probe --json`` says."""
    done = run(capsys, "probe", "--json", *words)
    assert (done.status, done.errors) == (status, "")
    said: dict[str, Any] = json.loads(done.output)
    assert list(said) == ["answered", "error", "greeting", "before_tls", "starttls", "tls", "within_tls"]
    assert said["answered"] is (status == 0)
    return said


@contextmanager
def serving(config: ServerConfig, handler: Handler, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            serve_socket(accepted, config, handler, tls_context=context)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"smtp://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_server_that_verifies_is_seen_before_and_within_tls(capsys: Capture) -> None:
    with SmtpSink(tls="starttls", users={"ann": "x"}) as sink:
        said = found(capsys, f"smtp://{sink.host}:{sink.port}", "--ca", str(sink.ca_file), "--hostname", "c.test")
        certificate = ssl.PEM_cert_to_DER_cert(sink.ca_file.read_text())
        assert "C: EHLO c.test" in sink.transcript
        assert "AUTH " not in "".join(line for line in sink.transcript.splitlines() if " C: " in line)
        assert "MAIL" not in sink.transcript
        assert sink.transcript.count("connect from") == 1
    assert said["greeting"] == "220 localhost ESMTP"
    assert said["before_tls"]["extensions"]["STARTTLS"] == ""
    assert said["before_tls"]["size_limit"] == 36700160
    assert said["before_tls"]["mechanisms"] == ["SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"]
    assert said["starttls"].startswith("220 ")
    assert "STARTTLS" not in said["within_tls"]["extensions"]
    assert said["error"] is None
    tls = said["tls"]
    assert tls["version"] == "TLSv1.3"
    assert (tls["verified"], tls["not_verified_because"]) == (True, None)
    assert tls["certificate"]["sha256"] == sha256(certificate).hexdigest()
    assert tls["certificate"]["names"][:2] == ["DNS:localhost", "IP:127.0.0.1"]
    assert tls["certificate"]["subject"] == tls["certificate"]["issuer"]
    assert tls["certificate"]["not_before"] < tls["certificate"]["not_after"]


def test_a_certificate_that_does_not_verify_is_shown_with_the_reason(
    serve: Start, tls_files: TlsFiles, capsys: Capture
) -> None:
    server = serve("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key))
    place = f"smtp://127.0.0.1:{server.ports[0]}"
    tls = found(capsys, place)["tls"]
    assert (tls["verified"], tls["not_verified_because"]) == (False, "unable to get local issuer certificate")
    assert "DNS:mx.test" in tls["certificate"]["names"]
    tls = found(capsys, place, "--ca", str(tls_files.ca), "--server-name", "other.test")["tls"]
    assert tls["verified"] is False
    assert "Hostname mismatch" in tls["not_verified_because"]
    tls = found(capsys, place, "--ca", str(tls_files.ca), "--server-name", "mx.test")["tls"]
    assert tls["verified"] is True


def test_tls_from_the_first_octet_has_nothing_before_it(capsys: Capture) -> None:
    with SmtpSink(tls="implicit") as sink:
        said = found(capsys, f"smtps://{sink.host}:{sink.port}", "--ca", str(sink.ca_file))
    assert said["before_tls"] is None
    assert said["starttls"] is None
    assert said["tls"]["verified"] is True
    assert "PIPELINING" in said["within_tls"]["extensions"]


def test_a_server_without_tls_is_seen_all_the_same(smtp_sink: SmtpSink, capsys: Capture) -> None:
    said = found(capsys, f"submission://{smtp_sink.host}:{smtp_sink.port}")
    assert "PIPELINING" in said["before_tls"]["extensions"]
    assert (said["starttls"], said["tls"], said["within_tls"]) == (None, None, None)


def test_lmtp_on_a_unix_socket_has_no_name_to_verify(
    serve: Start, tmp_path: Path, tls_files: TlsFiles, capsys: Capture
) -> None:
    serve("--bind", f"lmtp:unix:{tmp_path}/s", "--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key))
    said = found(capsys, f"lmtp:unix:{tmp_path}/s")
    assert said["tls"]["not_verified_because"] == "there is no name to verify"
    assert said["within_tls"] is not None
    said = found(capsys, f"lmtp:unix:{tmp_path}/s", "--server-name", "mx.test", "--ca", str(tls_files.ca))
    assert said["tls"]["verified"] is True


class NoTls(Handler):
    """Offers STARTTLS and does not have it."""

    def starttls(self, session: ServerSession) -> Reply:
        return Reply(454, "Not now", "4.7.0")


def test_starttls_that_is_refused_is_told(server_ssl_context: ssl.SSLContext, capsys: Capture) -> None:
    with serving(ServerConfig(starttls=True), NoTls(), server_ssl_context) as place:
        said = found(capsys, place)
    assert said["starttls"] == "454 4.7.0 Not now"
    assert said["tls"] is None
    assert said["error"] is None


@contextmanager
def scripted(*answers: bytes) -> Iterator[str]:
    """A server that says these things, whatever it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted, accepted.makefile("rb") as file:
                for answer in answers:
                    accepted.sendall(answer)
                    file.readline()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"smtp://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_starttls_that_does_not_work_is_an_error_of_a_server_that_answered(capsys: Capture) -> None:
    with scripted(b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n", b"this is no TLS\r\n") as place:
        said = found(capsys, place)
        assert said["error"].startswith("tls: ")
        assert said["starttls"] == "220 go"
        assert said["tls"] is None


def test_a_server_that_knows_helo_alone_offers_nothing(capsys: Capture) -> None:
    with scripted(b"220 x\r\n", b"500 what\r\n", b"250 x\r\n", b"221 x\r\n") as place:
        said = found(capsys, place)
        assert said["before_tls"] == {"extensions": {}, "mechanisms": [], "size_limit": None}


@pytest.mark.parametrize("size", [b"", b" 0", b" 999999999999999999999", b" many"])
def test_a_size_limit_that_is_none_is_not_known(size: bytes, capsys: Capture) -> None:
    with scripted(b"220 x\r\n", b"250-x\r\n250 SIZE%b\r\n" % size, b"221 x\r\n") as place:
        assert found(capsys, place)["before_tls"]["size_limit"] is None


def test_who_is_turned_away_for_good_ends_with_1(smtp_sink: SmtpSink, capsys: Capture) -> None:
    smtp_sink.on_connect().reply(554, "Not you")
    said = found(capsys, f"smtp://{smtp_sink.host}:{smtp_sink.port}", status=1)
    assert said["greeting"] == "554 localhost Not you"
    assert said["error"] == "greeting: 554 localhost Not you"


def test_nobody_who_listens_ends_with_75(tmp_path: Path, capsys: Capture) -> None:
    said = found(capsys, f"smtp:unix:{tmp_path}/none", status=75)
    assert said["error"].startswith("connect: ")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("smtp://ann@mx.test",), "probe does not authenticate"),
        (("smtp://mx.test", "--ca", "/there/is/none"), "cannot read a certificate"),
        (("smtp://mx.test", "--hostname", "-"), "no domain or address literal"),
        (("mx.test",), "this is no server"),
    ],
)
def test_a_usage_error_is_one_line_and_2(words: tuple[str, ...], complaint: str, capsys: Capture) -> None:
    done = run(capsys, "probe", *words)
    assert (done.status, done.output) == (2, "")
    [line] = done.errors.splitlines()
    assert complaint in line


def test_people_get_the_same_in_lines_and_may_see_the_dialogue(capsys: Capture) -> None:
    with SmtpSink(tls="starttls") as sink:
        done = run(capsys, "probe", f"smtp://localhost:{sink.port}", "--show")
    lines = done.output.splitlines()
    assert lines[:4] == ["greeting: 220 localhost ESMTP", "before tls:", "  extensions:", "    PIPELINING"]
    assert "    SIZE: 36700160" in lines
    assert "  mechanisms: -" in lines
    assert "  verified: no" in lines
    assert "  not verified because: self-signed certificate" in lines
    assert any(line.startswith("    names: DNS:localhost, IP:127.0.0.1") for line in lines)
    assert "C: STARTTLS" in done.errors
    assert done.errors.count("C: QUIT") == 1


def test_what_a_certificate_says_cannot_write_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = Certificate("CN=\x1b[2J", ["DNS:a\nb"], "\u2028", moment, moment, "00")
    monkeypatch.setattr("smtpcore_cli.findings.read_certificate", lambda der: certificate)
    text = list(as_text(Findings(tls=TlsInfo("TLSv1.3", "x", 256, peer_certificate=b"x"))))
    assert "    subject: CN=\\x{1b}[2J" in text
    assert "    names: DNS:a\\x{a}b" in text
    assert "    issuer: \\x{2028}" in text


def test_a_certificate_that_cannot_be_read_or_is_not_there_is_no_fault() -> None:
    text = list(as_text(Findings(tls=TlsInfo("TLSv1.3", "x", 256, peer_certificate=b"x"))))
    assert "  certificate: a certificate that cannot be read" in text
    text = list(as_text(Findings(tls=TlsInfo("TLSv1.3", "x", 256))))
    assert "  certificate: -" in text
