"""``smtpcore send`` hands mail to Postfix on a unix socket, and Postfix passes on what was sent; ``probe`` sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smtpcore.params.dsn import Envid, Notify, Ret
from tests.cli.sending import run
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY
from tests.interop.programs import needs
from tests.interop.recording import Recording
from tests.interop.test_postfix import Postfix

pytestmark = pytest.mark.interop("postfix", "postconf")
Start = Callable[..., Recording]
Relay = Callable[[Recording], str]
Capture = pytest.CaptureFixture[str]

ENVELOPE = ("--from", "a@client.test", "--to", "b@mx.test", "--hostname", "sender.test")


@pytest.fixture
def relay(public_folder: Path, tls_files: TlsFiles) -> Iterator[Relay]:
    """Start a Postfix that takes mail for a server, with TLS; the words that name it to ``smtpcore``."""
    needs(os.geteuid() == 0, "Postfix's master runs as root only")
    with ExitStack() as stack:

        def start(server: Recording) -> str:
            postfix = Postfix(
                public_folder,
                f"smtp:[127.0.0.1]:{server.port}",
                tls_files.ca,
                f"smtpd_tls_cert_file = {tls_files.cert}",
                f"smtpd_tls_key_file = {tls_files.key}",
                "smtpd_tls_security_level = may",
                "smtpd_relay_restrictions = permit_mynetworks, reject",
                "smtpd_recipient_restrictions = check_recipient_access inline:{ { eve@mx.test = REJECT } }",
            )
            with open(public_folder / "etc" / "master.cf", "a") as services:
                services.write("in unix n - n - - smtpd\n")
            postfix.run(stack)
            return f"smtp:unix:{public_folder}/spool/public/in"

        yield start


def test_postfix_takes_what_is_sent_and_passes_it_on(
    recording: Start, relay: Relay, letter: Path, tls_files: TlsFiles, capsys: Capture
) -> None:
    server = recording(dsn=True)
    asked = ("--dsn", "success,failure", "--ret", "hdrs", "--envid", "an id")
    tls = ("--tls", "starttls", "--ca", str(tls_files.ca), "--server-name", "mx.test")
    done = run(capsys, "send", str(letter), "--server", relay(server), *ENVELOPE, *tls, *asked, "--show")
    assert done.status == 0, done.output + done.errors
    assert done.lines[0][2].startswith("250 2.0.0 Ok: ")
    assert "BDAT" in done.errors
    delivery = server.take_one()
    assert delivery.envelope.mail.ret is Ret.HDRS
    assert delivery.envelope.mail.envid == Envid("an id")
    assert delivery.envelope.recipients[0].notify == Notify.SUCCESS | Notify.FAILURE
    received, separator, rest = delivery.content.partition(b"From: a@client.test\r\n")
    assert b"from sender.test (" in received
    assert separator + rest == BODY


def test_who_is_refused_by_postfix_is_refused_for_good(
    recording: Start, relay: Relay, letter: Path, capsys: Capture
) -> None:
    server = recording()
    words = ("--to", "eve@mx.test", "--no-chunking", "--tls", "none")
    done = run(capsys, "send", str(letter), "--server", relay(server), *ENVELOPE, *words)
    assert (done.status, done.states) == (1, ["accepted", "permanent"])
    assert done.lines[1][2].startswith("554 5.7.1 <eve@mx.test>: ")
    assert server.take_one().recipients == ["b@mx.test"]


def test_probe_sees_what_postfix_offers(recording: Start, relay: Relay, tls_files: TlsFiles, capsys: Capture) -> None:
    words = ("--server-name", "mx.test", "--ca", str(tls_files.ca), "--json")
    done = run(capsys, "probe", relay(recording()), *words)
    assert done.status == 0
    found = json.loads(done.output)
    assert found["greeting"] == "220 client.test ESMTP Postfix"
    assert found["starttls"] == "220 2.0.0 Ready to start TLS"
    assert found["before_tls"]["size_limit"] == 10240000
    assert "DSN" in found["within_tls"]["extensions"]
    assert found["tls"]["verified"] is True
